// A limit that is made later counts what its day or month has had, as if it had been there from its beginning: random histories under two
// teams, one that had the limit before and one that gets it in the middle.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { chanceOf } from "../../harness/chance.ts";
import { Team } from "../../harness/team.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const NOON = Date.UTC(2031, 10, 12, 12);
const measures = { ...NOTHING_MEASURED, megapixels: 1 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(NOON);
});
afterEach(() => {
  vi.useRealTimers();
});

const LIMITS = [
  { name: "team-month", scope: "team", per: "usd", limit: "500", window: "1mo" },
  { name: "team-day", scope: "team", per: "request", limit: 1_000, window: "1d" },
  { name: "key-month", scope: "key", per: "request", limit: 1_000, window: "1mo" },
  { name: "user-month", scope: "user", per: "usd", limit: "60", window: "1mo" },
  { name: "user-day", scope: "user", per: "request", limit: 1_000, window: "1d" },
  { name: "client-month", scope: "tag:client", per: "usd", limit: "100", window: "1mo" },
  { name: "open", scope: "team", per: "concurrent", limit: 1_000 },
  { name: "open-of-user", scope: "user", per: "concurrent", limit: 1_000 },
] as const;

/** What is used of each limit by each subject that a call may have. */
async function usedBy(object: TeamObject): Promise<Record<string, number[]>> {
  const used: Record<string, number[]> = {};
  for (const user of [null, "anna", "bob"]) {
    for (const client of ["acme", "globex"]) {
      const acting = { credential: object.credential, user, visitor: null, ip: null, network: null, tags: { client } };
      const me = await object.stub.me(acting);
      used[`${user} for ${client}`] = me.kind === "known" ? me.limits.map((limit) => limit.used) : [];
    }
  }
  return used;
}

test.each([1, 2, 3, 4])("whatever happened before, and whatever ends after (seed %i)", async (seed) => {
  const chance = chanceOf(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(chance() * items.length)] as T;
  const objects = [await TeamObject.create({ limits: LIMITS }), await TeamObject.create()] as const;
  let pairs: [string, string][] = [];
  const admit = async () => {
    const tags: Record<string, string> = chance() < 0.7 ? { client: pick(["acme", "globex"]) } : {};
    const post = { user: pick([null, "anna", "bob"]), tags, measures: { ...measures, megapixels: pick([1, 2, 9]) } };
    pairs.push([await objects[0].admitted(post), await objects[1].admitted(post)]);
  };
  const end = async () => {
    const at = Math.floor(chance() * pairs.length);
    const [pair] = pairs.splice(at, 1);
    if (pair === undefined) return;
    const way = pick(["charge", "refund", "release", "keep"] as const);
    for (const [n, id] of pair.entries()) {
      if (way === "release") await objects[n]?.stub.release(id);
      else await objects[n]?.stub.settle(anEnd(id, way));
    }
    if (way === "keep") kept.push(pair);
  };
  const kept: [string, string][] = [];
  for (let n = 0; n < 30; n++) {
    await (chance() < 0.6 ? admit() : end());
    vi.setSystemTime(Date.now() + Math.floor(chance() * 2 * HOUR_MS));
  }
  await objects[1].putPlan("default", { limits: LIMITS });
  expect(await usedBy(objects[1])).toEqual(await usedBy(objects[0]));
  for (let n = 0; n < 20; n++) await (chance() < 0.2 ? admit() : end());
  while (pairs.length > 0) await end();
  for (const pair of kept)
    for (const [n, requestId] of pair.entries())
      await objects[n]?.stub.requests.settleManually({ requestId, charged: true, usdMicro: 4_000 }, SOMEBODY);
  expect(await usedBy(objects[1])).toEqual(await usedBy(objects[0]));
  pairs = [];
});

describe("a new limit", () => {
  interface Stored {
    starts_empty?: { limit: string; reason: string }[];
  }
  const put = (team: Team, limits: readonly object[]) => team.send<Stored>("PUT", "/v1/plans/default", { limits });

  test("holds at once what the month has cost already", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    for (let n = 0; n < 3; n++) await object.stub.settle(anEnd(await object.admitted({ measures }), "charge"));
    const stored = await put(team, [{ name: "month", scope: "team", per: "usd", limit: "0.009", window: "1mo" }]);
    expect([stored.status, stored.body.starts_empty]).toEqual([200, undefined]);
    expect(await object.outcome({ measures })).toBe("quota_exceeded");
    vi.setSystemTime(Date.UTC(2031, 11, 1));
    expect(await object.outcome({ measures })).toBe("admitted");
  });

  test("under another name or of another size keeps its counter", async () => {
    const team = await Team.create({ limits: [LIMITS[0]] });
    const object = await TeamObject.of(team);
    await object.stub.settle(anEnd(await object.admitted({ measures }), "charge"));
    await put(team, [{ ...LIMITS[0], name: "renamed", limit: "7" }]);
    expect(await object.used()).toEqual([3_000]);
  });

  test("of a plan that the team chooses counts what was before", async () => {
    const team = await Team.create();
    const object = await TeamObject.of(team);
    await team.send("PUT", "/v1/plans/narrow", { limits: [LIMITS[0]] });
    await object.stub.settle(anEnd(await object.admitted({ measures }), "charge"));
    expect((await team.send("PUT", "/v1/team", { plan: "narrow" })).status).toBe(200);
    expect(await object.used()).toEqual([3_000]);
  });

  test("that no sum can answer begins empty, and the answer says which and why", async () => {
    const team = await Team.create();
    const limits = [
      LIMITS[0],
      { name: "visitor", scope: "visitor", per: "request", limit: 3, window: "1d" },
      { name: "address", scope: "ip", per: "usd", limit: "3", window: "1mo" },
      { name: "bytes", scope: "team", per: "output_byte", limit: 1_000_000, window: "1mo" },
      { name: "minute", scope: "user", per: "request", limit: 3, window: "1m" },
    ];
    const stored = await put(team, limits);
    expect(stored.body.starts_empty).toEqual([
      { limit: "visitor", reason: "not_summed" },
      { limit: "address", reason: "not_summed" },
      { limit: "bytes", reason: "not_summed" },
      { limit: "minute", reason: "short_window" },
    ]);
    expect((await put(team, limits)).body.starts_empty).toBeUndefined();
  });

  test("of a day leaves yesterday's requests out", async () => {
    const object = await TeamObject.create();
    const early = await object.admitted({ measures });
    vi.setSystemTime(NOON + DAY_MS);
    await object.admitted({ measures });
    await object.putPlan("default", { limits: [LIMITS[1], LIMITS[6]] });
    expect(await object.used()).toEqual([1, 2]);
    await object.stub.settle(anEnd(early, "refund"));
    expect(await object.used()).toEqual([1, 1]);
  });
});
