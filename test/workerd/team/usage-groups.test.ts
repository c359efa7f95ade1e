// Every grouping of usage adds up to the ungrouped total: random histories against each grouping, and what cannot add up is refused.

import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { UsageGroup, UsageQuery, UsageRow, UsageSums } from "../../../src/contracts/team-admin.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { SUM_NAMES } from "../../../src/team/usage/usage-sums.ts";
import { call } from "../../harness/calls.ts";
import { chanceOf } from "../../harness/chance.ts";
import { countRows } from "../../harness/rows.ts";
import { Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const NOON = Date.UTC(2031, 10, 28, 12);
const TAG_NAMES = ["client", "project", "clients"];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(NOON);
});
afterEach(() => {
  vi.useRealTimers();
});

function asked(groupBy: UsageGroup[], changes: Partial<UsageQuery> = {}): UsageQuery {
  const all = { hours: null, user: null, model: null, keyId: null, tag: null, tagName: null };
  return { from: "2031-01-01", to: "2032-12-31", groupBy, ...all, ...changes };
}

function totalOf(rows: readonly UsageRow[]): UsageSums {
  const total = Object.fromEntries(SUM_NAMES.map((name) => [name, 0])) as Record<keyof UsageSums, number>;
  for (const row of rows) for (const name of SUM_NAMES) total[name] += row[name];
  return total;
}

/** A team with requests of several users, keys, models and tags, of which some end, over days and a month's end. */
async function aHistory(seed: number): Promise<TeamObject> {
  const chance = chanceOf(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(chance() * items.length)] as T;
  const team = await TeamObject.create();
  const keys = [team.credential, (await team.newKey({ name: "Other" })).credential];
  const open: string[] = [];
  for (let n = 0; n < 60; n++) {
    const tags: Record<string, string> = {};
    for (const name of TAG_NAMES) if (chance() < 0.4) tags[name] = pick(["acme", "a=b", "", "(untagged)"]);
    const measures =
      chance() < 0.8 ? { ...NOTHING_MEASURED, megapixels: 1 + Math.floor(chance() * 4) } : NOTHING_MEASURED;
    const user = pick([null, "anna", "bob"]);
    const model = pick(["fal-ai/flux/schnell", "fal-ai/f5-tts"]);
    open.push(await team.admitted({ credential: pick(keys), user, model, tags, measures }));
    vi.setSystemTime(Date.now() + Math.floor(chance() * 3 * HOUR_MS));
    const id = chance() < 0.8 ? open.splice(Math.floor(chance() * open.length), 1)[0] : undefined;
    if (id === undefined) continue;
    const way = pick(["charge", "refund", "keep", "release", "delete"] as const);
    if (way === "release") await team.stub.release(id);
    else await team.stub.settle(anEnd(id, way === "delete" ? "charge" : way));
    if (way === "delete") await team.stub.requests.markDeleted(id);
    if (chance() < 0.05) await team.stub.users.delete("bob", SOMEBODY);
  }
  return team;
}

describe("every grouping adds up to the total", () => {
  const plain: UsageGroup[][] = [["day"], ["model"], ["user"], ["key"], ["day", "model", "user", "key"]];
  const byTag: UsageGroup[][] = [["tag"], ["tag", "user"], ["day", "tag", "model"]];

  test.each([1, 2, 3])("whatever happened (seed %i)", async (seed) => {
    const team = await aHistory(seed);
    const filters: Partial<UsageQuery>[] = [{}, { user: "anna" }, { user: "" }, { model: "fal-ai/f5-tts" }];
    for (const filter of filters) {
      const total = totalOf((await team.stub.usage.sums(asked([], filter))).rows);
      for (const groups of plain)
        expect(totalOf((await team.stub.usage.sums(asked(groups, filter))).rows), groups.join()).toEqual(total);
      for (const groups of byTag) {
        for (const tagName of [...TAG_NAMES, "unused"]) {
          const rows = (await team.stub.usage.sums(asked(groups, { ...filter, tagName }))).rows;
          expect(totalOf(rows), `${groups.join()} of ${tagName}`).toEqual(total);
          const names = new Set(rows.map(({ group }) => group.tag?.split("=")[0]));
          expect([...names].every((name) => name === "" || name === tagName)).toBe(true);
        }
      }
      const hours = { first: Math.floor(NOON / HOUR_MS), last: Math.floor(Date.now() / HOUR_MS) };
      for (const groups of [["hour"], ["hour", "user"], ["hour", "day", "key"]] as UsageGroup[][])
        expect(totalOf((await team.stub.usage.sums(asked(groups, { ...filter, hours }))).rows)).toEqual(total);
    }
    for (const tagName of TAG_NAMES) {
      const rows = (await team.stub.usage.sums(asked(["tag"], { tagName }))).rows;
      const tagged = rows.filter(({ group }) => group.tag !== "");
      const filtered = (await team.stub.usage.sums(asked([], { tag: { name: tagName, value: null } }))).rows;
      expect(totalOf(filtered)).toEqual(totalOf(tagged));
      const acme = (await team.stub.usage.sums(asked([], { tag: { name: tagName, value: "acme" } }))).rows;
      expect(totalOf(acme)).toEqual(totalOf(rows.filter(({ group }) => group.tag === `${tagName}=acme`)));
    }
  });
});

describe("group_by", () => {
  type Answer = { data: Record<string, unknown>[]; detail: string; hint: string; group_by: string[] };

  test("has a row for what lacks the tag, names of keys, and what was estimated beside what was charged", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    const measures = { ...NOTHING_MEASURED, megapixels: 1 };
    for (const tags of [{ client: "acme", env: "prod" }, {}])
      await object.stub.settle(anEnd(await object.admitted({ tags, measures }), "charge"));
    const { body } = await team.send<Answer>("GET", "/v1/usage?group_by=tag:client,key");
    const money = { charged_usd: "0.003000", estimated_usd: "0.003000" };
    const key = { key: team.keyId, key_name: "First key" };
    expect(body.data).toMatchObject([
      { tag: "(untagged)", ...key, requests: 1, ...money },
      { tag: "client=acme", ...key, requests: 1, ...money },
    ]);
    const csv = await call("GET", "/v1/usage?group_by=tag:client,key&format=csv&bom=1", { key: team.key });
    const bytes = new Uint8Array(await csv.arrayBuffer());
    expect([...bytes.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(new TextDecoder().decode(bytes)).toMatch(/^tag,key,key_name,requests,.*charged_usd,estimated_usd,/);
  });

  test.each([
    ["tag", "`group_by=tag` cannot add up", "group_by=tag:client"],
    ["tag:", "`group_by=tag` cannot add up", "group_by=tag:client"],
    ["user,tag,model", "`group_by=tag` cannot add up", "group_by=tag:client"],
    ["tag:a,tag:b", "takes one tag", "format=csv"],
    ["hour,tag:a", "both `hour` and a tag", "day"],
    ["hour&tag=a", "`tag` does not go with `hour`", "day"],
    ["tag:a&tag=b", "only one tag can be asked for", "format=csv"],
    ["week", "not `week`", "commas"],
    ["hour&from=2031-11-01&to=2031-11-01", "kept for 8 days", "day"],
    ["hour&from=2031-11-25&to=2031-11-27", "is 3 days", "2 days"],
  ])("%s is refused, and the answer says what to ask instead", async (query, detail, hint) => {
    const team = await Team.create();
    const { status, body } = await team.send<Answer>("GET", `/v1/usage?group_by=${query}`);
    expect(status).toBe(400);
    expect(body.detail).toContain(detail);
    expect(body.hint).toContain(hint);
  });

  test("hour has the last 48 hours, or days of this week", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    for (const hours of [-48, -47, -1, 0]) {
      vi.setSystemTime(NOON + hours * HOUR_MS);
      await object.admitted();
    }
    const { body } = await team.send<Answer>("GET", "/v1/usage?group_by=hour");
    expect(body.data.map(({ hour }) => hour)).toEqual(
      [-47, -1, 0].map((n) => new Date(NOON + n * HOUR_MS).toISOString()),
    );
    const day = new Date(NOON - 2 * DAY_MS).toISOString().slice(0, 10);
    const early = await team.send<Answer>("GET", `/v1/usage?group_by=hour,key&from=${day}&to=${day}`);
    expect(early.body.data).toMatchObject([{ requests: 1, key: team.keyId }, { requests: 1 }]);
  });

  test("one tag reads the days that are asked for, however many were before", async () => {
    const reads: number[] = [];
    for (const days of [0, 200]) {
      const team = await TeamObject.create();
      for (let n = 0; n <= days; n += 10) {
        vi.setSystemTime(NOON - (days - n) * DAY_MS);
        await team.admitted({ tags: { client: "acme" } });
      }
      vi.setSystemTime(NOON);
      (await team.stub.usage.sums(asked(["tag"], { tagName: "client" }))).rows;
      const today = { from: "2031-11-28", to: "2031-11-28" };
      const { read } = await countRows(env.TEAM.getByName(team.id), () =>
        team.stub.usage.sums(asked(["tag"], { tagName: "client", ...today })),
      );
      reads.push(read);
    }
    expect(reads[1]).toBe(reads[0]);
  });
});
