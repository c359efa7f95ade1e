// Reading bodies under a cap: what counts as too large, what as broken, and that no stream is left open.

import { describe, expect, test } from "vitest";
import { readCapped, readTextCapped } from "../../../src/net/body.ts";
import { acquire, BUFFER_BUDGET_BYTES } from "../../../src/net/byte-budget.ts";

function chunked(chunks: (Uint8Array | "fault")[], headers: Record<string, string> = {}) {
  const seen = { pulled: 0, canceled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[seen.pulled++];
        if (chunk === undefined) controller.close();
        else if (chunk === "fault") controller.error(new Error("connection lost"));
        else controller.enqueue(chunk);
      },
      cancel() {
        seen.canceled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { message: { body, headers: new Headers(headers) }, seen };
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** Fails (by waiting for ever) when a permit was not given back. */
async function expectNothingHeld(): Promise<void> {
  const all = await acquire(BUFFER_BUDGET_BYTES);
  expect(all).not.toBeNull();
  all?.release();
}

describe("readCapped", () => {
  test("reads chunks into one piece and keeps only their size", async () => {
    const read = await readCapped(chunked([bytes("abc"), bytes("defg")]).message, 100);
    if (read.kind !== "read") throw new Error(read.kind);
    expect(new TextDecoder().decode(read.bytes)).toBe("abcdefg");
    expect(read.permit.bytes).toBe(7);
    read.permit.release();
    await expectNothingHeld();
  });

  test("reads a large body of unknown length whole", async () => {
    const chunk = new Uint8Array(50_000).fill(7);
    const read = await readCapped(chunked(Array(9).fill(chunk)).message, 1_000_000);
    if (read.kind !== "read") throw new Error(read.kind);
    expect(read.bytes.byteLength).toBe(450_000);
    expect(read.bytes.every((byte) => byte === 7)).toBe(true);
    read.permit.release();
  });

  test("takes a body of exactly the cap", async () => {
    const read = await readCapped(chunked([bytes("12345")]).message, 5);
    expect(read.kind).toBe("read");
    if (read.kind === "read") read.permit.release();
  });

  test("takes a missing body as empty", async () => {
    const read = await readCapped(new Response(null), 10);
    if (read.kind !== "read") throw new Error(read.kind);
    expect(read.bytes.byteLength).toBe(0);
    read.permit.release();
  });

  test("stops one byte over the cap, cancels the stream and holds nothing", async () => {
    const { message, seen } = chunked([bytes("123"), bytes("456"), bytes("789")]);
    expect(await readCapped(message, 5)).toEqual({ kind: "too_large" });
    expect(seen).toEqual({ pulled: 2, canceled: true });
    await expectNothingHeld();
  });

  test("refuses by Content-Length without reading", async () => {
    const { message, seen } = chunked([bytes("x")], { "content-length": "6" });
    expect(await readCapped(message, 5)).toEqual({ kind: "too_large" });
    expect(seen).toEqual({ pulled: 0, canceled: true });
  });

  test("does not believe the length of an encoded body", async () => {
    const headers = { "content-length": "2", "content-encoding": "gzip" };
    const read = await readCapped(chunked([bytes("decoded")], headers).message, 100);
    expect(read.kind).toBe("read");
    if (read.kind === "read") read.permit.release();
  });

  test("calls a body that is longer than it said broken", async () => {
    const { message, seen } = chunked([bytes("123456")], { "content-length": "3" });
    expect(await readCapped(message, 100)).toEqual({ kind: "broken" });
    expect(seen.canceled).toBe(true);
  });

  test("calls a body that breaks off broken and holds nothing", async () => {
    expect(await readCapped(chunked([bytes("123"), "fault"]).message, 100)).toEqual({ kind: "broken" });
    await expectNothingHeld();
  });

  test("calls a body that somebody else reads broken", async () => {
    const response = new Response("text");
    response.body?.getReader();
    expect(await readCapped(response, 100)).toEqual({ kind: "broken" });
  });
});

describe("readTextCapped", () => {
  test.each([
    ["plain text", bytes("grüße"), "grüße"],
    ["a byte order mark, which is dropped", new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), "{}"],
    ["a byte that is not UTF-8, which is replaced", new Uint8Array([0x61, 0xff, 0x62]), "a\ufffdb"],
  ])("decodes %s", async (_name, body, text) => {
    const read = await readTextCapped(chunked([body]).message, 100);
    if (read.kind !== "read") throw new Error(read.kind);
    expect(read.text).toBe(text);
    read.permit.release();
  });

  test("passes a refusal on", async () => {
    expect(await readTextCapped(chunked([bytes("123456")]).message, 5)).toEqual({ kind: "too_large" });
  });
});
