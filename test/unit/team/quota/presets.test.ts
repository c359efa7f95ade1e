import { expect, test } from "vitest";
import { defaultPlan, limitsKeyMoney, planSchema } from "../../../../src/team/quota/plan.ts";
import { PRESET_NAMES, PRESETS } from "../../../../src/team/quota/presets.ts";

test.each(PRESET_NAMES)(
  "%s is a plan that bounds the money of a request and of all, and refuses what has no price",
  (name) => {
    const plan = planSchema().parse(PRESETS[name].terms);
    expect(plan).not.toEqual(defaultPlan());
    expect([plan.unknown_price, plan.max_cost_per_request]).toEqual(["refuse", expect.stringMatching(/^\d/)]);
    expect(limitsKeyMoney(plan)).toBe(true);
  },
);

test("the plan of a page counts strangers by visitor, address and page, and lets them name no URL to call", () => {
  const plan = planSchema().parse(PRESETS.demo_page.terms);
  expect(new Set(plan.limits.map(({ scope }) => scope))).toEqual(new Set(["visitor", "ip", "key"]));
  expect(plan.limits.some(({ per }) => per === "upload")).toBe(true);
  expect([plan.webhooks, plan.uploads.types, plan.dedupe_s]).toEqual([false, ["image/*"], 30]);
});
