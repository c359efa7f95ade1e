import { beforeEach, describe, expect, test } from "vitest";
import { VIDEO_FRAMES } from "../../../sandbox/src/media/mp4.ts";
import { crc32 } from "../../../sandbox/src/media/png.ts";
import { makeMedia } from "../../../sandbox/src/media/recipe.ts";
import { advance, call, finished, firstImageUrl, freshWorld, json, set, submit } from "../../harness/sandbox.ts";

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

describe("a PNG", () => {
  test("is made of chunks with correct checksums that unpack to the asked size", async () => {
    const png = await makeMedia({ kind: "png", key: "a", width: 70, height: 48 });
    expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
    const chunks: Record<string, Uint8Array<ArrayBuffer>> = {};
    for (let at = 8; at < png.length; ) {
      const length = view(png).getUint32(at);
      const body = png.subarray(at + 4, at + 8 + length);
      expect(crc32(body)).toBe(view(png).getUint32(at + 8 + length));
      chunks[text(body.subarray(0, 4))] = body.slice(4);
      at += length + 12;
    }
    expect(Object.keys(chunks)).toEqual(["IHDR", "PLTE", "IDAT", "IEND"]);
    const header = chunks.IHDR ?? new Uint8Array();
    expect([view(header).getUint32(0), view(header).getUint32(4), ...header.subarray(8)]).toEqual([
      70, 48, 8, 3, 0, 0, 0,
    ]);
    const packed = new Blob([chunks.IDAT ?? new Uint8Array()]).stream().pipeThrough(new DecompressionStream("deflate"));
    expect((await new Response(packed).arrayBuffer()).byteLength).toBe(71 * 48);
  });

  test("knows the CRC of the PNG standard's empty end chunk", () => {
    expect(crc32(Uint8Array.from([0x49, 0x45, 0x4e, 0x44]))).toBe(0xae426082);
  });
});

describe("a WAV", () => {
  test("has a header that fits its samples, and sound in it", async () => {
    const wav = await makeMedia({ kind: "wav", key: "a", seconds: 2 });
    const header = view(wav);
    expect([text(wav.subarray(0, 4)), text(wav.subarray(8, 16)), text(wav.subarray(36, 40))]).toEqual([
      "RIFF",
      "WAVEfmt ",
      "data",
    ]);
    expect(header.getUint32(4, true)).toBe(wav.length - 8);
    expect(header.getUint32(40, true)).toBe(wav.length - 44);
    expect([header.getUint16(20, true), header.getUint16(22, true), header.getUint16(34, true)]).toEqual([1, 1, 16]);
    expect((wav.length - 44) / header.getUint32(28, true)).toBe(2);
    const samples = new Int16Array(wav.slice(44).buffer);
    expect(Math.max(...samples)).toBeGreaterThan(5_000);
  });
});

describe("an MP4", () => {
  /** Boxes by path, those that hold others opened. */
  function boxes(bytes: Uint8Array, path = "", found = new Map<string, Uint8Array>()): Map<string, Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      const size = view(bytes).getUint32(at);
      const name = `${path}/${text(bytes.subarray(at + 4, at + 8))}`;
      const body = bytes.subarray(at + 8, at + size);
      found.set(name, body);
      if (/\/(moov|trak|mdia|minf|stbl)$/.test(name)) boxes(body, name, found);
      at += size;
    }
    return found;
  }

  test("has an index before its data that names every picture where it lies", async () => {
    const mp4 = await makeMedia({ kind: "mp4", key: "a" });
    const found = boxes(mp4);
    expect([...found.keys()].filter((name) => name.lastIndexOf("/") === 0)).toEqual(["/ftyp", "/moov", "/mdat"]);
    const table = (name: string) => {
      const box = found.get(`/moov/trak/mdia/minf/stbl/${name}`);
      if (!box) throw new Error(`no ${name}`);
      return view(box);
    };
    const sizes = table("stsz");
    expect(sizes.getUint32(8)).toBe(VIDEO_FRAMES);
    let at = table("stco").getUint32(8);
    for (let n = 0; n < VIDEO_FRAMES; n++) {
      const size = sizes.getUint32(12 + n * 4);
      expect(view(mp4).getUint32(at)).toBe(size - 4);
      expect(mp4[at + 4]).toBe(n === 0 ? 0x65 : 0x41);
      at += size;
    }
    expect(at).toBe(mp4.length);
  });
});

test.each([{ kind: "png", width: 32, height: 32 }, { kind: "wav", seconds: 1 }, { kind: "mp4" }] as const)(
  "a $kind is decided by its key",
  async (recipe) => {
    const one = await makeMedia({ ...recipe, key: "one" });
    expect(await makeMedia({ ...recipe, key: "one" })).toEqual(one);
    expect(await makeMedia({ ...recipe, key: "two" })).not.toEqual(one);
  },
);

describe("the CDN", () => {
  beforeEach(() => freshWorld());
  const SMALL = { prompt: "a", image_size: { width: 64, height: 64 } };

  test("serves a file with length, type and ETag, to anyone", async () => {
    const url = await firstImageUrl(await finished(SMALL));
    const answer = await call("GET", url, undefined, { authorization: "" });
    expect(answer.status).toBe(200);
    const bytes = await answer.arrayBuffer();
    expect(Number(answer.headers.get("content-length"))).toBe(bytes.byteLength);
    expect(answer.headers.get("content-type")).toBe("image/png");
    const head = await call("HEAD", url);
    expect([head.status, head.headers.get("content-length"), (await head.arrayBuffer()).byteLength]).toEqual([
      200,
      String(bytes.byteLength),
      0,
    ]);
    const etag = answer.headers.get("etag") ?? "";
    expect((await call("GET", url, undefined, { "if-none-match": etag })).status).toBe(304);
  });

  test.each([
    ["bytes=0-9", 206, 0, 10],
    ["bytes=10-10", 206, 10, 11],
    ["bytes=100-", 206, 100, Number.POSITIVE_INFINITY],
    ["bytes=-5", 206, -5, Number.POSITIVE_INFINITY],
    ["bytes=50-99999999", 206, 50, Number.POSITIVE_INFINITY],
    ["bytes=9-1", 200, 0, Number.POSITIVE_INFINITY],
    ["bytes=0-1,3-4", 200, 0, Number.POSITIVE_INFINITY],
  ])("answers the range %s with %i", async (range, status, start, end) => {
    const url = await firstImageUrl(await finished(SMALL));
    const whole = new Uint8Array(await (await call("GET", url)).arrayBuffer());
    const answer = await call("GET", url, undefined, { range });
    expect(answer.status).toBe(status);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(whole.slice(start, end));
  });

  test("answers a range behind the end with 416 and the size", async () => {
    const url = await firstImageUrl(await finished(SMALL));
    const size = (await call("HEAD", url)).headers.get("content-length");
    const answer = await call("GET", url, undefined, { range: "bytes=99999999-" });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, `bytes */${size}`]);
  });

  test.each([
    ["an hour", {}, {}, 60 * 60_000],
    ["the time of the settings", { cdn_ttl_ms: 5_000 }, {}, 5_000],
    [
      "the caller's own time",
      {},
      { "x-fal-object-lifecycle-preference": '{"expiration_duration_seconds":60}' },
      60_000,
    ],
  ])("keeps a file for %s", async (_what, settings, headers, ttlMs) => {
    await set(settings);
    const request = await submit(SMALL, { headers });
    await advance(1_200);
    const url = await firstImageUrl(request);
    await advance(ttlMs);
    expect((await call("HEAD", url)).status).toBe(200);
    await advance(1);
    expect((await call("HEAD", url)).status).toBe(404);
  });

  test("does not know the file of a request that has not ended, nor one that was never made", async () => {
    const request = await submit(SMALL);
    const { files } = (await json(await call("GET", `/_sandbox/requests/${request.id}`))) as {
      files: { path: string }[];
    };
    const path = files[0]?.path ?? "";
    expect((await call("GET", path)).status).toBe(404);
    await advance(5_000);
    expect((await call("GET", path)).status).toBe(200);
    expect((await call("GET", "/files/b/00000000/nothing.png")).status).toBe(404);
    expect((await call("POST", path, {})).status).toBe(405);
  });
});
