// One clock for the Worker and the sandbox, which stands until a test moves it.

import { runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import { DAY_MS, MINUTE_MS } from "../../src/platform/time.ts";
import { AccountStore } from "../../src/upstream/account-store.ts";
import { callName } from "../../src/upstream/fair-queue.ts";
import { account } from "./objects.ts";
import { sandbox } from "./upstream.ts";

let nextStart = 0;

/**
 * Stops both clocks at one moment, far enough ahead that no real alarm rings by itself, and days after any earlier test of
 * the file, because objects that tests share remember; or at the moment `at`.
 */
export async function freezeClocks(at?: number): Promise<number> {
  vi.useRealTimers();
  nextStart = Math.max(nextStart, Math.ceil(Date.now() / DAY_MS) * DAY_MS) + 30 * DAY_MS;
  const now = at ?? nextStart;
  vi.useFakeTimers({ toFake: ["Date"] });
  // A moment earlier: an account that has just woken takes half of its pace for used.
  vi.setSystemTime(now - MINUTE_MS);
  // Durations that earlier tests taught the account would move this one's polls, and calls that still wait would go before its own.
  await runInDurableObject(account(), (_instance, state) => {
    const store = new AccountStore(state.storage.kv);
    store.saveFact("learned", null);
    for (const call of [...store.waitingCalls()]) store.deleteWaitingCall(callName(call));
  });
  await breakOffAccount();
  await runInDurableObject(account(), () => undefined);
  vi.setSystemTime(now);
  await sandbox("POST", "reset");
  await sandbox("POST", "clock", { now });
  return now;
}

/** Forgets what the account has in memory. To evict it would wait for its timers, and for calls of the test before. */
async function breakOffAccount(): Promise<void> {
  await runInDurableObject(account(), (_instance, state) => state.abort("between two tests")).catch(() => undefined);
}

/** Moves both clocks on. Nothing rings by itself: alarms are run by hand. */
export async function passTime(ms: number): Promise<void> {
  const now = Date.now() + ms;
  vi.setSystemTime(now);
  await sandbox("POST", "clock", { now });
}
