// The archive: requests older than the history leave the index for parts in R2, and whoever breaks off meanwhile loses no line and
// doubles none. What is left of them stays known, until its user, its owner or its team deletes it.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { archiveKey } from "../../../src/files/bucket-keys.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { type ArchiveLine, readLines } from "../../../src/team/requests/archive-lines.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { ADMIN_TOKEN, bindings } from "../../harness/env.ts";
import { test } from "../../harness/fixtures.ts";
import { ringTeam } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

const HISTORY_DAYS = 400;
const measures = { ...NOTHING_MEASURED, megapixels: 1 };
const stubOf = ({ id }: { id: string }) => bindings.TEAM.getByName(id);

interface Part {
  part: number;
  month: string;
  lines: number;
  bytes: number;
  url: string;
}

async function partsOf(team: Team): Promise<Part[]> {
  return (await team.send<{ data: Part[] }>("GET", "/v1/usage/archive")).body.data;
}

/** The lines of all parts, as the team's admin reads them. */
async function linesOf(team: Team): Promise<ArchiveLine[]> {
  const lines: ArchiveLine[] = [];
  for (const { url, lines: count, bytes } of await partsOf(team)) {
    const answer = await call("GET", new URL(url).pathname, { key: team.key });
    expect(answer.headers.get("Content-Type")).toBe("application/x-ndjson");
    const text = new TextDecoder().decode(await answer.arrayBuffer());
    expect([readLines(text).length, new TextEncoder().encode(text).length]).toEqual([count, bytes]);
    lines.push(...readLines(text));
  }
  return lines;
}

async function indexed(team: Team): Promise<string[]> {
  return runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) =>
    sql
      .exec<{ id: string }>("SELECT id FROM request ORDER BY place")
      .toArray()
      .map(({ id }) => id),
  );
}

/** The team's alarm until the archive has nothing to do. */
async function archiveAll(team: Team, turns = 6): Promise<void> {
  for (let n = 0; n < turns; n++) await ringTeam(team);
}

function usageOf(object: TeamObject) {
  const all = { hours: null, user: null, model: null, keyId: null, tag: null, tagName: null };
  return object.stub.usage.sums({ from: "2020-01-01", to: "2100-01-01", groupBy: ["day", "user", "key"], ...all });
}

describe("a request that is older than the history", () => {
  test("leaves the index for a line with its user and amounts; sums stay, and younger ones too", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    const charged = await object.admitted({ user: "anna", tags: { client: "acme" }, measures });
    await object.stub.settle(anEnd(charged, "charge", { durationMs: 1_500 }));
    const refunded = await object.admitted({ measures });
    await object.stub.settle(anEnd(refunded, "refund"));
    const createdAt = new Date().toISOString();
    const sums = await usageOf(object);
    await passTime((HISTORY_DAYS - 1) * DAY_MS);
    const young = await object.admitted({ measures });
    await object.stub.settle(anEnd(young, "charge"));
    await archiveAll(team);
    expect([await partsOf(team), await indexed(team)]).toEqual([[], [charged, refunded, young]]);

    await passTime(2 * DAY_MS);
    await archiveAll(team);
    const month = createdAt.slice(0, 7);
    expect(await partsOf(team)).toMatchObject([{ part: 1, month, lines: 2 }]);
    expect(await indexed(team)).toEqual([young]);
    expect(await linesOf(team)).toMatchObject([
      {
        ...{ id: charged, created_at: createdAt, user: "anna", tags: { client: "acme" }, key_id: team.keyId },
        ...{
          status: "completed",
          estimated_usd: "0.003000",
          charged_usd: "0.003000",
          duration_s: 1.5,
          refunded: false,
        },
      },
      { id: refunded, user: null, status: "failed", charged_usd: "0.000000", refunded: true },
    ]);
    const later = await usageOf(object);
    expect(later.rows.filter(({ group }) => group.day === createdAt.slice(0, 10))).toEqual(sums.rows);
    expect((await bindings.FILES.head(archiveKey(team.id, month, 1)))?.size).toBe((await partsOf(team))[0]?.bytes);
  });

  test("stays while it is not settled, keeps nobody else, and follows once it is", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    const uncertain = await object.admitted({ measures });
    await object.stub.settle(anEnd(uncertain, "keep"));
    const settled = await object.admitted({ measures });
    await object.stub.settle(anEnd(settled, "charge"));
    await passTime((HISTORY_DAYS + 1) * DAY_MS);
    await archiveAll(team);
    expect([await indexed(team), (await linesOf(team)).map(({ id }) => id)]).toEqual([[uncertain], [settled]]);
    await object.stub.requests.settleManually({ requestId: uncertain, charged: true, usdMicro: null }, SOMEBODY);
    await passTime(2 * DAY_MS);
    await archiveAll(team);
    expect([await indexed(team), (await linesOf(team)).map(({ id }) => id)]).toEqual([[], [settled, uncertain]]);
  });

  test("is in a part of its own month", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.push(await object.admitted({ measures }));
      await object.stub.settle(anEnd(ids.at(-1) ?? "", "charge"));
      await passTime(31 * DAY_MS);
    }
    await passTime((HISTORY_DAYS + 1) * DAY_MS);
    await archiveAll(team);
    const parts = await partsOf(team);
    expect(new Set(parts.map(({ month }) => month)).size).toBe(3);
    expect((await linesOf(team)).map(({ id }) => id)).toEqual(ids);
    const page = await team.send<{ data: Part[]; next_cursor: string }>("GET", "/v1/usage/archive?limit=2");
    const rest = await team.send<{ data: Part[] }>("GET", `/v1/usage/archive?cursor=${page.body.next_cursor}`);
    expect([...page.body.data, ...rest.body.data]).toEqual(parts);
    const other = parts[1]?.month;
    expect((await team.send("GET", `/v1/usage/archive/${other}/1`)).status).toBe(404);
    expect((await (await Team.create()).send("GET", `/v1/usage/archive/${parts[0]?.month}/1`)).status).toBe(404);
  });
});

describe("whoever breaks off", () => {
  const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
  const put = bucket.put;

  async function oldRequests(count: number): Promise<{ team: Team; object: TeamObject; ids: string[] }> {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push(await object.admitted({ user: n % 2 === 0 ? "anna" : "bob", measures }));
    for (const id of ids) await object.stub.settle(anEnd(id, "charge"));
    await ringTeam(team);
    await passTime((HISTORY_DAYS + 1) * DAY_MS);
    return { team, object, ids };
  }

  const evict = (team: Team) =>
    expect(runInDurableObject(stubOf(team), (_instance, state) => state.abort("evicted"))).rejects.toThrow("evicted");

  test.for([
    ["before the object is written", () => Promise.reject(new Error("R2 is not there"))],
    [
      "after the object is written",
      async function (this: R2Bucket, ...args: Parameters<typeof put>) {
        await put.apply(this, args);
        throw new Error("cut off");
      },
    ],
  ] as const)("%s loses no line and doubles none", async ([_when, broken]) => {
    const { team, ids } = await oldRequests(3);
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const spy = vi.spyOn(bucket, "put").mockImplementation(broken as typeof put);
    await ringTeam(team);
    spy.mockRestore();
    log.mockRestore();
    expect([await indexed(team), await partsOf(team)]).toEqual([ids, []]);
    await evict(team);
    await passTime(HOUR_MS);
    await archiveAll(team);
    expect([await indexed(team), (await linesOf(team)).map(({ id }) => id)]).toEqual([[], ids]);
    expect(await partsOf(team)).toHaveLength(1);
  });

  test("while the object is written, after a user was deleted meanwhile, writes it again", async () => {
    const { team, ids } = await oldRequests(3);
    let isFirst = true;
    vi.spyOn(bucket, "put").mockImplementation(async function (this: R2Bucket, ...args: Parameters<typeof put>) {
      const written = await put.apply(this, args);
      if (isFirst) {
        isFirst = false;
        await team.send("DELETE", "/v1/users/anna");
      }
      return written;
    } as typeof put);
    await ringTeam(team);
    expect(await partsOf(team)).toEqual([]);
    vi.restoreAllMocks();
    await passTime(HOUR_MS);
    await archiveAll(team);
    const lines = await linesOf(team);
    expect(lines.map(({ id }) => id)).toEqual(ids);
    expect(lines.map(({ user }) => user?.split(":")[0])).toEqual(["deleted", "bob", "deleted"]);
  });

  test("between its object and its rows makes the next turn write it again, with rows and sums whole", async () => {
    const { team, object, ids } = await oldRequests(2);
    const sums = await usageOf(object);
    await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => {
      sql.exec("CREATE TRIGGER broken BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'a disk that fails'); END");
    });
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await ringTeam(team);
    log.mockRestore();
    expect([await indexed(team), await partsOf(team)]).toEqual([ids, []]);
    await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => sql.exec("DROP TRIGGER broken"));
    await passTime(HOUR_MS);
    await archiveAll(team);
    expect((await linesOf(team)).map(({ id }) => id)).toEqual(ids);
    expect((await usageOf(object)).rows).toEqual(sums.rows);
  });
});

/** A completed request whose file, record and line in the archive are all that is left. */
async function archivedPicture(team: Team, user: string): Promise<{ id: string; file: string }> {
  const { id } = await team.submit("a cat", { user, tags: { client: "acme" } });
  await passTime(HOUR_MS);
  const ended = await runToEnd(team, id);
  await passTime((HISTORY_DAYS + 1) * DAY_MS);
  await archiveAll(team);
  expect(await indexed(team)).not.toContain(id);
  return { id, file: new URL(ended.files[0]?.url ?? "").pathname };
}

const statusOf = async (path: string) => (await call("GET", path)).status;

describe("what is left of an archived request", () => {
  test("can be read, its file is no orphan, and its owner may delete it", async () => {
    const team = await Team.create();
    const { id, file } = await archivedPicture(team, "anna");
    expect((await team.read(id)).status).toBe("COMPLETED");
    const known = { requests: [id], uploads: [] };
    expect(await (await TeamObject.of(team)).stub.filterKnownIds(known)).toEqual(known);
    expect(await statusOf(file)).toBe(200);
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    await ring(id);
    expect(await statusOf(file)).toBe(410);
    expect((await team.send("GET", `/v1/requests/${id}`)).status).toBe(410);
    expect(await (await TeamObject.of(team)).stub.filterKnownIds(known)).toEqual({ requests: [], uploads: [] });
    expect((await linesOf(team)).map((line) => line.id)).toEqual([id]);
  });

  test("can be taken down by its file's address, which names who made it", async () => {
    const team = await Team.create();
    const { id, file } = await archivedPicture(team, "mia");
    const url = `https://sluice.test${file}`;
    const taken = await team.send("POST", "/v1/team/takedown", { url, freeze: true });
    expect(taken.body).toMatchObject({ request_id: id, made_by: { user: "mia" }, frozen: { kind: "user", id: "mia" } });
    expect(await statusOf(file)).toBe(410);
  });

  test("is deleted with its user, whose name leaves the archive while the others' lines stay as they were", async () => {
    const team = await Team.create();
    const anna = await archivedPicture(team, "anna");
    const bob = await archivedPicture(team, "bob");
    const before = await linesOf(team);
    expect((await team.send("DELETE", "/v1/users/anna")).status).toBe(202);
    interface Report {
      finished_at: string | null;
      requests: { total: number; left: number };
    }
    const report = async () => (await team.send<Report>("GET", "/v1/users/anna/removal")).body;
    expect((await report()).finished_at).toBeNull();
    for (let n = 0; n < 8 && (await report()).finished_at === null; n++) {
      await ringTeam(team);
      await ring(anna.id);
      await passTime(HOUR_MS);
    }
    expect(await report()).toMatchObject({ finished_at: expect.any(String), requests: { total: 1, left: 0 } });
    expect([await statusOf(anna.file), await statusOf(bob.file)]).toEqual([410, 200]);
    expect((await team.send("GET", `/v1/requests/${anna.id}`)).status).toBe(410);
    const [ofAnna, ofBob] = await linesOf(team);
    expect(ofAnna).toEqual({ ...before[0], user: expect.stringMatching(/^deleted:/), tags: {} });
    expect(ofBob).toEqual(before[1]);
    const objects = await bindings.FILES.list({ prefix: `archive/${team.id}/` });
    for (const { key } of objects.objects) expect(await (await bindings.FILES.get(key))?.text()).not.toContain("anna");
  });

  test("is deleted with its user also when each step of the walk breaks off once", async () => {
    const team = await Team.create();
    const { id, file } = await archivedPicture(team, "anna");
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    await team.send("DELETE", "/v1/users/anna");
    for (const step of ["get", "put"] as const) {
      const spy = vi.spyOn(bucket, step).mockImplementation(() => Promise.reject(new Error("R2 is not there")));
      await ringTeam(team);
      spy.mockRestore();
      await passTime(HOUR_MS);
    }
    log.mockRestore();
    for (let n = 0; n < 6; n++) {
      await ringTeam(team);
      await ring(id);
      await passTime(HOUR_MS);
    }
    const report = await team.send("GET", "/v1/users/anna/removal");
    expect(report.body).toMatchObject({ finished_at: expect.any(String), requests: { total: 1, left: 0 } });
    expect([await statusOf(file), JSON.stringify(await linesOf(team)).includes("anna")]).toEqual([410, false]);
  });

  test("goes with its team, and so does the archive", async () => {
    const team = await Team.create();
    const { id, file } = await archivedPicture(team, "anna");
    expect((await bindings.FILES.list({ prefix: `archive/${team.id}/` })).objects).toHaveLength(1);
    expect((await call("DELETE", `/v1/admin/teams/${team.id}`, { key: ADMIN_TOKEN })).status).toBe(202);
    for (let n = 0; n < 8; n++) {
      await ringTeam(team).catch(() => undefined);
      await ring(id);
      await passTime(HOUR_MS);
    }
    expect((await bindings.FILES.list({ prefix: `archive/${team.id}/` })).objects).toEqual([]);
    expect(await statusOf(file)).not.toBe(200);
    expect((await call("GET", `/v1/admin/teams/${team.id}/removal`, { key: ADMIN_TOKEN })).status).toBe(404);
  });
});
