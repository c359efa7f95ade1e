// How slowly a body may come. A sender has some patience, uses it up while we wait for its bytes and earns it back with each byte;
// time in which we do not read (the budget, the bucket) is never counted against it. Pure.

import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";

export interface PaceRule {
  /** The rate that is kept on average; slower, patience runs out. */
  bytesPerS: number;
  /** The longest pause of a sender that was fast enough before. */
  patienceMs: number;
  /** All waiting for one body together. */
  wholeMs: number;
}

/** What a caller's body must bring per second on average: slower than EDGE (about 25 kB/s). */
const BODY_RATE_MIN_BYTES = 16 * 1024;
/** The longest pause within a caller's body: a phone that changes its cell is silent for some seconds. */
export const BODY_SILENCE_MAX_MS = 15 * SECOND_MS;
/** Time for a body that is held in memory until it is whole: JSON, webhooks. */
export const HELD_BODY_MAX_MS = MINUTE_MS;
/** Time for a body that streams into the bucket: 100 MiB need 58 kB/s; who is slower sends parts. */
export const STREAMED_BODY_MAX_MS = 30 * MINUTE_MS;
/** Time for the rest of a refused body, which is read so that a browser shows the answer. */
export const REFUSED_BODY_MAX_MS = 2 * MINUTE_MS;

const SENDER = { bytesPerS: BODY_RATE_MIN_BYTES, patienceMs: BODY_SILENCE_MAX_MS };
export const HELD_BODY: PaceRule = { ...SENDER, wholeMs: HELD_BODY_MAX_MS };
export const STREAMED_BODY: PaceRule = { ...SENDER, wholeMs: STREAMED_BODY_MAX_MS };
export const REFUSED_BODY: PaceRule = { ...SENDER, wholeMs: REFUSED_BODY_MAX_MS };

/** What is left of both. */
export interface PaceLeft {
  patienceMs: number;
  wholeMs: number;
}

export function startPace({ patienceMs, wholeMs }: PaceRule): PaceLeft {
  return { patienceMs, wholeMs };
}

/** How long the next bytes may take. */
export function allowanceMs({ patienceMs, wholeMs }: PaceLeft): number {
  return Math.max(0, Math.min(patienceMs, wholeMs));
}

/** After `bytes` that were waited for. */
export function afterRead(rule: PaceRule, pace: PaceLeft, waitedMs: number, bytes: number): PaceLeft {
  const earnedMs = (bytes / rule.bytesPerS) * SECOND_MS;
  return {
    patienceMs: Math.min(rule.patienceMs, pace.patienceMs - waitedMs + earnedMs),
    wholeMs: pace.wholeMs - waitedMs,
  };
}
