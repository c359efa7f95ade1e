import { expect, test } from "vitest";
import type { PastRequest } from "../../../../src/contracts/team-plans.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";
import { isReplayable, replay } from "../../../../src/team/quota/replay.ts";

const NOON = Date.UTC(2026, 10, 10, 12);
const MINUTE = 60_000;
const DAY = 86_400_000;

/** One request a minute, each of a minute and a dollar, but for what is said. */
function past(...more: Partial<PastRequest>[]): PastRequest[] {
  return more.map((fields, n) => ({
    ...{ id: `req_${n}`, keyId: "key_a", user: null, model: "acme/m", tags: {} },
    ...{ createdAt: NOON + n * MINUTE, endedAt: NOON + (n + 1) * MINUTE, verdict: "charge" as const },
    ...{ chargedMicro: 1_000_000, estimatedMicro: 1_000_000, price: { unit: "request" as const, usd: "1" } },
    ...fields,
  }));
}

function replayed(plan: object, requests: PastRequest[]) {
  const sums = replay({ planName: "tried", plan: planSchema().parse(plan), caps: null }, requests);
  return {
    ...{ refused: sums.refused, usd: sums.refusedMicro / 1_000_000, first: sums.firstRefused.map(({ id }) => id) },
    ...{ limits: Object.fromEntries(sums.byLimit), rules: Object.fromEntries(sums.byRule) },
  };
}

const usd = (limit: string, scope = "team") => ({ name: "money", scope, per: "usd", limit, window: "day" });

test("a limit refuses what comes after it is used up, and each day anew", () => {
  const days = [0, 1, 2, 3].map((n) => ({ createdAt: NOON + Math.floor(n / 2) * DAY + n, endedAt: null }));
  expect(replayed({ limits: [usd("1")] }, past(...days))).toMatchObject({
    refused: 2,
    usd: 2,
    first: ["req_1", "req_3"],
  });
  expect(replayed({ limits: [usd("2")] }, past(...days))).toMatchObject({ refused: 0, limits: {} });
});

test("what a past request did not cost is there for the next", () => {
  const refunded = past({ verdict: "refund", chargedMicro: 0 }, {}, {});
  expect(replayed({ limits: [usd("2")] }, refunded)).toMatchObject({ refused: 0 });
  expect(replayed({ limits: [usd("2")] }, past({}, {}, {}))).toMatchObject({ refused: 1, first: ["req_2"] });
  const dear = past({ chargedMicro: 2_000_000 }, {});
  expect(replayed({ limits: [usd("2")] }, dear)).toMatchObject({ refused: 1 });
});

test("what the plan would have refused takes nothing from what comes after", () => {
  const requests = past({ model: "other/m" }, {}, {});
  expect(replayed({ models: { deny: ["other/**"] }, limits: [usd("2")] }, requests)).toEqual({
    ...{ refused: 1, usd: 1, first: ["req_0"], limits: {}, rules: { models: 1 } },
  });
});

test("requests at once are those that had not ended", () => {
  const atOnce = (limit: number) => ({ limits: [{ name: "open", scope: "key", per: "concurrent", limit }] });
  const slow = past({ endedAt: NOON + 10 * MINUTE }, { endedAt: NOON + 10 * MINUTE }, { endedAt: null });
  expect(replayed(atOnce(1), slow)).toMatchObject({ refused: 2, limits: { open: 2 } });
  expect(replayed(atOnce(2), slow)).toMatchObject({ refused: 1, first: ["req_2"] });
  expect(replayed(atOnce(1), past({}, {}, {}))).toMatchObject({ refused: 0 });
});

test("each rule of the plan counts by its name", () => {
  const plan = {
    models: { deny: ["no/**"] },
    require_tags: ["client"],
    max_cost_per_request: "2",
    unknown_price: "refuse",
  };
  const tags = { client: "acme" };
  const requests = past(
    { model: "no/m", tags },
    {},
    { tags, estimatedMicro: 3_000_000 },
    { tags, estimatedMicro: null, price: null },
    { tags },
  );
  expect(replayed(plan, requests)).toMatchObject({
    refused: 4,
    rules: { models: 1, require_tags: 1, max_cost_per_request: 1, unknown_price: 1 },
  });
});

test("limits count by key, user and tag as they do at an admission", () => {
  const byUser = past({ user: "ada" }, { user: "ada" }, { user: "bob" });
  expect(replayed({ limits: [usd("1", "user")] }, byUser)).toMatchObject({ first: ["req_1"] });
  const byTag = past({ tags: { client: "a" } }, { tags: { client: "a" } }, {}, {});
  expect(replayed({ limits: [usd("1", "tag:client")] }, byTag)).toMatchObject({ first: ["req_1"] });
});

test("limits of what the index does not keep are left out, and named", () => {
  const plan = planSchema().parse({
    limits: [
      { name: "visitor", scope: "visitor", per: "request", limit: 0, window: "day" },
      { name: "address", scope: "ip", per: "request", limit: 0, window: "day" },
      { name: "bytes", scope: "team", per: "output_byte", limit: 0, window: "day" },
      { name: "uploads", scope: "team", per: "upload", limit: 0, window: "day" },
      { name: "kept", scope: "team", per: "request", limit: 5, window: "day" },
    ],
  });
  expect(plan.limits.filter(isReplayable).map(({ name }) => name)).toEqual(["kept"]);
  expect(replay({ planName: "tried", plan, caps: null }, past({}, {})).refused).toBe(0);
});
