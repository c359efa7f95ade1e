// What the console says of limits: in words, and what a key with them can cost at worst.

import { describe, expect, test } from "vitest";
import { ceilingText, worstCaseOf } from "../../../console/src/screens/keys/worst-case.ts";
import { limitWords } from "../../../console/src/screens/plans/words.ts";

describe("the worst case of a key", () => {
  const limit = (scope: string, usd: string, window: string) => ({
    name: `${scope}-${window}`,
    scope,
    per: "usd",
    limit: usd,
    window,
  });
  const plan = (limits: readonly unknown[], rest: Record<string, unknown> = {}) =>
    ({ limits, unknown_price: "refuse", assumed_cost: null, max_cost_per_request: null, ...rest }) as Parameters<
      typeof worstCaseOf
    >[0];

  test.each([
    ["a limit of the key a day", [limit("key", "2", "day")], "server", "$2.00", "$62.00", "key-day"],
    [
      "the tighter of key and team",
      [limit("key", "50", "day"), limit("team", "20", "day")],
      "server",
      "$20.00",
      "$620.00",
      "team-day",
    ],
    [
      "a limit a month, which one day may use up",
      [limit("team", "300", "month")],
      "server",
      "$300.00",
      "$300.00",
      "team-month",
    ],
    [
      "a day and a month",
      [limit("key", "20", "day"), limit("team", "300", "month")],
      "server",
      "$20.00",
      "$300.00",
      "key-day",
    ],
    ["a limit an hour", [limit("key", "1", "hour")], "server", "$24.00", "$744.00", "key-hour"],
    ["a member's own limit", [limit("user", "60", "month")], "member", "$60.00", "$60.00", "user-month"],
  ] as const)("is bounded by %s", (_what, limits, kind, day, month, by) => {
    const worst = worstCaseOf(plan(limits), kind);
    expect([ceilingText(worst.day ?? 0), ceilingText(worst.month ?? 0), worst.by]).toEqual([day, month, by]);
  });

  test.each([
    ["limits per visitor alone", [limit("visitor", "1", "day"), limit("ip", "1", "day")]],
    ["limits per user of a key that names any", [limit("user", "1", "day")]],
    ["no limits", []],
    [
      "a count whose requests have no greatest cost",
      [{ name: "n", scope: "key", per: "request", limit: 5, window: "day" }],
    ],
  ])("has no ceiling by %s", (_what, limits) => {
    expect(worstCaseOf(plan(limits), "server")).toMatchObject({ day: null, month: null });
  });

  test("is bounded by a count, where each request has a greatest cost", () => {
    const limits = [{ name: "n", scope: "key", per: "request", limit: 5, window: "day" }];
    expect(worstCaseOf(plan(limits, { max_cost_per_request: "0.5" }), "server")).toMatchObject({
      day: 2_500_000,
      by: "n",
    });
  });

  test("is never rounded down", () => {
    expect(ceilingText(10_001)).toBe("$0.02");
  });

  test.each([
    ["that the plan refuses are refused", "server", { unknown_price: "refuse" }, "refused"],
    ["count nothing for a server", "server", {}, "uncounted"],
    ["count nothing for a member", "member", {}, "uncounted"],
    ["are refused on a page, where they would count nothing", "page", {}, "refused"],
    ["count what is assumed, for a server", "server", { assumed_cost: "0.05" }, "assumed"],
    ["count what is assumed, on a page", "page", { assumed_cost: "0.05" }, "assumed"],
    [
      "that the plan refuses are refused whatever it assumes",
      "page",
      { unknown_price: "refuse", assumed_cost: "0.05" },
      "refused",
    ],
  ] as const)("says that requests of unknown price %s", (_what, kind, rest, unknown) => {
    expect(worstCaseOf(plan([], { unknown_price: "allow", ...rest }), kind).unknown).toBe(unknown);
  });
});

describe("a limit in words", () => {
  test.each([
    [{ scope: "network", per: "request", limit: 300, window: "day" }, "300 requests per network and day"],
    [
      { scope: "user", per: "upload", limit: 1, window: "day", count: "admitted" },
      "1 upload per user and day, all that is let in",
    ],
    [
      { scope: "tag:client", per: "request", limit: 5, window: "hour", count: "completed" },
      "5 requests per value of tag client and hour, not what ends uncharged",
    ],
    [{ scope: "team", per: "concurrent", limit: 40 }, "40 open requests per team"],
  ])("%j", (limit, words) => {
    expect(limitWords({ name: "n", ...limit } as Parameters<typeof limitWords>[0])).toBe(words);
  });
});
