// A caller's JSON body that comes slowly, stops, or finds no room, under a fake clock: what it is told, and that nobody waits behind a
// share that is not theirs.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { REQUEST_BODY_MAX_BYTES, readJsonBody } from "../../../src/http/json-body.ts";
import { BODY_SILENCE_MAX_MS, HELD_BODY_MAX_MS } from "../../../src/net/body-pace.ts";
import {
  acquire,
  BUFFER_BUDGET_BYTES,
  INBOUND_WAIT_MAX_MS,
  openInboundPermit,
  type Sender,
  TEAM_SHARE_BYTES,
} from "../../../src/net/byte-budget.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";

const KIB = 1024;
const STRANGER: Sender = { team: "stranger", address: null };
const OTHER: Sender = { team: "other", address: null };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  // Waits for ever when anything is still held.
  const whole = acquire(BUFFER_BUDGET_BYTES);
  await vi.advanceTimersByTimeAsync(SECOND_MS);
  (await whole)?.release();
  vi.useRealTimers();
});

interface Sending {
  request: Request;
  isCancelled(): boolean;
}

/** Chunks of JSON with pauses before them; after the last it is silent, or ends. */
function sending(chunks: readonly (readonly [pauseMs: number, bytes: number])[], ends = false): Sending {
  let at = 0;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = chunks[at];
        if (chunk === undefined) return ends ? controller.close() : new Promise(() => undefined);
        const [pauseMs, bytes] = chunk;
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        if (isCancelled) return;
        const text = `${at === 0 ? '"' : ""}${"x".repeat(bytes)}${ends && at === chunks.length - 1 ? '"' : ""}`;
        at++;
        controller.enqueue(new TextEncoder().encode(text));
      },
      cancel() {
        isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const init = { method: "POST", body, duplex: "half", headers: { "Content-Type": "application/json" } };
  return { request: new Request("https://sluice.test/", init as RequestInit), isCancelled: () => isCancelled };
}

/** Reads a body, and says when it was answered. */
async function read(sent: Sending, sender: Sender) {
  const began = Date.now();
  const answer = await readJsonBody(sent.request, sender, { maxBytes: REQUEST_BODY_MAX_BYTES });
  if (answer.kind === "read") answer.permit.release();
  return { answer, afterMs: Date.now() - began };
}

const every = (count: number, pauseMs: number, bytes: number) =>
  Array.from({ length: count }, () => [pauseMs, bytes] as const);

describe("a body", () => {
  test.each([
    ["is silent after a little", [[0, 6_000]], BODY_SILENCE_MAX_MS],
    ["is silent after megabytes", every(4, 0, 1_000_000), BODY_SILENCE_MAX_MS],
    ["drips", every(1_000, 2_000, 10), BODY_SILENCE_MAX_MS + 100],
    ["comes at half of the rate", every(1_000, 1_000, 8 * KIB), 2 * BODY_SILENCE_MAX_MS],
    ["goes on for longer than a minute", every(200, 1_000, 32 * KIB), HELD_BODY_MAX_MS],
  ] as const)("that %s is cut off and told so", async (_what, chunks, withinMs) => {
    const sent = sending(chunks);
    const reading = read(sent, STRANGER);
    await vi.advanceTimersByTimeAsync(withinMs + SECOND_MS);
    const { answer, afterMs } = await reading;
    expect(answer).toMatchObject({
      kind: "refused",
      refusal: {
        code: "invalid_request",
        status: 408,
        detail: expect.stringContaining("too slowly"),
        hint: expect.stringContaining("16 KiB"),
      },
    });
    expect([sent.isCancelled(), afterMs <= withinMs]).toEqual([true, true]);
  });

  test.each([
    [
      "pauses for fourteen seconds",
      [
        [0, 20_000],
        [14_000, 20_000],
        [100, 1],
      ],
    ],
    ["comes at the rate for half a minute", every(30, 1_000, 16 * KIB)],
    ["comes at once", every(90, 0, 100_000)],
  ] as const)("that %s is read", async (_what, chunks) => {
    const reading = read(sending(chunks, true), STRANGER);
    await vi.advanceTimersByTimeAsync(40 * SECOND_MS);
    expect((await reading).answer.kind).toBe("read");
  });

  test("that finds no room in its team's share is not blamed for it, and others read on", async () => {
    const full = openInboundPermit(STRANGER, TEAM_SHARE_BYTES);
    expect(await full.grow(TEAM_SHARE_BYTES)).toBe("granted");
    const reading = read(sending(every(3, 0, 10_000), true), STRANGER);
    expect((await read(sending(every(50, 0, 100_000), true), OTHER)).answer.kind).toBe("read");
    await vi.advanceTimersByTimeAsync(INBOUND_WAIT_MAX_MS + SECOND_MS);
    expect((await reading).answer).toMatchObject({
      kind: "refused",
      refusal: { code: "overloaded", retryAfterS: 5 },
    });
    const later = read(sending(every(3, 0, 10_000), true), STRANGER);
    await vi.advanceTimersByTimeAsync(SECOND_MS);
    full.release();
    await vi.advanceTimersByTimeAsync(SECOND_MS);
    expect((await later).answer.kind, "room came in time").toBe("read");
  });
});

describe("silent senders of one team", () => {
  test.each([3, 30, 300])("%d of them, with a megabyte each, hold up no other team", async (count) => {
    const silent = Array.from({ length: count }, () => sending(every(10, 0, 100_000)));
    const held = silent.map((each) => read(each, STRANGER));
    await vi.advanceTimersByTimeAsync(10);
    for (const bytes of [17, 50, 5_000]) {
      const { answer, afterMs } = await read(sending(every(10, 0, bytes * 100), true), OTHER);
      expect([answer.kind, afterMs]).toEqual(["read", 0]);
    }
    await vi.advanceTimersByTimeAsync(INBOUND_WAIT_MAX_MS + BODY_SILENCE_MAX_MS + SECOND_MS);
    for (const { answer } of await Promise.all(held)) {
      expect(answer).toMatchObject({
        kind: "refused",
        refusal: { code: expect.stringMatching(/overloaded|invalid_request/) },
      });
    }
  });

  test("at one address leave room for others of their team", async () => {
    const visitor: Sender = { team: "shop", address: "198.51.100.7" };
    const held = Array.from({ length: 40 }, () => read(sending(every(10, 0, 100_000)), visitor));
    await vi.advanceTimersByTimeAsync(10);
    const { answer, afterMs } = await read(sending(every(10, 0, 100_000), true), {
      team: "shop",
      address: "203.0.113.9",
    });
    expect([answer.kind, afterMs]).toEqual(["read", 0]);
    await vi.advanceTimersByTimeAsync(INBOUND_WAIT_MAX_MS + BODY_SILENCE_MAX_MS + SECOND_MS);
    await Promise.all(held);
  });
});
