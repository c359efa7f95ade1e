import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Outcome, SettleInput } from "../../../src/contracts/team-access.ts";
import type { UsageGroup, UsageQuery } from "../../../src/contracts/team-admin.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

/** Years ahead: an alarm set in the real past would ring again and again. */
const NOON = Date.UTC(2031, 10, 22, 12);
const MONEY = { name: "money", scope: "team", per: "usd", limit: "100", window: "1mo" } as const;
const COUNT = { name: "count", scope: "team", per: "request", limit: 100, window: "1mo" } as const;
const BYTES = { name: "bytes", scope: "team", per: "output_byte", limit: 1_000, window: "1d" } as const;
/** Ten cents an image. */
const PRICES = { "fal-ai/flux/**": { unit: "image", usd: "0.1" } } as const;

const images = (count: number) => ({ ...NOTHING_MEASURED, images: count });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(NOON);
});
afterEach(() => {
  vi.useRealTimers();
});

async function aTeam(plan: object = {}): Promise<TeamObject> {
  const team = await TeamObject.create({ limits: [MONEY, COUNT], ...plan });
  await team.stub.prices.put(PRICES, SOMEBODY);
  return team;
}

/** Ends a fresh request that reserved the price of four images, and gives what the ledger said and what limits show. */
async function ended(team: TeamObject, how: SettleInput["reservation"], changes: Partial<SettleInput> = {}) {
  const id = await team.admitted({ measures: images(4) });
  expect(await team.used()).toEqual([400_000, 1]);
  const settled = await team.stub.settle(anEnd(id, how, changes));
  expect(await team.stub.settle(anEnd(id, how, changes)), "told twice").toEqual(settled);
  return { id, settled, used: await team.used() };
}

describe("the end of a request", () => {
  test("costs the units that upstream billed, before anything else", async () => {
    const { settled, used } = await ended(await aTeam(), "charge", { units: "3", measured: images(2) });
    expect(settled).toMatchObject({ chargedMicro: 300_000, source: "units", verdict: "charge" });
    expect(used).toEqual([300_000, 1]);
  });

  test("costs what its output shows, where no units are known", async () => {
    const { settled, used } = await ended(await aTeam(), "charge", { measured: images(2) });
    expect(settled).toMatchObject({ chargedMicro: 200_000, source: "measured" });
    expect(used).toEqual([200_000, 1]);
  });

  test("costs what was reserved, where nothing can be measured", async () => {
    const { settled, used } = await ended(await aTeam(), "charge");
    expect(settled).toMatchObject({ chargedMicro: 400_000, source: "reserved" });
    expect(used).toEqual([400_000, 1]);
  });

  test("is booked also above what was reserved", async () => {
    const { settled, used } = await ended(await aTeam(), "charge", { units: "5" });
    expect(settled).toMatchObject({ chargedMicro: 500_000, source: "units" });
    expect(used).toEqual([500_000, 1]);
  });

  test("costs the price of its admit, whatever the table says by now", async () => {
    const team = await aTeam();
    const id = await team.admitted({ measures: images(4) });
    await team.stub.prices.put({ "**": { unit: "image", usd: "9" } }, SOMEBODY);
    expect(await team.stub.settle(anEnd(id, "charge", { units: "4" }))).toMatchObject({ chargedMicro: 400_000 });
  });

  test("gives all back when upstream does not bill it", async () => {
    const { settled, used } = await ended(await aTeam(), "refund");
    expect(settled).toMatchObject({ chargedMicro: 0, verdict: "refund" });
    expect(used).toEqual([0, 0]);
  });

  test("is not known to cost anything, rather than nothing, without a price", async () => {
    const team = await aTeam();
    const id = await team.admitted({ model: "fal-ai/f5-tts" });
    const settled = await team.stub.settle(anEnd(id, "charge", { units: "3" }));
    expect(settled).toMatchObject({ chargedMicro: null, source: "unknown" });
    expect(await team.used()).toEqual([0, 1]);
  });

  test("counts the bytes that were stored, in the window of the end", async () => {
    const team = await aTeam({ limits: [BYTES] });
    const id = await team.admitted();
    vi.setSystemTime(NOON + DAY_MS);
    await team.stub.settle(anEnd(id, "charge", { outputBytes: 1_000 }));
    expect(await team.used()).toEqual([1_000]);
    expect(await team.outcome()).toBe("quota_exceeded");
  });

  test.each([
    ["is charged when the plan says so", true, "charge", 400_000],
    ["is free when the plan says so", false, "refund", 0],
  ] as const)("that the model refused (422) %s", async (_rule, charge422, verdict, micro) => {
    const refused = { outcome: "failed", failure: { status: 422, code: "upstream_refused" } } as const;
    const { settled } = await ended(await aTeam({ charge_422: charge422 }), "charge", refused);
    expect(settled).toMatchObject({ verdict, chargedMicro: micro });
  });

  test("that the model refused is judged by the plan of its admit", async () => {
    const team = await aTeam({ charge_422: false });
    const id = await team.admitted({ measures: images(4) });
    await team.putPlan("default", { charge_422: true });
    const settled = await team.stub.settle(
      anEnd(id, "charge", { outcome: "failed", failure: { status: 422, code: "upstream_refused" } }),
    );
    expect(settled).toMatchObject({ verdict: "refund", chargedMicro: 0 });
  });

  test("of an unknown request changes nothing", async () => {
    const team = await aTeam();
    expect(await team.stub.settle(anEnd("a".repeat(64), "charge"))).toMatchObject({ chargedMicro: null });
    expect(await team.used()).toEqual([0, 0]);
  });
});

describe("an end that nobody can judge", () => {
  test("keeps the reservation until it is proven, and follows the proof", async () => {
    const team = await aTeam();
    const { id, settled, used } = await ended(team, "keep");
    expect([settled, used]).toMatchObject([{ chargedMicro: null, source: "unknown", verdict: "keep" }, [400_000, 1]]);
    expect(await team.stub.requests.list({ limit: 5 })).toMatchObject({ data: [{ status: "failed" }] });
    const proven = await team.stub.settle(anEnd(id, "charge", { measured: images(1), endedAt: NOON + 5 }));
    expect(proven).toMatchObject({ chargedMicro: 100_000, source: "measured" });
    await team.stub.settle(anEnd(id, "refund", { endedAt: NOON + 9 }));
    expect(await team.used()).toEqual([100_000, 1]);
    expect(await team.stub.requests.list({ limit: 5 })).toMatchObject({
      data: [{ status: "completed", endedAt: NOON + 5 }],
    });
  });

  test("gives the place of an open request back once, however often it is judged", async () => {
    const team = await aTeam({ limits: [{ name: "open", scope: "team", per: "concurrent", limit: 9 }] });
    const id = await team.admitted();
    await team.admitted();
    for (const how of ["keep", "keep", "charge", "charge"] as const) {
      await team.stub.settle(anEnd(id, how));
      expect(await team.used()).toEqual([1]);
    }
  });

  test.each([
    ["charged, as reserved", { charged: true, usdMicro: null }, 400_000, "reserved", [400_000, 1]],
    ["charged, with the amount", { charged: true, usdMicro: 250_000 }, 250_000, "units", [250_000, 1]],
    ["not charged", { charged: false, usdMicro: null }, 0, "reserved", [0, 0]],
  ] as const)("is settled by a person's word: %s", async (_word, said, micro, source, used) => {
    const team = await aTeam();
    const { id: requestId } = await ended(team, "keep");
    const answer = await team.stub.requests.settleManually({ requestId, ...said }, SOMEBODY);
    expect(answer).toMatchObject({ kind: "settled", chargedMicro: micro, source });
    expect(await team.stub.requests.settleManually({ requestId, ...said }, SOMEBODY), "said twice").toEqual(answer);
    const other = { requestId, charged: true, usdMicro: 7 };
    expect(await team.stub.requests.settleManually(other, SOMEBODY)).toMatchObject({ refusal: { code: "conflict" } });
    expect(await team.stub.settle(anEnd(requestId, "charge"))).toMatchObject({ chargedMicro: micro });
    expect(await team.used()).toEqual(used);
    const { data } = await team.stub.audit.page(null, 5);
    expect(data.filter((entry) => entry.action === "request.settled")).toHaveLength(1);
  });

  test("is nobody's to settle while the request is open, after its own end, or when it is not there", async () => {
    const team = await aTeam();
    const requestId = await team.admitted();
    const word = { requestId, charged: false, usdMicro: null };
    expect(await team.stub.requests.settleManually(word, SOMEBODY)).toMatchObject({ refusal: { code: "conflict" } });
    await team.stub.settle(anEnd(requestId, "charge"));
    expect(await team.stub.requests.settleManually(word, SOMEBODY)).toMatchObject({ refusal: { code: "conflict" } });
    const unknown = { ...word, requestId: "b".repeat(64) };
    expect(await team.stub.requests.settleManually(unknown, SOMEBODY)).toMatchObject({
      refusal: { code: "not_found" },
    });
  });
});

describe("usage", () => {
  const query = (groupBy: UsageGroup[], changes: Partial<UsageQuery> = {}): UsageQuery => {
    const all = { hours: null, user: null, model: null, keyId: null, tag: null, tagName: null };
    return { from: "2031-01-01", to: "2032-12-31", groupBy, ...all, ...changes };
  };

  test("adds up what each request was, and its charges match the ledger to the micro-dollar", async () => {
    const team = await aTeam();
    const posts = [
      { user: "anna", tags: { client: "acme", env: "prod" }, how: "charge", units: "3" },
      { user: "anna", tags: { client: "globex" }, how: "refund", units: null },
      { user: "bob", tags: { client: "acme" }, how: "charge", units: "9" },
      { user: "bob", tags: {}, how: "keep", units: null },
    ] as const;
    for (const { user, tags, how, units } of posts) {
      const id = await team.admitted({ user, tags, measures: images(4) });
      await team.stub.settle(anEnd(id, how, { units }));
    }
    const unpriced = await team.admitted({ model: "fal-ai/f5-tts" });
    await team.stub.settle(anEnd(unpriced, "charge"));
    await team.admitted({ user: "carl" });

    const [total] = (await team.stub.usage.sums(query([]))).rows;
    expect(total).toEqual({
      group: {},
      ...{ requests: 6, completed: 3, failed: 1, canceled: 0, refunded: 1, unknownCost: 1, aboveEstimate: 1, late: 0 },
      ...{ chargedMicro: 1_200_000, refundedMicro: 400_000, estimatedMicro: 800_000 },
    });
    expect(await ledgerSum(team)).toBe(1_200_000);

    const byClient = (await team.stub.usage.sums(query(["tag", "user"], { tagName: "client" }))).rows;
    expect(
      byClient.map(({ group, requests, chargedMicro }) => [group.tag, group.user, requests, chargedMicro]),
    ).toEqual([
      ["", "", 1, 0],
      ["", "bob", 1, 0],
      ["", "carl", 1, 0],
      ["client=acme", "anna", 1, 300_000],
      ["client=acme", "bob", 1, 900_000],
      ["client=globex", "anna", 1, 0],
    ]);
    const byModel = (await team.stub.usage.sums(query(["day", "model"], { user: "anna" }))).rows;
    expect(byModel).toMatchObject([{ group: { day: "2031-11-22", model: "fal-ai/flux/schnell" }, requests: 2 }]);
    expect((await team.stub.usage.sums(query(["key"], { keyId: "key_other" }))).rows).toEqual([]);
    expect((await team.stub.usage.sums(query([], { from: "2031-11-23" }))).rows).toMatchObject([{ requests: 0 }]);
  });

  test("is booked on the day of the admit, also when the end is days later", async () => {
    const team = await aTeam();
    const id = await team.admitted({ measures: images(4) });
    vi.setSystemTime(NOON + 3 * DAY_MS);
    await team.stub.settle(anEnd(id, "charge"));
    expect((await team.stub.usage.sums(query(["day"]))).rows).toMatchObject([
      { group: { day: "2031-11-22" }, requests: 1, completed: 1, late: 0, chargedMicro: 400_000 },
    ]);
  });

  test("of a month that is over does not move: a late end is booked on its own day, with a note", async () => {
    const team = await aTeam();
    const id = await team.admitted({ measures: images(4) });
    const month = (await team.stub.usage.sums(query(["day"], { to: "2031-11-30" }))).rows;
    vi.setSystemTime(Date.UTC(2031, 11, 1));
    await team.stub.settle(anEnd(id, "charge"));
    expect((await team.stub.usage.sums(query(["day"], { to: "2031-11-30" }))).rows).toEqual(month);
    expect((await team.stub.usage.sums(query(["day"], { from: "2031-12-01" }))).rows).toMatchObject([
      { group: { day: "2031-12-01" }, requests: 0, completed: 1, late: 1, chargedMicro: 400_000 },
    ]);
  });

  test("takes a released request out again", async () => {
    const team = await aTeam();
    await team.stub.release(await team.admitted({ tags: { a: "b" } }));
    expect((await team.stub.usage.sums(query([]))).rows).toMatchObject([{ requests: 0 }]);
    expect((await team.stub.usage.sums(query(["tag"], { tagName: "a" }))).rows).toEqual([]);
    const counted = await team.admitted({ tags: { a: "b" } });
    expect((await team.stub.usage.sums(query([]))).rows).toMatchObject([{ requests: 1 }]);
    await team.stub.release(counted);
    expect((await team.stub.usage.sums(query([]))).rows).toMatchObject([{ requests: 0 }]);
    expect((await team.stub.usage.sums(query(["tag"], { tagName: "a" }))).rows).toMatchObject([
      { group: { tag: "a=b" }, requests: 0 },
    ]);
  });

  test.each<Outcome>(["completed", "failed", "canceled"])("tells a %s request from the others", async (outcome) => {
    const team = await aTeam();
    await team.stub.settle(anEnd(await team.admitted(), outcome === "completed" ? "charge" : "refund", { outcome }));
    const [total] = (await team.stub.usage.sums(query([]))).rows;
    expect([total?.completed, total?.failed, total?.canceled]).toEqual(
      ["completed", "failed", "canceled"].map((each) => (each === outcome ? 1 : 0)),
    );
  });
});

describe("a money alert", () => {
  const limits = [
    { name: "team", scope: "team", per: "usd", limit: "1", window: "1d" },
    { name: "visitor", scope: "visitor", per: "usd", limit: "0.4", window: "1d" },
    { name: "count", scope: "team", per: "request", limit: 3, window: "1d" },
  ] as const;

  const told = async (team: TeamObject) => {
    const { latest } = await team.stub.alerts.read();
    return latest
      .map(({ data }) => `${data.limit_name} ${data.subject} ${data.percent} % (${data.used_usd})`)
      .reverse();
  };

  test("is given once at 80 % and once at 100 %, and again in the next window", async () => {
    const team = await aTeam({ limits });
    for (const count of [7, 1, 1]) await team.admitted({ measures: images(count) });
    expect(await told(team)).toEqual(["team team 80 % (0.800000)"]);
    vi.setSystemTime(NOON + DAY_MS);
    await team.admitted({ measures: images(10) });
    expect(await told(team)).toEqual([
      "team team 80 % (0.800000)",
      "team team 80 % (1.000000)",
      "team team 100 % (1.000000)",
    ]);
  });

  test("is given when a limit refuses, though a few cents of it are left", async () => {
    const team = await aTeam({ limits });
    await team.admitted({ measures: images(7) });
    expect(await team.outcome({ measures: images(4) })).toBe("quota_exceeded");
    expect(await team.outcome({ measures: images(4) })).toBe("quota_exceeded");
    expect(await told(team)).toEqual(["team team 80 % (0.700000)", "team team 100 % (0.700000)"]);
  });

  test("names user, key and tag, each apart, and nobody who is only a visitor", async () => {
    const each = { per: "usd", limit: "1", window: "1d" } as const;
    const team = await aTeam({
      limits: [
        { ...each, name: "user", scope: "user" },
        { ...each, name: "key", scope: "key" },
        { ...each, name: "client", scope: "tag:client" },
        { ...each, name: "visitor", scope: "visitor" },
      ],
    });
    await team.admitted({ user: "anna", tags: { client: "acme" }, visitor: "v", measures: images(8) });
    expect((await told(team)).sort()).toEqual([
      "client client=acme 80 % (0.800000)",
      `key ${team.key.id} 80 % (0.800000)`,
      "user anna 80 % (0.800000)",
    ]);
  });

  test("is given at the percentages that the team chose, or not at all", async () => {
    const team = await aTeam({ limits });
    await team.stub.alerts.put([10], SOMEBODY);
    await team.admitted({ measures: images(1) });
    expect(await told(team)).toEqual(["team team 10 % (0.100000)"]);
    const quiet = await aTeam({ limits });
    await quiet.stub.alerts.put([], SOMEBODY);
    await quiet.admitted({ measures: images(10) });
    expect(await told(quiet)).toEqual([]);
  });

  test("of a sliding window is given once in each of the clock's", async () => {
    const hour = { name: "hour", scope: "team", per: "usd", limit: "1", window: "1h" } as const;
    const team = await aTeam({ limits: [hour] });
    await team.admitted({ measures: images(9) });
    vi.setSystemTime(NOON + HOUR_MS / 4);
    await team.admitted({ measures: images(3) });
    expect(await told(team)).toEqual(["hour team 80 % (0.900000)"]);
  });
});

/** The receipts, added up. */
function ledgerSum(team: TeamObject): Promise<number> {
  return runInDurableObject(team.stub, (_instance, { storage }) => {
    return storage.sql.exec<{ sum: number }>("SELECT sum(charged) AS sum FROM request").one().sum;
  });
}
