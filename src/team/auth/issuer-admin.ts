// What a team does about its issuers, and how often an address may exchange a publishable key. Synchronous over the stores,
// with the clock passed in, but for the one call that gets an issuer's keys: side by side callers share it.

import type { IssuerKeys } from "../../contracts/team-access.ts";
import type { Actor } from "../../contracts/team-admin.ts";
import type { GuardRules } from "../../net/guard.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { HOUR_MS, ISSUERS_PER_TEAM_MAX, MINT_CLEAN_UP_ROWS, MINTS_PER_HOUR, SECOND_MS } from "../../platform/limits.ts";
import type { Books } from "../stores.ts";
import { fetchIssuerKeys, shouldFetchIssuerKeys } from "./issuer-keys.ts";
import type { Issuer } from "./issuers.ts";

/** Writes an issuer, a new one or another text of the old. */
export function putIssuer(books: Books, issuer: Issuer, by: Actor, now: number): { kind: "kept" } | Refused {
  const known = books.issuers.byName(issuer.name) !== null;
  if (!known && books.issuers.all().length >= ISSUERS_PER_TEAM_MAX) {
    return refused(refusal("conflict", `A team has at most ${ISSUERS_PER_TEAM_MAX} issuers.`));
  }
  books.issuers.put(issuer);
  books.audit.note(by, "issuer.written", issuer.name, { issuer: issuer.issuer, jwks_url: issuer.jwks_url }, now);
  return { kind: "kept" };
}

export function removeIssuer(books: Books, name: string, by: Actor, now: number): { kind: "removed" } | Refused {
  if (!books.issuers.remove(name)) return refused(refusal("not_found", "There is no issuer with this name."));
  books.audit.note(by, "issuer.removed", name, {}, now);
  return { kind: "removed" };
}

/**
 * Counts one exchange of a key by an address: MINTS_PER_HOUR at once, then one each time its share of the hour has passed.
 * A page needs one in ten minutes, so this only meets who throws tokens away to be somebody new.
 */
export function countMint(
  books: Books,
  { keyId, ip }: { keyId: string; ip: string },
  now: number,
): { kind: "counted" } | Refused {
  const until = Math.max(books.issuers.mintedUntil(keyId, ip), now) + HOUR_MS / MINTS_PER_HOUR;
  const earlyMs = until - now - HOUR_MS;
  if (earlyMs > 0) {
    const retryAfterS = Math.ceil(earlyMs / SECOND_MS);
    const detail = `This address got ${MINTS_PER_HOUR} tokens within an hour, the most it may.`;
    const hint = `Keep a token until it expires. The next one can be had in ${retryAfterS} s.`;
    return refused(refusal("rate_limited", detail, { hint, retryAfterS }));
  }
  books.issuers.putMintedUntil(keyId, ip, until, now, MINT_CLEAN_UP_ROWS);
  return { kind: "counted" };
}

/** Gets the keys of issuers when they are due. One per Team object: what it remembers is lost with it, at the price of a call. */
export class IssuerKeyRing {
  readonly #tries = new Map<string, { at: number; done: Promise<void> }>();

  /** The issuer's keys as they are kept after asking it if that is due; null: none were ever got, or no such issuer. */
  async keys(books: Books, name: string, unknownKey: boolean, rules: GuardRules): Promise<IssuerKeys | null> {
    const kept = books.issuers.byName(name);
    if (kept === null) return null;
    const { issuer, keys } = kept;
    const tried = this.#tries.get(issuer.jwks_url);
    const now = Date.now();
    if (shouldFetchIssuerKeys({ keys, triedAt: tried?.at ?? null, unknownKey, now })) {
      const done = this.#fetch(books, issuer, rules);
      this.#tries.set(issuer.jwks_url, { at: now, done });
      await done;
    } else {
      await tried?.done;
    }
    return books.issuers.byName(name)?.keys ?? null;
  }

  /** Lets the next question be asked at once: who writes an issuer wants to see whether its keys can be read. */
  forget({ jwks_url }: Issuer): void {
    this.#tries.delete(jwks_url);
  }

  async #fetch(books: Books, { name, jwks_url }: Issuer, rules: GuardRules): Promise<void> {
    const json = await fetchIssuerKeys(jwks_url, rules);
    // The issuer may have been written anew meanwhile, with other keys.
    if (json === null || books.issuers.byName(name)?.issuer.jwks_url !== jwks_url) return;
    books.issuers.putKeys(name, { json, fetchedAt: Date.now() });
  }
}
