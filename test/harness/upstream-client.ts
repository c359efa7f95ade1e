// A client whose calls meet answers made on the spot, and a check that no call keeps bytes.

import { afterEach, beforeEach, expect, vi } from "vitest";
import { acquire, BUFFER_BUDGET_BYTES } from "../../src/net/byte-budget.ts";
import { type Config, parseConfig } from "../../src/platform/config.ts";
import { createUpstreamClient } from "../../src/upstream/client/client.ts";
import { MODEL } from "./model.ts";

export const ID = "764cabcf-b745-4b3e-ae38-1200304cf45b";
export const CONNECTION = "21fd90f9-5935-43cd-b6c8-bde9d915ca80";

export function config(variables: Record<string, string> = {}): Config {
  const parsed = parseConfig({ MATON_API_KEY: "maton-key", SIGNING_KEY: "x".repeat(32), ...variables });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

export const client = createUpstreamClient(config());
export const fetchSpy = vi.spyOn(globalThis, "fetch");

beforeEach(() => {
  fetchSpy.mockReset();
});

afterEach(async () => {
  vi.useRealTimers();
  // Waits for ever when a call kept bytes that nobody can release any more.
  const all = await acquire(BUFFER_BUDGET_BYTES);
  all?.release();
});

export function answerWith(status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = typeof body === "string" || body === null ? body : JSON.stringify(body);
  const init = { status, headers: { "content-type": "application/json", ...headers } };
  fetchSpy.mockImplementation(async () => new Response(text, init));
}

export function answerWithStream(body: ReadableStream<Uint8Array>, status = 200, type = "application/json"): void {
  fetchSpy.mockImplementation(async () => new Response(body, { status, headers: { "content-type": type } }));
}

/** The one call that was made. */
export function sent() {
  expect(fetchSpy).toHaveBeenCalledOnce();
  const [url, init] = fetchSpy.mock.calls[0] ?? [];
  return { url: String(url), init: init ?? {}, headers: Object.fromEntries(new Headers(init?.headers)) };
}

export const brokenBody = () =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      controller.error(new Error("connection lost"));
    },
  });

export const following = { model: MODEL, upstreamId: ID, connection: CONNECTION };

export const MATON_401 = { error: { message: "Invalid API key", code: 401 } };
export const MATON_404 = { message: `Connection ${CONNECTION} not found`, type: "Not Found", code: 404 };
export const MATON_500 = { error: { message: "Gateway error", code: 500 } };
