import { expect, test } from "vitest";
import { matchFault, versionTag } from "../../../src/platform/version-tag.ts";

test("equal states have one tag, and each small change gives another", () => {
  const states = [{}, { a: 1 }, { a: 2 }, { b: 1 }, [], [1], "a", "b", "", null, { a: "1" }, { a: [1] }];
  const tags = states.map(versionTag);
  expect(tags).toEqual(states.map((state) => versionTag(structuredClone(state))));
  expect(new Set(tags).size).toBe(states.length);
  for (const tag of tags) expect(tag).toMatch(/^[0-9a-z]{22}$/);
});

test("no two of twenty thousand plans share a tag", () => {
  const tags = Array.from({ length: 20_000 }, (_, n) => versionTag({ limits: [{ name: "daily", limit: n }] }));
  expect(new Set(tags).size).toBe(20_000);
});

test.each([
  ["no condition", null, "v1", null],
  ["no condition on what is missing", null, null, null],
  ["the version", ["v1"], "v1", null],
  ["one of several", ["v0", "v1"], "v1", null],
  ["any version", ["*"], "v1", null],
  ["another version", ["v0"], "v1", "has changed"],
  ["any version of what is missing", ["*"], null, "does not exist"],
  ["a version of what is missing", ["v1"], null, "does not exist"],
])("a writer with %s", (_what, ifMatch, tag, fault) => {
  const refusal = matchFault(ifMatch, tag, "The plan");
  if (fault === null) expect(refusal).toBeNull();
  else expect(refusal).toMatchObject({ code: "precondition_failed", detail: expect.stringContaining(fault) });
});
