import { expect, test } from "vitest";
import { LIMIT_PERS } from "../../../../src/platform/errors.ts";
import { defaultPlan, planSchema } from "../../../../src/team/quota/plan.ts";
import { storedPlan } from "../../../../src/team/quota/stored-plan.ts";

const LIMIT = { name: "daily", scope: "team", per: "request", limit: 5, window: "1d" };

test("a plan that older code stored has the defaults of what it lacks", () => {
  expect(storedPlan("{}")).toEqual(defaultPlan());
  expect(storedPlan(JSON.stringify({ limits: [LIMIT] })).limits).toEqual([LIMIT]);
  const counted = { ...LIMIT, count: "admitted" };
  expect(storedPlan(JSON.stringify({ limits: [counted] })).limits).toEqual([counted]);
});

test("fields of newer code are left out, wherever they stand, and the rest is as it was", () => {
  const newer = {
    approve_above: "5",
    limits: [
      { ...LIMIT, weight: 2 },
      { ...LIMIT, name: "second", burst: { size: 3 } },
    ],
    retention: { records_days: 3, archive: true },
  };
  const plan = storedPlan(JSON.stringify(newer));
  expect(plan.limits).toEqual([LIMIT, { ...LIMIT, name: "second" }]);
  expect(plan.retention).toEqual({ records_days: 3, files_days: null, inputs_days: null });
  expect(planSchema().safeParse(plan).success).toBe(true);
});

test.each([
  ["a kind of limit", { limits: [{ ...LIMIT, per: "token" }] }],
  ["a scope", { limits: [{ ...LIMIT, scope: "country" }] }],
  ["a window", { limits: [{ ...LIMIT, window: "1y" }] }],
  ["a rule", { unknown_price: "ask" }],
])("%s that is not known is never dropped in silence", (_what, plan) => {
  expect(() => storedPlan(JSON.stringify(plan))).toThrow();
});

test("every kind that a limit may count is a limit of plans", () => {
  for (const per of LIMIT_PERS) {
    const limit = { ...LIMIT, per, limit: per === "usd" ? "5" : 5, window: per === "concurrent" ? undefined : "1d" };
    expect(storedPlan(JSON.stringify({ limits: [limit] })).limits, per).toMatchObject([{ per }]);
  }
});
