// How long a model's requests take, from submit to end, learned from the last ones: what polls and callers' estimates go by.
// Pure.

/** Requests of a model that its durations are learned from, and how many it takes. */
export const DURATIONS_KEPT = 64;
const DURATIONS_NEEDED = 3;

/** Milliseconds; `samples` says how many requests it rests on. */
export interface Durations {
  p50Ms: number;
  p95Ms: number;
  samples: number;
}

/** The last durations of a model, oldest first. A bounded sample forgets: a model that became slower shows it soon. */
export type Sample = readonly number[];

export function withDuration(sample: Sample, ms: number): Sample {
  return [...sample, Math.max(0, Math.round(ms))].slice(-DURATIONS_KEPT);
}

/** Null until a few requests have ended: one may have been anything. */
export function durationsOf(sample: Sample): Durations | null {
  if (sample.length < DURATIONS_NEEDED) return null;
  const sorted = [...sample].sort((a, b) => a - b);
  return { p50Ms: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95), samples: sorted.length };
}

/** The smallest value that at least this part of the sample does not exceed. */
function quantile(sorted: Sample, part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
