// What people do with uploads afterwards: list them, read one, delete it with its bytes.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { call, json } from "../../harness/calls.ts";
import { ringTeam } from "../../harness/objects.ts";
import { newKey, Team } from "../../harness/team.ts";
import { announce, aPng, fetched, send } from "../../harness/upload-calls.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Page {
  data: { id: string; status: string; user: string | null }[];
  next_cursor: string | null;
}

async function page(key: string, query = ""): Promise<Page> {
  const answer = await call("GET", `/v1/uploads${query}`, { key });
  expect(answer.status).toBe(200);
  return (await json(answer)) as unknown as Page;
}

async function stored(team: Team): Promise<number> {
  return (await env.FILES.list({ prefix: `uploads/${team.id}/` })).objects.length;
}

async function uploaded(key: string, body = {}): Promise<{ id: string; upload_url: string; file_url: string }> {
  const announced = await announce(key, body);
  expect((await send(announced.upload_url, { body: aPng(1_000) })).status).toBe(200);
  return announced;
}

const GONE = { status: 404, body: { code: "not_found" } };

async function read(key: string, id: string, method = "GET") {
  const answer = await call(method, `/v1/uploads/${id}`, { key });
  return { status: answer.status, body: answer.status === 204 ? {} : await json(answer) };
}

describe("the uploads of a team", () => {
  test("are listed newest first, page by page, whether their bytes have come or not", async () => {
    const { key } = await Team.create();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.unshift((await (n % 2 ? uploaded(key) : announce(key))).id);
      // Two of them at the same moment.
      if (n !== 2) vi.setSystemTime(Date.now() + 1);
    }
    const first = await page(key, "?limit=2");
    const second = await page(key, `?limit=2&cursor=${first.next_cursor}`);
    const third = await page(key, `?limit=2&cursor=${second.next_cursor}`);
    expect(third.next_cursor).toBeNull();
    const listed = [first, second, third].flatMap(({ data }) => data);
    expect(listed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect([listed[0]?.id, listed[4]?.id]).toEqual([ids[0], ids[4]]);
    expect(listed.map(({ status }) => status).toSorted()).toEqual([
      "pending",
      "pending",
      "pending",
      "stored",
      "stored",
    ]);
    expect((await call("GET", "/v1/uploads?cursor=made-up", { key })).status).toBe(400);
  });

  test("tell what came and where a model fetches it", async () => {
    const { key } = await Team.create();
    const { id, file_url } = await uploaded(key, { file_name: "My cat.png", user: "ada" });
    const { body } = await read(key, id);
    expect(body).toMatchObject({ id, file_url, status: "stored", file_name: "My-cat.png", size: 1_000, user: "ada" });
    expect(body).toMatchObject({ content_type: "image/png", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect((await page(key)).data).toEqual([body]);
    expect((await fetched(String(body.file_url))).status).toBe(200);
  });

  test("are a user's own for a key that is bound to one, and unknown to others", async () => {
    const { key } = await Team.create();
    const { secret } = await newKey(key, { kind: "secret", user: "ada" });
    const [hers, his] = [await uploaded(key, { user: "ada" }), await uploaded(key, { user: "bob" })];
    expect((await page(secret)).data.map(({ id }) => id)).toEqual([hers.id]);
    expect((await page(key, "?user=bob")).data.map(({ id }) => id)).toEqual([his.id]);
    expect((await call("GET", "/v1/uploads?user=bob", { key: secret })).status).toBe(403);
    for (const method of ["GET", "DELETE"]) expect(await read(secret, his.id, method)).toMatchObject(GONE);
    const stranger = await Team.create();
    for (const method of ["GET", "DELETE"]) expect(await read(stranger.key, his.id, method)).toMatchObject(GONE);
    expect((await fetched(his.file_url)).status).toBe(200);
  });

  test("are listed until their time is over", async () => {
    const { key } = await Team.create();
    const pending = await announce(key);
    await uploaded(key);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + HOUR_MS + 1_000 });
    expect((await page(key)).data.map(({ status }) => status)).toEqual(["stored"]);
    expect(await read(key, pending.id)).toMatchObject(GONE);
  });
});

describe("a deleted upload", () => {
  test("leaves nothing in R2, and both its URLs are over", async () => {
    const team = await Team.create();
    const { id, upload_url, file_url } = await uploaded(team.key);
    expect(await stored(team)).toBe(1);
    expect((await read(team.key, id, "DELETE")).status).toBe(204);
    expect(await stored(team)).toBe(0);
    expect((await fetched(file_url)).status).toBe(410);
    expect((await send(upload_url, { body: aPng(1_000) })).status).toBe(410);
    expect((await page(team.key)).data).toEqual([]);
    for (const method of ["GET", "DELETE"]) expect(await read(team.key, id, method)).toMatchObject(GONE);
  });

  test("of which parts have come takes them along, and gives back what it had reserved", async () => {
    const limits = [{ name: "bytes", scope: "team", per: "upload_byte", limit: 10_000, window: "1mo" }];
    const team = await Team.create({ limits });
    const { id, upload_url } = await announce(team.key, { size: 9_000 });
    expect((await send(`${upload_url}/1`, { body: aPng(3_000) })).status).toBe(200);
    expect(await team.used()).toEqual([9_000]);
    expect((await read(team.key, id, "DELETE")).status).toBe(204);
    expect(await team.used()).toEqual([0]);
    expect((await send(`${upload_url}/2`, { body: aPng(3_000) })).status).toBe(410);
  });

  test("is over at once although R2 is away, and its bytes go with the next alarm", async () => {
    const team = await Team.create();
    const { id, file_url } = await uploaded(team.key);
    const away = vi.spyOn(Object.getPrototypeOf(env.FILES) as R2Bucket, "delete").mockRejectedValue(new Error("away"));
    expect((await read(team.key, id, "DELETE")).status).toBe(204);
    expect((await fetched(file_url)).status).toBe(410);
    expect(await stored(team)).toBe(1);
    away.mockRestore();
    expect(await ringTeam(team)).toBe(true);
    expect(await stored(team)).toBe(0);
  });

  test("while its bytes come stores nothing", async () => {
    const team = await Team.create();
    const { id, upload_url } = await announce(team.key);
    const bucket = Object.getPrototypeOf(env.FILES) as R2Bucket;
    const real = bucket.put;
    vi.spyOn(bucket, "put").mockImplementation(async function (this: R2Bucket, ...sent: unknown[]) {
      const put = await (real as (...all: unknown[]) => Promise<R2Object>).apply(this, sent);
      expect((await read(team.key, id, "DELETE")).status).toBe(204);
      return put;
    } as R2Bucket["put"]);
    expect(await send(upload_url, { body: aPng(1_000) })).toMatchObject({ status: 410 });
    expect(await stored(team)).toBe(0);
  });
});
