// Whether a key may be used, and the sentence a caller reads when it may not: what is wrong, and a way out.
// Pure: the time is a parameter. Imports types and errors.

import { type Refusal, refusal } from "../errors.ts";
import type { Scope } from "./types.ts";

/** What of a stored key decides. Times are epoch milliseconds. */
export interface KeyState {
  scopes: Scope[];
  expiresAt: number | null;
  revokedAt: number | null;
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
  return null;
}

/** Why a key with these scopes may not do what needs `scope`, or null. */
export function scopeFault(scopes: readonly Scope[], scope: Scope): Refusal | null {
  if (scopes.includes(scope)) return null;
  return refusal("forbidden", `This needs a key with scope \`${scope}\`; yours has: ${scopes.join(", ")}.`, {
    hint: ANOTHER_KEY,
  });
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
