// Public keys of issuers: refresh rules, the fetch, and the stored part of the response. Only the configured URL is fetched,
// never one from a token (`jku`, `x5u`).

import type { JSONWebKeySet } from "jose";
import type { IssuerKeys } from "../../contracts/team-keys.ts";
import { fetchSmallText, JWKS_KEYS_MAX, JWKS_TIMEOUT_MS, LOOKUP_RETRY_MS } from "../../net/fetch-text.ts";
import { type GuardRules, mayCall } from "../../net/guard.ts";
import { lazy } from "../../platform/schema.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../platform/time.ts";

/** Age at which keys are refreshed: bounds how long a withdrawn key is accepted. */
export const ISSUER_KEYS_REFRESH_AFTER_MS = HOUR_MS;
/** Maximum age of keys if the issuer is unreachable. */
export const ISSUER_KEYS_MAX_AGE_MS = DAY_MS;
/** Minimum interval between fetches caused by unknown key ids, which anyone can invent. */
export const ISSUER_KEYS_GAP_MS = 30 * SECOND_MS;
/** Maximum stored size; the largest known set (Firebase) is below 3 KB. */
const ISSUER_KEYS_MAX_BYTES = 64 * 1024;

const publicKeys = lazy((z) =>
  z.object({
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
  }),
);

/** Whether a key set may still be used. */
export function isUsable(keys: IssuerKeys | null, now: number): keys is IssuerKeys {
  return keys !== null && now - keys.fetchedAt < ISSUER_KEYS_MAX_AGE_MS;
}

/** Whether a key set should be refreshed. */
export function isStale(keys: IssuerKeys | null, now: number): boolean {
  return keys === null || now - keys.fetchedAt >= ISSUER_KEYS_REFRESH_AFTER_MS;
}

/**
 * Whether to fetch now. `unknownKey`: a token names a key missing from the set, due to a rotation or an invented id. Without a
 * usable set the interval is shorter, because every token is refused.
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

/** The issuer's key set as JSON; null for a blocked URL, a fault, or a set without a usable key. */
export async function fetchIssuerKeys(url: string, rules: GuardRules): Promise<string | null> {
  const verdict = mayCall(url, rules);
  if (!verdict.ok) return null;
  const headers = { accept: "application/json" };
  const text = await fetchSmallText(verdict.url.href, { headers }, { timeoutMs: JWKS_TIMEOUT_MS });
  return text === null ? null : publicPart(text);
}

/** The public members of asymmetric keys. Null if none remain or the result is too large. */
export function publicPart(text: string): string | null {
  const parsed = publicKeys().safeParse({ keys: asymmetricKeys(text) });
  if (!parsed.success || parsed.data.keys.length === 0) return null;
  const json = JSON.stringify({ keys: parsed.data.keys.slice(0, JWKS_KEYS_MAX) });
  return json.length <= ISSUER_KEYS_MAX_BYTES ? json : null;
}

/** Unknown entries do not invalidate the rest of the set. */
function asymmetricKeys(text: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const keys = typeof parsed === "object" && parsed !== null && "keys" in parsed ? parsed.keys : null;
  if (!Array.isArray(keys)) return [];
  return keys.filter((key) => publicKeys().shape.keys.element.safeParse(key).success);
}

/** A stored key set for jose. */
export function keySetOf(keys: IssuerKeys): JSONWebKeySet {
  return JSON.parse(keys.json) as JSONWebKeySet;
}
