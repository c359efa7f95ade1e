// The public keys of an issuer: when they are asked for again, the one call that gets them, and what of the answer is kept. The
// rules are pure, the clock is a parameter. Only the URL that the team wrote down is called, never one that a token names
// (`jku`, `x5u`).

import type { JSONWebKeySet } from "jose";
import * as z from "zod";
import type { IssuerKeys } from "../../contracts/team-keys.ts";
import { type GuardRules, mayCall } from "../../net/guard.ts";
import { fetchSmallText, JWKS_KEYS_MAX, JWKS_TIMEOUT_MS, LOOKUP_RETRY_MS } from "../../net/small-text.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../platform/time.ts";

/** An issuer's keys are asked for again after this: a key that its issuer took back is believed no longer, if the host answers. */
export const ISSUER_KEYS_REFRESH_AFTER_MS = HOUR_MS;
/** Keys of an issuer whose host is down count this long, then its tokens are refused. */
export const ISSUER_KEYS_MAX_AGE_MS = DAY_MS;
/** A token with an unknown key id makes an isolate ask the issuer at most this often: who makes key ids up must not. */
export const ISSUER_KEYS_GAP_MS = 30 * SECOND_MS;
/** A key set is kept in a row; the longest of the known issuers (Firebase) is below 3 KB. */
const ISSUER_KEYS_MAX_BYTES = 64 * 1024;

const publicKeys = z.object({
  keys: z.array(
    z.object({
      kty: z.enum(["RSA", "EC", "OKP"]),
      kid: z.string().optional(),
      alg: z.string().optional(),
      use: z.string().optional(),
      crv: z.string().optional(),
      x: z.string().optional(),
      y: z.string().optional(),
      n: z.string().optional(),
      e: z.string().optional(),
    }),
  ),
});

/** Whether a set still counts. Its issuer's host may be down for that long. */
export function isUsable(keys: IssuerKeys | null, now: number): keys is IssuerKeys {
  return keys !== null && now - keys.fetchedAt < ISSUER_KEYS_MAX_AGE_MS;
}

/** Whether a set is so old that the issuer should be asked what its keys are now. */
export function isStale(keys: IssuerKeys | null, now: number): boolean {
  return keys === null || now - keys.fetchedAt >= ISSUER_KEYS_REFRESH_AFTER_MS;
}

/**
 * Whether to ask the issuer now. `unknownKey`: a token named a key that the set lacks, which a rotation explains, and any
 * made-up token too: so at most once in ISSUER_KEYS_GAP_MS. Without a usable set every token is refused: the gap is short.
 */
export function shouldFetchIssuerKeys(facts: {
  keys: IssuerKeys | null;
  triedAt: number | null;
  unknownKey: boolean;
  now: number;
}): boolean {
  const { keys, triedAt, unknownKey, now } = facts;
  if (!unknownKey && !isStale(keys, now)) return false;
  const gapMs = isUsable(keys, now) ? ISSUER_KEYS_GAP_MS : LOOKUP_RETRY_MS;
  return triedAt === null || now - triedAt >= gapMs;
}

/** The issuer's key set as JSON; null for a URL that may not be called, any fault, or a set without one usable key. */
export async function fetchIssuerKeys(url: string, rules: GuardRules): Promise<string | null> {
  const verdict = mayCall(url, rules);
  if (!verdict.ok) return null;
  const headers = { accept: "application/json" };
  const text = await fetchSmallText(verdict.url.href, { headers }, { timeoutMs: JWKS_TIMEOUT_MS });
  return text === null ? null : publicPart(text);
}

/** What of a JWKS is kept: public members of asymmetric keys. Null when nothing is left, or too much for a row. */
export function publicPart(text: string): string | null {
  const parsed = publicKeys.safeParse({ keys: asymmetricKeys(text) });
  if (!parsed.success || parsed.data.keys.length === 0) return null;
  const json = JSON.stringify({ keys: parsed.data.keys.slice(0, JWKS_KEYS_MAX) });
  return json.length <= ISSUER_KEYS_MAX_BYTES ? json : null;
}

/** Other entries of a set (secrets for signing, keys of a kind yet to come) are no reason to lose the rest. */
function asymmetricKeys(text: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const keys = typeof parsed === "object" && parsed !== null && "keys" in parsed ? parsed.keys : null;
  if (!Array.isArray(keys)) return [];
  return keys.filter((key) => publicKeys.shape.keys.element.safeParse(key).success);
}

/** A kept set as jose takes it. */
export function keySetOf(keys: IssuerKeys): JSONWebKeySet {
  return JSON.parse(keys.json) as JSONWebKeySet;
}
