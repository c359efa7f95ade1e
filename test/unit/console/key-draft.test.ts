// What the wizard offers and sends for a new key.

import { describe, expect, test } from "vitest";
import { boundsKeyMoney, emptyDraft, keyBodyOf, newPlanTerms } from "../../../console/src/screens/keys/draft.ts";
import { limitsKeyMoney, planSchema } from "../../../src/team/quota/plan.ts";

const limitOf = (per: string, scope: string) => ({
  limits: [
    { name: "only", scope, per, limit: per === "usd" ? "1" : 1, ...(per === "concurrent" ? {} : { window: "day" }) },
  ],
});

describe("a page's key", () => {
  test("is offered exactly the plans that the API takes for it", () => {
    for (const scope of ["key", "team", "user", "visitor", "ip"]) {
      for (const per of ["usd", "request", "concurrent"]) {
        const parsed = planSchema().safeParse(limitOf(per, scope));
        if (!parsed.success) continue;
        const offered = boundsKeyMoney(limitOf(per, scope) as unknown as Parameters<typeof boundsKeyMoney>[0]);
        expect([scope, per, offered]).toEqual([scope, per, limitsKeyMoney(parsed.data)]);
      }
    }
  });

  test("gets a plan of its own unless another is chosen, and that plan bounds its money", () => {
    const draft = { ...emptyDraft("page"), name: " demo page ", origins: "https://demo.example" };
    expect(keyBodyOf(draft)).toMatchObject({ name: "demo page", plan: "demo", origins: ["https://demo.example"] });
    const { limits = [] } = newPlanTerms(draft);
    expect(boundsKeyMoney({ limits } as Parameters<typeof boundsKeyMoney>[0])).toBe(true);
  });
});
