// What the wizard offers and sends for a new key, and what an edit sends of one that exists.

import { describe, expect, test } from "vitest";
import { boundsKeyMoney, emptyDraft, keyBodyOf, newPlanBody } from "../../../console/src/screens/keys/draft.ts";
import { changesOf, keyEdit } from "../../../console/src/screens/keys/key-edit.ts";
import { BEGINNINGS } from "../../../console/src/screens/plans/presets.ts";
import { limitsKeyMoney, planSchema } from "../../../src/team/quota/plan.ts";
import { PRESET_NAMES } from "../../../src/team/quota/presets.ts";

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
    const { limits, ...body } = newPlanBody({ ...draft, visitorPerDay: "7", addressPerDay: "70", usdPerDay: "0.5" });
    expect(body).toEqual({ name: "demo", from: "demo_page" });
    expect(
      planSchema()
        .parse({ limits })
        .limits.map(({ name, limit }) => [name, limit]),
    ).toEqual([
      ...[
        ["visitor-day", 7],
        ["address-day", 70],
        ["page-money", "0.5"],
        ["page-at-once", 5],
      ],
      ...[
        ["visitor-uploads", 6],
        ["page-upload-bytes", 1_000_000_000],
      ],
    ]);
    expect(boundsKeyMoney({ limits })).toBe(true);
  });
});

test("a plan may begin with each preset of the API", () => {
  expect(BEGINNINGS.map(({ name }) => name)).toEqual(PRESET_NAMES);
});

describe("an edit of a key", () => {
  const key = {
    name: "web-app",
    plan: "page",
    models: ["fal-ai/**"],
    origins: ["https://a.example", "https://b.example"],
    expires_at: "2026-12-24T08:30:00.000Z",
  };

  test.each([
    ["nothing, where nothing was changed", {}, {}],
    ["nothing of spaces around lines", { models: " fal-ai/** \n", name: "web-app " }, {}],
    ["a name", { name: "shop" }, { name: "shop" }],
    ["null for the team's plan", { plan: "" }, { plan: null }],
    ["null for models and origins that are any", { models: "", origins: "\n" }, { models: null, origins: null }],
    [
      "whole lists",
      { origins: "https://c.example, https://a.example" },
      { origins: ["https://c.example", "https://a.example"] },
    ],
    ["the end of another day", { expiresOn: "2027-01-01" }, { expires_at: "2027-01-01T23:59:59.000Z" }],
    ["null for a key that no longer expires", { expiresOn: "" }, { expires_at: null }],
  ])("sends %s", (_what, edit, changes) => {
    expect(changesOf(key, { ...keyEdit(key), ...edit })).toEqual(changes);
  });

  test("of a key with nothing set begins with empty fields, and sends nothing", () => {
    const bare = { name: "Unnamed", plan: null, models: null, origins: null, expires_at: null };
    expect(keyEdit(bare)).toEqual({ name: "Unnamed", plan: "", models: "", origins: "", expiresOn: "" });
    expect(changesOf(bare, keyEdit(bare))).toEqual({});
  });
});
