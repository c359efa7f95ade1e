// Whether a credential may be used, and the refusal if not. Pure.

import type { Scope } from "../../contracts/team-keys.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";

/** State of a key. Times are epoch ms. */
export interface KeyState {
  id: string;
  expiresAt: number | null;
  revokedAt: number | null;
  frozenAt: number | null;
}

const ANOTHER_KEY = "Use another key. A team admin creates keys with POST /v1/keys.";
const HOW_TO_SEND = "Send the header `Authorization: Bearer sl_sk_…` or `Authorization: Key sl_sk_…`.";

export const NO_KEY = refusal("unauthenticated", "No API key provided.", { hint: HOW_TO_SEND });

export const MALFORMED_KEY = refusal("unauthenticated", "The credential is not a Sluice API key.", {
  hint: `${HOW_TO_SEND} Keys of fal.ai and Maton are not Sluice keys.`,
});

export const DOUBLE_SCHEME = refusal("unauthenticated", "The Authorization header names its scheme twice.", {
  hint: `${HOW_TO_SEND} Clients of fal add \`Key\` themselves.`,
});

export const QUOTED_KEY = refusal("unauthenticated", "The API key stands in quotation marks.", {
  hint: `${HOW_TO_SEND} Leave the quotation marks out, also in .env files of programs that keep them.`,
});

export const MISTYPED_KEY = refusal("unauthenticated", "Invalid API key: the checksum does not match.", {
  hint: "Copy the complete key, from `sl_sk_` to the last character.",
});

export const UNKNOWN_KEY = refusal("unauthenticated", "Unknown API key.", {
  hint: `The key may belong to another deployment. ${ANOTHER_KEY}`,
});

export const NOT_THE_OPERATOR = refusal("unauthenticated", "This route requires the operator token.", {
  hint: "Send the header `Authorization: Bearer <ADMIN_TOKEN>`.",
});

/** Why the key cannot be used now, or null. */
export function keyFault(key: KeyState, now: number): Refusal | null {
  if (key.revokedAt !== null) {
    return refusal("unauthenticated", `The API key was revoked at ${timeText(key.revokedAt)}.`, { hint: ANOTHER_KEY });
  }
  if (key.expiresAt !== null && key.expiresAt <= now) {
    return refusal("key_expired", `The API key expired at ${timeText(key.expiresAt)}.`, { hint: ANOTHER_KEY });
  }
  if (key.frozenAt !== null) {
    return refusal("key_frozen", `The API key has been frozen since ${timeText(key.frozenAt)}.`, {
      hint: `A team admin unfreezes it with POST /v1/keys/${key.id}/resume.`,
    });
  }
  return null;
}

/** Why the team cannot be used now, or null. Admins keep access, because they unfreeze it. */
export function teamFault(frozenAt: number | null): Refusal | null {
  if (frozenAt === null) return null;
  return refusal("forbidden", `The team has been frozen since ${timeText(frozenAt)}.`, {
    hint: "A team admin unfreezes it with POST /v1/team/resume.",
  });
}

/** Why nothing may be done for this user now, or null. The refusal does not repeat the user id. */
export function userFault(frozenAt: number | null): Refusal | null {
  if (frozenAt === null) return null;
  return refusal("user_frozen", `The user has been frozen since ${timeText(frozenAt)}.`, {
    hint: "A team admin unfreezes the user with POST /v1/users/{id}/resume.",
  });
}

/** Why a credential bound to one user may not act for another, or null. */
export function actingFault(bound: string | null, user: string | null): Refusal | null {
  if (bound === null || user === null || bound === user) return null;
  return refusal("user_mismatch", "The credential is bound to a user other than the one in `user` or Sluice-User.", {
    hint: "Omit `user` and Sluice-User, or use a secret key that is not bound to a user.",
  });
}

/** Why these scopes do not permit an operation that requires `scope`, or null. */
export function scopeFault(scopes: readonly Scope[], scope: Scope): Refusal | null {
  if (scopes.includes(scope)) return null;
  const yours = scopes.length === 0 ? "none" : scopes.join(", ");
  return refusal("forbidden", `This operation requires the scope \`${scope}\`; the credential has: ${yours}.`, {
    hint: ANOTHER_KEY,
  });
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
