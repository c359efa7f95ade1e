// HMAC signatures with SIGNING_KEY: the first key signs, every key verifies, so keys can be rotated. Also the only comparison
// of secrets (scripts/check/secrets.ts).

import { hex } from "./ids.ts";

/** Purpose of a signature. It is part of the signed text, so a signature is valid for one purpose only. */
export type MarkPurpose =
  | "callback"
  | "file"
  | "file_link"
  | "upload"
  | "input"
  | "visitor"
  | "address"
  | "probe"
  | "client_webhook";

/** A signing key ready for HMAC-SHA256. */
export interface MarkKey {
  /** Key id of four hex digits: with a rotated list, verification needs one HMAC. */
  kid: string;
  key: CryptoKey;
}

const keyCache = new Map<string, Promise<MarkKey>>();

/** The CryptoKey of a SIGNING_KEY secret, imported once per isolate. */
export function markKey(secret: string): Promise<MarkKey> {
  const known = keyCache.get(secret);
  if (known) return known;
  const made = importKey(secret);
  keyCache.set(secret, made);
  return made;
}

async function importKey(secret: string): Promise<MarkKey> {
  const bytes = new TextEncoder().encode(secret);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`sluice-kid\n${secret}`));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  return { kid: hex(digest).slice(0, 4), key };
}

function signedText(purpose: MarkPurpose, parts: readonly string[]): Uint8Array {
  return new TextEncoder().encode([purpose, ...parts].join("\n"));
}

/** Signs the parts: 4 hex digits of key id and 64 of HMAC-SHA256. */
export async function makeMark(
  keys: readonly string[],
  purpose: MarkPurpose,
  parts: readonly string[],
): Promise<string> {
  const first = keys[0];
  if (first === undefined) throw new Error("no signing key");
  const { kid, key } = await markKey(first);
  return kid + hex(await crypto.subtle.sign("HMAC", key, signedText(purpose, parts)));
}

/** 32 bytes that one signing key gives for these parts: a secret that need not be stored. */
export async function secretBytes(
  signingKey: string,
  purpose: MarkPurpose,
  parts: readonly string[],
): Promise<Uint8Array> {
  const { key } = await markKey(signingKey);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, signedText(purpose, parts)));
}

/** Verifies a signature. Constant time (WebCrypto verify). */
export async function checkMark(
  keys: readonly string[],
  purpose: MarkPurpose,
  parts: readonly string[],
  mark: string,
): Promise<boolean> {
  if (!/^[0-9a-f]{68}$/.test(mark)) return false;
  const bytes = Uint8Array.from(mark.slice(4).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  for (const secret of keys) {
    const { kid, key } = await markKey(secret);
    if (kid !== mark.slice(0, 4)) continue;
    if (await crypto.subtle.verify("HMAC", key, bytes, signedText(purpose, parts))) return true;
  }
  return false;
}

/**
 * Compares two secrets in time independent of content and length: `timingSafeEqual` requires equal lengths, so their SHA-256
 * digests are compared (developers.cloudflare.com/workers/runtime-apis/web-crypto).
 */
export async function sameSecret(one: string, other: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const digests = [one, other].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text)));
  const [first, second] = await Promise.all(digests);
  return first !== undefined && second !== undefined && crypto.subtle.timingSafeEqual(first, second);
}
