import { describe, expect, test } from "vitest";
import { countTagValues, TAG_VALUES_PER_DAY } from "../../../../src/team/quota/tag-values.ts";

const NOON = Date.parse("2026-11-22T12:00:00Z");
const MIDNIGHT = Date.parse("2026-11-23T00:00:00Z");

function ledger() {
  const values = new Map<string, number>();
  return {
    values,
    bring(tags: Record<string, string>, keyId = "key_1", now = NOON) {
      const answer = countTagValues(tags, keyId, (id) => values.get(id) ?? 0, now);
      if (answer.kind === "ok") for (const { id, value } of answer.writes) values.set(id, value);
      return answer;
    },
  };
}

describe("values of tags", () => {
  test("count once each and end with the day", () => {
    const books = ledger();
    const first = books.bring({ page: "a", client: "b" });
    expect(first.kind === "ok" && first.writes.map(({ value, resetAt }) => [value, resetAt])).toEqual([
      [1, MIDNIGHT],
      [1, MIDNIGHT],
      [2, MIDNIGHT],
    ]);
    expect(books.bring({ page: "a" })).toEqual({ kind: "ok", writes: [] });
    expect(books.bring({})).toEqual({ kind: "ok", writes: [] });
  });

  test("that are new are refused beyond so many, while known ones, another key and another day go on", () => {
    const books = ledger();
    for (let n = 0; n < TAG_VALUES_PER_DAY; n++) expect(books.bring({ page: `/blog/${n}` }).kind).toBe("ok");
    const refused = books.bring({ page: "/blog/0", client: "new" });
    expect(refused).toEqual({ kind: "over", tag: "client", limit: TAG_VALUES_PER_DAY, resetAt: MIDNIGHT });
    expect(books.bring({ page: "/blog/7" }).kind).toBe("ok");
    expect(books.bring({ page: "new" }, "key_2").kind).toBe("ok");
    expect(books.bring({ page: "new" }, "key_1", MIDNIGHT).kind).toBe("ok");
  });

  test("of a call that brings several fit together or not at all", () => {
    const books = ledger();
    for (let n = 1; n < TAG_VALUES_PER_DAY; n++) books.bring({ page: String(n) });
    expect(books.bring({ page: "x", client: "y" }).kind).toBe("over");
    expect(books.bring({ page: "x" }).kind).toBe("ok");
  });

  test.each([
    [{ a: "b=c" }, { "a=b": "c" }],
    [{ "1:a": "b" }, { a: "b" }],
    [{ a: "" }, { "": "a" }],
  ])("are told apart however they are spelled: %j and %j", (one, other) => {
    const books = ledger();
    books.bring(one as Record<string, string>);
    const answer = books.bring(other as Record<string, string>);
    expect(answer.kind === "ok" && answer.writes.length).toBe(2);
  });
});
