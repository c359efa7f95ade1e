// A new isolate that serves a file, a shared link or a webhook evaluates no schema, and not the library of schemas either.

import { beforeEach, expect, test, vi } from "vitest";
import { signatureHeaders } from "../../../sandbox/src/signing.ts";
import { filePath, linkPath } from "../../../src/files/urls.ts";
import type { Env } from "../../../src/platform/bindings.ts";
import { makeMark } from "../../../src/platform/signing.ts";
import { encodeKey } from "../../../src/upstream/fal-webhook-signature.ts";

const { loads } = vi.hoisted(() => ({ loads: { count: 0 } }));
vi.mock("../../../src/platform/on-demand.cjs", async (original) => {
  const { loadZod } = await original<typeof import("../../../src/platform/on-demand.cjs")>();
  const counted = () => {
    loads.count += 1;
    return loadZod();
  };
  return { loadZod: counted };
});

vi.mock("cloudflare:workers", () => ({ DurableObject: class {}, RpcTarget: class {} }));

const { createApp } = await import("../../../src/app.ts");

const SIGNING_KEY = "0123456789abcdef0123456789abcdef";
const REQUEST = "a".repeat(64);
const FILE = { team: "acme", request: REQUEST, n: 0, name: "cat.png" };
const BYTES = "the bytes of a cat";

const reported: unknown[] = [];
const tracker = {
  isShared: async () => true,
  report: async (report: unknown) => {
    reported.push(report);
    return { kind: "recorded" };
  },
};
const settings = { seed: "cold", signingKey: 0, jwksKeepsOld: false } as Parameters<typeof signatureHeaders>[0];
const env = {
  MATON_API_KEY: "a-key",
  SIGNING_KEY,
  FILES: { get: async () => storedFile() },
  TRACKER: { idFromString: (id: string) => id, get: () => tracker },
  UPSTREAM: { getByName: () => ({ webhookKeys: async () => webhookKeys() }) },
} as unknown as Env;
const execution = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };

beforeEach(() => {
  loads.count = 0;
});

test("the Worker starts without one, its objects too; the first call that needs one evaluates it", async () => {
  await import("../../../src/index.ts");
  expect(loads.count).toBe(0);
  const { submitBody } = await import("../../../src/http/read-submit.ts");
  submitBody();
  expect(loads.count).toBeGreaterThan(0);
});

test("a file read evaluates none", async () => {
  const answer = await call(await filePath([SIGNING_KEY], FILE));
  expect([answer.status, await answer.text()]).toEqual([200, BYTES]);
  expect(loads.count).toBe(0);
});

test("a shared link evaluates none", async () => {
  const link = { share: `shr_${"a".repeat(20)}`, endsAtS: Math.floor(Date.now() / 1_000) + 60 };
  const answer = await call(await linkPath([SIGNING_KEY], FILE, link));
  expect([answer.status, await answer.text()]).toEqual([200, BYTES]);
  expect(loads.count).toBe(0);
});

test("a verified webhook evaluates none", async () => {
  const requestId = "0198c2a4-1111-4222-8333-444455556666";
  const payload = { images: [{ url: "https://v3.fal.media/files/cat.png", content_type: "image/png" }] };
  const body = JSON.stringify({ request_id: requestId, gateway_request_id: requestId, status: "OK", payload });
  const signed = { requestId, userId: "fal-user", timestampS: Math.floor(Date.now() / 1_000), body };
  const headers = await signatureHeaders(settings, "current", signed);
  const token = await makeMark([SIGNING_KEY], "callback", [REQUEST]);
  const answer = await call(`/hooks/fal/${REQUEST}/${token}`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
  expect(reported).toMatchObject([{ upstreamId: requestId, userId: "fal-user", end: { kind: "output" } }]);
  expect(loads.count).toBe(0);
});

function call(path: string, init: RequestInit = {}): Response | Promise<Response> {
  return createApp().fetch(new Request(`https://sluice.test${path}`, init), env, execution);
}

function storedFile(): unknown {
  return {
    body: new Response(BYTES).body,
    httpEtag: '"e"',
    size: BYTES.length,
    uploaded: new Date(0),
    httpMetadata: { contentType: "image/png" },
  };
}

async function webhookKeys(): Promise<unknown> {
  const { keySet } = await import("../../../sandbox/src/signing.ts");
  const { keys } = await keySet(settings);
  const raw = keys.map(({ x = "" }) => encodeKey(Uint8Array.from(Buffer.from(x, "base64url"))));
  return { kind: "keys", keys: raw, fetchedAt: Date.now() };
}
