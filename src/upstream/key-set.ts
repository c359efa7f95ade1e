// fal's key set: when it is asked for again, what may be used meanwhile, and the one call that gets it. The rules are pure, the
// clock is a parameter.

import { fetchSmallText, JWKS_TIMEOUT_MS, LOOKUP_RETRY_MS } from "../net/fetch-text.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../platform/time.ts";
import { encodeKey, keysOf } from "./fal-webhook-signature.ts";

/** fal's rule: a key set is trusted for at most a day. */
const JWKS_MAX_AGE_MS = DAY_MS;
/** A signature that no key fits forces one fresh look at the key set, at most this often. */
export const JWKS_REFRESH_GAP_MS = MINUTE_MS;
/** An older set is renewed while it still counts, so that a key host that is down for hours costs nothing. */
export const JWKS_REFRESH_AFTER_MS = 12 * HOUR_MS;

/** Whether a set may still be trusted: fal allows a day. */
export function isTrusted(fetchedAt: number, now: number): boolean {
  return now - fetchedAt < JWKS_MAX_AGE_MS;
}

/**
 * Whether to ask fal now. `force`: a signature fitted no key, which a rotation explains, and any forger too; so once in
 * JWKS_REFRESH_GAP_MS at most. Without a trusted set each webhook is turned away, so then the gap is short.
 */
export function shouldFetchKeys(facts: {
  fetchedAt: number | null;
  triedAt: number | null;
  force: boolean;
  now: number;
}): boolean {
  const { fetchedAt, triedAt, force, now } = facts;
  const trusted = fetchedAt !== null && isTrusted(fetchedAt, now);
  if (trusted && !force && now - fetchedAt < JWKS_REFRESH_AFTER_MS) return false;
  const gapMs = trusted ? JWKS_REFRESH_GAP_MS : LOOKUP_RETRY_MS;
  return triedAt === null || now - triedAt >= gapMs;
}

/** The usable keys as JWK `x` values; empty for any fault, a bad status, or a document without one usable key. */
export async function fetchKeys(url: string): Promise<string[]> {
  const init = { headers: { accept: "application/json" } };
  const text = await fetchSmallText(url, init, { timeoutMs: JWKS_TIMEOUT_MS });
  return text === null ? [] : keysOf(text).map(encodeKey);
}
