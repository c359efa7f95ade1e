// Copies by parts: where a try stops, the next goes on; what is stored is what the source had at one moment, or nothing.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { copyUrl, type UrlCopy } from "../../../src/files/copy.ts";
import { hashStored } from "../../../src/files/digest.ts";
import { FILE_PART_BYTES } from "../../../src/files/parts.ts";
import { FILE_MAX_BYTES } from "../../../src/files/request-file.ts";
import type { Env } from "../../../src/platform/bindings.ts";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { UploadRows } from "../../harness/uploads.ts";

const { FILES: bucket } = env as Env;
const url = "https://cdn.test/files/film.mp4?sig=secret";
const SIZE = 2 * FILE_PART_BYTES + 12_345;
/** Differs from place to place, so that a lost, doubled or misplaced part changes the whole. */
const film = patterned(SIZE, 31);
const otherFilm = patterned(SIZE, 37);
const filmDigest = sha256Hex(film);

let key = "";
let uploads: UploadRows;
beforeEach(() => {
  key = `outputs/acme/${crypto.randomUUID()}/0`;
  uploads = new UploadRows();
});
afterEach(() => {
  vi.restoreAllMocks();
});

function patterned(size: number, factor: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * factor + (i >> 8) * 7 + (i >> 16)) & 0xff;
  return bytes;
}

interface Manners {
  bytes?: Uint8Array<ArrayBuffer>;
  etag?: string | null;
  /** Ignores Range: every answer is the whole. */
  noRanges?: boolean;
  /** Answers ranges whatever If-Range says. */
  blindToIfRange?: boolean;
  /** Breaks off after so many bytes of the answer. */
  breakAfter?: number;
  /** Says this of a range instead of the truth. */
  contentRange?: string;
}

/** A server of one file. Its n-th answer has the n-th manners; the last ones stay. Keeps what it was asked and what it sent. */
class Source {
  readonly asked: (string | null)[] = [];
  sent = 0;
  readonly #manners: Manners[];

  constructor(...manners: Manners[]) {
    this.#manners = manners;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      return this.#answer(new Request(input as string, init as RequestInit));
    });
  }

  #answer(request: Request): Response {
    const manners = this.#manners[Math.min(this.asked.length, this.#manners.length - 1)] ?? {};
    const { bytes = film, etag = '"film-1"', noRanges, blindToIfRange, contentRange } = manners;
    const range = request.headers.get("range");
    this.asked.push(range);
    const headers = new Headers({ "content-type": "video/mp4" });
    if (etag !== null) headers.set("etag", etag);
    if (!noRanges) headers.set("accept-ranges", "bytes");
    const same = blindToIfRange || request.headers.get("if-range") === etag;
    const first = !noRanges && range !== null && same ? Number(/^bytes=(\d+)-$/.exec(range)?.[1]) : 0;
    if (first >= bytes.length) return new Response(null, { status: 416, headers });
    if (first > 0) headers.set("content-range", contentRange ?? `bytes ${first}-${bytes.length - 1}/${bytes.length}`);
    headers.set("content-length", String(bytes.length - first));
    const body = this.#body(bytes.subarray(first), manners.breakAfter ?? Number.POSITIVE_INFINITY);
    return new Response(body, { status: first > 0 ? 206 : 200, headers });
  }

  #body(bytes: Uint8Array<ArrayBuffer>, breakAfter: number): ReadableStream {
    let at = 0;
    return new ReadableStream({
      type: "bytes",
      pull: (controller) => {
        if (at >= breakAfter) return controller.error(new Error("reset"));
        const piece = bytes.slice(at, Math.min(at + 300_000, breakAfter));
        at += piece.length;
        this.sent += piece.length;
        if (piece.length > 0) return controller.enqueue(piece);
        controller.close();
        controller.byobRequest?.respond(0);
      },
    });
  }
}

function copy(change: Partial<UrlCopy> = {}) {
  const where = { bucket, key, uploads, maxBytes: FILE_MAX_BYTES, isTimeSliceOver: () => false };
  return copyUrl({ ...where, url, claimedType: null, claimedName: null, allowed: () => true, ...change });
}

async function expectStored(digest: Promise<string>, size = SIZE): Promise<void> {
  expect((await bucket.head(key))?.size).toBe(size);
  expect(await hashStored({ bucket, key })).toEqual({ kind: "hashed", sha256: await digest });
  expect(uploads.readUpload()).toBeNull();
}

const stored = { contentType: "application/octet-stream", bytes: SIZE };

test("what comes through undisturbed is asked for once, and its digest is taken on the way", async () => {
  const source = new Source({});
  expect(await copy()).toEqual({ kind: "stored", stored: { ...stored, sha256: await filmDigest } });
  await expectStored(filmDigest);
  expect([source.asked, source.sent]).toEqual([[null], SIZE]);
});

describe("a source that breaks off", () => {
  test.each([
    ["right after the first part", FILE_PART_BYTES, 1],
    ["in the second part", 2 * FILE_PART_BYTES - 10_000, 1],
    ["right after the second part", 2 * FILE_PART_BYTES, 2],
    ["in the last part", SIZE - 1, 2],
  ])("%s is asked for the rest only", async (_where, breakAfter, parts) => {
    const source = new Source({ breakAfter }, {});
    expect(await copy()).toMatchObject({ kind: "later", reason: "The source closed the connection early." });
    expect(uploads.readUpload()?.parts).toHaveLength(parts);
    expect(await bucket.head(key)).toBeNull();
    expect(await copy()).toEqual({ kind: "stored", stored: { ...stored, sha256: null } });
    await expectStored(filmDigest);
    expect(source.asked).toEqual([null, `bytes=${parts * FILE_PART_BYTES}-`]);
    expect(source.sent - SIZE).toBeLessThanOrEqual(FILE_PART_BYTES);
  });

  test("in the first part is asked for the whole again", async () => {
    const source = new Source({ breakAfter: FILE_PART_BYTES - 1 }, {});
    expect(await copy()).toMatchObject({ kind: "later", reason: "The source closed the connection early." });
    expect(uploads.readUpload()?.parts).toEqual([]);
    expect(await copy()).toEqual({ kind: "stored", stored: { ...stored, sha256: await filmDigest } });
    await expectStored(filmDigest);
    expect([source.asked, uploads.forgotten.length]).toEqual([[null, null], 2]);
  });

  test("and has no ranges is begun anew, in one pass", async () => {
    const source = new Source({ noRanges: true, breakAfter: 2 * FILE_PART_BYTES }, { noRanges: true });
    expect(await copy()).toMatchObject({ kind: "later" });
    expect(uploads.readUpload()).toBeNull();
    expect(await copy()).toEqual({ kind: "stored", stored: { ...stored, sha256: await filmDigest } });
    await expectStored(filmDigest);
    expect(source.asked).toEqual([null, null]);
  });

  test("and only said that it had ranges is begun anew with the answer at hand", async () => {
    const source = new Source({ breakAfter: 2 * FILE_PART_BYTES }, { noRanges: true });
    expect(await copy()).toMatchObject({ kind: "later" });
    expect(await copy()).toEqual({ kind: "stored", stored: { ...stored, sha256: await filmDigest } });
    await expectStored(filmDigest);
    expect(source.asked).toEqual([null, `bytes=${2 * FILE_PART_BYTES}-`]);
    expect(uploads.forgotten).toHaveLength(1);
  });

  test("and names its bytes by nothing is never put together from two answers", async () => {
    const source = new Source({ etag: null, breakAfter: 2 * FILE_PART_BYTES }, { etag: null, bytes: otherFilm });
    expect(await copy()).toMatchObject({ kind: "later" });
    expect(await copy()).toMatchObject({ kind: "stored" });
    await expectStored(sha256Hex(otherFilm));
    expect(source.asked).toEqual([null, null]);
  });
});

describe("a source that changes between two tries", () => {
  const changed = { kind: "later", reason: "The source file changed during the copy." };
  const begin = { breakAfter: 2 * FILE_PART_BYTES };
  const other = { bytes: otherFilm, etag: '"film-2"' };

  test("and honours If-Range is copied as it is now", async () => {
    new Source(begin, other);
    await copy();
    expect(await copy()).toMatchObject({ kind: "stored" });
    await expectStored(sha256Hex(otherFilm));
  });

  test.each([
    ["sends a part with another tag", { ...other, blindToIfRange: true }],
    ["has another length", { bytes: otherFilm.subarray(0, SIZE - 1), etag: '"film-1"' }],
    ["has become too short", { bytes: film.subarray(0, 1000), etag: '"film-1"' }],
    ["answers another range", { contentRange: `bytes 5-${SIZE - 1}/${SIZE}` }],
  ])("and %s is begun anew", async (_what, manners) => {
    const source = new Source(begin, manners, other);
    await copy();
    expect(await copy()).toEqual(changed);
    expect(uploads.readUpload()).toBeNull();
    expect(await bucket.head(key)).toBeNull();
    expect(await copy()).toMatchObject({ kind: "stored" });
    await expectStored(sha256Hex(otherFilm));
    expect(source.asked).toEqual([null, `bytes=${2 * FILE_PART_BYTES}-`, null]);
  });
});

test("a source that sends more than it announced stores nothing, and what was right of it is kept", async () => {
  const more = new Uint8Array(SIZE + 1);
  more.set(film);
  const lying = { "content-length": String(SIZE), etag: '"film-1"', "accept-ranges": "bytes" };
  vi.spyOn(globalThis, "fetch").mockResolvedValueOnce(new Response(more, { headers: lying }));
  expect(await copy()).toEqual({ kind: "later", reason: "The source sent more bytes than its Content-Length." });
  expect(await bucket.head(key)).toBeNull();
  expect(uploads.readUpload()?.parts).toHaveLength(2);
  new Source({});
  expect(await copy()).toMatchObject({ kind: "stored" });
  await expectStored(filmDigest);
});

describe("a try whose turn is over", () => {
  test("stops at the next part boundary, and the next try goes on there", async () => {
    const source = new Source({});
    for (let parts = 1; parts <= 2; parts++) {
      expect(await copy({ isTimeSliceOver: () => true })).toEqual({ kind: "paused" });
      expect(uploads.readUpload()?.parts).toHaveLength(parts);
    }
    expect(await copy({ isTimeSliceOver: () => true })).toEqual({
      kind: "stored",
      stored: { ...stored, sha256: null },
    });
    await expectStored(filmDigest);
    expect(source.asked).toEqual([null, ...[1, 2].map((n) => `bytes=${n * FILE_PART_BYTES}-`)]);
  });
});

describe("a try that another one has taken over", () => {
  test("writes nothing down any more and says so", async () => {
    new Source({});
    let asked = 0;
    const outcome = await copy({
      isTimeSliceOver() {
        asked++;
        uploads.superseded = true;
        return false;
      },
    });
    expect(outcome).toEqual({ kind: "later", reason: "Another attempt is copying the file." });
    expect(asked).toBe(1);
    expect(uploads.readUpload()?.parts).toHaveLength(1);
  });
});

describe("the bucket", () => {
  test("that has ended the upload meanwhile makes it begin anew", async () => {
    const source = new Source({ breakAfter: 2 * FILE_PART_BYTES }, {});
    await copy();
    await bucket.resumeMultipartUpload(key, uploads.readUpload()?.uploadId ?? "").abort();
    expect(await copy()).toEqual({ kind: "later", reason: "R2 did not store the file.", ours: true });
    expect(uploads.readUpload()).toBeNull();
    expect(await copy()).toMatchObject({ kind: "stored" });
    await expectStored(filmDigest);
    expect(source.asked).toHaveLength(3);
  });

  test("that had all parts when the try was cut off only puts them together", async () => {
    const source = new Source({});
    const complete = vi.spyOn(multipartPrototype(), "complete").mockRejectedValueOnce(new Error("cut off"));
    expect(await copy()).toMatchObject({ kind: "later", ours: true });
    expect(uploads.readUpload()?.parts).toHaveLength(3);
    expect(await copy()).toEqual({ kind: "stored", stored: { ...stored, sha256: null } });
    await expectStored(filmDigest);
    expect([source.asked.length, complete.mock.calls.length]).toEqual([1, 2]);
  });

  test("that cannot be reached keeps the row of an upload that is to be dropped", async () => {
    new Source({ breakAfter: FILE_PART_BYTES }, { bytes: otherFilm, etag: '"film-2"', blindToIfRange: true });
    await copy();
    const abort = vi.spyOn(multipartPrototype(), "abort").mockRejectedValueOnce(new Error("internal error (10001)"));
    expect(await copy()).toMatchObject({ kind: "later", ours: true });
    expect(uploads.readUpload()?.parts).toHaveLength(1);
    expect(await copy()).toMatchObject({ kind: "later", reason: expect.stringContaining("changed") });
    expect([uploads.readUpload(), abort.mock.calls.length]).toEqual([null, 2]);
  });
});

function multipartPrototype(): R2MultipartUpload {
  return Object.getPrototypeOf(bucket.resumeMultipartUpload("any", "any")) as R2MultipartUpload;
}

test("of 4.9 GiB the last part is asked for where the 612 before it end, and lies where it belongs", async () => {
  const parts = Array.from({ length: 612 }, (_, i) => ({ partNumber: i + 1, etag: `etag-${i + 1}` }));
  const rest = FILE_MAX_BYTES - parts.length * FILE_PART_BYTES;
  const begun = { uploadId: "u", key, source: await sha256Hex(url), validator: '"film-1"', total: FILE_MAX_BYTES };
  uploads.beginUpload({ ...begun, partBytes: FILE_PART_BYTES, contentType: "video/mp4", parts });
  const received: [number, number][] = [];
  const put = {
    async uploadPart(partNumber: number, bytes: ReadableStream) {
      received.push([partNumber, (await new Response(bytes).arrayBuffer()).byteLength]);
      return { partNumber, etag: "last" };
    },
    complete: async (all: unknown[]) => ({ size: all.length === 613 ? FILE_MAX_BYTES : 0 }),
  };
  const large = { head: async () => null, resumeMultipartUpload: () => put } as unknown as R2Bucket;
  const fetches = vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    const range = `bytes ${FILE_MAX_BYTES - rest}-${FILE_MAX_BYTES - 1}/${FILE_MAX_BYTES}`;
    const headers = { "content-range": range, etag: '"film-1"', "content-length": String(rest) };
    return new Response(film.subarray(0, rest), { status: 206, headers });
  });
  expect(await copy({ bucket: large })).toEqual({
    kind: "stored",
    stored: { contentType: "video/mp4", bytes: FILE_MAX_BYTES, sha256: null },
  });
  expect(received).toEqual([[613, rest]]);
  expect(new Headers(fetches.mock.calls[0]?.[1]?.headers).get("range")).toBe(`bytes=${612 * FILE_PART_BYTES}-`);
});
