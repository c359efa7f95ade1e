// fal's webhook signature: a fixed vector, and every way in which a call can be no call of fal's.

import { describe, expect, test } from "vitest";
import { JWKS_KEYS_MAX } from "../../../src/net/fetch-text.ts";
import { decodeKey, encodeKey, keysOf, verifyWebhook } from "../../../src/upstream/fal-webhook-signature.ts";

// A synthetic key: its ED25519 seed is the bytes 0x01 to 0x20.
const X = "ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ";
const ID = "764cabcf-b745-4b3e-ae38-1200304cf45b";
const BODY = `{"request_id":"${ID}","gateway_request_id":"${ID}","status":"OK","payload":{"seed":1},"error":null}`;
const SIGNATURE =
  "30abc9777f51258275fa860f3e0bbc04988f41e625ec62d631624cf47871f503d2e32c4aa0d60f0d21bfaf5bb60e2bc19f4b21214c3cd1b2a5d4e5652dafdd00";
const TIMESTAMP_S = 1_700_000_000;
const HEADERS = {
  "x-fal-webhook-request-id": ID,
  "x-fal-webhook-user-id": "user_test",
  "x-fal-webhook-timestamp": String(TIMESTAMP_S),
  "x-fal-webhook-signature": SIGNATURE,
};
const OTHER_KEY = new Uint8Array(32).fill(9);

function keyBytes(x: string): Uint8Array {
  const key = decodeKey(x);
  if (key === null) throw new Error("not a key");
  return key;
}

function verify(
  changes: { headers?: Record<string, string>; body?: string; nowMs?: number; keys?: Uint8Array[] } = {},
) {
  return verifyWebhook({
    headers: new Headers({ ...HEADERS, ...changes.headers }),
    bytes: new TextEncoder().encode(changes.body ?? BODY),
    nowMs: changes.nowMs ?? TIMESTAMP_S * 1_000,
    keys: changes.keys ?? [keyBytes(X)],
  });
}

describe("verifyWebhook", () => {
  const verified = { kind: "verified", requestId: ID, userId: "user_test", timestampS: TIMESTAMP_S };

  test("takes the vector", async () => {
    expect(await verify()).toEqual(verified);
  });

  test("tries every key, in whatever order, past ones that are none", async () => {
    expect(await verify({ keys: [OTHER_KEY, new Uint8Array(32), new Uint8Array(5), keyBytes(X)] })).toEqual(verified);
  });

  test("takes a signature in upper-case hex", async () => {
    expect(await verify({ headers: { "x-fal-webhook-signature": SIGNATURE.toUpperCase() } })).toEqual(verified);
  });

  test.each(Object.keys(HEADERS))("refuses a call without %s", async (name) => {
    const headers = new Headers(HEADERS);
    headers.delete(name);
    const bytes = new TextEncoder().encode(BODY);
    const answer = await verifyWebhook({ headers, bytes, nowMs: TIMESTAMP_S * 1_000, keys: [keyBytes(X)] });
    expect(answer).toEqual({ kind: "refused", reason: "missing_header" });
  });

  test.each([
    ["a body that changed by a byte", { body: BODY.replace('"seed":1', '"seed":2') }],
    ["a body with a new line at its end", { body: `${BODY}\n` }],
    ["another user id", { headers: { "x-fal-webhook-user-id": "user_other" } }],
    ["another request id", { headers: { "x-fal-webhook-request-id": "other" } }],
    ["another time stamp", { headers: { "x-fal-webhook-timestamp": String(TIMESTAMP_S + 1) } }],
    ["a signature that changed", { headers: { "x-fal-webhook-signature": SIGNATURE.replace("30ab", "30ac") } }],
    ["the signature of another key", { keys: [OTHER_KEY] }],
    ["no key at all", { keys: [] }],
  ])("refuses %s as badly signed", async (_name, changes) => {
    expect(await verify(changes)).toEqual({ kind: "refused", reason: "bad_signature" });
  });

  test.each([
    ["a signature that is too short", { "x-fal-webhook-signature": SIGNATURE.slice(2) }],
    ["a signature that is too long", { "x-fal-webhook-signature": `${SIGNATURE}00` }],
    ["a signature that is not hex", { "x-fal-webhook-signature": SIGNATURE.replace("30", "zz") }],
    ["a time stamp with a fraction", { "x-fal-webhook-timestamp": `${TIMESTAMP_S}.0` }],
    ["a time stamp with a sign", { "x-fal-webhook-timestamp": `+${TIMESTAMP_S}` }],
    ["a time stamp in words", { "x-fal-webhook-timestamp": "now" }],
    ["a time stamp as a date", { "x-fal-webhook-timestamp": "2023-11-14T22:13:20Z" }],
    ["a user id with a space", { "x-fal-webhook-user-id": "user test" }],
    ["an endless request id", { "x-fal-webhook-request-id": "x".repeat(300) }],
  ])("refuses %s as malformed", async (_name, headers) => {
    expect(await verify({ headers })).toEqual({ kind: "refused", reason: "malformed" });
  });

  test.each([
    [-301, "refused"],
    [-300, "verified"],
    [-299, "verified"],
    [299, "verified"],
    [300, "verified"],
    [301, "refused"],
  ])("with our clock %s s off it is %s", async (offS, kind) => {
    const answer = await verify({ nowMs: (TIMESTAMP_S + offS) * 1_000 });
    expect(answer.kind).toBe(kind);
    if (answer.kind === "refused") expect(answer.reason).toBe("stale");
  });

  test("takes milliseconds for a time far away", async () => {
    const headers = { "x-fal-webhook-timestamp": String(TIMESTAMP_S * 1_000) };
    expect(await verify({ headers })).toEqual({ kind: "refused", reason: "stale" });
  });
});

describe("keysOf", () => {
  const jwks = (...keys: unknown[]) => JSON.stringify({ keys });

  test.each([
    ["with its members", { kty: "OKP", crv: "Ed25519", kid: "1", x: X }],
    ["with x alone", { x: X }],
    ["with padding", { x: `${X}=` }],
    ["in the other alphabet", { x: X.replaceAll("_", "/").replaceAll("-", "+") }],
  ])("takes a key %s", (_name, key) => {
    expect(keysOf(jwks(key)).map(encodeKey)).toEqual([X]);
  });

  test("takes the good ones out of junk, each once", () => {
    const text = jwks(null, 7, "x", {}, { x: 7 }, { x: "!!" }, { x: "AAAA" }, { x: X }, { x: `${X}=` });
    expect(keysOf(text).map(encodeKey)).toEqual([X]);
  });

  test.each([
    ["another key type", jwks({ kty: "EC", x: X })],
    ["another curve", jwks({ crv: "X25519", x: X })],
    ["an empty set", jwks()],
    ["a page", "<html>"],
    ["nothing", ""],
    ["a list", "[]"],
    ["null", "null"],
    ["keys that are no list", '{"keys":{"x":1}}'],
  ])("finds no key in %s", (_name, text) => {
    expect(keysOf(text)).toEqual([]);
  });

  test("keeps no more than a sensible number of keys", () => {
    const many = Array.from({ length: 100 }, (_, n) => ({ x: encodeKey(new Uint8Array(32).fill(n)) }));
    expect(keysOf(jwks(...many))).toHaveLength(JWKS_KEYS_MAX);
  });
});
