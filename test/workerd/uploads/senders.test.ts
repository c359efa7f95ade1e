// Two calls that send to one upload URL: one at a time, each to a key of its own, and the file that is named is the one that was booked.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sha256Hex } from "../../../src/platform/ids.ts";
import { teamFor } from "../../../src/platform/stubs.ts";
import { UPLOAD_LEASE_MS, UPLOAD_LEFTOVER_MS } from "../../../src/team/uploads/senders.ts";
import { UPLOAD_PART_MIN_BYTES } from "../../../src/team/uploads/upload-rules.ts";
import { ringTeam } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";
import { announce, aPng, fetched, send } from "../../harness/upload-calls.ts";

const limits = [{ name: "bytes", scope: "team", per: "upload_byte", limit: 10_000_000, window: "1mo" }];
const LARGE = aPng(2_500_000);
const SMALL = aPng(16, 2);

let team: Team;
beforeEach(async () => {
  team = await Team.create({ limits });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

async function keys(): Promise<string[]> {
  return (await env.FILES.list({ prefix: `uploads/${team.id}/` })).objects.map(({ key }) => key);
}

async function senderRows(): Promise<number> {
  return runInDurableObject(
    teamFor(env, team.id),
    (_team, { storage }) => storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM upload_sender").one().n,
  );
}

/** Ends the leases of all senders, as if none of them had been heard of for long enough. */
async function endLeases(): Promise<void> {
  await runInDurableObject(teamFor(env, team.id), (_team, { storage }) => {
    storage.sql.exec("UPDATE upload_sender SET lease_until = 1");
  });
}

/** A body that sends its first half at once, and the rest when it is told to. */
function inHalves(bytes: Uint8Array<ArrayBuffer>) {
  const half = Math.floor(bytes.length / 2);
  let goOn = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(bytes.slice(0, half));
      await told;
      controller.enqueue(bytes.slice(half));
      controller.close();
    },
  });
  return { body, goOn: () => goOn() };
}

type Sent = "with its length" | "in chunks" | "as part 1";

/** Begins to send a file in halves; the call is under way when this is over. */
async function beginSending(url: string, bytes: Uint8Array<ArrayBuffer>, how: Sent) {
  const { body, goOn } = inHalves(bytes);
  const before = await senderRows();
  const headers: Record<string, string> = how === "in chunks" ? {} : { "Content-Length": String(bytes.length) };
  const target = how === "as part 1" ? `${url}/1` : url;
  const answer = send(target, { body, headers, duplex: "half" } as RequestInit);
  await vi.waitUntil(async () => (await senderRows()) > before, { timeout: 10_000 });
  return { answer, goOn };
}

const target = (url: string, how: Sent) => (how === "as part 1" ? `${url}/1` : url);

test.each<Sent>(["with its length", "in chunks", "as part 1"])(
  "a second call is refused while one sends %s, and told when to come again",
  async (how) => {
    const { upload_url, file_url } = await announce(team.key);
    const first = await beginSending(upload_url, LARGE, how);
    const second = await send(target(upload_url, how), { body: SMALL });
    expect(second).toMatchObject({
      status: 409,
      body: { code: "conflict", detail: expect.stringContaining("Another call is sending"), hint: expect.any(String) },
    });
    expect(Number(second.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(Number(second.headers.get("Retry-After"))).toBeLessThanOrEqual(UPLOAD_LEASE_MS / 1_000);
    first.goOn();
    expect((await first.answer).status).toBe(200);
    if (how === "as part 1") expect((await send(`${upload_url}/complete`, { method: "POST" })).status).toBe(200);
    expect((await fetched(file_url)).bytes).toEqual(LARGE);
    expect([await team.used(), (await keys()).length, await senderRows()]).toEqual([[LARGE.length], 1, 0]);
  },
);

test.each(["with its length", "in chunks"] as const)(
  "a slow file that comes %s after another was stored and used leaves nothing, and what is served is what was booked",
  async (how) => {
    const { upload_url, file_url } = await announce(team.key);
    const slow = await beginSending(upload_url, LARGE, how);
    await endLeases();
    expect((await send(upload_url, { body: SMALL })).status).toBe(200);
    expect((await fetched(file_url)).bytes).toEqual(SMALL);
    slow.goOn();
    expect(await slow.answer).toMatchObject({ status: 409, body: { code: "conflict" } });
    const served = await fetched(file_url);
    expect(await sha256Hex(served.bytes)).toBe(await sha256Hex(SMALL));
    expect([await team.used(), await keys()]).toEqual([[SMALL.length], [expect.any(String)]]);
  },
);

test("the same file from a slow call is answered as stored, and its second copy goes", async () => {
  const { upload_url, file_url } = await announce(team.key);
  const slow = await beginSending(upload_url, LARGE, "with its length");
  await endLeases();
  expect((await send(upload_url, { body: LARGE })).status).toBe(200);
  slow.goOn();
  expect(await slow.answer).toMatchObject({ status: 200, body: { size: LARGE.length } });
  expect((await fetched(file_url)).bytes).toEqual(LARGE);
  expect([await team.used(), (await keys()).length]).toEqual([[LARGE.length], 1]);
});

test("a file of a call that lost its lease is not stored while the next one still sends", async () => {
  const { upload_url, file_url } = await announce(team.key);
  const slow = await beginSending(upload_url, LARGE, "with its length");
  await endLeases();
  const next = await beginSending(upload_url, aPng(300_000, 3), "with its length");
  slow.goOn();
  expect(await slow.answer).toMatchObject({ status: 409, body: { detail: expect.stringContaining("meanwhile") } });
  expect((await fetched(file_url)).status).toBe(404);
  next.goOn();
  expect((await next.answer).status).toBe(200);
  expect((await fetched(file_url)).bytes).toEqual(aPng(300_000, 3));
  expect([await team.used(), (await keys()).length]).toEqual([[300_000], 1]);
});

test("a call that fails gives its lease up at once", async () => {
  const { upload_url } = await announce(team.key);
  expect((await send(upload_url, { body: new TextEncoder().encode("<!doctype html><p>x") })).status).toBe(415);
  expect([await keys(), await senderRows()]).toEqual([[], 0]);
  expect((await send(upload_url, { body: LARGE })).status).toBe(200);
});

test("what a call that was cut off left is deleted by the alarm, its multipart upload too", async () => {
  const { upload_url, file_url } = await announce(team.key);
  const sender = "cutoff";
  const uploadId = /\/(upl_[^.]+)\./.exec(upload_url)?.[1] ?? "";
  const begun = await teamFor(env, team.id).uploads.begin({ id: uploadId, sender, bytes: null, atMost: null });
  if (begun.kind !== "begun") throw new Error(begun.kind);
  const multipart = await env.FILES.createMultipartUpload(begun.objectKey);
  await multipart.uploadPart(1, new Uint8Array(UPLOAD_PART_MIN_BYTES));
  await env.FILES.put(begun.objectKey, "half of it");
  expect(await teamFor(env, team.id).uploads.keepSenderMultipart(sender, multipart.uploadId)).toBe(true);

  later(UPLOAD_LEASE_MS + 1);
  expect((await send(upload_url, { body: SMALL })).status).toBe(200);
  expect([(await keys()).length, await senderRows()]).toEqual([2, 1]);
  later(UPLOAD_LEFTOVER_MS + UPLOAD_LEASE_MS);
  await ringTeam(team);
  expect([(await keys()).length, await senderRows()]).toEqual([1, 0]);
  await expect(multipart.uploadPart(2, new Uint8Array(1))).rejects.toThrow();
  expect((await fetched(file_url)).bytes).toEqual(SMALL);
});

test("bytes beyond what was reserved are not stored, however they came", async () => {
  const { upload_url, file_url } = await announce(team.key);
  const parts = aPng(UPLOAD_PART_MIN_BYTES);
  expect((await send(`${upload_url}/1`, { body: parts })).status).toBe(200);
  // A whole file that fails leaves a reservation of its own size.
  expect((await send(upload_url, { body: new TextEncoder().encode("<!doctype html><p>x") })).status).toBe(415);
  const other = await announce(team.key, { size: 9_000_000 });
  expect(other.id).toMatch(/^upl_/);
  const completed = await send(`${upload_url}/complete`, { method: "POST" });
  expect(completed.body).toMatchObject({ code: "quota_exceeded" });
  expect((await fetched(file_url)).status).toBe(404);
  expect(await keys()).toEqual([]);
});
