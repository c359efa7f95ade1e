// Creates signing secrets of webhooks.

/** A Standard Webhooks secret of 32 random bytes. */
export function makeWebhookSecret(): string {
  return `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))}`;
}
