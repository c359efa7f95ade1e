// Applies one event or attempt to a whole record and returns the next one, which the tracker saves in one transaction. The random
// walk test drives the same functions.

import { type AttemptAnswer, type AttemptSummary, afterAttempt, type NextAttempt } from "../../webhooks/attempt.ts";
import {
  afterFailure,
  afterInternalFailure,
  afterUndelivered,
  deferredEffect,
  effectName,
  type Failure,
  finished,
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

/** The attempt that an outcome belongs to. Outcomes without the lease are not applied. */
export interface EffectAttempt {
  name: string;
  leaseId: number;
}

/** Identifies one attempt of a record. */
export function leaseOf({ name, leaseId }: EffectAttempt): string {
  return `${name}#${leaseId}`;
}

export function begun(start: StartInput): Step {
  const { state, orders, notes } = opened(start);
  return { record: { state, files: [], effects: withOrders([], orders) }, notes, ignored: null };
}

/** Applies an event. With `done`, that attempt's effect is finished: it stays only if the machine owes it again. */
export function advanced(record: RequestRecord, event: RequestEvent, now: number, done?: EffectAttempt): Step {
  const row = done && liveRow(record, done);
  // A submit's answer still counts when its effect is gone (a webhook was faster), but not while another attempt holds it.
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

/** Applies an event during an attempt, only while it holds its lease, which is renewed. */
export function advancedWithin(record: RequestRecord, event: RequestEvent, now: number, tried: EffectAttempt): Step {
  if (!liveRow(record, tried)) return unchanged(record, STALE);
  const step = advanced(record, event, now);
  if (step.ignored !== null) return step;
  const effects = step.record.effects.map((row) => (row.name === tried.name ? renewed(row, now) : row));
  return { ...step, record: { ...step.record, effects } };
}

/**
 * Renews the lease of a running attempt; progress resets its failure counts. Null when the attempt lost its lease.
 */
export function withRenewedLease(
  record: RequestRecord,
  tried: EffectAttempt,
  now: number,
  isProgress: boolean,
): RequestRecord | null {
  const row = liveRow(record, tried);
  if (!row) return null;
  const counts = isProgress ? { attempts: 0, failures: 0, internalFailures: 0 } : {};
  return withRow(record, { ...renewed(row, now), ...counts });
}

/** An attempt failed: retried later, or given up, which is an event of its own. */
export function failed(
  record: RequestRecord,
  done: EffectAttempt,
  failure: Failure,
  now: number,
  random: number,
): Step {
  const row = liveRow(record, done);
  if (!row) return unchanged(record, STALE);
  const stumbled = failure.ours ? afterInternalFailure(row, failure.reason, now, random) : null;
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

/** A delivery attempt finished: the step, and the next attempt for the log. */
export function attempted(
  record: RequestRecord,
  done: EffectAttempt,
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

/** An attempt got no grant: due later, not a failure. */
export function deferred(record: RequestRecord, done: EffectAttempt, dueAt: number): Step {
  const row = liveRow(record, done);
  if (!row) return unchanged(record, STALE);
  return unchanged(withRow(record, deferredEffect(row, dueAt)), null);
}

export function withRow(record: RequestRecord, row: Effect): RequestRecord {
  return { ...record, effects: record.effects.map((effect) => (effect.name === row.name ? row : effect)) };
}

function givenUp(row: Effect, reason: string): RequestEvent {
  switch (row.kind) {
    case "cancel":
      return { type: "cancel_failed" };
    case "mirror":
      return { type: "file_failed", n: Number(row.target), code: "storage_failed", message: reason };
    case "submit":
    case "poll":
    case "fetch_result":
    case "hash":
    case "settle":
    case "deliver":
    case "report":
    case "expire":
    case "delete":
      throw new Error(`effect ${row.kind} is never given up`);
  }
}

/** Whether an attempt still holds its lease. */
export function isLive(record: RequestRecord, tried: EffectAttempt): boolean {
  return liveRow(record, tried) !== undefined;
}

function liveRow(record: RequestRecord, done: EffectAttempt): Effect | undefined {
  return record.effects.find(
    (effect) => effect.name === done.name && effect.leaseId === done.leaseId && effect.leaseUntil !== null,
  );
}

function unchanged(record: RequestRecord, reason: string | null): Step {
  return { record, notes: [], ignored: reason };
}
