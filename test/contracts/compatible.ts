// For some minutes of every deploy objects of two versions call each other. This file compiles only while today's objects serve
// callers of every frozen version, and today's callers are served by objects of it. So an answer and a parameter only gain optional
// fields, and objects only gain methods; whatever does not compile here is a breaking release (docs/upgrading.md). Until the first
// release `npm run freeze -- 1 --contracts` keeps today's.

import type { AccountContract } from "../../src/contracts/account.ts";
import type { Remote } from "../../src/contracts/rpc.ts";
import type { SweeperContract } from "../../src/contracts/sweeper.ts";
import type { TeamContract } from "../../src/contracts/team.ts";
import type { TrackerContract } from "../../src/contracts/tracker.ts";
import type { AccountContract as Account1 } from "./1/contracts/account.d.ts";
import type { SweeperContract as Sweeper1 } from "./1/contracts/sweeper.d.ts";
import type { TeamContract as Team1 } from "./1/contracts/team.d.ts";
import type { TrackerContract as Tracker1 } from "./1/contracts/tracker.d.ts";

interface Objects {
  team: Remote<TeamContract>;
  tracker: Remote<TrackerContract>;
  account: Remote<AccountContract>;
  sweeper: Remote<SweeperContract>;
}

interface Objects1 {
  team: Remote<Team1>;
  tracker: Remote<Tracker1>;
  account: Remote<Account1>;
  sweeper: Remote<Sweeper1>;
}

/** What of today's objects a caller may ask an older one too. */
type Known<Today, Then> = {
  [K in keyof Today & keyof Then]: Today[K] extends (...parameters: never[]) => unknown
    ? Today[K]
    : Known<Today[K], Then[K]>;
};

/** Objects of version 1 that are asked by today's callers, and the other way round. */
export const servesCallersOf1 = (today: Objects): Objects1 => today;
export const isServedBy1 = (then: Objects1): Known<Objects, Objects1> => then;
