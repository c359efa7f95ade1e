import { env } from "cloudflare:workers";
import fc from "fast-check";
import { Hono } from "hono";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { outputKey } from "../../../src/files/bucket-keys.ts";
import { filePath, linkPath } from "../../../src/files/urls.ts";
import type { AppEnv } from "../../../src/http/app-env.ts";
import { callId } from "../../../src/http/call-id.ts";
import { files } from "../../../src/http/routes/files/files.ts";
import type { Env } from "../../../src/platform/bindings.ts";
import { requireConfig } from "../../../src/platform/config.ts";

const bindings = env as Env;
const bucket = bindings.FILES;
const keys = requireConfig(bindings).SIGNING_KEY;
const app = new Hono<AppEnv>().use(callId).route("/files", files);

const team = "acme";
const request = "ab".repeat(32);
const SIZE = 100_003;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8) * 7) & 0xff);
let path = "";
let etag = "";

beforeAll(async () => {
  etag = (await put(0, bytes, "image/png")).httpEtag;
  path = await pathOf(0, "cat.png");
});
afterEach(() => {
  vi.restoreAllMocks();
});

function put(n: number, content: Uint8Array | string, contentType: string): Promise<R2Object> {
  return bucket.put(outputKey(team, request, n), content, { httpMetadata: { contentType } });
}
function pathOf(n: number, name: string): Promise<string> {
  return filePath(keys, { team, request, n, name });
}
async function fetchFile(where: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  return app.request(`https://sluice.test${where}`, { method, headers }, bindings);
}
async function bodyOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

/** What a call with this Range has to get: the plain reading of RFC 9110, 14.1.2 on an array. Null: the whole. */
function slice(range: string): { from: number; to: number } | "outside" | null {
  const [, first = "", last = ""] = /^bytes=([0-9]*)-([0-9]*)$/.exec(range) ?? [];
  if (first === "" && last === "") return null;
  const from = first === "" ? Math.max(0, SIZE - Number(last)) : Number(first);
  const to = first === "" || last === "" ? SIZE : Math.min(SIZE, Number(last) + 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return null;
  return from >= to ? "outside" : { from, to };
}

const place = fc.oneof(fc.nat(SIZE + 1_000), fc.constantFrom(0, 1, SIZE - 1, SIZE, SIZE + 1));
const oneRange = fc.oneof(
  fc.tuple(place, place).map(([first, last]) => `${first}-${last}`),
  place.map((first) => `${first}-`),
  place.map((last) => `-${last}`),
);
const anyRange = fc.oneof(
  { weight: 8, arbitrary: oneRange.map((range) => `bytes=${range}`) },
  { weight: 1, arbitrary: fc.array(oneRange, { minLength: 2, maxLength: 4 }).map((all) => `bytes=${all.join(",")}`) },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-z]{0,6}=?[0-9,x -]{0,12}$/) },
);

describe("a whole file", () => {
  test("comes with what browsers, players and canvases need", async () => {
    const response = await fetchFile(path);
    expect(response.status).toBe(200);
    expect(await bodyOf(response)).toEqual(bytes);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "image/png",
      "content-length": String(SIZE),
      "content-disposition": 'inline; filename="cat.png"',
      "accept-ranges": "bytes",
      "last-modified": expect.stringMatching(/ GMT$/),
      etag,
      "cache-control": "public, max-age=31536000, s-maxage=300, immutable",
      "access-control-allow-origin": "*",
      "access-control-expose-headers": expect.stringContaining("content-range"),
      "cross-origin-resource-policy": "cross-origin",
      "timing-allow-origin": "*",
      "x-content-type-options": "nosniff",
      "content-security-policy": expect.stringContaining("sandbox"),
    });
    expect(etag).toMatch(/^"[^"]+"$/);
  });

  test("comes under any name, and without one", async () => {
    expect((await fetchFile(path.replace("cat.png", "dog.png"))).headers.get("content-disposition")).toBe(
      'inline; filename="dog.png"',
    );
    expect((await fetchFile(path.replace("/cat.png", ""))).headers.get("content-disposition")).toBe("inline");
  });

  test("is saved under the name that was asked for", async () => {
    const response = await fetchFile(`${path}?download=my%20cat.png`);
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="my cat.png"');
  });

  test("of text says in which alphabet it is", async () => {
    await put(1, "grüß dich", "text/plain");
    expect((await fetchFile(await pathOf(1, "a.txt"))).headers.get("content-type")).toBe("text/plain; charset=utf-8");
  });

  test.each(["text/html", "image/svg+xml", "application/xml", "application/pdf"])(
    "of type %s is only ever saved",
    async (type) => {
      await put(2, "<script>alert(1)</script>", type);
      const response = await fetchFile(await pathOf(2, "a"));
      expect(response.headers.get("content-type")).toContain(type);
      expect(response.headers.get("content-disposition")).toMatch(/^attachment/);
      expect(response.headers.get("content-security-policy")).toMatch(/^sandbox;/);
    },
  );

  test("without a stored type is plain bytes", async () => {
    await bucket.put(outputKey(team, request, 3), "x");
    expect((await fetchFile(await pathOf(3, "x"))).headers.get("content-type")).toBe("application/octet-stream");
  });
});

describe("HEAD", () => {
  test("says the same without the bytes, and reads none", async () => {
    const get = vi.spyOn(bucket, "get");
    const head = await fetchFile(path, {}, "HEAD");
    expect(get).not.toHaveBeenCalled();
    expect(head.status).toBe(200);
    expect(head.body).toBeNull();
    const whole = await fetchFile(path);
    expect(await bodyOf(whole)).toHaveLength(SIZE);
    const without = (response: Response) => {
      const headers = new Headers(response.headers);
      headers.delete("x-request-id");
      return Object.fromEntries(headers);
    };
    expect(without(head)).toEqual(without(whole));
  });

  test("ignores a range", async () => {
    const head = await fetchFile(path, { range: "bytes=0-9" }, "HEAD");
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(SIZE)]);
  });
});

describe("a range", () => {
  test("whatever it says gets what the plain bytes have there", async () => {
    await fc.assert(
      fc.asyncProperty(anyRange, async (range) => {
        const expected = slice(range);
        const response = await fetchFile(path, { range });
        const body = await bodyOf(response);
        if (expected === "outside") {
          expect([response.status, response.headers.get("content-range")]).toEqual([416, `bytes */${SIZE}`]);
          return;
        }
        const { from, to } = expected ?? { from: 0, to: SIZE };
        const contentRange = expected === null ? null : `bytes ${from}-${to - 1}/${SIZE}`;
        expect([response.status, response.headers.get("content-range")]).toEqual([expected ? 206 : 200, contentRange]);
        expect(response.headers.get("content-length")).toBe(String(to - from));
        expect(response.headers.get("etag")).toBe(etag);
        // Compared as a boolean: the difference of a hundred thousand bytes is nothing to read.
        expect(body.length === to - from && body.every((byte, at) => byte === bytes[from + at])).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    `bytes=${SIZE}-`,
    `bytes=${SIZE}-${SIZE + 5}`,
    "bytes=-0",
    "bytes=9007199254740993-",
    "bytes=99999999999999999999999-",
  ])("outside the file (%s) is refused with its size", async (range) => {
    const response = await fetchFile(path, { range });
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe(`bytes */${SIZE}`);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await bodyOf(response)).toHaveLength(0);
  });

  test.each(["bytes=0-1,5-6", "bytes=5-2", "lines=1-2", "bytes=x-y"])(
    "that is several or malformed (%s) gets the whole",
    async (range) => {
      const response = await fetchFile(path, { range });
      expect(response.status).toBe(200);
      expect(await bodyOf(response)).toHaveLength(SIZE);
    },
  );

  test("of an empty file is refused, the whole of it is not", async () => {
    await put(4, "", "text/plain");
    const empty = await pathOf(4, "a.txt");
    expect((await fetchFile(empty, { range: "bytes=0-" })).status).toBe(416);
    const whole = await fetchFile(empty);
    expect([whole.status, whole.headers.get("content-length"), (await bodyOf(whole)).length]).toEqual([200, "0", 0]);
  });

  test("costs one read of the bucket", async () => {
    const [get, head] = [vi.spyOn(bucket, "get"), vi.spyOn(bucket, "head")];
    expect(await bodyOf(await fetchFile(path, { range: "bytes=5-9" }))).toHaveLength(5);
    expect(await bodyOf(await fetchFile(path, { range: "bytes=5-9", "if-range": etag }))).toHaveLength(5);
    expect([get.mock.calls.length, head.mock.calls.length]).toEqual([2, 0]);
  });

  test("with If-Range of the same bytes is answered, of others gets the whole", async () => {
    const same = await fetchFile(path, { range: "bytes=5-9", "if-range": etag });
    expect([same.status, (await bodyOf(same)).length]).toEqual([206, 5]);
    for (const other of ['"other"', `W/${etag}`, "Sun, 22 Nov 2026 00:00:00 GMT"]) {
      const whole = await fetchFile(path, { range: "bytes=5-9", "if-range": other });
      expect(whole.status).toBe(200);
      expect(whole.headers.get("content-range")).toBeNull();
      expect(await bodyOf(whole)).toEqual(bytes);
    }
    expect((await fetchFile(path, { range: `bytes=${SIZE}-`, "if-range": '"other"' })).status).toBe(200);
  });

  test("is no excuse when the bucket itself fails", async () => {
    vi.spyOn(bucket, "get").mockRejectedValue(new Error("get: internal error (10001)"));
    const faults: string[] = [];
    const noting = new Hono<AppEnv>().use(callId).route("/files", files);
    noting.onError((fault, context) => {
      faults.push(fault.message);
      return context.body(null, 500);
    });
    const response = await noting.request(path, { headers: { range: "bytes=5-9" } }, bindings);
    expect([response.status, faults]).toEqual([500, ["get: internal error (10001)"]]);
  });
});

describe("a visitor that has the file", () => {
  test.each(["GET", "HEAD"])("hears so on %s and gets no bytes", async (method) => {
    for (const held of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const response = await fetchFile(path, { "if-none-match": held }, method);
      expect(response.status).toBe(304);
      expect(response.body).toBeNull();
      expect(response.headers.get("etag")).toBe(etag);
      expect(response.headers.get("cache-control")).toContain("immutable");
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
      expect(response.headers.get("content-type")).toBeNull();
    }
  });

  test("costs one read of the bucket, which begins no bytes", async () => {
    const get = vi.spyOn(bucket, "get");
    await fetchFile(path, { "if-none-match": etag });
    expect(get).toHaveBeenCalledOnce();
    expect(await get.mock.results[0]?.value).not.toHaveProperty("body");
  });

  test("hears so before its range is looked at", async () => {
    expect((await fetchFile(path, { "if-none-match": etag, range: "bytes=0-9" })).status).toBe(304);
    expect((await fetchFile(path, { "if-none-match": etag, range: `bytes=${SIZE}-` })).status).toBe(304);
  });

  test("of another file gets the bytes", async () => {
    expect((await fetchFile(path, { "if-none-match": '"other"' })).status).toBe(200);
  });
});

describe("conditions", () => {
  test("a visitor that knows the date only hears that it has the file", async () => {
    const since = (await fetchFile(path, {}, "HEAD")).headers.get("last-modified") ?? "";
    for (const method of ["GET", "HEAD"]) {
      const response = await fetchFile(path, { "if-modified-since": since }, method);
      expect([response.status, response.body]).toEqual([304, null]);
    }
  });

  test("who wants these bytes or none gets none of others", async () => {
    expect((await fetchFile(path, { "if-match": etag })).status).toBe(200);
    const other = await fetchFile(path, { "if-match": '"other"', range: "bytes=0-9" });
    expect([other.status, other.body, other.headers.get("etag")]).toEqual([412, null, etag]);
  });

  test.each([
    ["another tag", { "if-match": '"other"' }, 412],
    ["an older date", { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT" }, 412],
    ["a range outside", { range: `bytes=${SIZE}-` }, 416],
    [
      "an older date and a range outside",
      { "if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT", range: `bytes=${SIZE}-` },
      412,
    ],
  ])("that fail (%s) are kept by no cache", async (_name, headers, status) => {
    const answer = await fetchFile(path, headers as Record<string, string>);
    expect([answer.status, answer.body, answer.headers.get("cache-control")]).toEqual([status, null, "no-store"]);
  });
});

describe("a link that ends", () => {
  const file = { team, request, n: 0, name: "cat.png" };
  const inS = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

  test("serves until its end, to be kept by the visitor alone and no longer than that", async () => {
    const response = await fetchFile(await linkPath(keys, file, { share: null, endsAtS: inS(60) }), {
      range: "bytes=0-4",
    });
    expect(response.status).toBe(206);
    expect(response.headers.get("cache-control")).toMatch(/^private, max-age=(60|5\d)$/);
    expect(await bodyOf(response)).toEqual(bytes.slice(0, 5));
    const long = await fetchFile(await linkPath(keys, file, { share: null, endsAtS: inS(86_400) }), {}, "HEAD");
    expect(long.headers.get("cache-control")).toBe("private, max-age=300");
  });

  test("after its end says so, readable for any page, and touches no storage", async () => {
    const spies = (["get", "head", "list"] as const).map((method) => vi.spyOn(bucket, method));
    const response = await fetchFile(await linkPath(keys, file, { share: null, endsAtS: inS(-1) }));
    expect(response.status).toBe(410);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await response.json()).toMatchObject({ code: "gone", detail: "The link has expired." });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });
});

describe("no file", () => {
  test("a mark that is not ours is refused without touching storage", async () => {
    const spies = (["get", "head", "list"] as const).map((method) => vi.spyOn(bucket, method));
    const forged = [
      path.replace(/\.[0-9a-f]{68}/, `.${"0".repeat(68)}`),
      path.replace("/0/", "/1/"),
      path.replace("/acme/", "/other/"),
      path.replace(request, "cd".repeat(32)),
      path.replace(/\.[0-9a-f]{68}/, ""),
      "/files/",
      "/files/acme/../../secrets",
      "/files/acme/x/0/y",
    ];
    for (const each of forged) {
      for (const method of ["GET", "HEAD"]) {
        const response = await fetchFile(each, {}, method);
        expect(response.status, `${method} ${each}`).toBe(404);
      }
    }
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  test("a file that is not there says the same, in a form that pages and programs can read", async () => {
    const answers = await Promise.all(
      [await pathOf(99, "a.png"), path.replace("/acme/", "/other/")].map((each) =>
        fetchFile(each, { range: "bytes=0-9" }),
      ),
    );
    const [missing, forged] = await Promise.all(answers.map((answer) => answer.json<Record<string, unknown>>()));
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    }
    expect(missing).toMatchObject({ code: "not_found", detail: "No file found at this URL." });
    expect({ ...missing, instance: 0, request_id: 0 }).toEqual({ ...forged, instance: 0, request_id: 0 });
  });

  test.each(["POST", "PUT", "DELETE"])("%s is not taken", async (method) => {
    const response = await fetchFile(path, {}, method);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });
});
