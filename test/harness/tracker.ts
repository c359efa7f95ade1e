// A request's tracker: what it has written, whether its alarm is set as it must be, and its way to the end.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { RequestStore } from "../../src/requests/engine/rows.ts";
import { alarmAt } from "../../src/requests/machine/effect-schedule.ts";
import type { RequestRecord } from "../../src/requests/machine/types.ts";
import { GRANTS_AHEAD_MS } from "../../src/upstream/scheduler.ts";
import { passTime } from "./clock.ts";
import { eventually } from "./eventually.ts";
import { ringAccount, trackerOf } from "./objects.ts";
import type { RequestObject } from "./request-object.ts";
import type { Team } from "./team.ts";
import { deliverWebhooks } from "./upstream.ts";

/** Runs the tracker's alarm now, whenever it was set for, and before it the account's. False when the tracker had none. */
export async function ring(id: string): Promise<boolean> {
  // Whoever waits for a turn is woken by the account, and may have to wait for its moment: that is part of the ring. A try
  // that a test holds back goes on meanwhile.
  const patienceMs = GRANTS_AHEAD_MS + SECOND_MS;
  if (await ringAccount()) await eventually(() => expectNoTry(id), { patienceMs }).catch(() => undefined);
  return runDurableObjectAlarm(trackerOf(id));
}

async function expectNoTry(id: string): Promise<void> {
  expect((await recordOf(id))?.effects.filter((effect) => effect.leaseUntil !== null) ?? []).toEqual([]);
}

/** The rows of a tracker as they are. */
export function recordOf(id: string): Promise<RequestRecord | null> {
  return runInDurableObject(trackerOf(id), (_instance, state) => new RequestStore(state.storage.sql).loadRecord());
}

/** Asserts invariant 3: the alarm is at or before the earliest unparked due row (or there is none); with `by`, before that too. */
export async function expectArmed(id: string, by = Number.POSITIVE_INFINITY): Promise<void> {
  const [record, alarm] = await runInDurableObject(trackerOf(id), async (_instance, state) => {
    return [new RequestStore(state.storage.sql).loadRecord(), await state.storage.getAlarm()] as const;
  });
  const due = record && alarmAt(record.effects);
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
