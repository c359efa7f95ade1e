// The byte pump by a table: whatever comes, it is stored whole or not at all, the one who is to blame is named, no bytes of the
// budget stay taken, and no multipart upload is left open.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BodyFeed, type Feed, SliceFeed } from "../../../src/files/byte-reader.ts";
import { FILE_SNIFF_BYTES } from "../../../src/files/media-types.ts";
import { sendBytes, storeKnown, storeUnknown } from "../../../src/files/pump.ts";
import { FREE_BODY_BYTES } from "../../../src/net/body.ts";
import type { PaceRule } from "../../../src/net/body-pace.ts";
import { type GrowingPermit, openPermit } from "../../../src/net/byte-budget.ts";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { UPLOAD_PART_MIN_BYTES } from "../../../src/team/uploads/upload-rules.ts";

const bucket = env.FILES;
const CONTENT_TYPE = "model/obj";
const R2_FAULT = new Error("We encountered an internal error. Please try again. (10001)");

let key = "";
beforeEach(() => {
  key = `outputs/pump/${crypto.randomUUID()}`;
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Differs from place to place, so that a lost, doubled or misplaced piece changes the whole. */
const PATTERN = new Uint8Array(3 * UPLOAD_PART_MIN_BYTES);
for (let i = 0; i < PATTERN.length; i++) PATTERN[i] = (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff;
const patterned = (size: number) => PATTERN.subarray(0, size);

type End = "ends" | "breaks";

/** Uneven slices in one buffer that is used again, as a form's file or a network body comes. */
async function* slices(bytes: Uint8Array, end: End): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(100_003);
  for (let at = 0; at < bytes.length; at += buffer.length) {
    const piece = bytes.subarray(at, at + buffer.length);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
  if (end === "breaks") throw new Error("reset");
}

function body(bytes: Uint8Array, end: End): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const piece = bytes.slice(at, at + 70_001);
      at += piece.length;
      if (piece.length > 0) return controller.enqueue(piece);
      if (end === "breaks") return controller.error(new Error("reset"));
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

const feeds = [
  ["a body", (bytes: Uint8Array, end: End = "ends") => BodyFeed.of(body(bytes, end), null)],
  ["slices", (bytes: Uint8Array, end: End = "ends") => new SliceFeed(slices(bytes, end))],
] as const;

const to = () => ({ bucket, key, metadata: { httpMetadata: { contentType: CONTENT_TYPE } } });

async function expectStored(bytes: Uint8Array): Promise<void> {
  const object = await bucket.get(key);
  expect(object?.httpMetadata?.contentType).toBe(CONTENT_TYPE);
  expect(await sha256Hex(new Uint8Array((await object?.arrayBuffer()) ?? []))).toBe(await sha256Hex(bytes));
}

const nothingThere = async () => expect(await bucket.head(key)).toBeNull();
const stored = async (bytes: Uint8Array) => ({
  kind: "stored",
  bytes: bytes.length,
  sha256: await sha256Hex(bytes),
});

type Calls = Record<string, (...args: unknown[]) => Promise<unknown>>;
const multipartCalls = () => Object.getPrototypeOf(bucket.resumeMultipartUpload("any", "any")) as Calls;

describe.each(feeds)("%s of known length", (_name, feedOf) => {
  const known = (feed: Feed, length: number) => storeKnown(to(), { feed, length, timeoutMs: null });

  test.each([0, 1, FILE_SNIFF_BYTES, UPLOAD_PART_MIN_BYTES, UPLOAD_PART_MIN_BYTES + 1])(
    "of %d bytes arrives whole, with its digest",
    async (size) => {
      const bytes = patterned(size);
      expect(await known(feedOf(bytes), size)).toEqual(await stored(bytes));
      await expectStored(bytes);
    },
  );

  test.each([
    ["longer than said", 300_001, 300_000, "ends", "The source sent more bytes than its Content-Length."],
    ["longer than nothing", 1, 0, "ends", "The source sent more bytes than its Content-Length."],
    ["shorter than said", 299_999, 300_000, "ends", "The source sent fewer bytes than its Content-Length."],
    ["nothing of what was said", 0, 1, "ends", "The source sent fewer bytes than its Content-Length."],
    ["broken off in the middle", 150_000, 300_000, "breaks", "The source closed the connection early."],
    ["broken off before the first byte", 0, 300_000, "breaks", "The source closed the connection early."],
    ["broken off where the end should be", 300_000, 300_000, "breaks", "The source closed the connection early."],
  ] as const)("%s is the source's fault, and nothing is visible", async (_what, size, length, end, reason) => {
    expect(await known(feedOf(patterned(size), end), length)).toEqual({ kind: "source", reason });
    await nothingThere();
  });

  test("that looked at first is stored from its first byte", async () => {
    const bytes = patterned(300_000);
    const feed = feedOf(bytes);
    const head = await feed.peek();
    expect(head.length).toBeGreaterThanOrEqual(FILE_SNIFF_BYTES);
    expect(head).toEqual(bytes.subarray(0, head.length));
    expect(await known(feed, bytes.length)).toEqual(await stored(bytes));
    await expectStored(bytes);
  });

  test.each(["ends", "breaks"] as const)("whose put fails is R2's fault, also when the source %s", async (end) => {
    vi.spyOn(bucket, "put").mockRejectedValueOnce(R2_FAULT);
    expect(await known(feedOf(patterned(600_000), end), 1_000_000)).toEqual({ kind: "bucket", fault: R2_FAULT });
    await nothingThere();
  });

  test("whose put fails half-way is R2's fault", async () => {
    vi.spyOn(bucket, "put").mockImplementationOnce(async (_key, value) => {
      const reader = (value as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      reader.cancel(R2_FAULT).catch(() => undefined);
      throw R2_FAULT;
    });
    expect(await known(feedOf(patterned(600_000)), 600_000)).toEqual({ kind: "bucket", fault: R2_FAULT });
  });
});

describe.each(feeds)("%s of unknown length", (_name, feedOf) => {
  /** What was taken of the budget now and at most, and what others were told. */
  let held = { now: 0, most: 0 };
  let begun: string[] = [];
  let partsStored = 0;
  beforeEach(() => {
    held = { now: 0, most: 0 };
    begun = [];
    partsStored = 0;
  });

  /** A permit that notes what it holds. */
  function permitOf(mostBytes: number): GrowingPermit {
    let bytes = 0;
    const hold = (size: number) => {
      expect(size).toBeLessThanOrEqual(mostBytes);
      held.now += size - bytes;
      held.most = Math.max(held.most, held.now);
      bytes = size;
    };
    return {
      get bytes() {
        return bytes;
      },
      async grow(size) {
        if (size > bytes) hold(size);
        return "granted";
      },
      settle: () => undefined,
      shrink: (size) => hold(Math.min(size, bytes)),
      release: () => hold(0),
    };
  }

  function unknown(feed: Feed, change: Partial<Parameters<typeof storeUnknown>[1]> = {}) {
    return storeUnknown(to(), {
      feed,
      maxBytes: 4 * UPLOAD_PART_MIN_BYTES,
      partBytes: UPLOAD_PART_MIN_BYTES,
      open: permitOf,
      begun: (uploadId) => begun.push(uploadId) > 0,
      partStored: () => ++partsStored > 0,
      ...change,
    });
  }

  /** Nothing is visible, nothing taken, and what was begun is over: R2 takes no part of it any more. */
  async function expectNothingLeft(uploads: number): Promise<void> {
    await nothingThere();
    expect([held.now, begun.length]).toEqual([0, uploads]);
    for (const id of begun) await expect(bucket.resumeMultipartUpload(key, id).uploadPart(9, "x")).rejects.toThrow();
  }

  test.each([
    [0, 0],
    [1, 0],
    [UPLOAD_PART_MIN_BYTES, 0],
    [UPLOAD_PART_MIN_BYTES + 1, 2],
    [2 * UPLOAD_PART_MIN_BYTES, 2],
    [2 * UPLOAD_PART_MIN_BYTES + 70_000, 3],
  ])("of %d bytes arrives whole in %d parts, with its digest, one part in memory", async (size, parts) => {
    const bytes = patterned(size);
    expect(await unknown(feedOf(bytes))).toEqual(await stored(bytes));
    await expectStored(bytes);
    const most = size <= FREE_BODY_BYTES ? 0 : UPLOAD_PART_MIN_BYTES;
    expect({ ...held, partsStored, begun: begun.length }).toEqual({
      ...{ now: 0, most, partsStored: parts, begun: parts > 0 ? 1 : 0 },
    });
  });

  test.each([
    [0, 0, "stored"],
    [1, 0, "too_large"],
    [1_000, 1_000, "stored"],
    [1_001, 1_000, "too_large"],
    [UPLOAD_PART_MIN_BYTES + 1_000, UPLOAD_PART_MIN_BYTES + 1_000, "stored"],
    [UPLOAD_PART_MIN_BYTES + 1_001, UPLOAD_PART_MIN_BYTES + 1_000, "too_large"],
    [2 * UPLOAD_PART_MIN_BYTES, 2 * UPLOAD_PART_MIN_BYTES, "stored"],
    [2 * UPLOAD_PART_MIN_BYTES + 1, 2 * UPLOAD_PART_MIN_BYTES, "too_large"],
  ] as const)("of %d bytes where %d may come is %s", async (size, maxBytes, kind) => {
    const bytes = patterned(size);
    expect(
      await unknown(feedOf(bytes), { maxBytes, partBytes: Math.min(maxBytes, UPLOAD_PART_MIN_BYTES) }),
    ).toMatchObject({ kind });
    if (kind === "stored") await expectStored(bytes);
    else await expectNothingLeft(maxBytes > UPLOAD_PART_MIN_BYTES ? 1 : 0);
  });

  test.each([
    ["before its first byte", 0, 0],
    ["in its first part", 500_000, 0],
    ["right after its first part", UPLOAD_PART_MIN_BYTES, 0],
    ["in its second part", UPLOAD_PART_MIN_BYTES + 500_000, 1],
    ["in its third part", 2 * UPLOAD_PART_MIN_BYTES + 500_000, 1],
  ])("that breaks off %s is the source's fault", async (_where, size, uploads) => {
    expect(await unknown(feedOf(patterned(size), "breaks"))).toEqual({
      ...{ kind: "source", reason: "The source closed the connection early." },
    });
    await expectNothingLeft(uploads);
  });

  test("whose put fails is R2's fault", async () => {
    vi.spyOn(bucket, "put").mockRejectedValueOnce(R2_FAULT);
    expect(await unknown(feedOf(patterned(1_000)))).toEqual({ kind: "bucket", fault: R2_FAULT });
    await expectNothingLeft(0);
  });

  test.each([
    ["uploadPart", 1, 1],
    ["uploadPart", 2, 1],
    ["complete", 1, 1],
  ])("whose %s fails at call %d is R2's fault", async (method, failing, uploads) => {
    const real = multipartCalls()[method];
    let calls = 0;
    vi.spyOn(multipartCalls(), method).mockImplementation(async function (this: unknown, ...args: unknown[]) {
      if (++calls === failing) throw R2_FAULT;
      return real?.apply(this, args);
    });
    expect(await unknown(feedOf(patterned(2 * UPLOAD_PART_MIN_BYTES + 1)))).toEqual({
      kind: "bucket",
      fault: R2_FAULT,
    });
    vi.restoreAllMocks();
    await expectNothingLeft(uploads);
  });

  test("whose multipart upload cannot be begun is R2's fault", async () => {
    vi.spyOn(bucket, "createMultipartUpload").mockRejectedValueOnce(R2_FAULT);
    expect(await unknown(feedOf(patterned(UPLOAD_PART_MIN_BYTES + 1)))).toEqual({ kind: "bucket", fault: R2_FAULT });
    await expectNothingLeft(0);
  });

  test("whose multipart upload cannot be aborted either has its fault named all the same", async () => {
    const abort = vi.spyOn(multipartCalls(), "abort").mockRejectedValueOnce(R2_FAULT);
    expect(await unknown(feedOf(patterned(UPLOAD_PART_MIN_BYTES + 500_000), "breaks"))).toMatchObject({
      kind: "source",
    });
    expect([held.now, abort.mock.calls.length]).toEqual([0, 1]);
    await nothingThere();
  });

  test("whose parts come to another size than they had leaves no object", async () => {
    const real = multipartCalls().complete;
    vi.spyOn(multipartCalls(), "complete").mockImplementationOnce(async function (this: unknown, parts: unknown) {
      return real?.call(this, (parts as unknown[]).slice(0, 1));
    });
    expect(await unknown(feedOf(patterned(UPLOAD_PART_MIN_BYTES + 1)))).toMatchObject({ kind: "source" });
    await expectNothingLeft(1);
  });

  test.each([
    ["when its upload begins", { begun: (id: string) => begun.push(id) < 1 }],
    ["at its first part", { partStored: () => false }],
  ])("that others have taken over %s stops", async (_when, change) => {
    expect(await unknown(feedOf(patterned(2 * UPLOAD_PART_MIN_BYTES)), change)).toEqual({ kind: "superseded" });
    await expectNothingLeft(1);
  });

  test("whose upload cannot be remembered counts as not stored", async () => {
    const fault = new Error("the team's object broke off");
    const change = {
      async begun(id: string) {
        begun.push(id);
        throw fault;
      },
    };
    expect(await unknown(feedOf(patterned(UPLOAD_PART_MIN_BYTES + 1)), change)).toEqual({ kind: "bucket", fault });
    await expectNothingLeft(1);
  });

  test("gives a part's memory back with its permit", async () => {
    const put = vi.spyOn(bucket, "put");
    await unknown(feedOf(patterned(1_000)));
    const [, bytes] = put.mock.calls[0] ?? [];
    expect((bytes as Uint8Array).byteLength).toBe(0);
  });
});

test("a source of known length that stops never passes for one that has ended", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  async function* stopping(): AsyncGenerator<Uint8Array> {
    yield patterned(10_000);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  const storing = storeKnown(to(), { feed: new SliceFeed(stopping()), length: 10_001, timeoutMs: 1_000 });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await storing).toEqual({ kind: "source", reason: "The source closed the connection early." });
  await nothingThere();
});

describe("a body under a pace", () => {
  const pace: PaceRule = { bytesPerS: 10_000, patienceMs: 3_000, wholeMs: 60_000 };

  /** Sends a chunk every so often, `chunks` times, then is silent. */
  function dripping(chunkBytes: number, everyMs: number, chunks: number): ReadableStream<Uint8Array> {
    let sent = 0;
    return new ReadableStream({
      type: "bytes",
      async pull(controller) {
        if (sent === chunks) return new Promise(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, everyMs));
        sent++;
        controller.enqueue(patterned(chunkBytes).slice());
      },
    });
  }

  test.each([
    ["stops", 20_000, 100, 3, 3_000],
    ["drips below the rate", 5_000, 1_000, 100, 10_000],
    ["never ends", 50_000, 1_000, 1_000, 61_000],
  ])("that %s is cut off, and holds nothing any more", async (_what, chunkBytes, everyMs, chunks, withinMs) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const feed = BodyFeed.of(dripping(chunkBytes, everyMs, chunks), pace);
    const permit = openPermit(UPLOAD_PART_MIN_BYTES);
    const storing = storeUnknown(to(), {
      feed,
      maxBytes: UPLOAD_PART_MIN_BYTES,
      partBytes: UPLOAD_PART_MIN_BYTES,
      open: () => permit,
      begun: () => true,
      partStored: () => true,
    });
    await vi.advanceTimersByTimeAsync(withinMs + 500);
    expect(await storing).toEqual({ kind: "source", reason: "The source closed the connection early." });
    expect([feed.lapsed, permit.bytes]).toEqual([true, 0]);
    await nothingThere();
  });

  test("is not blamed for the time in which nobody reads it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const feed = BodyFeed.of(body(patterned(600_000), "ends"), pace);
    for (;;) {
      const piece = await feed.next(100_000);
      if (piece === null) break;
      await vi.advanceTimersByTimeAsync(20_000);
    }
    expect(feed.lapsed).toBe(false);
  });
});

test("one stretch of a feed leaves the rest where it is", async () => {
  const bytes = patterned(500_000);
  const feed = BodyFeed.of(body(bytes, "ends"), null);
  const send = async (stream: ReadableStream) => new Uint8Array(await new Response(stream).arrayBuffer());
  const stretch = (length: number, last: boolean) =>
    sendBytes({ feed, length, last, digest: null, send, timeoutMs: null });
  expect(await stretch(123_457, false)).toEqual({ kind: "poured", value: bytes.subarray(0, 123_457) });
  expect(await stretch(500_000 - 123_457, true)).toEqual({ kind: "poured", value: bytes.subarray(123_457) });
});
