// How a key is spelled, and what of it is kept: `sl_sk_<team>_<random>_<check>`, shown once, stored as its SHA-256. The team
// inside the text spares a directory; the check refuses typos before any object wakes. JWTs carry their team the same way:
// `sl_jwt_<team>.<jwt>`.

import type { KeyKind } from "../../contracts/team-keys.ts";
import { randomText, sha256Hex, TEAM_ID } from "../../platform/ids.ts";

/** What stands before the team. Each kind of credential has its own. */
const PREFIXES = { secret: "sl_sk_", publishable: "sl_pk_" } as const satisfies Record<KeyKind, string>;
/** 22 of 62 characters are 130 random bits. */
const RANDOM_CHARS = 22;
/** 32 bits: one typo in four thousand million passes, and meets an unknown digest. */
const CHECK_CHARS = 8;
/** Characters of the random part that lists show, so that people can tell keys apart. */
const SHOWN_CHARS = 4;

const KEY_SHAPE = new RegExp(
  `^sl_(sk|pk)_([a-z0-9-]{1,32})_([0-9A-Za-z]{${RANDOM_CHARS}})_([0-9a-f]{${CHECK_CHARS}})$`,
);
/** Three base64url parts (RFC 7515, compact serialization). The signature of `alg: none` is empty: that is judged later. */
const JWT_SHAPE = /^(?:sl_jwt_([a-z0-9-]{1,32})\.)?([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)$/;

export type ParsedKey =
  | { kind: KeyKind; team: string }
  /** `team` is null for a JWT sent as it is: then the call must name the team. */
  | { kind: "jwt"; team: string | null; jwt: string }
  | { kind: "malformed" }
  | { kind: "mistyped" };

/** First hex digits of the SHA-256 over all that stands before the check. Not a secret and not a proof. */
async function checkOf(body: string): Promise<string> {
  return (await sha256Hex(body)).slice(0, CHECK_CHARS);
}

/** A new key of a team. Throws on a team id that could not be parsed back: that is a bug of the caller. */
export async function makeKey(team: string, kind: KeyKind = "secret"): Promise<string> {
  if (!TEAM_ID.test(team)) throw new Error("a key needs a valid team id");
  const body = `${PREFIXES[kind]}${team}_${randomText(RANDOM_CHARS)}`;
  return `${body}_${await checkOf(body)}`;
}

/** How a JWT travels with the team it is for: no look-up by its claims, which nobody has checked yet. */
export function formatTeamJwt(team: string, jwt: string): string {
  return `sl_jwt_${team}.${jwt}`;
}

/** What kind of credential a text is and which team it names. `mistyped`: a key's shape with a wrong check. No I/O. */
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

/** The stored form of a key: hex SHA-256 of its whole text. Enough without salt, because the text is 130 random bits. */
export function keyDigest(text: string): Promise<string> {
  return sha256Hex(text);
}

/** The part of a key that may be shown again: `sl_sk_<team>_` and the first four random characters. */
export function shownPart(text: string): string {
  return text.slice(0, text.length - (CHECK_CHARS + 1 + RANDOM_CHARS - SHOWN_CHARS));
}
