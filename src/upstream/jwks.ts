// fal's webhook keys for the edge: a copy per isolate in front of the account's set. Never throws.

import { LOOKUP_RETRY_MS } from "../net/fetch-text.ts";
import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { accountFor } from "../platform/stubs.ts";
import { decodeKey } from "./fal-webhook-signature.ts";
import { isTrusted, JWKS_REFRESH_AFTER_MS } from "./key-set.ts";

/** Raw 32-byte ED25519 keys. `unavailable`: nothing can be verified now; answer 503 and poll. */
export type SigningKeys = { kind: "keys"; keys: Uint8Array[] } | { kind: "unavailable" };

interface Copy {
  keys: Uint8Array[];
  fetchedAt: number;
  askedAt: number;
}

let copy: Copy | null = null;

/**
 * The keys to verify with. `force` after a signature that fitted none: asks the account again, which decides whether fal is
 * asked; from one isolate at most every LOOKUP_RETRY_MS, so that forged calls do not become calls to the account.
 */
export async function signingKeys(env: Env, { force }: { force: boolean }): Promise<SigningKeys> {
  const now = Date.now();
  const usable = copy !== null && isTrusted(copy.fetchedAt, now) ? copy : null;
  // An old copy is no reason to wait until it may not be used any more: the account renews its set when it is asked.
  const fresh = usable !== null && !force && now - usable.fetchedAt < JWKS_REFRESH_AFTER_MS;
  if (usable !== null && (fresh || now - usable.askedAt < LOOKUP_RETRY_MS)) return { kind: "keys", keys: usable.keys };
  try {
    const set = await accountFor(env).webhookKeys({ force });
    if (set.kind === "keys") {
      const keys = set.keys.map(decodeKey).filter((key) => key !== null);
      copy = { keys, fetchedAt: set.fetchedAt, askedAt: now };
      return { kind: "keys", keys };
    }
  } catch (fault) {
    logEvent("jwks.unreachable", { error: faultName(fault) });
  }
  return usable === null ? { kind: "unavailable" } : { kind: "keys", keys: usable.keys };
}
