// Reads the Retry-After header (RFC 9110, section 10.2.3). Pure.

import { HOUR_MS } from "../platform/time.ts";

/** A Retry-After beyond this is taken as this. */
export const RETRY_AFTER_MAX_MS = HOUR_MS;

/** Milliseconds to wait, capped; null when the header is absent or not understood. `now` is epoch milliseconds. */
export function retryAfterMs(header: string | null, now: number, maxMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const wait = /^[0-9]{1,15}(\.[0-9]+)?$/.test(text) ? Number(text) * 1_000 : dateOf(text) - now;
  return Number.isNaN(wait) ? null : Math.min(maxMs, Math.max(0, Math.ceil(wait)));
}

/** Only the HTTP date form: Date.parse alone would take nearly anything for a date. */
function dateOf(text: string): number {
  return /^[A-Za-z]{3,9},? .* GMT$/.test(text) ? Date.parse(text) : Number.NaN;
}
