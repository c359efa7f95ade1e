// Which names of users are reserved: those of an issuer's users, of pages' visitors and of deleted users begin with a prefix and a colon,
// so that nobody else can be given one by accident or by a caller's wish. Pure.

import { type Refusal, refusal } from "../../platform/errors.ts";

/** Prefix of the users that visitors of a page are. */
const VISITOR_PREFIX = "visitor";
/** Prefixes that Sluice itself gives; no issuer may have one. */
const OWN_PREFIXES: readonly string[] = [VISITOR_PREFIX, "deleted"];

/** The part of an issuer (issuers.ts) that decides on the names of its users. */
interface Prefixed {
  name: string;
  issuer: string;
  user_prefix: string;
}

/** The user that a visitor is. */
export function visitorUser(visitor: string): string {
  return `${VISITOR_PREFIX}:${visitor}`;
}

/** The user that a subject of an issuer is. */
export function issuerUser({ user_prefix: prefix }: Pick<Prefixed, "user_prefix">, subject: string): string {
  return `${prefix}:${subject}`;
}

/** What stands before the first colon of a user's name; null: no colon, so the name is not reserved. */
export function prefixOf(user: string): string | null {
  const end = user.indexOf(":");
  return end < 0 ? null : user.slice(0, end);
}

/** Why a secret key, or a token made with one, may not act for this user, or null. `issuerUsers`: issuers that the key lists. */
export function reservedUserFault(
  user: string,
  issuers: readonly Prefixed[],
  issuerUsers: readonly string[],
): Refusal | null {
  const prefix = prefixOf(user);
  if (prefix === null) return null;
  if (OWN_PREFIXES.includes(prefix)) {
    const detail = `\`user\` begins with "${prefix}:", which is reserved for users that Sluice names itself.`;
    return refusal("forbidden", detail, { hint: "Name the user without this prefix." });
  }
  const owners = issuers.filter((issuer) => issuer.user_prefix === prefix).map(({ name }) => name);
  if (owners.length === 0 || owners.some((name) => issuerUsers.includes(name))) return null;
  const detail = `\`user\` begins with "${prefix}:", which is reserved for the users of issuer "${owners[0]}".`;
  return refusal("forbidden", detail, {
    hint: `Send the user's own JWT, or use a key whose \`issuer_users\` lists "${owners[0]}" (POST /v1/keys).`,
  });
}

/** Why an issuer's users may not have its prefix, or null. Issuers with the same `issuer` may share one: their subjects are the same. */
export function prefixFault(issuer: Prefixed, others: readonly Prefixed[]): Refusal | null {
  const { name, user_prefix: prefix } = issuer;
  const hint = "Set `user_prefix` to a text of its own.";
  if (OWN_PREFIXES.includes(prefix)) {
    return refusal("invalid_request", `\`user_prefix\` "${prefix}" is reserved for users that Sluice names itself.`, {
      hint,
    });
  }
  const other = others.find(
    (each) => each.name !== name && each.user_prefix === prefix && each.issuer !== issuer.issuer,
  );
  if (other === undefined) return null;
  return refusal("conflict", `\`user_prefix\` "${prefix}" is that of issuer "${other.name}", whose users are others.`, {
    hint,
  });
}

/** Users with the prefix have requests already, and the issuer's subjects may be other people. */
export function adoptedUsersRefusal({ user_prefix: prefix }: Pick<Prefixed, "user_prefix">): Refusal {
  const detail = `Requests of users named "${prefix}:…" exist, which the issuer's users of the same names would see.`;
  const hint = "Set another `user_prefix`, or send `adopt_users: true` if they are the same people.";
  return refusal("conflict", detail, { hint });
}
