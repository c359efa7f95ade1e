// fal's webhook signature over raw bytes, and the key set it is checked with. Verify before any meaning is read. Pure apart
// from WebCrypto: no fetch, no clock, no storage.

import { JWKS_KEYS_MAX } from "../net/fetch-text.ts";
import { sha256Hex } from "../platform/ids.ts";
import { WEBHOOK_TOLERANCE_S } from "../webhooks/classify.ts";

export type Verification =
  | { kind: "verified"; requestId: string; userId: string; timestampS: number }
  | { kind: "refused"; reason: "missing_header" | "malformed" | "stale" | "bad_signature" };

const ID_TEXT = /^[\x21-\x7e]{1,256}$/;
const TIMESTAMP = /^[0-9]{1,15}$/;
const SIGNATURE = /^[0-9a-f]{128}$/i;
const KEY_BYTES = 32;

/**
 * fal signs four lines joined by "\n" without a last one: request id, user id, time stamp as sent, lower-case hex SHA-256
 * of the raw body; ED25519, hex (fal.ai/docs/documentation/model-apis/inference/webhooks). No header names the key, so each
 * is tried. A good signature proves that fal sent it to *somebody*: whose `userId` it is, is the caller's to check.
 */
export async function verifyWebhook(call: {
  headers: Headers;
  bytes: Uint8Array;
  nowMs: number;
  /** Raw ED25519 public keys of 32 bytes. */
  keys: readonly Uint8Array[];
}): Promise<Verification> {
  const requestId = call.headers.get("x-fal-webhook-request-id");
  const userId = call.headers.get("x-fal-webhook-user-id");
  const timestamp = call.headers.get("x-fal-webhook-timestamp");
  const signature = call.headers.get("x-fal-webhook-signature");
  if (!requestId || !userId || !timestamp || !signature) return unverified("missing_header");
  if (!ID_TEXT.test(requestId) || !ID_TEXT.test(userId)) return unverified("malformed");
  if (!TIMESTAMP.test(timestamp) || !SIGNATURE.test(signature)) return unverified("malformed");
  const timestampS = Number(timestamp);
  if (Math.abs(Math.floor(call.nowMs / 1_000) - timestampS) > WEBHOOK_TOLERANCE_S) return unverified("stale");
  const message = new TextEncoder().encode([requestId, userId, timestamp, await sha256Hex(call.bytes)].join("\n"));
  const signatureBytes = Uint8Array.from(signature.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  for (const key of call.keys) {
    if (await signedBy(key, signatureBytes, message)) return { kind: "verified", requestId, userId, timestampS };
  }
  return unverified("bad_signature");
}

/** Some 32 bytes are no point of the curve; the runtime refuses such a key, and then it has signed nothing. */
async function signedBy(key: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signature, message);
  } catch {
    return false;
  }
}

/**
 * The usable keys of a JWKS document: `x` with or without padding, in either base64 alphabet, 32 bytes; `kty` and `crv` only
 * where they are given. Anything else is passed over; no usable key gives an empty list.
 */
export function keysOf(jwksText: string): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  for (const entry of jwksEntries(jwksText)) {
    const key = keys.size < JWKS_KEYS_MAX ? keyOfEntry(entry) : null;
    if (key !== null) keys.set(encodeKey(key), key);
  }
  return [...keys.values()];
}

/** base64url without padding, as a JWK's `x`. */
export function encodeKey(key: Uint8Array): string {
  return btoa(String.fromCharCode(...key))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** The 32 bytes of a JWK's `x`, or null. */
export function decodeKey(x: string): Uint8Array | null {
  try {
    const text = atob(x.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
    return text.length === KEY_BYTES ? Uint8Array.from(text, (char) => char.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

function jwksEntries(text: string): unknown[] {
  try {
    const document: unknown = JSON.parse(text);
    const keys = isObject(document) ? document.keys : undefined;
    return Array.isArray(keys) ? keys : [];
  } catch {
    return [];
  }
}

function keyOfEntry(entry: unknown): Uint8Array | null {
  if (!isObject(entry) || typeof entry.x !== "string") return null;
  if (entry.kty !== undefined && entry.kty !== "OKP") return null;
  if (entry.crv !== undefined && entry.crv !== "Ed25519") return null;
  return decodeKey(entry.x);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function unverified(reason: Extract<Verification, { kind: "refused" }>["reason"]): Verification {
  return { kind: "refused", reason };
}
