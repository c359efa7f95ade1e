// What a tracker stores: state of other versions of the code, parts beside the document, and a request that is in memory only.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { HOUR_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { DOCUMENT_KEY, ENTRIES_IN_DOCUMENT, FILES_PER_CHUNK } from "../../../src/requests/engine/document.ts";
import { RequestStore } from "../../../src/requests/engine/request-store.ts";
import { begun } from "../../../src/requests/machine/record.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { cutOff, evict, trackerOf } from "../../harness/objects.ts";
import { aStart, recordAt } from "../../harness/requests.ts";
import { expectArmed, goOn, recordOf, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, sandbox, signedWebhook, upstreamRequests } from "../../harness/upstream.ts";

type Stored = Record<string, unknown> & { state: Record<string, unknown>; effects: Record<string, unknown>[] };

function documentOf(id: string): Promise<Stored | undefined> {
  return runInDurableObject(trackerOf(id), (_instance, { storage }) => storage.kv.get<Stored>(DOCUMENT_KEY));
}

/** Changes what is stored as other code would have left it, and puts the object out of memory. */
async function rewrite(id: string, change: (document: Stored) => Stored): Promise<void> {
  await runInDurableObject(trackerOf(id), (_instance, { storage }) => {
    const document = storage.kv.get<Stored>(DOCUMENT_KEY);
    if (document === undefined) throw new Error("nothing is stored");
    storage.kv.put(DOCUMENT_KEY, change(document));
  });
  await evict(id);
}

describe("state of other versions", () => {
  test("that lacks fields gets their defaults and goes on to its end", async ({ team }) => {
    const { id } = await team.submit("a cat");
    await rewrite(id, ({ state, effects, ...document }) => {
      const { deliveries: _d, lockedTries: _l, filesSkipped: _f, recoveredAt: _r, ...older } = state;
      return {
        ...document,
        state: older,
        effects: effects.map(({ internalFailures: _i, parkedAt: _p, ...each }) => each),
      };
    });
    await passTime(5 * SECOND_MS);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect((await recordOf(id))?.state).toMatchObject({ deliveries: [], lockedTries: 0, filesSkipped: 0 });
  });

  test("of newer code that this code may read is used, and keeps its version and what only the newer code knows", async ({
    team,
  }) => {
    const { id } = await team.submit("a cat");
    await rewrite(id, (document) => ({
      ...document,
      ...{ version: 99, later: "kept" },
      state: { ...document.state, later: "kept" },
    }));
    await passTime(5 * SECOND_MS);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await documentOf(id)).toMatchObject({ version: 99, min_reader: 1, later: "kept", state: { later: "kept" } });
  });

  test("that requires newer code is refused with 503, and stays as it is, its alarm too", async ({ team }) => {
    const { id } = await team.submit("a cat");
    await rewrite(id, (document) => ({ ...document, version: 99, min_reader: 99 }));
    const before = await documentOf(id);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/timeline"],
      ["POST", "/cancel"],
      ["DELETE", "?cancel=true"],
    ] as const) {
      const answer = await team.send(method, `/v1/requests/${id}${path}`);
      expect([answer.status, answer.headers.get("Retry-After")], `${method} ${path}`).toEqual([503, "30"]);
    }
    await passTime(HOUR_MS);
    expect(await runDurableObjectAlarm(trackerOf(id))).toBe(true);
    expect(await documentOf(id)).toEqual(before);
    const alarm = await runInDurableObject(trackerOf(id), (_instance, { storage }) => storage.getAlarm());
    expect(alarm).toBeGreaterThan(Date.now());
    await rewrite(id, (document) => ({ ...document, min_reader: 1 }));
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });
});

describe("a request that nobody has answered about yet", () => {
  test("is on disk before anybody else is answered about it, and before its call leaves", async ({ team }) => {
    let asked = "";
    const { requestGrant } = UpstreamAccount.prototype;
    vi.spyOn(UpstreamAccount.prototype, "requestGrant").mockImplementation(async function (
      this: UpstreamAccount,
      ...args: Parameters<typeof requestGrant>
    ) {
      asked = args[0].requestId;
      await eventually(async () => expect(isAnswered).toBe(true));
      return requestGrant.apply(this, args);
    });
    let isAnswered = false;
    const submitted = team.submit("a cat");
    await eventually(async () => expect(asked).not.toBe(""));
    expect(await documentOf(asked)).toBeUndefined();
    expect(await team.read(asked)).toMatchObject({ stage: "held" });
    expect(await documentOf(asked)).toMatchObject({ state: { stage: "held" } });
    await expectArmed(asked);
    isAnswered = true;
    expect(await submitted).toMatchObject({ stage: "queued" });
  });
});

describe("a request with many parts", () => {
  test("is stored and read again, whatever its size", async () => {
    const id = bindings.TRACKER.newUniqueId().toString();
    const start = aStart({ id, input: { at: "row", text: "x".repeat(5_000) } });
    const { state } = recordAt("storing", { id });
    const names = Array.from({ length: 3 * FILES_PER_CHUNK + 5 }, (_, n) => n);
    const [file] = recordAt("storing", { id }).files;
    const [effect] = recordAt("storing", { id }).effects;
    if (file === undefined || effect === undefined) throw new Error("no file");
    const files = names.map((n) => ({ ...file, n }));
    const effects = names.map((n) => ({ ...effect, name: `mirror:${n}`, target: String(n) }));
    const notes = Array.from({ length: 3 * ENTRIES_IN_DOCUMENT + 7 }, (_, n) => ({ what: `note ${n + 1}` }));
    await runInDurableObject(trackerOf(id), (_instance, { storage }) => {
      const store = new RequestStore(storage);
      store.createRecord(start, begun(start).record);
      store.saveRecord({ state, files, effects });
      for (const note of notes) store.appendTimeline(state, [note], 1);
      store.flush();
      const stored = files.map((each) => (each.n === 40 ? { ...each, status: "stored" as const } : each));
      store.saveRecord({ state, files: stored, effects: effects.filter((each) => each.target !== "40") });
      store.flush();
      const again = new RequestStore(storage);
      expect(again.loadRecord()?.files).toEqual(stored);
      expect(again.loadRecord()?.effects.map(({ name }) => name)).toEqual(
        names.filter((n) => n !== 40).map((n) => `mirror:${n}`),
      );
      expect(again.storedText("input")).toEqual(start.input);
      expect(again.timelineSeq()).toBe(notes.length);
      for (const after of [0, 31, 32, 33, 100, notes.length]) {
        expect(again.timeline(after).map(({ seq, what }) => [seq, what])).toEqual(
          notes.slice(after).map(({ what }, n) => [after + n + 1, what]),
        );
      }
      again.saveText("input", { at: "row", text: "short" });
      again.flush();
      expect(new RequestStore(storage).storedText("input")).toEqual({ at: "row", text: "short" });
      expect(storage.kv.get("text:input")).toBeUndefined();
    });
  });
});

describe("a long text", () => {
  test("that no line names, because its report was not the first, goes with the request", async ({ team }) => {
    await introduceAccount(team);
    await sandbox("POST", "reset");
    await sandbox("POST", "clock", { now: Date.now() });
    const { id } = await team.submit("a cat");
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    await goOn(id);
    const [sent] = await upstreamRequests();
    const request_id = sent?.request_id ?? "";
    const payload = { images: [], note: "y".repeat(600_000) };
    const body = JSON.stringify({ request_id, gateway_request_id: request_id, status: "OK", payload });
    expect(await post(await signedWebhook({ request_id, body }))).toBe(200);
    expect((await team.timeline(id)).at(-1)).toBe("conflicting_report");
    const prefix = `texts/${team.id}/${id}/`;
    expect((await bindings.FILES.list({ prefix })).objects).toHaveLength(1);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    expect((await bindings.FILES.list({ prefix })).objects).toEqual([]);
  });

  test("whose put was cut off is known by its key", async ({ team }) => {
    await introduceAccount(team);
    await sandbox("POST", "reset");
    await sandbox("POST", "clock", { now: Date.now() });
    const { id, upstream } = await team.submit("a cat");
    await passTime(5 * SECOND_MS);
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    const put = bucket.put;
    let isPut = false;
    vi.spyOn(bucket, "put").mockImplementation(async function (this: R2Bucket, ...args: Parameters<R2Bucket["put"]>) {
      await put.apply(this, args);
      isPut = true;
      return new Promise(() => undefined);
    } as R2Bucket["put"]);
    const request_id = upstream.request_id ?? "";
    const payload = { images: [], note: "z".repeat(600_000) };
    const body = JSON.stringify({ request_id, gateway_request_id: request_id, status: "OK", payload });
    const posted = post(await signedWebhook({ request_id, body })).catch(() => null);
    await eventually(async () => expect(isPut).toBe(true));
    await cutOff(id);
    await posted;
    vi.restoreAllMocks();
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    const prefix = `texts/${team.id}/${id}/`;
    expect((await bindings.FILES.list({ prefix })).objects).toHaveLength(1);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    expect((await bindings.FILES.list({ prefix })).objects).toEqual([]);
  });
});
