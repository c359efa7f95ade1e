import { describe, expect, test } from "vitest";
import * as z from "zod";
import { nearest } from "../../../src/platform/suggest.ts";
import { parseFields } from "../../../src/platform/validate.ts";

const SCOPES = ["team", "key", "user", "visitor", "ip"];

describe("the word that was meant", () => {
  test.each<[string, readonly string[], string | null]>([
    ["usr", SCOPES, "user"],
    ["usre", SCOPES, "user"],
    ["vistors", SCOPES, "visitor"],
    ["teams", SCOPES, "team"],
    ["1min", ["1m", "1h", "1d", "1mo"], "1m"],
    ["1day", ["1m", "1h", "1d", "1mo"], "1d"],
    ["fal-ai/flux/schnel", ["fal-ai/flux/schnell", "fal-ai/fast-sdxl"], "fal-ai/flux/schnell"],
    ["a right one is none", ["a right one is none"], null],
    ["person", SCOPES, null],
    ["x", SCOPES, null],
    ["1x", ["1m", "1h", "1d", "1mo"], null],
    ["", SCOPES, null],
    ["u".repeat(100_000), SCOPES, null],
  ])("of %j among %j is %j", (word, known, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });
});

describe("a refusal", () => {
  const schema = z.object({
    plan: z.strictObject({
      limits: z.array(z.strictObject({ scope: z.enum(["team", "user"]), limit: z.int() })).default([]),
      retention: z.string().optional(),
    }),
  });
  test.each<[unknown, string]>([
    [{ limts: [] }, "`plan.limts` is not a known field; did you mean `limits`?"],
    [
      { limits: [{ scope: "usr", limit: 1 }] },
      '`plan.limits[0].scope` must be one of "team", "user"; did you mean "user"?',
    ],
    [
      { limits: [{ scope: "user", limt: 1, limit: 1 }] },
      "`plan.limits[0].limt` is not a known field; did you mean `limit`?",
    ],
    [{ colour: 1 }, "`plan.colour` is not a known field."],
    [{ ["x".repeat(1_000_000)]: 1 }, `\`plan.${"x".repeat(64)}…\` is not a known field.`],
  ])("names what was meant, and repeats no long name", (plan, detail) => {
    expect(parseFields(schema, { plan }, "body")).toEqual({ ok: false, detail });
  });
});
