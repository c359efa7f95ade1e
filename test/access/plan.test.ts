import { describe, expect, it } from "vitest";
import { defaultPlan, modelAllowed, planSchema } from "../../src/access/plan.ts";
import { parseFields } from "../../src/fields.ts";

const daily = { name: "daily", scope: "team", per: "request", limit: 100, window: "1d" };

function planOf(models: { allow?: string[]; deny?: string[] }) {
  return planSchema.parse({ models });
}

describe("a plan", () => {
  it("allows every model, holds ten seconds and has no limit unless it says otherwise", () => {
    expect(defaultPlan()).toEqual({ limits: [], models: { allow: ["**"], deny: [] }, hold_s: 10 });
    expect(planSchema.parse({ models: { deny: ["x/**"] } }).models.allow).toEqual(["**"]);
  });

  it.each<[string, unknown, string]>([
    [
      "a window that is not kept",
      { limits: [{ ...daily, window: "1h" }] },
      '`limits[0].window` must be one of "1d", "1mo".',
    ],
    [
      "a scope that is not kept",
      { limits: [{ ...daily, scope: "ip" }] },
      '`limits[0].scope` must be one of "team", "key", "user".',
    ],
    ["money", { limits: [{ ...daily, per: "usd" }] }, '`limits[0].per` must be "request".'],
    ["half a request", { limits: [{ ...daily, limit: 1.5 }] }, "`limits[0].limit` must be a whole number."],
    ["a negative limit", { limits: [{ ...daily, limit: -1 }] }, "`limits[0].limit` must be at least 0."],
    ["a limit as text", { limits: [{ ...daily, limit: "5" }] }, "`limits[0].limit` must be a number."],
    ["a limit without a name", { limits: [{ ...daily, name: undefined }] }, "`limits[0].name` is required."],
    ["two limits of one name", { limits: [daily, daily] }, "`limits` must have different names."],
    ["a field that would not act", { require_tags: ["team"] }, "`require_tags` is not a known field."],
    ["a mistyped field", { limits: [{ ...daily, windw: "1d" }] }, "`limits[0].windw` is not a known field."],
    ["a mistyped model list", { models: { allowed: ["**"] } }, "`models.allowed` is not a known field."],
    ["a hold that outlasts clients", { hold_s: 60 }, "`hold_s` must be at most 20."],
    ["a list", [], "`body` must be an object."],
    ["nothing", undefined, "`body` is required."],
  ])("is refused with the field's name when it holds %s", (_what, plan, detail) => {
    expect(parseFields(planSchema, plan, "body")).toEqual({ ok: false, detail });
  });
});

describe("the models of a plan", () => {
  it.each<[string, { allow?: string[]; deny?: string[] }, string, boolean]>([
    ["** allows a plain id", {}, "fal-ai/fast-sdxl", true],
    ["** allows a deep id", {}, "fal-ai/kling-video/v2/master/text-to-video", true],
    ["** allows a segment that begins with a dot", {}, "owner/.hidden/x", true],
    ["a whole id allows itself", { allow: ["fal-ai/flux/dev"] }, "fal-ai/flux/dev", true],
    ["a whole id allows nothing below it", { allow: ["fal-ai/flux"] }, "fal-ai/flux/dev", false],
    ["/** allows what is below", { allow: ["fal-ai/flux/**"] }, "fal-ai/flux/dev/image-to-image", true],
    ["/** allows the app itself", { allow: ["fal-ai/flux/**"] }, "fal-ai/flux", true],
    ["/** allows no longer name", { allow: ["fal-ai/flux/**"] }, "fal-ai/flux-pro/new", false],
    ["* stays in one segment", { allow: ["fal-ai/*"] }, "fal-ai/flux/dev", false],
    ["case matters", { allow: ["fal-ai/Flux/**"] }, "fal-ai/flux/dev", false],
    ["one of several is enough", { allow: ["a/**", "fal-ai/**"] }, "fal-ai/flux/dev", true],
    ["deny wins over allow", { allow: ["**"], deny: ["fal-ai/veo/**"] }, "fal-ai/veo/fast", false],
    ["deny leaves the rest", { allow: ["**"], deny: ["fal-ai/veo/**"] }, "fal-ai/flux/dev", true],
    ["an empty list allows nothing", { allow: [] }, "fal-ai/flux/dev", false],
    ["a leading ! is no negation", { allow: ["!fal-ai/veo"] }, "fal-ai/flux/dev", false],
  ])("%s", (_rule, models, model, allowed) => {
    expect(modelAllowed(planOf(models), model)).toBe(allowed);
  });
});
