// Whether a key may be used, and the sentence a caller reads when it may not: what is wrong, and a way out. Pure: the time is a
// parameter.

import type { Scope } from "../../contracts/team-keys.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";

/** What of a stored key decides. Times are epoch milliseconds. */
export interface KeyState {
  id: string;
  expiresAt: number | null;
  revokedAt: number | null;
  frozenAt: number | null;
}

const ANOTHER_KEY = "Use another key; an admin of the team makes one with POST /v1/keys.";
const HOW_TO_SEND = "Send the header `Authorization: Bearer sl_sk_…` (`Key` instead of `Bearer` works too).";

export const NO_KEY = refusal("unauthenticated", "No key was sent.", { hint: HOW_TO_SEND });

export const MALFORMED_KEY = refusal("unauthenticated", "What was sent is not a Sluice key.", {
  hint: `${HOW_TO_SEND} Keys of fal.ai and Maton are not Sluice keys.`,
});

export const MISTYPED_KEY = refusal("unauthenticated", "The key was mistyped or cut off: its checksum does not fit.", {
  hint: "Copy the whole key again, from `sl_sk_` to its last character.",
});

export const UNKNOWN_KEY = refusal("unauthenticated", "The key is well formed, but not known here.", {
  hint: `It may belong to another deployment. ${ANOTHER_KEY}`,
});

export const NOT_THE_OPERATOR = refusal("unauthenticated", "This route takes the operator's token.", {
  hint: "Send the header `Authorization: Bearer <ADMIN_TOKEN>`.",
});

/** Why this key may not be used at all now, or null. */
export function keyFault(key: KeyState, now: number): Refusal | null {
  if (key.revokedAt !== null) {
    return refusal("unauthenticated", `The key was revoked at ${timeText(key.revokedAt)}.`, { hint: ANOTHER_KEY });
  }
  if (key.expiresAt !== null && key.expiresAt <= now) {
    return refusal("unauthenticated", `The key expired at ${timeText(key.expiresAt)}.`, { hint: ANOTHER_KEY });
  }
  if (key.frozenAt !== null) {
    return refusal("forbidden", `The key is frozen since ${timeText(key.frozenAt)}.`, {
      hint: `An admin of the team resumes it with POST /v1/keys/${key.id}/resume.`,
    });
  }
  return null;
}

/** Why nobody may use the team now, or null. Who may administrate still can, because somebody has to resume it. */
export function teamFault(frozenAt: number | null): Refusal | null {
  if (frozenAt === null) return null;
  return refusal("forbidden", `The team is frozen since ${timeText(frozenAt)}.`, {
    hint: "An admin of the team resumes it with POST /v1/team/resume.",
  });
}

/** Why nothing may be done for this user now, or null. The name is not repeated: it may be somebody else's to know. */
export function userFault(frozenAt: number | null): Refusal | null {
  if (frozenAt === null) return null;
  return refusal("forbidden", `This user is blocked since ${timeText(frozenAt)}.`, {
    hint: "An admin of the team ends that with POST /v1/users/{id}/resume.",
  });
}

/** Why a credential that is good for one user may not act for this one, or null. */
export function actingFault(bound: string | null, user: string | null): Refusal | null {
  if (bound === null || user === null || bound === user) return null;
  return refusal("user_mismatch", "This credential acts for one user, and the call names another.", {
    hint: "Leave `user` and Sluice-User out, or use a secret key that is bound to nobody.",
  });
}

/** Why a key with these scopes may not do what needs `scope`, or null. */
export function scopeFault(scopes: readonly Scope[], scope: Scope): Refusal | null {
  if (scopes.includes(scope)) return null;
  const yours = scopes.length === 0 ? "none" : scopes.join(", ");
  return refusal("forbidden", `This needs a key with scope \`${scope}\`; yours has: ${yours}.`, {
    hint: ANOTHER_KEY,
  });
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
