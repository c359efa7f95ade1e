// One step of a whole record: an event (or a failed try) goes in, the next record comes out. The tracker saves what it answers
// in one transaction; the random walk drives the same functions.

import { type AttemptAnswer, type AttemptSummary, afterAttempt, type NextAttempt } from "../../webhooks/attempt.ts";
import {
  afterFailure,
  afterOurFault,
  afterUndelivered,
  effectName,
  type Failure,
  finished,
  putBack,
  renewed,
  withOrders,
} from "./effect-schedule.ts";
import type { Effect } from "./effect-types.ts";
import type { RequestEvent } from "./events.ts";
import { opened, transition } from "./machine.ts";
import type { RequestRecord, StartInput, TimelineNote } from "./types.ts";

const STALE = "attempt lost its lease";

export interface Step {
  record: RequestRecord;
  notes: TimelineNote[];
  /** Why the event changed nothing; null when it was applied. */
  ignored: string | null;
}

/** Which try an outcome belongs to. An outcome of a try that no longer holds the lease is not applied. */
export interface Try {
  name: string;
  leaseId: number;
}

/** Names one try among all of a record. */
export function leaseOf({ name, leaseId }: Try): string {
  return `${name}#${leaseId}`;
}

export function begun(start: StartInput): Step {
  const { state, orders, notes } = opened(start);
  return { record: { state, files: [], effects: withOrders([], orders) }, notes, ignored: null };
}

/** Applies an event. With `done`, the row of that try is finished: it stays only if the machine owes it anew. */
export function advanced(record: RequestRecord, event: RequestEvent, now: number, done?: Try): Step {
  const row = done && liveRow(record, done);
  // A submit's answer is worth hearing when its row is gone: a webhook was faster. While another try has the row, it is not.
  const owed = done !== undefined && record.effects.some((effect) => effect.name === done.name);
  if (done && !row && (owed || done.name !== "submit")) return unchanged(record, STALE);
  const builder = transition(record.state, record.files, event, now);
  if (builder.kind === "ignored") {
    const effects = row ? record.effects.filter((effect) => effect.name !== row.name) : record.effects;
    return { record: { ...record, effects }, notes: builder.notes, ignored: builder.reason };
  }
  const before = row
    ? record.effects.map((effect) => (effect.name === row.name ? finished(effect) : effect))
    : record.effects;
  const touched = row && builder.orders.some((o) => o.do !== "clear" && effectName(o.kind, o.target) === row.name);
  const after = withOrders(before, builder.orders);
  const effects = row && !touched ? after.filter((effect) => effect.name !== row.name) : after;
  return { record: { state: builder.state, files: builder.files, effects }, notes: builder.notes, ignored: null };
}

/** An event in the middle of a try: applied only while the try is live, and its lease begins anew. */
export function advancedWithin(record: RequestRecord, event: RequestEvent, now: number, tried: Try): Step {
  if (!liveRow(record, tried)) return unchanged(record, STALE);
  const step = advanced(record, event, now);
  if (step.ignored !== null) return step;
  const effects = step.record.effects.map((row) => (row.name === tried.name ? renewed(row, now) : row));
  return { ...step, record: { ...step.record, effects } };
}

/**
 * The record while a try goes on: its lease begins anew, and progress makes what failed before not count. Null when the try is no
 * longer live.
 */
export function carriedOn(record: RequestRecord, tried: Try, now: number, isProgress: boolean): RequestRecord | null {
  const row = liveRow(record, tried);
  if (!row) return null;
  const counts = isProgress ? { takes: 0, failures: 0, stumbles: 0 } : {};
  return withRow(record, { ...renewed(row, now), ...counts });
}

/** A try failed: due again later, or given up on, which is an event of its own. */
export function failed(record: RequestRecord, done: Try, failure: Failure, now: number, random: number): Step {
  const row = liveRow(record, done);
  if (!row) return unchanged(record, STALE);
  const stumbled = failure.ours ? afterOurFault(row, failure.reason, now, random) : null;
  if (stumbled !== null) return unchanged(withRow(record, stumbled), null);
  const { kind } = row;
  if (kind === "deliver") {
    const fault = { ...failure, kind: "later" as const, status: null, category: "fault" };
    return attempted(record, done, fault, now, random).step;
  }
  const after = afterFailure({ ...row, kind }, failure, now, random);
  return after === null
    ? advanced(record, givenUp(row, failure.reason), now, done)
    : unchanged(withRow(record, after), null);
}

/** An attempt at a delivery came out: the step, and what the log says of the next one. */
export function attempted(
  record: RequestRecord,
  done: Try,
  answer: Pick<AttemptAnswer, "kind" | "reason" | "retryAfterMs"> & AttemptSummary,
  now: number,
  random: number,
): { step: Step; next: NextAttempt } {
  const { kind, reason, status, category } = answer;
  const row = liveRow(record, done);
  if (!row) {
    const next = { at: null, why: kind === "taken" ? "delivered" : "overtaken" } as const;
    return { step: unchanged(record, STALE), next };
  }
  const delivery = record.state.deliveries.find(({ id }) => id === row.target);
  const wasDelivered = delivery?.status === "delivered";
  const stands = { failures: row.failures, replay: delivery?.replay ?? null, wasDelivered };
  const after = afterAttempt(stands, answer, now, random);
  const { outcome, next } = after;
  const said = { delivery: row.target ?? "", status, category };
  if (outcome === "delivered") return { step: advanced(record, { type: "delivered", ...said }, now, done), next };
  const event: RequestEvent =
    outcome === "failing"
      ? { type: "delivery_failed", ...said }
      : { type: "delivery_parked", ...said, gone: outcome === "gone" };
  return { step: advanced(withRow(record, afterUndelivered(row, after, reason, now)), event, now), next };
}

/** A try was turned away without failing: no turn yet. */
export function deferred(record: RequestRecord, done: Try, dueAt: number): Step {
  const row = liveRow(record, done);
  if (!row) return unchanged(record, STALE);
  return unchanged(withRow(record, putBack(row, dueAt)), null);
}

export function withRow(record: RequestRecord, row: Effect): RequestRecord {
  return { ...record, effects: record.effects.map((effect) => (effect.name === row.name ? row : effect)) };
}

function givenUp(row: Effect, reason: string): RequestEvent {
  switch (row.kind) {
    case "cancel":
      return { type: "cancel_given_up" };
    case "mirror":
      return { type: "file_given_up", n: Number(row.target), code: "storage_failed", message: reason };
    case "submit":
    case "poll":
    case "fetch_result":
    case "hash":
    case "settle":
    case "deliver":
    case "report":
    case "expire":
    case "purge":
      throw new Error(`effect ${row.kind} is never given up`);
  }
}

/** Whether a try still holds its row. */
export function isLive(record: RequestRecord, tried: Try): boolean {
  return liveRow(record, tried) !== undefined;
}

function liveRow(record: RequestRecord, done: Try): Effect | undefined {
  return record.effects.find(
    (effect) => effect.name === done.name && effect.leaseId === done.leaseId && effect.leaseUntil !== null,
  );
}

function unchanged(record: RequestRecord, reason: string | null): Step {
  return { record, notes: [], ignored: reason };
}
