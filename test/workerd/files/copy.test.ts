import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { copyData, copyUrl, type UrlCopy } from "../../../src/files/copy.ts";
import { hashStored } from "../../../src/files/digest.ts";
import { SOURCE_SILENCE_MAX_MS } from "../../../src/files/download.ts";
import { FILE_PART_BYTES } from "../../../src/files/parts.ts";
import { FILE_MAX_BYTES } from "../../../src/files/request-file.ts";
import { acquire, BUFFER_BUDGET_BYTES, highWaterBytes } from "../../../src/net/byte-budget.ts";
import type { Env } from "../../../src/platform/bindings.ts";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { UploadRows } from "../../harness/uploads.ts";

const { FILES: bucket } = env as Env;
const url = "https://cdn.test/files/cat.png?sig=secret";
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
let key = "";

beforeEach(() => {
  key = `outputs/acme/${crypto.randomUUID()}/0`;
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Bytes that look like a PNG and differ from place to place, so that a lost or doubled chunk changes them. */
function picture(size: number): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff);
  bytes.set(PNG.slice(0, size));
  return bytes;
}

/** Stands in for the network; the answers go out one after the other. */
function answers(...makers: ((request: Request) => Response)[]) {
  let call = 0;
  return vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const maker = makers[Math.min(call++, makers.length - 1)];
    if (maker === undefined) throw new Error("nothing to answer");
    return maker(new Request(input as string, init as RequestInit));
  });
}

/** A body of known length, as the network gives it; `size` is what it announces, `bytes` what it sends. */
function sized(bytes: Uint8Array, headers: Record<string, string> = {}, announced = bytes.length): Response {
  return new Response(bytes, {
    headers: { "content-type": "image/png", ...headers, "content-length": String(announced) },
  });
}

/** A body without a length, in uneven pieces. */
function chunked(bytes: Uint8Array, end: "close" | "break" = "close", headers: Record<string, string> = {}): Response {
  let at = 0;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (at < bytes.length) {
        controller.enqueue(bytes.slice(at, at + 70_001));
        at += 70_001;
      } else if (end === "break") {
        controller.error(new Error("reset"));
      } else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
  });
  return new Response(body, { headers: { "content-type": "image/png", ...headers } });
}

function copy(change: Partial<UrlCopy> = {}) {
  const allowed = (each: URL) => each.host === "cdn.test";
  const where = { bucket, key, uploads: new UploadRows(), maxBytes: FILE_MAX_BYTES, isTimeSliceOver: () => false };
  return copyUrl({ ...where, url, claimedType: null, claimedName: null, allowed, ...change });
}

async function storedBytes(): Promise<Uint8Array | null> {
  const object = await bucket.get(key);
  return object && new Uint8Array(await object.arrayBuffer());
}

async function expectStored(bytes: Uint8Array, contentType = "image/png"): Promise<void> {
  const there = await storedBytes();
  expect(there?.length).toBe(bytes.length);
  expect(there && (await sha256Hex(there))).toBe(await sha256Hex(bytes));
  expect((await bucket.head(key))?.httpMetadata?.contentType).toBe(contentType);
}

describe("a source that tells its length", () => {
  test.each([0, 1, 4_095, 4_096, 4_097, 262_144, 262_145, 1_000_003])(
    "%d bytes arrive whole, with their digest",
    async (size) => {
      const bytes = picture(size);
      answers(() => sized(bytes));
      const contentType = size < PNG.length ? "application/octet-stream" : "image/png";
      expect(await copy()).toEqual({
        kind: "stored",
        stored: { contentType, bytes: size, sha256: await sha256Hex(bytes) },
      });
      await expectStored(bytes, contentType);
    },
  );

  test("larger than the byte budget it streams, holding none of it", async () => {
    const size = BUFFER_BUDGET_BYTES + 12_345;
    const before = highWaterBytes();
    const block = picture(1024 * 1024);
    answers(() => {
      const pipe = new FixedLengthStream(size);
      void (async () => {
        const writer = pipe.writable.getWriter();
        for (let left = size; left > 0; left -= block.length)
          await writer.write(block.subarray(0, Math.min(left, block.length)));
        await writer.close();
      })();
      return new Response(pipe.readable, { headers: { "content-length": String(size) } });
    });
    const copied = await copy();
    expect(copied).toMatchObject({ kind: "stored", stored: { bytes: size } });
    expect((await bucket.head(key))?.size).toBe(size);
    expect(await hashStored({ bucket, key })).toEqual({
      kind: "hashed",
      sha256: copied.kind === "stored" ? copied.stored.sha256 : "",
    });
    expect(highWaterBytes()).toBe(before);
  });

  test("and sends fewer bytes is tried again later, and nothing is visible", async () => {
    answers(() => sized(picture(300_000), {}, 300_001));
    expect(await copy()).toEqual({ kind: "later", reason: "The source sent fewer bytes than its Content-Length." });
    expect(await bucket.head(key)).toBeNull();
  });

  test("and sends more bytes is tried again later, and nothing is visible", async () => {
    answers(() => sized(picture(300_000), {}, 299_999));
    expect(await copy()).toEqual({ kind: "later", reason: "The source sent more bytes than its Content-Length." });
    expect(await bucket.head(key)).toBeNull();
  });

  test("and breaks off is tried again later, and nothing is visible", async () => {
    answers(() => {
      const pipe = new FixedLengthStream(1_000_000);
      const writer = pipe.writable.getWriter();
      void writer
        .write(picture(600_000))
        .then(() => writer.abort(new Error("reset")))
        .catch(() => undefined);
      return new Response(pipe.readable, { headers: { "content-length": "1000000" } });
    });
    expect(await copy()).toMatchObject({ kind: "later" });
    expect(await bucket.head(key)).toBeNull();
  });

  test("and stops sending is cut off after the pause that it may make, and nothing is visible", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const pipe = new FixedLengthStream(1_000_000);
    const writer = pipe.writable.getWriter();
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_input, init) => {
      init?.signal?.addEventListener("abort", () => {
        writer.abort(new Error("aborted")).catch(() => undefined);
      });
      return new Response(pipe.readable, { headers: { "content-length": "1000000" } });
    });
    const copied = copy();
    await writer.write(picture(600_000));
    await vi.advanceTimersByTimeAsync(SOURCE_SILENCE_MAX_MS - 1);
    expect(await Promise.race([copied, Promise.resolve("still copying")])).toBe("still copying");
    await vi.advanceTimersByTimeAsync(1);
    expect(await copied).toEqual({ kind: "later", reason: "The source closed the connection early." });
    expect(await bucket.head(key)).toBeNull();
  });

  test("a try that failed leaves room for one that works", async () => {
    const bytes = picture(300_000);
    const fetches = answers(
      () => sized(bytes, {}, 300_001),
      () => sized(bytes),
    );
    expect((await copy()).kind).toBe("later");
    expect((await copy()).kind).toBe("stored");
    expect(fetches).toHaveBeenCalledTimes(2);
    await expectStored(bytes);
  });

  test("above the cap is refused by its header alone", async () => {
    const cancel = vi.fn();
    answers(
      () =>
        new Response(new ReadableStream({ type: "bytes", cancel }), {
          headers: { "content-length": String(FILE_MAX_BYTES + 1) },
        }),
    );
    expect(await copy()).toEqual({ kind: "too_large" });
    expect(cancel).toHaveBeenCalledOnce();
    expect(await bucket.head(key)).toBeNull();
  });
});

describe("a source without a length", () => {
  test("is buffered and arrives whole, with its digest", async () => {
    const bytes = picture(1_000_003);
    answers(() => chunked(bytes));
    expect(await copy()).toEqual({
      kind: "stored",
      stored: { contentType: "image/png", bytes: bytes.length, sha256: await sha256Hex(bytes) },
    });
    await expectStored(bytes);
  });

  test("that breaks off is tried again later, and nothing is visible", async () => {
    answers(() => chunked(picture(500_000), "break"));
    expect(await copy()).toEqual({ kind: "later", reason: "The source closed the connection early." });
    expect(await bucket.head(key)).toBeNull();
  });

  test.each([FILE_PART_BYTES, FILE_PART_BYTES + 1, 3 * FILE_PART_BYTES])(
    "of %d bytes arrives part by part, whole, with its digest",
    async (size) => {
      const bytes = picture(size);
      const uploads = new UploadRows();
      answers(() => chunked(bytes));
      expect(await copy({ uploads })).toEqual({
        kind: "stored",
        stored: { contentType: "image/png", bytes: size, sha256: await sha256Hex(bytes) },
      });
      await expectStored(bytes);
      expect(uploads.readUpload()).toBeNull();
    },
  );

  test.each([10_000, FILE_PART_BYTES + 10_000])(
    "is refused when it passes the cap of %d, by count",
    async (maxBytes) => {
      const uploads = new UploadRows();
      answers(() => chunked(picture(maxBytes + 1)));
      expect(await copy({ maxBytes, uploads })).toEqual({ kind: "too_large" });
      expect(await bucket.head(key)).toBeNull();
      expect(uploads.readUpload()).toBeNull();
    },
  );

  test("that never ends is read up to the cap, one part in memory at a time, and nothing is left of it", async () => {
    const block = picture(256 * 1024);
    let sent = 0;
    const cancel = vi.fn();
    answers(() => {
      const pull = (controller: ReadableByteStreamController) => {
        sent += block.length;
        controller.enqueue(block.slice());
      };
      return new Response(new ReadableStream({ type: "bytes", pull, cancel }));
    });
    const uploads = new UploadRows();
    const maxBytes = 3 * FILE_PART_BYTES;
    expect(await copy({ maxBytes, uploads })).toEqual({ kind: "too_large" });
    expect(cancel).toHaveBeenCalledOnce();
    expect(sent).toBeLessThan(maxBytes + 2 * FILE_PART_BYTES);
    expect(uploads.readUpload()).toBeNull();
  });

  test("that breaks off in a later part is begun anew, and the first upload is dropped", async () => {
    const bytes = picture(2 * FILE_PART_BYTES);
    answers(
      () => chunked(bytes.subarray(0, FILE_PART_BYTES + 500_000), "break"),
      () => chunked(bytes),
    );
    const uploads = new UploadRows();
    expect(await copy({ uploads })).toEqual({ kind: "later", reason: "The source closed the connection early." });
    const first = uploads.readUpload();
    expect(first?.parts).toHaveLength(1);
    expect(await copy({ uploads })).toMatchObject({ kind: "stored", stored: { bytes: bytes.length } });
    await expectStored(bytes);
    expect(uploads.forgotten).toEqual([first?.uploadId, expect.any(String)]);
  });

  test("counts as such when its body is encoded, whatever length it tells", async () => {
    const bytes = picture(5_000);
    answers(() => chunked(bytes, "close", { "content-encoding": "gzip", "content-length": "17" }));
    expect(await copy()).toMatchObject({ kind: "stored", stored: { bytes: bytes.length } });
    await expectStored(bytes);
  });

  test("is not stored in an encoding that the runtime does not take off", async () => {
    answers(() => chunked(picture(5_000), "close", { "content-encoding": "zstd" }));
    expect((await copy()).kind).toBe("gone");
    expect(await bucket.head(key)).toBeNull();
  });

  test("twenty at once, each of more than one part, stay within the byte budget", async () => {
    const bytes = picture(FILE_PART_BYTES + 1_000);
    answers(() => chunked(bytes));
    const keys = Array.from({ length: 20 }, (_, n) => `${key}-${n}`);
    const copied = await Promise.all(keys.map((each) => copy({ key: each })));
    expect(copied).toEqual(
      keys.map(() => ({ kind: "stored", stored: expect.objectContaining({ bytes: bytes.length }) })),
    );
    expect(highWaterBytes()).toBeLessThanOrEqual(BUFFER_BUDGET_BYTES);
    expect(highWaterBytes()).toBeGreaterThanOrEqual(BUFFER_BUDGET_BYTES - FILE_PART_BYTES);
    (await acquire(BUFFER_BUDGET_BYTES))?.release();
  });

  test("twenty at once stay within the byte budget and give it all back", async () => {
    const bytes = picture(2_000_000);
    answers(() => chunked(bytes));
    const keys = Array.from({ length: 20 }, (_, n) => `${key}-${n}`);
    const copied = await Promise.all(keys.map((each) => copy({ key: each })));
    expect(copied.map((each) => each.kind)).toEqual(keys.map(() => "stored"));
    expect(highWaterBytes()).toBeLessThanOrEqual(BUFFER_BUDGET_BYTES);
    expect(highWaterBytes()).toBeGreaterThanOrEqual(2 * FILE_PART_BYTES);
    const sizes = await Promise.all(keys.map(async (each) => (await bucket.head(each))?.size));
    expect(sizes).toEqual(keys.map(() => bytes.length));
    const everything = await acquire(BUFFER_BUDGET_BYTES);
    expect(everything?.bytes).toBe(BUFFER_BUDGET_BYTES);
    everything?.release();
  });
});

describe("a source that says no", () => {
  test.each([301, 302, 307, 400, 401, 403, 404, 410, 204, 206])("with %d is final", async (status) => {
    const body = status === 204 ? null : picture(100);
    const fetches = answers(() => new Response(body, { status, headers: { location: "https://cdn.test/other" } }));
    expect(await copy()).toEqual({ kind: "gone", reason: `The source returned HTTP ${status}.` });
    expect(fetches).toHaveBeenCalledOnce();
    expect(await bucket.head(key)).toBeNull();
  });

  test.each([408, 425, 429, 500, 502, 503, 504])("with %d may be asked again", async (status) => {
    answers(() => new Response("busy", { status }));
    expect(await copy()).toEqual({ kind: "later", reason: `The source returned HTTP ${status}.` });
    expect(await bucket.head(key)).toBeNull();
  });

  test("by not answering may be asked again", async () => {
    answers(() => {
      throw new TypeError("connection lost");
    });
    expect(await copy()).toEqual({ kind: "later", reason: "The source is unreachable (network)." });
  });
});

describe("what leaves", () => {
  test("is a bare GET that follows no redirect, carries no credential and asks for plain bytes", async () => {
    const fetches = answers(() => sized(picture(10)));
    await copy();
    const [target, init] = fetches.mock.calls[0] ?? [];
    const request = new Request(target as string, init as RequestInit);
    expect(request.url).toBe(url);
    expect(request.method).toBe("GET");
    expect(request.redirect).toBe("manual");
    expect([...request.headers].sort()).toEqual([
      ["accept", "*/*"],
      ["accept-encoding", "identity"],
    ]);
  });

  test.each(["https://other.test/a.png", "https://cdn.test.evil.test/a", "not a URL", ""])(
    "is nothing for %j, which may not be copied",
    async (other) => {
      const fetches = answers(() => sized(picture(10)));
      expect((await copy({ url: other })).kind).toBe("gone");
      expect(fetches).not.toHaveBeenCalled();
    },
  );
});

describe("a copy that was cut off after its put", () => {
  test("is known by its source and not downloaded again", async () => {
    const fetches = answers(() => sized(picture(5_000)));
    await copy();
    expect(await copy()).toEqual({ kind: "stored", stored: { contentType: "image/png", bytes: 5_000, sha256: null } });
    expect(fetches).toHaveBeenCalledOnce();
  });

  test("of another source is replaced", async () => {
    const bytes = picture(6_000);
    answers(
      () => sized(picture(5_000)),
      () => sized(bytes),
    );
    await copy();
    expect(await copy({ url: "https://cdn.test/another.png" })).toMatchObject({
      kind: "stored",
      stored: { bytes: 6_000 },
    });
    await expectStored(bytes);
  });

  test("keeps no signed URL beside the object", async () => {
    answers(() => sized(picture(10)));
    await copy();
    expect(JSON.stringify((await bucket.head(key))?.customMetadata)).not.toContain("secret");
  });
});

describe("the bucket", () => {
  test("that refuses a put makes the copy come back later, with the source let go", async () => {
    const cancel = vi.fn();
    const bytes = picture(1_000_000);
    answers(() => {
      const pull = (controller: ReadableByteStreamController) => controller.enqueue(bytes.slice(0, 10_000));
      return new Response(new ReadableStream({ type: "bytes", pull, cancel }), {
        headers: { "content-length": "1000000" },
      });
    });
    vi.spyOn(bucket, "put").mockRejectedValue(new Error("put: internal error (10001)"));
    expect(await copy()).toEqual({ kind: "later", reason: "R2 did not store the file.", ours: true });
    expect(cancel).toHaveBeenCalledOnce();
  });

  test("that cannot be asked first only costs a download", async () => {
    const bytes = picture(10);
    answers(() => sized(bytes));
    vi.spyOn(bucket, "head").mockRejectedValueOnce(new Error("head: internal error (10001)"));
    expect((await copy()).kind).toBe("stored");
    await expectStored(bytes);
  });
});

test("the stored type is what the bytes prove, not what was said about them", async () => {
  const html = new TextEncoder().encode("<script>alert(1)</script>");
  answers(() => sized(html));
  expect(await copy({ claimedType: "image/png" })).toMatchObject({
    stored: { contentType: "application/octet-stream" },
  });
  await expectStored(html, "application/octet-stream");
});

describe("a data URI", () => {
  test.each([1, 2, 3, 4_097, 200_000, 3_000_001])("of %d bytes is stored with its digest", async (size) => {
    const bytes = picture(size);
    const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    const copied = await copyData({ bucket, key, dataUri: `data:image/png;base64,${base64}`, claimedType: null });
    const contentType = size < PNG.length ? "application/octet-stream" : "image/png";
    expect(copied).toEqual({ kind: "stored", stored: { contentType, bytes: size, sha256: await sha256Hex(bytes) } });
    await expectStored(bytes, contentType);
  });

  test("in percent form is stored under its own type", async () => {
    const copied = await copyData({
      bucket,
      key,
      dataUri: "data:text/plain;charset=utf-8,a%20b%E2%82%AC",
      claimedType: null,
    });
    expect(copied).toMatchObject({ kind: "stored", stored: { contentType: "text/plain" } });
    await expectStored(new TextEncoder().encode("a b€"), "text/plain");
  });

  test("that is none is final", async () => {
    expect((await copyData({ bucket, key, dataUri: "data:image/png;base64,%%%", claimedType: null })).kind).toBe(
      "gone",
    );
    expect(await bucket.head(key)).toBeNull();
  });

  test("can be stored again over itself", async () => {
    const dataUri = "data:image/png;base64,iVBORw0KGgo=";
    const first = await copyData({ bucket, key, dataUri, claimedType: null });
    expect(await copyData({ bucket, key, dataUri, claimedType: null })).toEqual(first);
  });
});

describe("hashing a stored file", () => {
  test("reads it once", async () => {
    const bytes = picture(1_000_003);
    await bucket.put(key, bytes);
    const get = vi.spyOn(bucket, "get");
    expect(await hashStored({ bucket, key })).toEqual({ kind: "hashed", sha256: await sha256Hex(bytes) });
    expect(get).toHaveBeenCalledOnce();
  });

  test("tells when it is not there, or cannot be read now", async () => {
    expect(await hashStored({ bucket, key })).toEqual({ kind: "missing" });
    vi.spyOn(bucket, "get").mockRejectedValue(new Error("get: internal error (10001)"));
    expect(await hashStored({ bucket, key })).toMatchObject({ kind: "later" });
  });
});
