// The account as flows see it: what its operator is shown, how it comes to know fal, and a fault of all of it that begins and ends
// by the test's word.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { AccountStore } from "../../src/upstream/account-store.ts";
import { ask } from "./calls.ts";
import { passTime } from "./clock.ts";
import { ADMIN_TOKEN } from "./env.ts";
import { account } from "./objects.ts";
import { Team } from "./team.ts";
import { runToEnd } from "./tracker.ts";
import { sandbox } from "./upstream.ts";

export interface AccountView {
  pace: { calls_last_second: number; paused_until: string | null };
  health: {
    state: "open" | "closed";
    why: string | null;
    since: string | null;
    next_probe_at: string | null;
    last_failures: { at: string; sign: string; request_id: string }[];
  };
  slots: { used: number; limit: number };
  waiting: { submit: number; status: number };
  waiting_by_user: { user: string; calls: number }[];
  webhooks: { state: string; last_delay_s: number | null };
  typical_durations: { model: string; p50_s: number; p95_s: number; samples: number }[];
}

export async function accountView(): Promise<AccountView> {
  return (await ask<AccountView>("GET", "/v1/admin/upstream", { key: ADMIN_TOKEN })).body;
}

export type AccountFault = "none" | "locked" | "rate_limited" | "failing" | "dead";

/** From now on upstream behaves so to every call; "none": well again. */
export async function faultAccount(account_fault: AccountFault): Promise<void> {
  await sandbox("PATCH", "settings", { account_fault });
}

/** One whole request of this team, so that the account knows its fal user, fal's keys, and that webhooks arrive. */
export async function introduceAccount(team: Team): Promise<void> {
  const { id } = await team.submit("the first of an account");
  await passTime(5 * SECOND_MS);
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
}

/** Puts the account out of memory and leaves it this request's slot, as an instance does that forgot its release. */
export async function inheritSlot(requestId: string, connection = "conn"): Promise<void> {
  await evictDurableObject(account());
  await runInDurableObject(account(), (_instance, state) =>
    new AccountStore(state.storage.kv).takeSlot({ requestId, connection, since: Date.now() }),
  );
  await evictDurableObject(account());
}

/** Uses up the account's calls of this second, so that the next request is held for its turn. */
export async function exhaustPace(): Promise<void> {
  const busy = await Team.create();
  for (let n = 0; n < 12; n++) {
    if ((await busy.submit(`filler ${n}`)).stage === "held") return;
  }
  throw new Error("a dozen submits at once were not too many");
}
