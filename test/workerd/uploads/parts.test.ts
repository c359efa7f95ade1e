// A file in parts: out of order, cut off, repeated, and wrong; and what uploads take of a plan's limits.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { UPLOAD_PART_MIN_BYTES } from "../../../src/team/uploads/upload-rules.ts";
import { call, json } from "../../harness/calls.ts";
import { ringTeam } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";
import { announce, aPng, fetched, type Said, send, streamed } from "../../harness/upload-calls.ts";

const PART = UPLOAD_PART_MIN_BYTES;

afterEach(() => {
  vi.useRealTimers();
});

async function put(
  url: string,
  n: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ partNumber: number; etag: string }> {
  const sent = await send(`${url}/${n}`, { body: bytes });
  expect(sent).toMatchObject({ status: 200, body: { partNumber: n, etag: expect.stringMatching(/^[^"]+$/) } });
  expect(sent.headers.get("ETag")).toBe(`"${sent.body.etag}"`);
  return { partNumber: n, etag: String(sent.body.etag) };
}

function complete(url: string, parts?: unknown): Promise<Said> {
  const headers = { "Content-Type": "application/json" };
  const body = parts === undefined ? {} : { body: JSON.stringify({ parts }), headers };
  return send(`${url}/complete`, { method: "POST", ...body });
}

function cut(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: Math.ceil(bytes.length / PART) }, (_, i) => bytes.slice(i * PART, (i + 1) * PART));
}

async function used(key: string): Promise<unknown[]> {
  const { limits } = (await json(await call("GET", "/v1/me", { key }))) as { limits: { used: unknown }[] };
  return limits.map((limit) => limit.used);
}

describe("a file in parts", () => {
  test("is put together from parts that came in any order, side by side, one of them twice", async () => {
    const { key } = await Team.create();
    const bytes = aPng(2 * PART + 123_456);
    const announced = await announce(key, { size: 200 * 1024 * 1024 });
    expect(announced.parts, "more than one call takes").toEqual({ size: 10 * 1024 * 1024, count: 20 });
    const { upload_url, file_url } = await announce(key, { size: bytes.length });
    const [one, two, three] = cut(bytes) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
    const [third] = await Promise.all([put(upload_url, 3, three), put(upload_url, 2, aPng(PART, 9))]);
    const first = await put(upload_url, 1, one);
    const second = await put(upload_url, 2, two);
    expect((await fetched(file_url)).status, "nothing half is there").toBe(404);
    const done = await complete(upload_url, [first, second, third]);
    expect(done).toMatchObject({ status: 200, body: { size: bytes.length, content_type: "image/png", file_url } });
    expect(await sha256Hex((await fetched(file_url)).bytes)).toBe(await sha256Hex(bytes));
    expect(await complete(upload_url, [first, second, third]), "again").toMatchObject({ status: 200, body: done.body });
    expect((await send(`${upload_url}/1`, { body: one })).status, "a part after the end").toBe(409);
    expect((await send(upload_url, { body: aPng(10) })).status, "another file after the end").toBe(409);
  });

  test("is completed by S3's spelling, and by nothing but the parts that came", async () => {
    const { key } = await Team.create();
    const spelled = await announce(key);
    const { etag } = await put(spelled.upload_url, 1, aPng(1_000));
    expect((await complete(spelled.upload_url, [{ PartNumber: 1, ETag: `"${etag}"` }])).status).toBe(200);
    const silent = await announce(key);
    await put(silent.upload_url, 1, aPng(1_000));
    expect((await complete(silent.upload_url)).status).toBe(200);
    expect((await fetched(silent.file_url)).bytes).toEqual(aPng(1_000));
  });

  test.each([
    ["nothing came", [], undefined, "Part 1"],
    ["part 1 is missing", [[2, 100]], undefined, "Part 1"],
    ["a part is named by another etag", [[1, 100]], [{ partNumber: 1, etag: "other" }], "part 1"],
    ["a part is named that did not come", [[1, 100]], [{ partNumber: 2, etag: "x" }], "part 2"],
    [
      "parts are not of one size",
      [
        [1, PART],
        [2, PART + 1],
      ],
      undefined,
      "Part 2",
    ],
    [
      "parts are too small",
      [
        [1, 1_000],
        [2, 1_000],
      ],
      undefined,
      "1000 bytes",
    ],
    ["the parts are not a list", [], "x", "parts"],
  ])("is not put together when %s", async (_name, sizes, named, words) => {
    const { upload_url, file_url } = await announce((await Team.create()).key);
    for (const [n = 0, size = 0] of sizes as [number, number][]) await put(upload_url, n, aPng(size));
    expect(await complete(upload_url, named)).toMatchObject({
      ...{ status: 400, body: { code: "invalid_request", detail: expect.stringContaining(words) } },
    });
    expect((await fetched(file_url)).status).toBe(404);
  });

  test("is refused at the part that is wrong", async () => {
    const films = await Team.create({ uploads: { types: ["video/*"] } });
    const film = await announce(films.key, { content_type: "video/mp4" });
    expect(await send(`${film.upload_url}/1`, { body: aPng(PART) })).toMatchObject({ status: 415 });
    const { key } = await Team.create({ uploads: { max_bytes: PART + 10 } });
    const picture = await announce(key);
    await put(picture.upload_url, 1, aPng(PART));
    expect(await send(`${picture.upload_url}/2`, { body: aPng(11) })).toMatchObject({ status: 413 });
    expect(await send(`${picture.upload_url}/0`, { body: aPng(11) })).toMatchObject({ status: 400 });
    const body = streamed(aPng(11));
    expect(await send(`${picture.upload_url}/2`, { body, duplex: "half" } as RequestInit)).toMatchObject({
      status: 411,
    });
    const sized = await announce(key, { size: 100 });
    expect(await send(`${sized.upload_url}/1`, { body: aPng(101) })).toMatchObject({ status: 400 });
  });
});

describe("limits of uploads", () => {
  const limits = [
    { name: "files", scope: "user", per: "upload", limit: 3, window: "1h" },
    { name: "bytes", scope: "team", per: "upload_byte", limit: 10_000, window: "1d" },
  ];

  test("count files by user, and bytes before they come: what is announced is taken, what did not come is given back", async () => {
    const { key } = await Team.create({ limits });
    const told = await announce(key, { size: 6_000 });
    expect(await used(key)).toEqual([1, 6_000]);
    const body = { file_name: "a.png", content_type: "image/png", size: 6_000 };
    const over = await call("POST", "/v1/uploads", { key, body });
    expect([over.status, await json(over)]).toMatchObject([
      402,
      { code: "quota_exceeded", violated_policies: [{ name: "bytes" }] },
    ]);
    const untold = await announce(key);
    expect(await used(key)).toEqual([2, 6_000]);
    expect(await send(untold.upload_url, { body: aPng(5_000) }), "it says its length when it comes").toMatchObject({
      status: 402,
    });
    expect((await send(untold.upload_url, { body: streamed(aPng(1_000)), duplex: "half" } as RequestInit)).status).toBe(
      200,
    );
    expect(await used(key)).toEqual([2, 7_000]);
    expect((await send(told.upload_url, { body: aPng(6_000) })).status).toBe(200);
    await announce(key, { user: "ada", size: 1 });
    await announce(key);
    const tooMany = await call("POST", "/v1/uploads", { key, body: { ...body, size: 1 } });
    expect([tooMany.status, await json(tooMany)]).toMatchObject([429, { violated_policies: [{ name: "files" }] }]);
    expect((await call("POST", "/v1/uploads", { key, body: { ...body, size: 1, user: "ada" } })).status).toBe(201);
  });

  test("hold for uploads side by side", async () => {
    const { key } = await Team.create({ limits: [limits[1]] });
    const announced = await Promise.all(Array.from({ length: 8 }, () => announce(key)));
    const sent = await Promise.all(announced.map(({ upload_url }) => send(upload_url, { body: aPng(3_000) })));
    expect(sent.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(await used(key)).toEqual([9_000]);
  });

  test("hold for parts, of which one that is sent again counts once", async () => {
    const { key } = await Team.create({ limits: [limits[1]] });
    const { upload_url } = await announce(key);
    await put(upload_url, 1, aPng(6_000));
    await put(upload_url, 1, aPng(6_000, 2));
    expect(await used(key)).toEqual([6_000]);
    expect(await send(`${upload_url}/2`, { body: aPng(4_001) })).toMatchObject({ status: 402 });
    await put(upload_url, 2, aPng(4_000));
    expect(await used(key)).toEqual([10_000]);
  });
});

describe("when the time of an upload is over", () => {
  test("its bytes leave R2, also those of parts that were never put together, and what never came is given back", async () => {
    const plan = { limits: [{ name: "bytes", scope: "team", per: "upload_byte", limit: 100_000, window: "1mo" }] };
    const team = await Team.create(plan);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2027, 0, 1) });
    const whole = await announce(team.key);
    await send(whole.upload_url, { body: aPng(1_000) });
    await put((await announce(team.key)).upload_url, 1, aPng(2_000));
    await announce(team.key, { size: 5_000 });
    expect(await used(team.key)).toEqual([8_000]);
    const stored = async () => (await env.FILES.list({ prefix: `uploads/${team.id}/` })).objects.length;
    expect(await stored()).toBe(1);

    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    expect(await ringTeam(team)).toBe(true);
    expect(await used(team.key)).toEqual([1_000]);
    expect(await stored(), "the file's days are not over").toBe(1);
    vi.setSystemTime(Date.now() + 7 * 24 * HOUR_MS);
    expect(await ringTeam(team)).toBe(true);
    expect(await stored()).toBe(0);
    expect((await fetched(whole.file_url)).status).toBe(410);
  });
});
