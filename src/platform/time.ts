// Times: ISO 8601 in UTC on the wire, epoch milliseconds internally.

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** UTC month of a time ("2026-11"). */
export function monthOf(at: number): string {
  return new Date(at).toISOString().slice(0, 7);
}

export function isoTime(at: number): string;
export function isoTime(at: number | null): string | null;
export function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
