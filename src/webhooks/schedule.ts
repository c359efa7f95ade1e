// When a delivery is attempted again: a fixed table with jitter, and later where the receiver asks for it. Pure.

import { jittered } from "../platform/jitter.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** Deliveries, their attempts and the event feed are kept this long: what was missed is found after a holiday. */
export const DELIVERY_KEEP_MS = 30 * DAY_MS;

/** Waits between attempts: Standard Webhooks' span of three days. After the last one the delivery is parked. */
export const DELIVER_RETRY_MS = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
] as const;
/** A receiver's Retry-After beyond this is taken as this: the longest planned wait. */
export const DELIVER_RETRY_AFTER_MAX_MS = DAY_MS;

/** When an attempt is due, and whether the schedule or the receiver's Retry-After says so. */
export interface DueAttempt {
  at: number;
  why: "schedule" | "retry_after";
}

/** The attempt after `failures` planned ones that failed; null: none is left. `random` in [0, 1) makes the jitter. */
export function plannedAttempt(
  failures: number,
  retryAfterMs: number | null,
  now: number,
  random: number,
): DueAttempt | null {
  const wait = DELIVER_RETRY_MS[failures - 1];
  return wait === undefined ? null : notBefore(now + jittered(wait, random), retryAfterMs, now);
}

/** The schedule that a replay interrupted goes on where it was. */
export function resumedAttempt(resumeAt: number, retryAfterMs: number | null, now: number): DueAttempt {
  return notBefore(Math.max(resumeAt, now), retryAfterMs, now);
}

/** Retry-After can only lengthen a wait. */
function notBefore(plannedAt: number, retryAfterMs: number | null, now: number): DueAttempt {
  const isLonger = retryAfterMs !== null && now + retryAfterMs > plannedAt;
  return isLonger ? { at: now + retryAfterMs, why: "retry_after" } : { at: plannedAt, why: "schedule" };
}
