// How a key is spelled, and what of it is kept: `sl_sk_<team>_<random>_<check>`, shown once, stored as its SHA-256.
// The team inside the text spares a directory; the check refuses typos before any object wakes. Imports ids.

import { randomText, sha256Hex, TEAM_ID } from "../ids.ts";

/** What stands before the team. Each kind of credential has its own. */
const SECRET_PREFIX = "sl_sk_";
/** 22 of 62 characters are 130 random bits. */
const RANDOM_CHARS = 22;
/** 32 bits: one typo in four thousand million passes, and meets an unknown digest. */
const CHECK_CHARS = 8;
/** Characters of the random part that lists show, so that people can tell keys apart. */
const SHOWN_CHARS = 4;

const SHAPE = new RegExp(`^(sl_[a-z]+_)([a-z0-9-]{1,32})_([0-9A-Za-z]{${RANDOM_CHARS}})_([0-9a-f]{${CHECK_CHARS}})$`);

export type ParsedKey = { kind: "secret"; team: string } | { kind: "malformed" } | { kind: "mistyped" };

/** First hex digits of the SHA-256 over all that stands before the check. Not a secret and not a proof. */
async function checkOf(body: string): Promise<string> {
  return (await sha256Hex(body)).slice(0, CHECK_CHARS);
}

/** A new secret key of a team. Throws on a team id that could not be parsed back: that is a bug of the caller. */
export async function makeKey(team: string): Promise<string> {
  if (!TEAM_ID.test(team)) throw new Error("a key needs a valid team id");
  const body = `${SECRET_PREFIX}${team}_${randomText(RANDOM_CHARS)}`;
  return `${body}_${await checkOf(body)}`;
}

/** A secret that signs webhooks to a team, in the spelling of Standard Webhooks: 32 random bytes. */
export function makeWebhookSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
}

/** What kind of key a text is and which team it names. `mistyped`: the right shape with a wrong check. No I/O. */
export async function parseKey(text: string): Promise<ParsedKey> {
  const match = SHAPE.exec(text);
  const [, prefix, team, , check] = match ?? [];
  if (prefix !== SECRET_PREFIX || team === undefined) return { kind: "malformed" };
  const body = text.slice(0, -(CHECK_CHARS + 1));
  return (await checkOf(body)) === check ? { kind: "secret", team } : { kind: "mistyped" };
}

/** The stored form of a key: hex SHA-256 of its whole text. Enough without salt, because the text is 130 random bits. */
export function keyDigest(text: string): Promise<string> {
  return sha256Hex(text);
}

/** The part of a key that may be shown again: `sl_sk_<team>_` and the first four random characters. */
export function shownPart(text: string): string {
  return text.slice(0, text.length - (CHECK_CHARS + 1 + RANDOM_CHARS - SHOWN_CHARS));
}
