import { describe, expect, it } from "vitest";
import type { PlanLimit } from "../../src/access/plan.ts";
import { checkQuota, counterOf, limitStates, settleReservation, windowOf } from "../../src/access/quota.ts";

const at = (text: string) => Date.parse(text);
const limitOf = (over: Partial<PlanLimit>): PlanLimit => {
  return { name: "limit", scope: "team", per: "request", limit: 10, window: "1d", ...over };
};
const NOON = at("2026-11-22T12:00:00Z");
const anna = { keyId: "key_1", user: "anna" };

describe("windows", () => {
  it.each<[PlanLimit["window"], string, string, string]>([
    ["1d", "2026-11-22T00:00:00.000Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"],
    ["1d", "2026-11-22T23:59:59.999Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"],
    ["1d", "2026-12-31T12:00:00.000Z", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["1mo", "2026-11-01T00:00:00.000Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"],
    ["1mo", "2026-12-31T23:59:59.999Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    ["1mo", "2028-02-29T01:00:00.000Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
  ])("%s at %s lasts from %s to %s", (window, now, start, end) => {
    expect(windowOf(window, at(now))).toEqual({ start: at(start), end: at(end) });
  });
});

describe("counters", () => {
  const id = (limit: Partial<PlanLimit>, subjects = anna, now = NOON) => counterOf(limitOf(limit), subjects, now).id;
  const bob = { keyId: "key_1", user: "bob" };
  const otherKey = { keyId: "key_2", user: "anna" };

  it.each<[string, string, string, boolean]>([
    ["a team limit counts all together", id({}), id({}, bob), true],
    ["a key limit counts its users together", id({ scope: "key" }), id({ scope: "key" }, bob), true],
    ["a key limit tells keys apart", id({ scope: "key" }), id({ scope: "key" }, otherKey), false],
    ["a user limit tells users apart", id({ scope: "user" }), id({ scope: "user" }, bob), false],
    ["a user limit follows the user over keys", id({ scope: "user" }), id({ scope: "user" }, otherKey), true],
    ["a renamed limit keeps its count", id({}), id({ name: "other" }), true],
    ["a resized limit keeps its count", id({}), id({ limit: 5 }), true],
    ["day and month are counted apart", id({}), id({ window: "1mo" }), false],
    ["tomorrow starts anew", id({}), id({}, anna, NOON + 86_400_000), false],
  ])("%s", (_rule, one, other, same) => {
    expect(one === other).toBe(same);
  });

  it("counts requests without a user on their own key, not on a user of that name", () => {
    const scope = "user" as const;
    const nobody = counterOf(limitOf({ scope }), { keyId: "key_1", user: null }, NOON).id;
    const another = counterOf(limitOf({ scope }), { keyId: "key_2", user: null }, NOON).id;
    const named = counterOf(limitOf({ scope }), { keyId: "key_1", user: "key_1" }, NOON).id;
    const spelled = counterOf(limitOf({ scope }), { keyId: "key_9", user: "of-key:key_1" }, NOON).id;
    expect(new Set([nobody, another, named, spelled]).size).toBe(4);
  });
});

describe("checking", () => {
  const day = limitOf({ name: "day", limit: 3 });
  const month = limitOf({ name: "month", window: "1mo", limit: 5 });
  const own = limitOf({ name: "own", scope: "user", limit: 2 });
  const usedOf = (counts: Record<string, number>) => (counterId: string) => {
    const limits = { day, month, own };
    const found = Object.entries(limits).find(([, limit]) => counterOf(limit, anna, NOON).id === counterId);
    return counts[found?.[0] ?? ""] ?? 0;
  };

  it("takes every counter once when all limits hold", () => {
    const twin = { ...day, name: "twin", limit: 99 };
    const answer = checkQuota([day, twin, month], usedOf({ day: 2, month: 4 }), anna, NOON);
    expect(answer).toEqual({
      kind: "ok",
      take: [counterOf(day, anna, NOON), counterOf(month, anna, NOON)],
    });
  });

  it("takes nothing without limits", () => {
    expect(checkQuota([], () => 0, anna, NOON)).toEqual({ kind: "ok", take: [] });
  });

  it("names every limit that is used up, and only those", () => {
    const answer = checkQuota([day, month, own], usedOf({ day: 3, month: 4, own: 2 }), anna, NOON);
    expect(answer).toEqual({
      kind: "over",
      violated: [
        { name: "day", limit: 3, used: 3, resetAt: at("2026-11-23T00:00:00Z") },
        { name: "own", limit: 2, used: 2, resetAt: at("2026-11-23T00:00:00Z") },
      ],
    });
  });

  it("refuses everything under a limit of 0", () => {
    expect(checkQuota([limitOf({ limit: 0 })], () => 0, anna, NOON).kind).toBe("over");
  });

  it("shows no negative rest when a limit was lowered below what is used", () => {
    const [state] = limitStates([day], () => 7, anna, NOON);
    expect(state).toMatchObject({ limit: 3, used: 7, remaining: 0 });
  });
});

describe("settling", () => {
  const open = { counters: ["a", "b"], settledAt: null };

  it("gives back every counter on a refund, and none otherwise", () => {
    expect(settleReservation(open, "refund")).toEqual({ kind: "settled", giveBack: ["a", "b"] });
    expect(settleReservation(open, "take")).toEqual({ kind: "settled", giveBack: [] });
  });

  it("leaves a reservation open that nobody can judge yet", () => {
    expect(settleReservation(open, "keep")).toEqual({ kind: "kept" });
  });

  it.each(["take", "refund", "keep"] as const)("does nothing the second time (%s)", (how) => {
    expect(settleReservation({ ...open, settledAt: 1 }, how)).toEqual({ kind: "already_settled" });
  });
});
