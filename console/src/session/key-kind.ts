// What a pasted text is, before it is sent anywhere: its kind and checksum are in the text itself.

import { parseKey } from "../../../src/team/auth/key-text.ts";

export type PastedKey = { kind: "usable"; is: "key" | "operator" } | { kind: "unusable"; why: string };

/** ADMIN_TOKEN has no format but a length; whatever looks like a key of others is named as that. */
const OPERATOR_TOKEN_MIN_CHARS = 32;

export async function kindOfKey(text: string): Promise<PastedKey> {
  // Without a secure context there is no digest to check with, and a key would cross the network in the clear.
  if (!isSecureContext) return unusable("This page came without encryption. Open it over https://, or on localhost.");
  const parsed = await parseKey(text);
  switch (parsed.kind) {
    case "secret":
      return { kind: "usable", is: "key" };
    case "jwt":
      if (parsed.team !== null) return { kind: "usable", is: "key" };
      return unusable("This JWT does not name its team. Paste it as sl_jwt_<team>.<token>.");
    case "publishable":
      return unusable("This key is publishable: it is for web pages. Sign in with a secret key (sl_sk_…).");
    case "mistyped":
      return unusable("The checksum of this key does not match. Copy the whole key, to its last character.");
    case "malformed":
      if (text.startsWith("sl_")) return unusable("This key is incomplete. Copy the whole key, to its last character.");
      if (text.length >= OPERATOR_TOKEN_MIN_CHARS && !text.includes(":")) return { kind: "usable", is: "operator" };
      return unusable("This is not a Sluice key. Secret keys begin with sl_sk_.");
  }
}

function unusable(why: string): PastedKey {
  return { kind: "unusable", why };
}
