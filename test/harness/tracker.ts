// A request's tracker: what it has written, whether its alarm is set as it must be, and its way to the end.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { RequestStore } from "../../src/requests/engine/request-store.ts";
import { alarmAt } from "../../src/requests/machine/effect-schedule.ts";
import { alarmDueAt } from "../../src/requests/machine/lanes.ts";
import type { RequestRecord } from "../../src/requests/machine/types.ts";
import { GRANTS_AHEAD_MS } from "../../src/upstream/scheduler.ts";
import { passTime } from "./clock.ts";
import { eventually } from "./eventually.ts";
import { ringAccount, trackerOf } from "./objects.ts";
import type { RequestObject } from "./request-object.ts";
import type { Team } from "./team.ts";
import { deliverWebhooks } from "./upstream.ts";

/**
 * Runs the tracker's alarm now, whenever it was set for, and before it the account's and whatever runs in place. False when there was
 * nothing of it.
 */
export async function ring(id: string): Promise<boolean> {
  // Whoever waits for a turn is woken by the account, and may have to wait for its moment: that is part of the ring.
  await ringAccount();
  const ranInPlace = await goOn(id);
  return (await runDurableObjectAlarm(trackerOf(id))) || ranInPlace;
}

/** Lets attempts that run in place come to their ends. One that a test holds back goes on meanwhile. False when there was none. */
export async function goOn(id: string): Promise<boolean> {
  const isRunning = async () => ((await recordOf(id))?.effects ?? []).some(({ leaseUntil }) => leaseUntil !== null);
  if (!(await isRunning())) return false;
  const patienceMs = GRANTS_AHEAD_MS + SECOND_MS;
  await eventually(async () => expect(await isRunning()).toBe(false), { patienceMs }).catch(() => undefined);
  return true;
}

/** The rows of a tracker as they are. */
export function recordOf(id: string): Promise<RequestRecord | null> {
  return runInDurableObject(trackerOf(id), (_instance, state) => new RequestStore(state.storage).loadRecord());
}

/**
 * Asserts invariant 3: the alarm is at or before the earliest unparked due effect (or there is none), and at most a minute off while
 * an attempt runs; with `by`, before that too.
 */
export async function expectArmed(id: string, by = Number.POSITIVE_INFINITY): Promise<void> {
  const [record, alarm] = await runInDurableObject(trackerOf(id), async (_instance, state) => {
    return [new RequestStore(state.storage).loadRecord(), await state.storage.getAlarm()] as const;
  });
  const due = record && alarmDueAt(record.effects, Date.now());
  if (due === null) expect(alarm).toBeNull();
  else expect(alarm).toBeLessThanOrEqual(Math.min(due, by));
}

/** Lets time pass alarm by alarm, with webhooks as they fall due unless told otherwise, until the request has ended. */
export async function runToEnd(team: Team, id: string, options: { webhooks?: boolean } = {}): Promise<RequestObject> {
  for (let i = 0; i < 60; i++) {
    if (options.webhooks ?? true) await deliverWebhooks();
    await ring(id);
    await expectArmed(id);
    const record = await recordOf(id);
    if (record === null) throw new Error("the request does not exist");
    const owed = record.effects.filter((effect) => effect.parkedAt === null);
    if (record.state.endedAt !== null && record.state.settledAt !== null) return team.read(id);
    const due = alarmAt(owed);
    if (due === null) return team.read(id);
    if (due > Date.now()) await passTime(due - Date.now());
  }
  throw new Error(`request ${id} did not end: ${(await recordOf(id))?.state.stage}`);
}
