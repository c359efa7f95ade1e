// Format of keys: `sl_sk_<team>_<random>_<check>`, returned once and stored as SHA-256. The text contains the team, which
// avoids a directory; the checksum rejects typos before any object is called. JWTs carry their team as `sl_jwt_<team>.<jwt>`.

import type { KeyKind } from "../../contracts/team-keys.ts";
import { randomText, sha256Hex, TEAM_ID } from "../../platform/ids.ts";

/** Prefix of each kind of key. */
const PREFIXES = { secret: "sl_sk_", publishable: "sl_pk_" } as const satisfies Record<KeyKind, string>;
/** 22 of 62 characters are 130 random bits. */
const RANDOM_CHARS = 22;
/** 32 bits: one typo in four billion passes, and fails the digest lookup. */
const CHECK_CHARS = 8;
/** Random characters shown in lists, to tell keys apart. */
const SHOWN_CHARS = 4;

const KEY_SHAPE = new RegExp(
  `^sl_(sk|pk)_([a-z0-9-]{1,32})_([0-9A-Za-z]{${RANDOM_CHARS}})_([0-9a-f]{${CHECK_CHARS}})$`,
);
/**
 * Three base64url parts (RFC 7515, compact serialization). Accepts the empty signature of `alg: none`, which verification
 * refuses.
 */
const JWT_SHAPE = /^(?:sl_jwt_([a-z0-9-]{1,32})\.)?([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)$/;

export type ParsedKey =
  | { kind: KeyKind; team: string }
  /** `team` is null for a bare JWT: the call must name the team. */
  | { kind: "jwt"; team: string | null; jwt: string }
  | { kind: "malformed" }
  | { kind: "mistyped" };

/** Checksum: first hex digits of SHA-256. Neither a secret nor a proof. */
async function checkOf(body: string): Promise<string> {
  return (await sha256Hex(body)).slice(0, CHECK_CHARS);
}

/** Creates the text of a key. Throws on an invalid team id, which is a bug of the caller. */
export async function makeKey(team: string, kind: KeyKind = "secret"): Promise<string> {
  if (!TEAM_ID.test(team)) throw new Error("a key needs a valid team id");
  const body = `${PREFIXES[kind]}${team}_${randomText(RANDOM_CHARS)}`;
  return `${body}_${await checkOf(body)}`;
}

/** A JWT with its team, so that no lookup by unverified claims is needed. */
export function formatTeamJwt(team: string, jwt: string): string {
  return `sl_jwt_${team}.${jwt}`;
}

/** Kind and team of a credential. `mistyped`: valid format, wrong checksum. No I/O. */
export async function parseKey(text: string): Promise<ParsedKey> {
  const [, kind, team, , check] = KEY_SHAPE.exec(text) ?? [];
  if (kind !== undefined && team !== undefined) {
    const body = text.slice(0, -(CHECK_CHARS + 1));
    if ((await checkOf(body)) !== check) return { kind: "mistyped" };
    return { kind: kind === "sk" ? "secret" : "publishable", team };
  }
  const [, jwtTeam, jwt] = JWT_SHAPE.exec(text) ?? [];
  return jwt === undefined ? { kind: "malformed" } : { kind: "jwt", team: jwtTeam ?? null, jwt };
}

/** Stored digest of a key: SHA-256 without salt, because the text has 130 random bits. */
export function keyDigest(text: string): Promise<string> {
  return sha256Hex(text);
}

/** The displayable part: `sl_sk_<team>_` and four random characters. */
export function shownPart(text: string): string {
  return text.slice(0, text.length - (CHECK_CHARS + 1 + RANDOM_CHARS - SHOWN_CHARS));
}
