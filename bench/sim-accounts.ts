// Many accounts at once on the virtual clock, with what they share: Team objects that take one call after another, and the
// account's own object, which gives turns, hears of answers and is asked for places. Service times: service-times.ts.
// Pure but for the processor's time; used by sim-account.ts.

import { MINUTE_MS, SECOND_MS } from "../src/platform/time.ts";
import { QUEUE_POSITION_REREAD_MS } from "../src/requests/engine/tracker.ts";
import { Agenda } from "../test/harness/agenda.ts";
import { chanceOf } from "../test/harness/chance.ts";
import { type AccountLoad, type Objects, SimulatedAccount, START_AT } from "../test/harness/share-sim.ts";
import { median, quantile } from "./numbers.ts";
import { accountMs, TEAM_MS } from "./service-times.ts";

export interface World {
  accounts: number;
  /** Requests come over any account for any team. */
  teams: number;
  account: AccountLoad;
  /** Whether each waiting request is watched: its tracker then asks for its place as often as it may. */
  watched: boolean;
}

/** Requests of each account: at random moments, so many a second on average, for COMING_MS; or all at once. */
export type Coming = { perS: number } | { atOnce: number };

/** Times in ms; from the post to the settled end. */
export interface Outcome {
  /** Half, and 95 of 100, of the requests took no longer; infinite for one that has not ended. */
  medianMs: number;
  p95Ms: number;
  /** Of each account, until the last one had ended. */
  endedPerS: number;
  /** Work of the busiest Team and account, as a part of what they can do while requests come; of those at once, until all ended. */
  teamBusy: number;
  accountBusy: number;
}

/** How long requests come, and how long is waited for the last. */
export const COMING_MS = 2 * MINUTE_MS;
const PATIENCE_MS = 60 * MINUTE_MS;
const USERS_PER_TEAM = 20;
/** Of each line: so many groups of readers, each at a time of its own. */
const WATCHERS = 20;

/** An object: one call after another. */
class Server {
  #freeAt = START_AT;
  busyMs = 0;

  serve(agenda: Agenda, now: number, ms: number, then: (at: number) => void): void {
    this.#freeAt = Math.max(now, this.#freeAt) + ms;
    this.busyMs += ms;
    agenda.add(this.#freeAt, then);
  }
}

/** Lets requests come and runs until all have ended. */
export function simulateWorld(world: World, coming: Coming, seed: number): Outcome {
  const agenda = new Agenda();
  const chance = chanceOf(seed);
  const teams = Array.from({ length: world.teams }, () => new Server());
  const teamOf = (user: string): Server => teams[Number(user.split("/")[0])] as Server;
  const objects = Array.from({ length: world.accounts }, () => new Server());
  const accounts = objects.map((server) => {
    const around: Objects = {
      admit: (request, now, then) => {
        const team = teamOf(request.user);
        // Its tracker tells the Team that it has started; nothing waits for that.
        team.serve(agenda, now, TEAM_MS.admit, (at) => {
          team.serve(agenda, at, TEAM_MS.started, () => undefined);
          then(at);
        });
      },
      reach: (message, callScheduler, now, then) => {
        const inLine = callScheduler.slots.size >= world.account.slots ? callScheduler.queue.size : 0;
        server.serve(agenda, now, accountMs(message, inLine), then);
      },
      settle: (request, now, then) => teamOf(request.user).serve(agenda, now, TEAM_MS.settle, then),
    };
    return new SimulatedAccount(agenda, world.account, around);
  });
  for (const [n, account] of accounts.entries()) {
    for (const at of momentsOf(coming, chance)) {
      const team = Math.floor(chance() * world.teams);
      account.come(`${team}/${Math.floor(chance() * USERS_PER_TEAM)}`, at);
    }
    const server = objects[n];
    if (world.watched && server !== undefined) watch(agenda, account, server);
  }
  agenda.run(START_AT + PATIENCE_MS);
  return outcomeOf(accounts, teams, objects, "atOnce" in coming ? null : COMING_MS);
}

/** Through many doors at once: a millisecond apart. */
function momentsOf(coming: Coming, chance: () => number): number[] {
  if ("atOnce" in coming) return Array.from({ length: coming.atOnce }, (_, n) => START_AT + n);
  const moments: number[] = [];
  for (let at = START_AT; ; moments.push(at)) {
    at += (-Math.log(1 - chance()) * SECOND_MS) / coming.perS;
    if (at > START_AT + COMING_MS) return moments;
  }
}

/** The trackers of all that wait in line ask for their places, a twentieth of them at a time, each again once it was answered. */
function watch(agenda: Agenda, account: SimulatedAccount, server: Server): void {
  const ask = (now: number): void => {
    const { waiting } = account;
    if (now > START_AT + PATIENCE_MS) return;
    server.serve(agenda, now, (waiting / WATCHERS) * accountMs("queuePositionOf", waiting), (answeredAt) => {
      agenda.add(Math.max(now + QUEUE_POSITION_REREAD_MS, answeredAt), ask);
    });
  };
  for (let n = 0; n < WATCHERS; n++) agenda.add(START_AT + (n * QUEUE_POSITION_REREAD_MS) / WATCHERS, ask);
}

function outcomeOf(
  accounts: readonly SimulatedAccount[],
  teams: readonly Server[],
  objects: readonly Server[],
  comingMs: number | null,
): Outcome {
  const requests = accounts.flatMap(({ run }) => run.requests);
  const took = requests.map(({ cameAt, endedAt }) => (endedAt === null ? Number.POSITIVE_INFINITY : endedAt - cameAt));
  const lastEnd = requests.reduce((last, { endedAt }) => Math.max(last, endedAt ?? START_AT + PATIENCE_MS), 0);
  const ended = requests.filter(({ endedAt }) => endedAt !== null).length;
  const spanMs = comingMs ?? lastEnd - START_AT;
  const busy = (servers: readonly Server[]) => Math.max(...servers.map(({ busyMs }) => busyMs)) / spanMs;
  return {
    medianMs: median(took),
    p95Ms: quantile(took, 0.95),
    endedPerS: ended / accounts.length / ((lastEnd - START_AT) / SECOND_MS),
    teamBusy: busy(teams),
    accountBusy: busy(objects),
  };
}
