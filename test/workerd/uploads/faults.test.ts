// Uploads when R2 or the team fails in the midst of them: nothing half is ever there, the same URL takes the bytes again, and
// what nobody sends again is let go.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { teamFor } from "../../../src/platform/stubs.ts";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { UPLOAD_PART_MIN_BYTES } from "../../../src/team/uploads/upload-rules.ts";
import { ringTeam } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";
import { announce, aPng, fetched, type Said, send, streamed } from "../../harness/upload-calls.ts";

const limits = [{ name: "bytes", scope: "team", per: "upload_byte", limit: 100_000_000, window: "1mo" }];
const SIZE = UPLOAD_PART_MIN_BYTES + 1_000;

let team: Team;
beforeEach(async () => {
  team = await Team.create({ limits });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Calls = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** Makes one call of R2's fail, before it does anything or after all is done and only its answer is lost. */
function failOnce(of: "bucket" | "multipart", method: string, when: "before" | "after"): void {
  const instance = of === "bucket" ? env.FILES : env.FILES.resumeMultipartUpload("any", "any");
  const prototype = Object.getPrototypeOf(instance) as Calls;
  const real = prototype[method];
  vi.spyOn(prototype, method).mockImplementationOnce(async function (this: unknown, ...args: unknown[]) {
    if (when === "after") await real?.apply(this, args);
    throw new Error(`${method}: We encountered an internal error. Please try again. (10001)`);
  });
}

async function keys(): Promise<string[]> {
  return (await env.FILES.list({ prefix: `uploads/${team.id}/` })).objects.map(({ key }) => key);
}

const NOT_STORED = { status: 503, body: { code: "storage_failed", retryable: true, hint: expect.any(String) } };

/** Sends it in two parts and puts them together; the first answer that is no success, or the last. */
async function inParts(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<Said> {
  for (const [n, at] of [0, UPLOAD_PART_MIN_BYTES].entries()) {
    const part = await send(`${url}/${n + 1}`, { body: bytes.slice(at, at + UPLOAD_PART_MIN_BYTES) });
    if (part.status !== 200) return part;
  }
  return send(`${url}/complete`, { method: "POST" });
}

const whole = (url: string, bytes: Uint8Array<ArrayBuffer>) => send(url, { body: bytes });
const chunked = (url: string, bytes: Uint8Array) => send(url, { body: streamed(bytes), duplex: "half" } as RequestInit);

describe("R2 fails", () => {
  test.each([
    ["a whole file is put", whole, "bucket", "put", "before"],
    ["a whole file is put, after it was stored", whole, "bucket", "put", "after"],
    ["an upload without a length begins", chunked, "bucket", "createMultipartUpload", "before"],
    ["a piece without a length is stored", chunked, "multipart", "uploadPart", "before"],
    ["an upload without a length is ended", chunked, "multipart", "complete", "before"],
    ["an upload without a length is ended, after it was", chunked, "multipart", "complete", "after"],
    ["an upload in parts begins", inParts, "bucket", "createMultipartUpload", "before"],
    ["a part is stored", inParts, "multipart", "uploadPart", "before"],
    ["a part is stored, after it was", inParts, "multipart", "uploadPart", "after"],
    ["parts are put together", inParts, "multipart", "complete", "before"],
  ] as const)("while %s: the sender hears so, nothing is there, and the URL takes it again", async (...row) => {
    const [, way, of, method, when] = row;
    const bytes = aPng(SIZE);
    const { upload_url, file_url } = await announce(team.key);
    failOnce(of, method, when);
    expect(await way(upload_url, bytes)).toMatchObject(NOT_STORED);
    expect((await fetched(file_url)).status).toBe(404);
    expect(await way(upload_url, bytes)).toMatchObject({ status: 200, body: { size: SIZE } });
    expect(await sha256Hex((await fetched(file_url)).bytes)).toBe(await sha256Hex(bytes));
    expect(await keys()).toHaveLength(1);
    expect(await team.used()).toEqual([SIZE]);
  });

  test("while parts were put together and only the answer is lost: the file is there", async () => {
    const { upload_url, file_url } = await announce(team.key);
    failOnce("multipart", "complete", "after");
    expect(await inParts(upload_url, aPng(SIZE))).toMatchObject({ status: 200, body: { size: SIZE } });
    expect((await fetched(file_url)).status).toBe(200);
  });
});

describe("bytes that lie in R2 and whose row was never written", () => {
  test("are let go with the upload's time, and what they had reserved is given back", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2027, 0, 1) });
    const { upload_url } = await announce(team.key);
    failOnce("bucket", "put", "after");
    failOnce("bucket", "delete", "before");
    expect(await whole(upload_url, aPng(2_000))).toMatchObject(NOT_STORED);
    expect([await keys(), await team.used()]).toEqual([[expect.any(String)], [2_000]]);
    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    expect(await ringTeam(team)).toBe(true);
    expect([await keys(), await team.used()]).toEqual([[], [0]]);
  });

  test("are booked all the same when the team's object breaks off between the two", async () => {
    const bucket = Object.getPrototypeOf(env.FILES) as Calls;
    const real = bucket.put;
    vi.spyOn(bucket, "put").mockImplementationOnce(async function (this: unknown, ...args: unknown[]) {
      const put = await real?.apply(this, args);
      const cut = runInDurableObject(teamFor(env, team.id), (_team, state) => state.abort("cut off by a test"));
      await expect(cut).rejects.toThrow("cut off by a test");
      return put;
    });
    const { upload_url, file_url } = await announce(team.key);
    expect(await whole(upload_url, aPng(2_000))).toMatchObject({ status: 200, body: { size: 2_000 } });
    expect((await fetched(file_url)).bytes).toEqual(aPng(2_000));
    expect(await team.used()).toEqual([2_000]);
  });
});

test("a second file that comes to one URL while the first is stored is refused, and the first is what is booked and served", async () => {
  const { upload_url, file_url } = await announce(team.key);
  const bucket = Object.getPrototypeOf(env.FILES) as Calls;
  const real = bucket.put;
  let second: Said | null = null;
  vi.spyOn(bucket, "put").mockImplementationOnce(async function (this: unknown, ...args: unknown[]) {
    second = await whole(upload_url, aPng(100));
    return real?.apply(this, args);
  });
  expect(await whole(upload_url, aPng(90_000))).toMatchObject({ status: 200, body: { size: 90_000 } });
  expect(second).toMatchObject({ status: 409, body: { code: "conflict" } });
  expect((await fetched(file_url)).bytes).toEqual(aPng(90_000));
  expect([await keys(), await team.used()]).toEqual([[expect.any(String)], [90_000]]);
});
