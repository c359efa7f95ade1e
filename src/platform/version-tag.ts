// Versions of what an admin changes: a tag for each state (the ETag of its resource), and the check of `If-Match` against it. A tag
// is made of the settings alone, so that what changes by itself (a last use, a health) changes no tag. Pure.

import { type Refusal, refusal } from "./errors.ts";

/** Tags that a writer accepts, without quotes; `*` is any version of what exists. Null: the writer did not say. */
export type IfMatch = string[] | null;

/**
 * The tag of a state: 106 bits of its JSON text. It tells versions apart and protects nothing, so it needs no cryptographic
 * hash, which Workers have only asynchronously: a decision compares tags inside its transaction.
 */
export function versionTag(state: unknown): string {
  const text = JSON.stringify(state);
  return [0, 0x9e37_79b9].map((seed) => hash53(text, seed).toString(36).padStart(11, "0")).join("");
}

/** cyrb53 (public domain, github.com/bryc/code): two 32-bit multiplicative hashes, mixed at the end. */
function hash53(text: string, seed: number): number {
  let [high, low] = [0xde_ad_be_ef ^ seed, 0x41_c6_ce_57 ^ seed];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0);
}

/** Why a writer with these tags may not change what has this one (null: it does not exist), or null. `what`: "The plan". */
export function matchFault(ifMatch: IfMatch, tag: string | null, what: string): Refusal | null {
  if (ifMatch === null || (tag !== null && (ifMatch.includes("*") || ifMatch.includes(tag)))) return null;
  if (tag === null) {
    const hint = "Leave out If-Match to create it.";
    return refusal("precondition_failed", `${what} does not exist, so no version of it matches If-Match.`, { hint });
  }
  const hint = "GET it again, make the change to what it is now, and send the ETag of that answer as If-Match.";
  return refusal("precondition_failed", `${what} has changed: its version is not the one that If-Match names.`, {
    hint,
  });
}
