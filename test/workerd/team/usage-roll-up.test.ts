// Usage is counted later than it happens, and whoever reads it sees it exact: random walks against a plain count.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { UsageQuery, UsageSums } from "../../../src/contracts/team-admin.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { TeamDatabase } from "../../../src/team/database.ts";
import { openStores } from "../../../src/team/stores.ts";
import type { Team } from "../../../src/team/team.ts";
import { chanceOf } from "../../harness/chance.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const NOON = Date.UTC(2031, 10, 22, 12);
const MODEL_MICRO = 3_000;
const measures = { ...NOTHING_MEASURED, megapixels: 1 };
const ALL: UsageQuery = {
  ...{ from: "2031-01-01", to: "2032-12-31", hours: null, groupBy: [] },
  ...{ user: null, model: null, keyId: null, tag: null, tagName: null },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(NOON);
});
afterEach(() => {
  vi.useRealTimers();
});

const stubOf = ({ id }: TeamObject) => env.TEAM.getByName(id);
const ring = (team: TeamObject) => runInDurableObject(stubOf(team), (instance: Team) => instance.alarm());

async function totalOf(team: TeamObject): Promise<Partial<UsageSums>> {
  const [{ group: _group, ...sums } = { group: {} }] = (await team.stub.usage.sums(ALL)).rows;
  return sums;
}

/** Of requests without a user: deleting a user removes the tags of theirs, also of what is open. */
const TAG = { tag: "client=acme" };

const NOTHING: UsageSums = {
  ...{ requests: 0, completed: 0, failed: 0, canceled: 0, refunded: 0, unknownCost: 0, aboveEstimate: 0, late: 0 },
  ...{ chargedMicro: 0, refundedMicro: 0, estimatedMicro: 0 },
};

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
  "sums are exact whenever they are read, whatever was rolled up before (seed %i)",
  async (seed) => {
    const chance = chanceOf(seed);
    const team = await TeamObject.create();
    const open: string[] = [];
    const kept: string[] = [];
    const ended: string[] = [];
    const sums = { ...NOTHING };
    const taggedSums = { ...NOTHING };
    const tagged = new Set<string>();
    const both = (id: string) => (tagged.has(id) ? [sums, taggedSums] : [sums]);
    const takeFrom = (ids: string[]) => ids.splice(Math.floor(chance() * ids.length), 1)[0];
    const count = (id: string, verdict: "charge" | "refund", outcome: "completed" | "failed") => {
      for (const each of both(id)) {
        each[outcome] += 1;
        if (verdict === "refund") {
          each.refunded += 1;
          each.refundedMicro += MODEL_MICRO;
        } else {
          each.chargedMicro += MODEL_MICRO;
          each.estimatedMicro += MODEL_MICRO;
        }
      }
    };
    const steps: Record<string, () => Promise<void>> = {
      async admit() {
        const isTagged = chance() < 0.5;
        const whose = isTagged ? { user: null, tags: { client: "acme" } } : { user: "anna" };
        const id = await team.admitted({ measures, ...whose });
        if (isTagged) tagged.add(id);
        open.push(id);
        for (const each of both(id)) each.requests += 1;
      },
      async charge() {
        const id = takeFrom(open);
        if (id === undefined) return;
        await team.stub.settle(anEnd(id, "charge"));
        count(id, "charge", "completed");
        ended.push(id);
      },
      async refund() {
        const id = takeFrom(open);
        if (id === undefined) return;
        await team.stub.settle(anEnd(id, "refund"));
        await team.stub.settle(anEnd(id, "refund"));
        count(id, "refund", "failed");
        ended.push(id);
      },
      async keep() {
        const id = takeFrom(open);
        if (id === undefined) return;
        await team.stub.settle(anEnd(id, "keep"));
        kept.push(id);
      },
      async settleKept() {
        const id = takeFrom(kept);
        if (id === undefined) return;
        // By the same end once more, by a later one, or by a person.
        const way = chance();
        const endedAt = way < 0.3 ? Date.now() : Date.now() + 1;
        if (way < 0.6) await team.stub.settle(anEnd(id, "charge", { outcome: "failed", endedAt }));
        else await team.stub.requests.settleManually({ requestId: id, charged: true, usdMicro: null }, SOMEBODY);
        count(id, "charge", "failed");
        ended.push(id);
      },
      async release() {
        const id = takeFrom(open);
        if (id === undefined) return;
        await team.stub.release(id);
        for (const each of both(id)) each.requests -= 1;
      },
      async deleteOne() {
        const id = takeFrom(ended);
        if (id !== undefined) await team.stub.requests.markDeleted(id);
      },
      async deleteUser() {
        await team.stub.users.delete("anna", SOMEBODY);
      },
      async rollUp() {
        await runInDurableObject(stubOf(team), (_instance, { storage }) => {
          storage.transactionSync(() => openStores(new TeamDatabase(storage.sql)).usage.rollUp());
        });
      },
      async read() {
        expect(await totalOf(team)).toEqual(sums);
        const byTag = (await team.stub.usage.sums({ ...ALL, groupBy: ["tag"], tagName: "client" })).rows;
        const tagged = byTag.filter(({ group }) => group.tag !== "");
        expect(tagged.length === 0 ? [{ group: TAG, ...NOTHING }] : tagged).toEqual([{ group: TAG, ...taggedSums }]);
      },
      // Most steps happen in one millisecond.
      async pass() {
        vi.setSystemTime(Date.now() + Math.floor(chance() * 10_000) - 2_000);
      },
    };
    const names = Object.keys(steps);
    for (let n = 0; n < 120; n++) {
      const name = chance() < 0.35 ? "admit" : (names[Math.floor(chance() * names.length)] ?? "read");
      await steps[name]?.();
    }
    expect(await totalOf(team)).toEqual(sums);
    const byHour = await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) =>
      sql.exec("SELECT sum(requests) AS requests, sum(charged_micro) AS charged FROM usage_hour").one(),
    );
    expect(byHour).toEqual({ requests: sums.requests, charged: sums.chargedMicro });
  },
);

test("a roll-up that is cut off leaves sums and watermark as they were, and the next counts all once", async () => {
  const team = await TeamObject.create();
  for (let n = 0; n < 3; n++) await team.stub.settle(anEnd(await team.admitted({ measures }), "charge"));
  await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) =>
    sql.exec(
      "CREATE TRIGGER broken BEFORE UPDATE OF ends ON watermark BEGIN SELECT RAISE(ABORT, 'a disk that fails'); END",
    ),
  );
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  await ring(team);
  log.mockRestore();
  const stored = () =>
    runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => ({
      usage: sql.exec<{ n: number }>("SELECT count(*) AS n FROM usage").one().n,
      ...sql.exec("SELECT admits, ends FROM watermark").one(),
    }));
  expect(await stored()).toEqual({ usage: 0, admits: 0, ends: 0 });
  await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => sql.exec("DROP TRIGGER broken"));
  await ring(team);
  await ring(team);
  expect(await stored()).toMatchObject({ usage: 1, ends: 3 });
  expect(await totalOf(team)).toMatchObject({ requests: 3, completed: 3, chargedMicro: 9_000 });
});

test("sums per hour go after some days, those per day stay", async () => {
  const team = await TeamObject.create();
  await team.stub.settle(anEnd(await team.admitted({ measures }), "charge"));
  await ring(team);
  const hours = () =>
    runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) =>
      sql.exec<{ hour: number; completed: number }>("SELECT hour, completed FROM usage_hour").toArray(),
    );
  expect(await hours()).toEqual([{ hour: NOON / HOUR_MS, completed: 1 }]);
  vi.setSystemTime(NOON + 9 * DAY_MS);
  await ring(team);
  expect(await hours()).toEqual([]);
  expect(await totalOf(team)).toMatchObject({ completed: 1 });
});
