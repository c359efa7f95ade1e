// Retry schedule of deliveries: fixed delays with jitter, extended by Retry-After. Pure.

import { jittered } from "../platform/jitter.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** Retention of deliveries, attempts and the event feed. */
export const DELIVERY_KEEP_MS = 30 * DAY_MS;

/** Delays between attempts: three days in total, as Standard Webhooks recommends. After the last one the delivery is parked. */
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
/** Maximum Retry-After: the longest scheduled delay. */
export const DELIVER_RETRY_AFTER_MAX_MS = DAY_MS;

/** When an attempt is due, by the schedule or by Retry-After. */
export interface DueAttempt {
  at: number;
  why: "schedule" | "retry_after";
}

/**
 * The attempt after `failures` failed scheduled attempts; null if the schedule is exhausted. `random` in [0, 1) sets the
 * jitter.
 */
export function plannedAttempt(
  failures: number,
  retryAfterMs: number | null,
  now: number,
  random: number,
): DueAttempt | null {
  const wait = DELIVER_RETRY_MS[failures - 1];
  return wait === undefined ? null : notBefore(now + jittered(wait, random), retryAfterMs, now);
}

/** Resumes a schedule that a replay interrupted. */
export function resumedAttempt(resumeAt: number, retryAfterMs: number | null, now: number): DueAttempt {
  return notBefore(Math.max(resumeAt, now), retryAfterMs, now);
}

/** Retry-After only lengthens a delay. */
function notBefore(plannedAt: number, retryAfterMs: number | null, now: number): DueAttempt {
  const isLonger = retryAfterMs !== null && now + retryAfterMs > plannedAt;
  return isLonger ? { at: now + retryAfterMs, why: "retry_after" } : { at: plannedAt, why: "schedule" };
}
