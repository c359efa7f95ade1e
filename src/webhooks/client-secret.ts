// Secrets that sign deliveries to a `webhook_url` that a client token or a user's JWT named: one for each user, derived from SIGNING_KEY,
// so that nothing is stored and the team's own secret stays unknown to those receivers.

import { secretBytes } from "../platform/signing.ts";

/** The `whsec_` secrets of a user, the current one first, then those of earlier signing keys, which receivers may still have. */
export async function clientWebhookSecrets(
  signingKeys: readonly string[],
  team: string,
  user: string,
): Promise<string[]> {
  const secrets = await Promise.all(signingKeys.map((key) => secretBytes(key, "client_webhook", [team, user])));
  return secrets.map((bytes) => `whsec_${btoa(String.fromCharCode(...bytes))}`);
}
