// Durations of a model's requests from submit to end, from a sample of recent ones. Polling and estimates use them. Pure.

/** Size of the sample, and the minimum for an estimate. */
export const DURATIONS_KEPT = 64;
const DURATIONS_NEEDED = 3;

/** Milliseconds; `samples` is the number of requests in the estimate. */
export interface Durations {
  p50Ms: number;
  p95Ms: number;
  samples: number;
}

/** Recent durations of a model, oldest first. Bounded, so that a change of speed shows soon. */
export type Sample = readonly number[];

export function withDuration(sample: Sample, ms: number): Sample {
  return [...sample, Math.max(0, Math.round(ms))].slice(-DURATIONS_KEPT);
}

/** Null until enough requests have ended. */
export function durationsOf(sample: Sample): Durations | null {
  if (sample.length < DURATIONS_NEEDED) return null;
  const sorted = [...sample].sort((a, b) => a - b);
  return { p50Ms: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95), samples: sorted.length };
}

/** The smallest value that at least this share of the sample does not exceed. */
function quantile(sorted: Sample, part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}
