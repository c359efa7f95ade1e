import { describe, expect, test } from "vitest";
import * as z from "zod";
import { fieldName, parseFields } from "../../../src/platform/validate.ts";

const schema = z.strictObject({
  name: z.string().min(2).max(3),
  kind: z.enum(["a", "b"]),
  list: z
    .array(z.object({ n: z.int().min(1) }))
    .max(1)
    .optional(),
  on: z.boolean().optional(),
  map: z.record(z.string(), z.string()).optional(),
  at: z.iso.datetime().optional(),
});
const good = { name: "ab", kind: "a" };

describe("checking what was sent", () => {
  test("gives the value when all fields are right", () => {
    expect(parseFields(schema, good, "body")).toEqual({ ok: true, value: good });
  });

  test.each<[unknown, string]>([
    [{ ...good, name: undefined }, "`name` is required."],
    [{ ...good, name: "a" }, "`name` must have at least 2 characters."],
    [{ ...good, name: "abcd" }, "`name` must have at most 3 characters."],
    [{ ...good, kind: "c" }, '`kind` must be one of "a", "b".'],
    [{ ...good, list: {} }, "`list` must be an array."],
    [{ ...good, list: [{ n: 1 }, { n: 1 }] }, "`list` must have at most 1 entry."],
    [{ ...good, list: [{ n: 0 }] }, "`list[0].n` must be at least 1."],
    [{ ...good, list: [{ n: 1.5 }] }, "`list[0].n` must be an integer."],
    [{ ...good, on: "yes" }, "`on` must be a boolean."],
    [{ ...good, map: { a: 1 } }, "`map.a` must be a string."],
    [{ ...good, at: "today" }, "`at` must be a valid datetime."],
    [{ ...good, x: 1, y: 2 }, "`x` is not a known field; `y` is not a known field."],
    [{}, '`name` is required; `kind` must be one of "a", "b".'],
    [null, "`body` must be an object."],
    [
      { name: 1, kind: 2, list: 3, on: 4 },
      '`name` must be a string; `kind` must be one of "a", "b"; `list` must be an array.',
    ],
  ])("names the field and what is allowed: %j", (value, detail) => {
    expect(parseFields(schema, value, "body")).toEqual({ ok: false, detail });
  });

  test("never repeats the value", () => {
    const answer = parseFields(schema, { name: "secret-secret", kind: "secret", at: "secret", on: "secret" }, "body");
    expect(JSON.stringify(answer)).not.toContain("secret");
  });

  test.each([
    [[], "body"],
    [["a", 0, "b"], "a[0].b"],
    [[0], "[0]"],
  ])("spells the path %j as %s", (path, name) => {
    expect(fieldName(path, "body")).toBe(name);
  });
});

test.each<[string, readonly PropertyKey[]]>([
  ["an unknown field", ["x".repeat(1_000_000)]],
  ["a field in a list", ["limits", 0, "y".repeat(1_000_000)]],
  ["many levels", Array.from({ length: 1_000 }, () => "level")],
  ["a name of pairs of code units", [`a${"😀".repeat(500_000)}`]],
])("the name of %s is not repeated at any length", (_what, path) => {
  const name = fieldName(path, "body");
  expect(name.length).toBeLessThanOrEqual(301);
  expect(name.isWellFormed()).toBe(true);
});
