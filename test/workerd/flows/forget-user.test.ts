// DELETE /v1/users/{id}: every request of a person is removed, whatever its stage and whoever breaks off meanwhile, sums stay
// without the name, and the report says how far it is.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { outputKey } from "../../../src/files/bucket-keys.ts";
import { teamFor, trackerFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { RequestStore } from "../../../src/requests/engine/request-store.ts";
import { REMOVAL_REPORT_MS } from "../../../src/team/data-deletion-store.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { ringTeam, trackerOf } from "../../harness/objects.ts";
import { many, Person } from "../../harness/people.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { aStart, onward, recordAt, SETTLED } from "../../harness/requests.ts";
import type { Team } from "../../harness/team.ts";
import { recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox } from "../../harness/upstream.ts";

interface Report {
  ordered_at: string;
  finished_at: string | null;
  requests: { total: number; removed: number; left: number };
}

const LONG = { input: { note: "x".repeat(600_000) } };

async function stored(team: Team): Promise<number> {
  const { objects } = await bindings.FILES.list();
  return objects.filter(({ key }) => key.split("/")[1] === team.id).length;
}

/** A key that is bound to one member and may not administer. */
async function memberOf(team: Team, user: string): Promise<Person> {
  const made = await team.send<{ secret: string }>("POST", "/v1/keys", {
    kind: "secret",
    user,
    scopes: ["run", "read"],
  });
  return new Person(made.body.secret);
}

async function completed(team: Team, more: Record<string, unknown>): Promise<RequestObject> {
  const { id } = await team.submit("a cat", more);
  await passTime(5 * SECOND_MS);
  return runToEnd(team, id);
}

async function report(team: Team, user: string): Promise<Report> {
  const answer = await team.send<Report>("GET", `/v1/users/${user}/removal`);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** Alarms and webhooks as time passes, until the removal is finished. */
async function finish(team: Team, user: string, ids: string[], between = async (): Promise<unknown> => undefined) {
  for (let i = 0; i < 60; i++) {
    const { finished_at } = await report(team, user);
    if (finished_at !== null) return;
    await deliverWebhooks();
    await ringTeam(team).catch(() => undefined);
    await Promise.all(ids.map((id) => ring(id)));
    await between();
    await passTime(HOUR_MS);
  }
  throw new Error(`not finished: ${JSON.stringify(await report(team, user))}`);
}

function evictTeam(team: Team): Promise<void> {
  const abort = runInDurableObject(teamFor(bindings, team.id), (_instance, state) => state.abort("evicted"));
  return expect(abort).rejects.toThrow("evicted");
}

describe("a forgotten user", () => {
  test("is readable by no id and in no list; sums stay, and what comes afterwards starts fresh", async ({ team }) => {
    const anna = await memberOf(team, "anna");
    const mine = await completed(team, { user: "anna", tags: { client: "acme" }, ...LONG });
    const others = await completed(team, { user: "bob" });
    await sandbox("PATCH", "settings", { queue_ms: { image: 10 * HOUR_MS } });
    const open = await team.submit("a dog", { user: "anna" });

    const answer = await team.send<Report>("DELETE", "/v1/users/anna");
    expect([answer.status, answer.headers.get("Location")]).toEqual([202, "/v1/users/anna/removal"]);
    expect(answer.body).toMatchObject({ finished_at: null, requests: { total: 2, removed: 0, left: 2 } });
    expect((await anna.ask<{ data: unknown[] }>("GET", "/v1/requests")).body.data).toEqual([]);

    await finish(team, "anna", [mine.id, open.id]);
    expect((await report(team, "anna")).requests).toEqual({ total: 2, removed: 2, left: 0 });
    for (const { id } of [mine, open]) {
      expect(await recordOf(id)).toBeNull();
      expect((await anna.ask("GET", `/v1/requests/${id}`)).status).toBe(404);
      expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(410);
    }
    expect((await team.read(others.id)).status).toBe("COMPLETED");
    const from = new Date(Date.now() - 5 * DAY_MS).toISOString().slice(0, 10);
    const to = new Date().toISOString().slice(0, 10);
    const path = `/v1/usage?from=${from}&to=${to}&group_by=user`;
    const usage = await team.send<{ data: { user: string; requests: number }[] }>("GET", path);
    expect(usage.body.data.map(({ user }) => user)).not.toContain("anna");
    expect(usage.body.data.find(({ user }) => user.startsWith("deleted:"))?.requests).toBe(2);

    const fresh = await team.send("POST", "/v1/requests", {
      model: "fal-ai/flux/schnell",
      input: { prompt: "b" },
      user: "anna",
    });
    expect(fresh.status).toBe(202);
    expect((await anna.ask("GET", `/v1/requests/${fresh.body.id}`)).status).toBe(200);
    await team.send("DELETE", `/v1/requests/${fresh.body.id}?cancel=true`);
    await passTime(REMOVAL_REPORT_MS + 2 * HOUR_MS);
    await ringTeam(team);
    expect((await team.send("GET", "/v1/users/anna/removal")).status, "the report is not kept for ever").toBe(404);
  });

  const testLimited = test.extend("plan", {
    limits: [{ name: "open", scope: "user", per: "concurrent", limit: 5 }],
  });

  testLimited(
    "whose name is in no row of the team afterwards, but in counters and keys whose time will be over",
    async ({ team }) => {
      const { id } = await completed(team, { user: "anna-of-the-test" });
      await team.send("DELETE", `/v1/requests/${id}`);
      await team.send("DELETE", "/v1/users/anna-of-the-test");
      await finish(team, "anna-of-the-test", [id]);
      const found = await runInDurableObject(teamFor(bindings, team.id), (_instance, { storage: { sql } }) => {
        const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
        return tables
          .filter(({ name }) => !name.startsWith("_cf_"))
          .filter(({ name }) =>
            JSON.stringify(sql.exec(`SELECT * FROM "${name}"`).toArray()).includes("anna-of-the-test"),
          )
          .map(({ name }) => name);
      });
      expect(found).toEqual([]);
      expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(410);
    },
  );

  test("of 300 requests is forgotten page by page, the team cut off after each, and R2 is empty", async ({
    team,
    teamObject,
  }) => {
    const ids = await many(300, async () => storedBefore(team, await teamObject.admitted({ user: "anna" })));
    expect(new Set(ids).size).toBe(300);
    expect(await stored(team)).toBe(300);
    expect((await team.send<Report>("DELETE", "/v1/users/anna")).body.requests.total).toBe(300);
    const seen: number[] = [];
    await finish(team, "anna", [], async () => {
      seen.push((await report(team, "anna")).requests.left);
      await evictTeam(team);
    });
    expect(seen.slice(0, 3)).toEqual([200, 100, 0]);
    expect(await stored(team)).toBe(0);
  });
});

/** Leaves a request as it is long after its end, with a file in R2. */
async function storedBefore(team: Team, id: string): Promise<string> {
  const { state, files } = onward(recordAt("completed", { id, team: team.id, user: "anna" }), SETTLED);
  await runInDurableObject(trackerOf(id), (_instance, { storage }) => {
    const store = new RequestStore(storage);
    store.createRecord(aStart({ id, team: team.id }), { state, files, effects: [] });
    store.flush();
  });
  await bindings.FILES.put(outputKey(team.id, id, 0), "x");
  return id;
}

describe("a removal that meets trouble", () => {
  test("goes on when the team breaks off while a tracker is asked", async ({ team }) => {
    const { id } = await completed(team, { user: "anna", ...LONG });
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    let stuck = false;
    vi.spyOn(bucket, "delete").mockImplementation(() => {
      stuck = true;
      return new Promise(() => undefined);
    });
    await team.send("DELETE", "/v1/users/anna");
    const rung = ringTeam(team).catch(() => undefined);
    await eventually(async () => expect(stuck).toBe(true));
    await evictTeam(team);
    await rung;
    vi.restoreAllMocks();
    await evictTracker(id);
    await finish(team, "anna", [id]);
    expect(await stored(team)).toBe(0);
  });

  test("asks again what could not be asked, less and less often", async ({ team }) => {
    const { id } = await completed(team, { user: "anna" });
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    vi.spyOn(bucket, "delete").mockRejectedValue(new Error("R2 is away"));
    await team.send("DELETE", "/v1/users/anna");
    for (let i = 0; i < 4; i++) {
      await ringTeam(team);
      await passTime(HOUR_MS);
    }
    expect((await report(team, "anna")).requests.left).toBe(1);
    vi.restoreAllMocks();
    await finish(team, "anna", [id]);
    expect(await stored(team)).toBe(0);
  });

  const testCounted = test.extend("plan", {
    limits: [{ name: "daily", scope: "team", per: "request", limit: 9, window: "1d" }],
  });

  testCounted("a reservation whose request never started is given back", async ({ team, teamObject }) => {
    await teamObject.admitted({ user: "anna" });
    expect(await team.used()).toEqual([1]);
    await team.send("DELETE", "/v1/users/anna");
    await finish(team, "anna", []);
    expect(await team.used()).toEqual([0]);
  });
});

function evictTracker(id: string): Promise<void> {
  const stub = trackerFor(bindings, id);
  return expect(runInDurableObject(stub, (_instance, state) => state.abort("evicted"))).rejects.toThrow("evicted");
}
