// Files of any size on their way into the bucket: killed at every part boundary, from sources that lie.
// Each request is walked to its end by hand; what is stored is compared with what the source sends.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { FILE_PART_BYTES, FILE_PART_TIMEOUT_MS } from "../../../src/files/parts.ts";
import { hex } from "../../../src/platform/ids.ts";
import { SECOND_MS } from "../../../src/platform/time.ts";
import {
  FILE_COPY_SLICE_MS,
  FILE_DEADLINE_MS,
  REQUEST_FILES_MAX_BYTES,
} from "../../../src/requests/engine/effects/copy-files.ts";
import { UploadStore } from "../../../src/requests/engine/multipart-rows.ts";
import { RequestStore } from "../../../src/requests/engine/request-store.ts";
import { FILE_COPY_RETRY_MS } from "../../../src/requests/machine/effect-schedule.ts";
import { introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { cutOff, evict, trackerOf } from "../../harness/objects.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import type { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox, sourcePath } from "../../harness/upstream.ts";
import { holdSources, interceptFetch, isSource } from "../../harness/wire.ts";

const SIZE = 2 * FILE_PART_BYTES + 54_321;
/** Parts of a file of SIZE bytes. */
const PARTS = 3;

test.beforeEach(async ({ team }) => {
  // Whichever test comes first: the account's first webhook is believed only after a call more. Then fal forgets that request.
  await introduceAccount(team);
  await sandbox("POST", "reset");
  await sandbox("POST", "clock", { now: Date.now() });
  await sandbox("PATCH", "settings", { cdn_ttl_ms: 2 * FILE_DEADLINE_MS });
});

/**
 * A request whose output is known and whose one file is about to be copied: its tracker died before a byte came. One seed makes one
 * file of each length.
 */
async function storing(team: Team, words: string): Promise<string> {
  const sources = holdSources();
  const { id } = await team.submit(`a film sandbox:${words}`, { input: { seed: 1 } });
  await passTime(5 * SECOND_MS);
  expect(await deliverWebhooks()).toEqual([200]);
  await sources.reached;
  await cutOff(id);
  sources.drop();
  return id;
}

/** The rows of the unfinished upload of file 0. */
function partsOf(id: string): Promise<number | null> {
  return runInDurableObject(trackerOf(id), (_instance, state) => {
    return new UploadStore(state.storage.sql).readUpload(0)?.parts.length ?? null;
  });
}

/** Which ranges the source was asked for. */
function listenToSource(): (string | null)[] {
  const asked: (string | null)[] = [];
  interceptFetch((request, pass) => {
    if (isSource(request) && !request.headers.has(BY_TEST)) asked.push(request.headers.get("range"));
    return pass();
  });
  return asked;
}

/** Marks the tests' own calls to the source. */
const BY_TEST = "x-by-test";

/** Digests of what the source had under each ETag: 17 MB need not be read again for each test. */
const digests = new Map<string, string>();

/** The digest of what the source has now. */
async function sourceDigest(): Promise<string> {
  const url = `https://cdn.sandbox.test${await sourcePath(0)}`;
  const head = await fetch(url, { method: "HEAD", headers: { [BY_TEST]: "1" } });
  const etag = head.headers.get("etag") ?? expect.unreachable("the source names no version");
  const digest = digests.get(etag) ?? (await readSource(url));
  digests.set(etag, digest);
  return digest;
}

/** Asks in pieces short enough for a source that breaks off. */
async function readSource(url: string): Promise<string> {
  const digest = new crypto.DigestStream("SHA-256");
  const writer = digest.getWriter();
  for (let at = 0; at < SIZE; at += FILE_PART_BYTES) {
    const range = `bytes=${at}-${Math.min(SIZE, at + FILE_PART_BYTES) - 1}`;
    const answer = await fetch(url, { headers: { range, [BY_TEST]: "1" } });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    await writer.write(bytes);
    if (answer.status === 200) break;
  }
  await writer.close();
  return hex(await digest.digest);
}

async function digestOf(body: ReadableStream | null): Promise<string> {
  const digest = new crypto.DigestStream("SHA-256");
  await body?.pipeTo(digest);
  return hex(await digest.digest);
}

/** The request has ended with its one file stored, its digest is the source's, and no unfinished upload is left. */
async function expectSource(team: Team, id: string): Promise<void> {
  const ended = await runToEnd(team, id);
  const file = ended.files[0];
  expect(ended.status).toBe("COMPLETED");
  expect(file).toMatchObject({ status: "stored", size: SIZE, error: null });
  for (let i = 0; i < 5 && (await team.read(id)).files[0]?.sha256 === null; i++) await ring(id);
  const digest = await sourceDigest();
  expect((await team.read(id)).files[0]?.sha256).toBe(digest);
  expect(await digestOf((await call("GET", file?.url ?? "")).body)).toBe(digest);
  expect(await partsOf(id)).toBeNull();
  await expectArmed(id);
}

/** Parts are sent, and whoever sent one never hears of test. */
function loseParts(): { sent: () => number; restore: () => void } {
  const prototype = Object.getPrototypeOf(bindings.FILES.resumeMultipartUpload("any", "any")) as R2MultipartUpload;
  const real = prototype.uploadPart;
  let sent = 0;
  const spy = vi.spyOn(prototype, "uploadPart").mockImplementation(async function (
    this: R2MultipartUpload,
    ...args: Parameters<R2MultipartUpload["uploadPart"]>
  ) {
    await real.apply(this, args);
    sent++;
    return new Promise<R2UploadedPart>(() => undefined);
  } as typeof real);
  return { sent: () => sent, restore: () => spy.mockRestore() };
}

describe("a large file", () => {
  test("is copied under one alarm when nothing disturbs", async ({ team }) => {
    const asked = listenToSource();
    await expectSource(team, await storing(team, `file-huge:${SIZE}`));
    expect(asked).toEqual([null]);
  });

  test.for([1, 2, 3])(
    "whose tracker dies when part %d was sent and not yet written down costs that part again",
    async (k, { team }) => {
      const id = await storing(team, `file-huge:${SIZE}`);
      const asked = listenToSource();
      for (let done = 0; done < k - 1; done++) await onePart(id);
      expect(await partsOf(id)).toBe(k === 1 ? null : k - 1);
      const lost = loseParts();
      const rung = ring(id).then(
        () => undefined,
        () => undefined,
      );
      await eventually(async () => expect(lost.sent()).toBe(1));
      await cutOff(id);
      await rung;
      lost.restore();
      asked.length = 0;
      await expectSource(team, id);
      expect(asked[0]).toBe(k === 1 ? null : `bytes=${(k - 1) * FILE_PART_BYTES}-`);
    },
  );

  test("whose tracker is evicted at every part boundary is downloaded once, in as many pieces", async ({ team }) => {
    const id = await storing(team, `file-huge:${SIZE}`);
    const asked = listenToSource();
    for (let part = 1; part < PARTS; part++) {
      await onePart(id);
      expect(await partsOf(id)).toBe(part);
      await evict(id);
    }
    await expectSource(team, id);
    expect(asked).toEqual([null, ...[1, 2].map((n) => `bytes=${n * FILE_PART_BYTES}-`)]);
  });

  test("that is not there in time is given up, keeps its source, and its parts are kept for a retry", async ({
    team,
  }) => {
    const id = await storing(team, `file-huge:${SIZE}`);
    await onePart(id);
    await passTime(FILE_DEADLINE_MS);
    const ended = await runToEnd(team, id);
    expect(ended).toMatchObject({
      status: "COMPLETED",
      files: [{ status: "failed", error: { code: "storage_failed", message: expect.stringContaining("2 hours") } }],
    });
    expect(imageOf(ended)).toBe(`https://cdn.sandbox.test${await sourcePath(0)}`);
    expect(await partsOf(id)).toBe(1);
  });

  test("that is half copied when its request is deleted leaves nothing behind in the bucket", async ({ team }) => {
    const id = await storing(team, `file-huge:${SIZE}`);
    await onePart(id);
    const [upload] = await runInDurableObject(trackerOf(id), (_instance, state) =>
      new UploadStore(state.storage.sql).unfinishedUploads(),
    );
    await passTime(FILE_DEADLINE_MS);
    await runToEnd(team, id);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    await ring(id);
    const gone = bindings.FILES.resumeMultipartUpload(upload?.key ?? "", upload?.uploadId ?? "");
    await expect(gone.uploadPart(2, new Uint8Array(10))).rejects.toThrow("(10024)");
    expect((await bindings.FILES.list({ prefix: `outputs/${team.id}/${id}` })).objects).toEqual([]);
  });
});

/** Lets one part be copied: the clock jumps over the try's turn while it is sent. */
async function onePart(id: string): Promise<void> {
  const before = (await partsOf(id)) ?? 0;
  const prototype = Object.getPrototypeOf(bindings.FILES.resumeMultipartUpload("any", "any")) as R2MultipartUpload;
  const real = prototype.uploadPart;
  const spy = vi.spyOn(prototype, "uploadPart").mockImplementation(async function (
    this: R2MultipartUpload,
    ...args: Parameters<R2MultipartUpload["uploadPart"]>
  ) {
    const part = await real.apply(this, args);
    vi.setSystemTime(Date.now() + 2 * FILE_COPY_SLICE_MS);
    return part;
  } as typeof real);
  await ring(id);
  spy.mockRestore();
  expect(await partsOf(id)).toBe(before + 1);
  await expectArmed(id, Date.now());
}

function imageOf(request: RequestObject): string | undefined {
  return (request.output as { images: { url: string }[] }).images[0]?.url;
}

describe("a source that", () => {
  test.for([
    ["breaks off again and again is asked for the rest each time", `file-breaking:${FILE_PART_BYTES + 5}`],
    ["changes once is copied as it is now", `file-breaking:${FILE_PART_BYTES + 5},file-changing:1`],
    ["has no ranges comes in one pass", "file-no-ranges"],
  ] as const)("%s", async ([_what, words], { team }) => {
    await expectSource(team, await storing(team, `file-huge:${SIZE},${words}`));
  });

  test("breaks off in every part and has no ranges is given up", async ({ team }) => {
    const id = await storing(team, `file-huge:${SIZE},file-no-ranges,file-breaking:1000000`);
    expect(await runToEnd(team, id)).toMatchObject({
      status: "COMPLETED",
      files: [
        { status: "failed", error: { code: "storage_failed", message: "The source closed the connection early." } },
      ],
    });
  });

  test("names a length above the cap is not downloaded", async ({ team }) => {
    const id = await storing(team, "file-huge:5200000000");
    expect(await runToEnd(team, id)).toMatchObject({
      status: "COMPLETED",
      files: [{ status: "failed", error: { code: "payload_too_large" } }],
    });
  });

  test("sends nothing is let go after its time, asked again, and given up", async ({ team }) => {
    const real = globalThis.setTimeout;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((work: () => void, ms?: number) =>
      real(work, ms === FILE_PART_TIMEOUT_MS ? 20 : ms)) as typeof setTimeout);
    const asked = listenToSource();
    const ended = await runToEnd(team, await storing(team, "file-silent"));
    expect(ended).toMatchObject({
      status: "COMPLETED",
      files: [
        { status: "failed", error: { code: "storage_failed", message: "The source closed the connection early." } },
      ],
    });
    expect(asked).toHaveLength(FILE_COPY_RETRY_MS.length + 1);
  });
});

describe("what all files of a request may come to", () => {
  test.for([
    ["by its length", "many-files:2", 1_000],
    ["by what came, where it has no end", "many-files:2,file-endless:1", 2 * FILE_PART_BYTES + 1],
  ] as const)(
    "stops a file %s; those before it stay, and nothing of it is left",
    async ([_how, words, room], { team }) => {
      let isDown = true;
      interceptFetch(async (request, pass) => {
        const isSecond = isSource(request) && new URL(request.url).pathname === (await sourcePath(1));
        return isSecond && isDown ? new Response(null, { status: 503 }) : pass();
      });
      const id = await storing(team, words);
      for (let i = 0; i < 5 && (await team.read(id)).files[0]?.status !== "stored"; i++) await ring(id);
      await pretendStored(id, REQUEST_FILES_MAX_BYTES - room);
      isDown = false;
      expect(await runToEnd(team, id)).toMatchObject({
        status: "COMPLETED",
        files: [{ status: "stored" }, { status: "failed", error: { code: "payload_too_large" } }],
      });
      expect((await bindings.FILES.list({ prefix: `outputs/${team.id}/${id}` })).objects).toHaveLength(1);
      const unfinished = await runInDurableObject(trackerOf(id), (_instance, state) => {
        return new UploadStore(state.storage.sql).unfinishedUploads();
      });
      expect(unfinished).toEqual([]);
    },
  );

  /** Says of file 0 that it has so many bytes. */
  async function pretendStored(id: string, bytes: number): Promise<void> {
    await runInDurableObject(trackerOf(id), (_instance, { storage }) => {
      const store = new RequestStore(storage);
      const record = store.loadRecord();
      if (record === null) throw new Error("the request does not exist");
      store.saveRecord({ ...record, files: record.files.map((file) => (file.n === 0 ? { ...file, bytes } : file)) });
      store.flush();
    });
    await evict(id);
  }
});
