// Files to upload, and the calls that upload them, as tests of uploads make them.

import { expect } from "vitest";
import { call, json } from "./calls.ts";

/** A PNG's first bytes and then a pattern that tells `seed` apart: enough of one for whoever looks at signatures. */
export function aPng(bytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  const file = Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);
  file.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52].slice(0, bytes));
  return file;
}

export interface Announced {
  id: string;
  upload_url: string;
  file_url: string;
  expires_at: string;
  method: string;
  headers: Record<string, string>;
  parts: { size: number; count: number } | null;
}

export async function announce(key: string, body: Record<string, unknown> = {}): Promise<Announced> {
  const wish = { file_name: "cat.png", content_type: "image/png", ...body };
  const response = await call("POST", "/v1/uploads", { key, body: wish });
  const answer = await json(response);
  expect(response.status, JSON.stringify(answer)).toBe(201);
  return answer as unknown as Announced;
}

/** What was answered: status, body, headers. */
export interface Said {
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
}

/** Sends bytes, or whatever `init` says, without a key. */
export async function send(url: string, init: RequestInit): Promise<Said> {
  const { exports } = await import("cloudflare:workers");
  const response: Response = await exports.default.fetch(new Request(url, { method: "PUT", ...init }));
  return { status: response.status, headers: response.headers, body: await json(response) };
}

/** The file behind a URL of ours, and how it came. */
export async function fetched(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; bytes: Uint8Array }> {
  const { exports } = await import("cloudflare:workers");
  const response: Response = await exports.default.fetch(new Request(url, { headers }));
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** A body that has no Content-Length. */
export function streamed(bytes: Uint8Array, chunk = 64 * 1024): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + chunk));
      at += chunk;
    },
  } as UnderlyingByteSource);
}
