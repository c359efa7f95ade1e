// Scheduling of effects: due times, leases, retries and the alarm. Pure: `now` is a parameter (epoch ms).

import { FILE_COPY_TIMEOUT_MS } from "../../files/request-file.ts";
import { jittered } from "../../platform/jitter.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../platform/time.ts";
import type { AfterAttempt } from "../../webhooks/attempt.ts";
import type { Effect, EffectKind, EffectName, EffectOrder } from "./effect-types.ts";
import { POLL_MAX_GAP_MS } from "./poll-schedule.ts";

/** Delays between attempts to copy one file; then the copy fails and the file keeps its source URL. */
export const FILE_COPY_RETRY_MS = [2 * SECOND_MS, 10 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS] as const;
/** Maton and fal answer a submit in well under a second; after this the answer counts as lost. */
export const SUBMIT_TIMEOUT_MS = 30 * SECOND_MS;
/** Timeout of a status call to fal. */
export const STATUS_TIMEOUT_MS = 15 * SECOND_MS;
/** Timeout of a result call to fal. */
export const RESULT_TIMEOUT_MS = 60 * SECOND_MS;
/** Timeout of a cancel call to fal. */
export const CANCEL_TIMEOUT_MS = 15 * SECOND_MS;
/** A grant at most this far ahead is awaited in place; otherwise the call is queued. */
export const GRANT_WAIT_IN_PLACE_MS = SECOND_MS;
/** Time over an effect's own time-outs before its lease counts as lost. */
export const LEASE_SLACK_MS = 5 * SECOND_MS;
/** Internal failures in a row that do not count as attempts: about a day. Further ones count. */
export const INTERNAL_FAILURES_MAX = 36;
/** An effect leased this often without an outcome may crash its object: it backs off. */
export const LEASES_BEFORE_BACKOFF = 5;
/** Growing gaps of effects that never stop (poll, fetch_result, settle, expire, hash): doubling from 2 s to 1 h. */
export const RETRY_FIRST_MS = 2 * SECOND_MS;
const RETRY_MAX_MS = HOUR_MS;
/** Delays between cancel attempts; then it is given up and polls find the end. */
export const CANCEL_RETRY_MS = [2 * SECOND_MS, 5 * SECOND_MS, 15 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS] as const;
/** Failed polls in a row that stay within POLL_MAX_GAP_MS of each other: about four hours of an outage. */
export const PATIENT_POLLS = 120;

export function effectName(kind: EffectKind, target?: string | null): EffectName {
  return target === undefined || target === null ? kind : `${kind}:${target}`;
}

/** The effects after the machine's orders. Owing an existing effect only moves its due time; a running attempt continues. */
export function withOrders(effects: readonly Effect[], orders: readonly EffectOrder[]): Effect[] {
  const rows = new Map(effects.map((effect) => [effect.name, effect]));
  for (const order of orders) {
    if (order.do === "clear") {
      rows.clear();
      continue;
    }
    const name = effectName(order.kind, order.target);
    if (order.do === "drop") {
      rows.delete(name);
      continue;
    }
    const known = rows.get(name);
    const dueAt = order.do === "hasten" && known ? Math.min(known.dueAt, order.dueAt) : order.dueAt;
    rows.set(name, known ? owedAgain(known, dueAt) : newEffect(order));
  }
  return [...rows.values()];
}

/** A parked effect that is owed again starts with all its attempts. */
function owedAgain(known: Effect, dueAt: number): Effect {
  return known.parkedAt === null ? { ...known, dueAt } : { ...known, dueAt, failures: 0, parkedAt: null };
}

/** An effect before its first attempt; also the defaults of fields that a stored one lacks. */
export const NEW_EFFECT = {
  failures: 0,
  internalFailures: 0,
  leaseUntil: null,
  leaseId: 0,
  attempts: 0,
  lastFailure: null,
  parkedAt: null,
} as const satisfies Partial<Effect>;

function newEffect(order: Exclude<EffectOrder, { do: "drop" | "clear" }>): Effect {
  return {
    name: effectName(order.kind, order.target),
    kind: order.kind,
    target: order.target ?? null,
    dueAt: order.dueAt,
    ...NEW_EFFECT,
  };
}

/** When an effect next needs attention: its due time, or the end of its lease. */
export function attentionAt(effect: Effect): number {
  return effect.leaseUntil ?? effect.dueAt;
}

/** The unparked row that has waited longest, or undefined when nothing is due. */
export function nextDue(effects: readonly Effect[], now: number): Effect | undefined {
  let first: Effect | undefined;
  for (const effect of effects) {
    if (effect.parkedAt !== null || attentionAt(effect) > now) continue;
    if (first === undefined || attentionAt(effect) < attentionAt(first)) first = effect;
  }
  return first;
}

/** When the object has to be woken: the earliest unparked row, overdue ones included; null when nothing is owed. */
export function alarmAt(effects: readonly Effect[]): number | null {
  const times = effects.filter((effect) => effect.parkedAt === null).map(attentionAt);
  return times.length === 0 ? null : Math.min(...times);
}

/** How long one attempt may take before it counts as interrupted: its time-outs plus slack. */
export function leaseMs(kind: EffectKind): number {
  switch (kind) {
    case "submit":
      return GRANT_WAIT_IN_PLACE_MS + SUBMIT_TIMEOUT_MS + LEASE_SLACK_MS;
    case "poll":
      return GRANT_WAIT_IN_PLACE_MS + STATUS_TIMEOUT_MS + LEASE_SLACK_MS;
    case "fetch_result":
      return GRANT_WAIT_IN_PLACE_MS + RESULT_TIMEOUT_MS + LEASE_SLACK_MS;
    case "cancel":
      return GRANT_WAIT_IN_PLACE_MS + CANCEL_TIMEOUT_MS + LEASE_SLACK_MS;
    case "mirror":
    case "hash":
      return FILE_COPY_TIMEOUT_MS + LEASE_SLACK_MS;
    case "settle":
    case "deliver":
    case "report":
    case "expire":
    case "delete":
      return MINUTE_MS;
  }
}

/** The effect with a new lease, or postponed when it was leased LEASES_BEFORE_BACKOFF times without an outcome. Lease ids of one name never repeat. */
export function leased(effect: Effect, now: number): { kind: "leased" | "put_off"; effect: Effect } {
  if (effect.attempts >= LEASES_BEFORE_BACKOFF && effect.leaseUntil !== null) {
    const wait = backoffMs(effect.attempts - LEASES_BEFORE_BACKOFF + 5);
    const put = { ...effect, leaseUntil: null, dueAt: now + wait, lastFailure: "crashed repeatedly" };
    return { kind: "put_off", effect: put };
  }
  return {
    kind: "leased",
    effect: {
      ...effect,
      leaseUntil: now + leaseMs(effect.kind),
      leaseId: Math.max(effect.leaseId + 1, now),
      attempts: effect.attempts + 1,
    },
  };
}

/** The effect of a running attempt with a renewed lease. */
export function renewed(effect: Effect, now: number): Effect {
  return { ...effect, leaseUntil: now + leaseMs(effect.kind) };
}

/**
 * The effects as a restarted object finds them: a lease that no attempt of this instance holds has expired.
 */
export function withoutDeadLeases(effects: readonly Effect[], isLive: (effect: Effect) => boolean): Effect[] {
  return effects.map((effect) =>
    effect.leaseUntil === null || isLive(effect) ? effect : { ...effect, leaseUntil: LONG_OVER },
  );
}

/** Epoch ms. Not 0, which no alarm may be set to. */
const LONG_OVER = 1;

/** The effect after an attempt with an outcome, before the outcome's own orders. */
export function finished(effect: Effect): Effect {
  return { ...effect, leaseUntil: null, attempts: 0, failures: 0, internalFailures: 0, lastFailure: null };
}

/** The effect after an attempt without a grant: due later, not counted as a failure. */
export function deferredEffect(effect: Effect, dueAt: number): Effect {
  return { ...effect, leaseUntil: null, attempts: 0, dueAt };
}

export interface Failure {
  reason: string;
  /** The other side's Retry-After; it can only lengthen the delay. */
  retryAfterMs: number | null;
  /** Internal (a Durable Object, R2, the configuration): the other side was not called, so no attempt is counted. */
  ours?: true;
}

/** Deliveries have rules of their own (webhooks/attempt.ts). */
type RetriedKind = Exclude<EffectKind, "deliver">;

/** The effect after an internal failure; null: the limit is reached and this one counts as an attempt. `random` in [0, 1) sets the jitter. */
export function afterInternalFailure(effect: Effect, reason: string, now: number, random: number): Effect | null {
  if (effect.internalFailures >= INTERNAL_FAILURES_MAX) return null;
  const internalFailures = effect.internalFailures + 1;
  const dueAt = now + jittered(endlessWaitMs(effect.kind, internalFailures), random);
  return { ...effect, leaseUntil: null, attempts: 0, internalFailures, lastFailure: reason, dueAt };
}

/**
 * The effect after a failed attempt; null: it is given up, which only `mirror` and `cancel` are. `random` in [0, 1) sets the jitter.
 */
export function afterFailure(
  effect: Effect & { kind: RetriedKind },
  failure: Failure,
  now: number,
  random: number,
): Effect | null {
  const failures = effect.failures + 1;
  const wait = retryWaitMs(effect.kind, failures);
  if (wait === null) return null;
  const dueAt = now + Math.max(jittered(wait, random), failure.retryAfterMs ?? 0);
  return { ...effect, leaseUntil: null, attempts: 0, failures, lastFailure: failure.reason, dueAt };
}

/** A delivery's row after an attempt that did not deliver: due again, or parked. */
export function afterUndelivered(
  effect: Effect,
  { failures, next }: Pick<AfterAttempt, "failures" | "next">,
  reason: string,
  now: number,
): Effect {
  const ended = { ...effect, leaseUntil: null, attempts: 0, failures, lastFailure: reason };
  return next.at === null ? { ...ended, parkedAt: now } : { ...ended, dueAt: next.at };
}

/** Delay before attempt `failures` + 1, or null when none is left. */
function retryWaitMs(kind: RetriedKind, failures: number): number | null {
  switch (kind) {
    case "mirror":
      return FILE_COPY_RETRY_MS[failures - 1] ?? null;
    case "cancel":
      return CANCEL_RETRY_MS[failures - 1] ?? null;
    case "submit":
    case "poll":
    case "fetch_result":
    case "hash":
    case "settle":
    case "report":
    case "expire":
    case "delete":
      return endlessWaitMs(kind, failures);
  }
}

/**
 * Exponential backoff without end. Polls stay close together for the first hours of an outage, because fal keeps a result of
 * 10 KB or more for about six minutes.
 */
function endlessWaitMs(kind: EffectKind, failures: number): number {
  const looksAtFal = kind === "poll" || kind === "fetch_result";
  return looksAtFal && failures <= PATIENT_POLLS ? Math.min(POLL_MAX_GAP_MS, backoffMs(failures)) : backoffMs(failures);
}

/** 2 s, doubling, at most an hour. */
function backoffMs(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures - 1, 20));
}
