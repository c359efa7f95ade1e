import { expect, test } from "vitest";
import { differences } from "../../../../src/team/audit/differences.ts";

const daily = { name: "daily", per: "request", limit: 5 };

test.each<[string, unknown, unknown, unknown]>([
  ["nothing", { a: 1, b: [1] }, { a: 1, b: [1] }, []],
  ["a field", { a: 1 }, { a: 2 }, [{ field: "a", old: 1, new: 2 }]],
  ["a field inside", { a: { b: null } }, { a: { b: true } }, [{ field: "a.b", old: null, new: true }]],
  ["a new field", {}, { a: "x" }, [{ field: "a", new: "x" }]],
  ["a field that is gone", { a: "x" }, {}, [{ field: "a", old: "x" }]],
  ["a list", { a: [1, 2] }, { a: [2] }, [{ field: "a", old: "[1,2]", new: "[2]" }]],
  [
    "a limit among others",
    { limits: [{ ...daily, name: "other" }, daily] },
    {
      limits: [
        { ...daily, limit: 9 },
        { ...daily, name: "other" },
      ],
    },
    [{ field: "limits.daily.limit", old: 5, new: 9 }],
  ],
  [
    "a limit that is gone",
    { limits: [daily] },
    { limits: [] },
    [
      { field: "limits.daily.per", old: "request" },
      { field: "limits.daily.limit", old: 5 },
    ],
  ],
])("%s", (_what, before, after, changes) => {
  expect(differences(before, after)).toEqual(changes);
});

test("long values are cut and many fields end", () => {
  const [change] = differences({ a: "" }, { a: "x".repeat(5_000) });
  expect(String(change?.new).length).toBeLessThan(300);
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, n]));
  expect(differences({}, many).length).toBeLessThan(100);
});
