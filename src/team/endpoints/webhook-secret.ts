// Makes the secrets that sign webhooks to a team.

/** A secret that signs webhooks to a team, in the spelling of Standard Webhooks: 32 random bytes. */
export function makeWebhookSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
}
