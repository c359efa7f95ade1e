// fal's webhook signature: ED25519 keys derived from the seed, the signed text, and the key set that verifies it.
// https://fal.ai/docs/documentation/model-apis/inference/webhooks.

import type { Settings } from "./settings.ts";

/** Wraps a 32-byte private key as PKCS #8 (RFC 8410), the only private form that WebCrypto takes. */
const PKCS8_PREFIX = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/** The generation of a key that is never in the key set. */
export const FORGER = "forger";

interface SigningKey {
  key: CryptoKey;
  /** Public key, base64url without padding. */
  x: string;
}

async function signingKey(seed: string, generation: number | typeof FORGER): Promise<SigningKey> {
  const secret = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`webhook key ${seed} ${generation}`));
  const pkcs8 = Uint8Array.from([...PKCS8_PREFIX, ...new Uint8Array(secret)]);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, true, ["sign"]);
  const jwk = await crypto.subtle.exportKey("jwk", key);
  if (!("x" in jwk) || typeof jwk.x !== "string") throw new Error("the runtime exported a key without its public part");
  return { key, x: jwk.x };
}

export interface Signed {
  requestId: string;
  userId: string;
  timestampS: number;
  body: string;
}

/** The four headers of a delivery. Signed text: request id, user id, time stamp, SHA-256 of the body, joined by "\n". */
export async function signatureHeaders(
  settings: Settings,
  signer: "current" | typeof FORGER,
  signed: Signed,
): Promise<Record<string, string>> {
  const { key } = await signingKey(settings.seed, signer === FORGER ? FORGER : settings.signingKey);
  const digest = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(signed.body)));
  const text = [signed.requestId, signed.userId, String(signed.timestampS), digest].join("\n");
  const signature = await crypto.subtle.sign({ name: "Ed25519" }, key, new TextEncoder().encode(text));
  return {
    "x-fal-webhook-request-id": signed.requestId,
    "x-fal-webhook-user-id": signed.userId,
    "x-fal-webhook-timestamp": String(signed.timestampS),
    "x-fal-webhook-signature": hex(signature),
  };
}

/** The current public keys, newest last. */
export async function keySet(settings: Settings): Promise<{ keys: JsonWebKey[] }> {
  const first = settings.jwksKeepsOld ? 0 : settings.signingKey;
  const keys: JsonWebKey[] = [];
  for (let generation = first; generation <= settings.signingKey; generation++) {
    const { x } = await signingKey(settings.seed, generation);
    keys.push({ kty: "OKP", crv: "Ed25519", x: settings.jwksPadded ? `${x}=` : x });
  }
  return { keys };
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
