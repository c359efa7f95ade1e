// The sweep of the bucket: what belongs to nothing goes, everything else stays, whoever breaks off meanwhile.

import { createScheduledController, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { outputKey, textKey, uploadKey } from "../../../src/files/bucket-keys.ts";
import { OWNER_KEY } from "../../../src/files/bucket-owner.ts";
import { SWEEP_RETRY_MS } from "../../../src/files/sweeper.ts";
import worker from "../../../src/index.ts";
import { sweeperFor, teamFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { trackerOf } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";

test.beforeEach(async () => {
  for (const { key } of (await bindings.FILES.list()).objects) await bindings.FILES.delete(key);
});

interface Report {
  status: string;
  finished_at: string | null;
  listed: number;
  known: number;
  young: number;
  foreign: number;
  deleted: number;
  deleted_bytes: number;
}

async function ask(method: string, path: string): Promise<{ status: number; body: Report }> {
  const answer = await call(method, path, { headers: { Authorization: `Bearer ${bindings.ADMIN_TOKEN}` } });
  return { status: answer.status, body: (await answer.json()) as Report };
}

/** Begins a sweep and lets it run to its end. */
async function swept(): Promise<Report> {
  expect((await ask("POST", "/v1/admin/sweep")).status).toBe(202);
  for (let i = 0; i < 20; i++) {
    const { body } = await ask("GET", "/v1/admin/sweep");
    if (body.finished_at !== null) return body;
    await runDurableObjectAlarm(sweeperFor(bindings));
    await passTime(SWEEP_RETRY_MS);
  }
  throw new Error("the sweep does not end");
}

async function keys(): Promise<string[]> {
  const { objects } = await bindings.FILES.list();
  return objects
    .map(({ key }) => key)
    .filter((key) => key !== OWNER_KEY)
    .sort();
}

async function completed(team: Team): Promise<string> {
  const { id } = await team.submit("a cat", { input: { note: "x".repeat(600_000) } });
  await passTime(5 * SECOND_MS);
  await runToEnd(team, id);
  return id;
}

/** R2 stamps objects with the real time, which is long before the tests' clock: what is to be young needs a clock behind. */
function atRealTime(): void {
  vi.setSystemTime(performance.timeOrigin + performance.now());
}

const NOBODY = "0".repeat(64);

describe("a sweep", () => {
  test("deletes what no request and no upload knows, and counts what it leaves", async ({ team }) => {
    const id = await completed(team);
    const kept = await keys();
    expect(kept).toHaveLength(2);
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "12345");
    await bindings.FILES.put(textKey(team.id, NOBODY, "output", "f".repeat(64)), "1");
    await bindings.FILES.put(uploadKey(team.id, "upl_nobody"), "1");
    await bindings.FILES.put(outputKey("never-was", id, 0), "1");
    await bindings.FILES.put("outputs/Not A Team/x", "1");
    await bindings.FILES.put("backups/of/somebody", "1");
    const report = await swept();
    expect(report).toMatchObject({ listed: 7, known: 2, young: 0, foreign: 2, deleted: 3, deleted_bytes: 7 });
    expect(report.status).toBe("finished");
    const foreign = [outputKey("never-was", id, 0), "backups/of/somebody", "outputs/Not A Team/x"];
    expect(await keys()).toEqual([...kept, ...foreign].sort());
    expect((await team.read(id)).status).toBe("COMPLETED");
  });

  test("leaves what is younger than a day", async ({ team }) => {
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "1");
    atRealTime();
    expect(await swept()).toMatchObject({ young: 1, deleted: 0 });
    vi.setSystemTime(Date.now() + DAY_MS + HOUR_MS);
    expect(await swept()).toMatchObject({ young: 0, deleted: 1 });
    expect(await keys()).toEqual([]);
  });

  test("finds the bytes of a deleted request that came too late for its deletion", async ({ team }) => {
    const id = await completed(team);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    await bindings.FILES.put(outputKey(team.id, id, 0), "late");
    expect(await swept()).toMatchObject({ listed: 1, deleted: 1 });
    expect(await keys()).toEqual([]);
  });

  test("goes on where it was when its object breaks off in the midst of a page", async ({ team }) => {
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "1");
    await bindings.FILES.put(uploadKey(team.id, "upl_nobody"), "1");
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    let stuck = false;
    vi.spyOn(bucket, "delete").mockImplementation(() => {
      stuck = true;
      return new Promise(() => undefined);
    });
    await ask("POST", "/v1/admin/sweep");
    const rung = runDurableObjectAlarm(sweeperFor(bindings)).catch(() => undefined);
    await eventually(async () => expect(stuck).toBe(true));
    const cut = runInDurableObject(sweeperFor(bindings), (_instance, state) => state.abort("cut off"));
    await expect(cut).rejects.toThrow("cut off");
    await rung;
    vi.restoreAllMocks();
    expect(await swept()).toMatchObject({ deleted: 2 });
    expect(await keys()).toEqual([]);
  });

  test("is begun by the daily call, and takes as many pages as there are", async ({ team }) => {
    const id = await completed(team);
    const kept = await keys();
    await Promise.all(Array.from({ length: 25 }, (_, n) => bindings.FILES.put(outputKey(team.id, NOBODY, n), "1")));
    // R2 may list fewer than it was asked for.
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    const real = bucket.list;
    const lists = vi.spyOn(bucket, "list").mockImplementation(function (this: R2Bucket, options) {
      return real.call(this, { ...options, limit: 4 });
    });
    await worker.scheduled(createScheduledController(), bindings);
    await runDurableObjectAlarm(sweeperFor(bindings));
    for (let i = 0; i < 10 && (await ask("GET", "/v1/admin/sweep")).body.finished_at === null; i++) {
      await passTime(SWEEP_RETRY_MS);
      await runDurableObjectAlarm(sweeperFor(bindings));
    }
    const { body } = await ask("GET", "/v1/admin/sweep");
    expect(body).toMatchObject({ finished_at: expect.any(String), known: kept.length, deleted: 25 });
    expect(lists.mock.calls.length).toBeGreaterThan(25 / 4);
    lists.mockRestore();
    expect(await keys()).toEqual(kept);
    expect((await team.read(id)).status).toBe("COMPLETED");
  });

  test("goes on later when R2 is away, and a second one does not begin meanwhile", async () => {
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    vi.spyOn(bucket, "list").mockRejectedValue(new Error("R2 is away"));
    const first = (await ask("POST", "/v1/admin/sweep")).body;
    await runDurableObjectAlarm(sweeperFor(bindings));
    expect((await ask("POST", "/v1/admin/sweep")).body).toEqual(first);
    vi.restoreAllMocks();
    expect((await swept()).finished_at).not.toBeNull();
  });
});

describe("a removed team", () => {
  test.override({ plan: { limits: [{ name: "daily", scope: "team", per: "request", limit: 9, window: "1d" }] } });

  async function removal(team: Team): Promise<{ status: number; left: number }> {
    const answer = await call("GET", `/v1/admin/teams/${team.id}/removal`, {
      headers: { Authorization: `Bearer ${bindings.ADMIN_TOKEN}` },
    });
    const body = (await answer.json()) as { requests?: { left: number } };
    return { status: answer.status, left: body.requests?.left ?? 0 };
  }

  test("lets nobody in, is emptied step by step whoever breaks off, and its name is free only then", async ({
    team,
  }) => {
    const other = await Team.create();
    const ids = [await completed(team), await completed(team)];
    const open = await team.submit("a dog");
    ids.push(open.id);
    const others = await completed(other);
    await bindings.FILES.put(outputKey(team.id, NOBODY, 0), "an orphan");

    expect((await ask("DELETE", `/v1/admin/teams/${team.id}`)).status).toBe(202);
    const late = await team.send("POST", "/v1/requests", { model: "fal-ai/flux/schnell", input: { prompt: "late" } });
    expect(late.status, "frozen, and soon unknown").toBeOneOf([401, 403]);
    await expect(Team.create(undefined, { id: team.id })).rejects.toThrow();
    expect(await removal(team)).toEqual({ status: 200, left: 3 });

    // A stub whose object broke off stays broken.
    const stub = () => teamFor(bindings, team.id);
    for (let i = 0; i < 40 && (await removal(team)).status === 200; i++) {
      await runDurableObjectAlarm(stub());
      for (const id of ids) await runDurableObjectAlarm(trackerOf(id));
      const cut = runInDurableObject(stub(), (_instance, state) => state.abort("cut off"));
      await expect(cut).rejects.toThrow("cut off");
      await passTime(HOUR_MS);
    }
    expect(await removal(team)).toEqual({ status: 404, left: 0 });
    expect((await keys()).filter((key) => key.includes(`/${team.id}/`))).toEqual([]);
    expect((await other.read(others)).status).toBe("COMPLETED");
    const tables = await runInDurableObject(stub(), (_instance, { storage: { sql } }) => {
      const query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '_cf_%'";
      return sql.exec(query).toArray();
    });
    expect(tables, "its store is gone too").toEqual([]);
    const { data: listed } = await sweeperFor(bindings).teams(null, 1_000);
    expect(listed.map(({ id }) => id)).not.toContain(team.id);
    expect(listed.map(({ id }) => id)).toContain(other.id);
    expect((await ask("DELETE", `/v1/admin/teams/${team.id}`)).status).toBe(404);

    const again = await Team.create(undefined, { id: team.id });
    expect((await again.send("GET", `/v1/requests/${ids[0]}`)).status).toBeOneOf([404, 410]);
    expect((await again.send<{ data: unknown[] }>("GET", "/v1/requests")).body.data).toEqual([]);
    expect((await team.send("GET", "/v1/me")).status, "the old key").toBe(401);
  });
});
