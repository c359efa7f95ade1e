import { describe, expect, test } from "vitest";
import type { AppliedLimit } from "../../../../src/team/quota/counters.ts";
import { type Actual, settleHolds } from "../../../../src/team/quota/holds.ts";
import {
  check,
  type Demand,
  type Hold,
  limitStates,
  type QuotaAnswer,
  type QuotaCode,
  type Subjects,
} from "../../../../src/team/quota/limits.ts";
import type { LimitScope, LimitWindow, PlanLimit } from "../../../../src/team/quota/plan-limits.ts";

const at = (text: string) => Date.parse(text);
const NOON = at("2026-11-22T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TOMORROW = at("2026-11-23T00:00:00Z");
const NEXT_MONTH = at("2026-12-01T00:00:00Z");

const anna: Subjects = { keyId: "key_1", user: "anna", visitor: null, ip: null, network: null, tags: {} };
const one: Demand = { requests: 1, usdMicro: 0 };
const costs = (usdMicro: number | null): Demand => ({ requests: 1, usdMicro });
const UNKNOWN: Actual = { usdMicro: null, outputBytes: null };

type Window = "1m" | "1h" | "1d" | "1mo";
type Over = { name?: string; scope?: LimitScope; window?: Window };

const requests = (limit: number, over: Over = {}): PlanLimit => {
  return { name: "requests", scope: "team", per: "request", limit, window: "1d", ...over };
};
const usd = (limit: string, over: Over = {}): PlanLimit => {
  return { name: "usd", scope: "team", per: "usd", limit, window: "1d", ...over };
};
const bytes = (limit: number, over: Over = {}): PlanLimit => {
  return { name: "bytes", scope: "team", per: "output_byte", limit, window: "1d", ...over };
};
const concurrent = (limit: number, scope: LimitScope = "team"): PlanLimit => {
  return { name: "concurrent", scope, per: "concurrent", limit };
};

/** Counters as a store keeps them. */
function ledger() {
  const values = new Map<string, number>();
  const read = (id: string) => values.get(id) ?? 0;
  const write = (writes: readonly { id: string; value: number }[]) => {
    for (const { id, value } of writes) values.set(id, value);
  };
  return {
    values,
    states: (limits: readonly AppliedLimit[], now: number, subjects = anna) => limitStates(limits, read, subjects, now),
    admit(limits: readonly AppliedLimit[], demand: Demand, now: number, subjects = anna): QuotaAnswer {
      const answer = check(limits, read, subjects, demand, now);
      if (answer.kind === "ok") write(answer.writes);
      return answer;
    },
    /** How many of equal requests are admitted one after the other, at most 10,000. */
    burst(limits: readonly PlanLimit[], demand: Demand, now: number, subjects = anna): number {
      let admitted = 0;
      while (admitted < 10_000 && this.admit(limits, demand, now, subjects).kind === "ok") admitted++;
      return admitted;
    },
    settle(holds: readonly Hold[], how: "charge" | "refund" | "undo" | "keep", actual: Actual, now: number): Hold[] {
      const settlement = settleHolds(holds, how, actual, read, now);
      write(settlement.writes);
      return settlement.open;
    },
  };
}

function taken(answer: QuotaAnswer): Hold[] {
  if (answer.kind !== "ok") throw new Error("not admitted");
  return answer.holds;
}

function usedOf(books: ReturnType<typeof ledger>, limits: readonly AppliedLimit[], now: number, subjects = anna) {
  return books.states(limits, now, subjects).map((state) => state.used);
}

describe("whom a limit counts for", () => {
  const bob: Subjects = { ...anna, user: "bob" };
  const otherKey: Subjects = { ...anna, keyId: "key_2" };
  const visiting: Subjects = { ...anna, visitor: "v1", ip: "203.0.113.7" };
  const wide: Subjects = { ...visiting, ip: "2001:db8:1:2::/64", network: "2001:db8:1::/48" };
  const acme: Subjects = { ...anna, tags: { client: "acme" } };

  test.each<[string, LimitScope, Subjects, Subjects, boolean]>([
    ["a team limit counts all together", "team", anna, bob, true],
    ["a key limit counts its users together", "key", anna, bob, true],
    ["a key limit tells keys apart", "key", anna, otherKey, false],
    ["a user limit tells users apart", "user", anna, bob, false],
    ["a user limit follows the user over keys", "user", anna, otherKey, true],
    ["a visitor limit tells visitors apart", "visitor", visiting, { ...visiting, visitor: "v2" }, false],
    ["a visitor limit follows the visitor over addresses", "visitor", visiting, { ...visiting, ip: "::1" }, true],
    ["an address limit tells addresses apart", "ip", visiting, { ...visiting, ip: "203.0.113.8" }, false],
    ["an address limit counts its visitors together", "ip", visiting, { ...visiting, visitor: "v2" }, true],
    ["a network limit counts its addresses together", "network", wide, { ...wide, ip: "2001:db8:1:3::/64" }, true],
    ["a network limit tells networks apart", "network", wide, { ...wide, network: "2001:db8:2::/48" }, false],
    ["a tag limit counts a value together", "tag:client", acme, { ...bob, tags: { client: "acme" } }, true],
    ["a tag limit tells values apart", "tag:client", acme, { ...anna, tags: { client: "other" } }, false],
    ["one tag's value is not another tag's", "tag:client", acme, { ...anna, tags: { client: "b", b: "acme" } }, false],
  ])("%s", (_rule, scope, first, second, together) => {
    const limits = [requests(1, { scope })];
    const books = ledger();
    expect(books.admit(limits, one, NOON, first).kind).toBe("ok");
    expect(books.admit(limits, one, NOON, second).kind).toBe(together ? "over" : "ok");
  });

  test.each<[LimitScope, Subjects]>([
    ["visitor", anna],
    ["ip", anna],
    ["network", { ...anna, ip: "203.0.113.7" }],
    ["tag:client", anna],
    ["tag:client", { ...anna, tags: { clients: "acme" } }],
    ["tag:toString", anna],
  ])("a %s limit does not apply to a request that has none", (scope, subjects) => {
    const limits = [requests(0, { scope })];
    expect(check(limits, () => 0, subjects, one, NOON)).toEqual({ kind: "ok", holds: [], writes: [] });
    expect(limitStates(limits, () => 0, subjects, NOON)).toEqual([]);
  });

  test("never mixes two subjects up, however they are spelled", () => {
    const nobody = { ...anna, user: null };
    const subjects: [LimitScope, Subjects][] = [
      ["team", anna],
      ["key", anna],
      ["user", nobody],
      ["user", { ...nobody, keyId: "key_2" }],
      ["user", { ...anna, user: "key_1" }],
      ["user", { ...anna, user: "of-key:key_1" }],
      ["user", { ...anna, user: "" }],
      ["visitor", { ...anna, visitor: "key_1" }],
      ["ip", { ...anna, ip: "key_1" }],
      ["network", { ...anna, network: "key_1" }],
      ["tag:a", { ...anna, tags: { a: "b=c" } }],
      ["tag:a=b", { ...anna, tags: { "a=b": "c" } }],
      ["tag:a", { ...anna, tags: { a: "" } }],
    ];
    const ids = subjects.flatMap(([scope, subject]) =>
      taken(check([requests(1, { scope })], () => 0, subject, one, NOON)).map((hold) => hold.id),
    );
    expect(new Set(ids).size).toBe(subjects.length);
  });
});

describe("a window of the calendar", () => {
  test.each<[Window, string, string]>([
    ["1d", "2026-11-22T00:00:00.000Z", "2026-11-23T00:00:00Z"],
    ["1d", "2026-11-22T23:59:59.999Z", "2026-11-23T00:00:00Z"],
    ["1d", "2026-12-31T12:00:00.000Z", "2027-01-01T00:00:00Z"],
    ["1mo", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00Z"],
    ["1mo", "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z"],
    ["1mo", "2028-02-29T01:00:00.000Z", "2028-03-01T00:00:00Z"],
  ])("of %s at %s ends at %s, and the next one starts at zero", (window, now, end) => {
    const limits = [requests(2, { window })];
    const books = ledger();
    expect(books.burst(limits, one, at(now))).toBe(2);
    expect(books.states(limits, at(now))).toMatchObject([{ used: 2, remaining: 0, resetAt: at(end) }]);
    expect(books.burst(limits, one, at(end) - 1)).toBe(0);
    expect(books.burst(limits, one, at(end))).toBe(2);
  });

  test("keeps what was counted when the limit is renamed or resized, also in another plan", () => {
    const books = ledger();
    books.admit([requests(5)], one, NOON);
    expect(books.burst([requests(3, { name: "other" })], one, NOON)).toBe(2);
  });

  test("counts a request once on limits that count the same", () => {
    const books = ledger();
    expect(books.burst([requests(3), requests(9, { name: "twin" })], one, NOON)).toBe(3);
  });
});

describe("a window that slides", () => {
  test.each<[number, Window, number]>([
    [7, "1m", MINUTE],
    [7, "1h", HOUR],
    [1, "1h", HOUR],
    [1_000, "1m", MINUTE],
    [999, "1h", HOUR],
  ])("lets %s requests of %s through at once, then one as each part of it passes", (limit, window, lengthMs) => {
    const limits = [requests(limit, { window })];
    const books = ledger();
    expect(books.burst(limits, one, NOON)).toBe(limit);
    expect(books.states(limits, NOON)).toMatchObject([{ used: limit, remaining: 0 }]);
    const step = Math.ceil(lengthMs / limit);
    // Rounding loses less than a microsecond per request: with a thousand of them, less than one millisecond.
    expect(books.burst(limits, one, NOON + step - 2)).toBe(0);
    expect(books.burst(limits, one, NOON + step)).toBe(1);
    expect(books.burst(limits, one, NOON + step + lengthMs)).toBe(limit);
  });

  test("is weighed by cost for money, and fits a sum that fills it exactly", () => {
    const books = ledger();
    expect(books.burst([usd("0.021", { window: "1h" })], costs(3_000), NOON)).toBe(7);
    expect(books.burst([usd("10", { window: "1m" })], costs(333_333), NOON)).toBe(30);
  });

  test("does not wrap around a day", () => {
    const limits = [requests(2, { window: "1h" })];
    const books = ledger();
    expect(books.burst(limits, one, TOMORROW - 1)).toBe(2);
    expect(books.burst(limits, one, TOMORROW)).toBe(0);
  });

  test("starts anew when its size changes", () => {
    const books = ledger();
    books.burst([requests(5, { window: "1m" })], one, NOON);
    expect(books.burst([requests(2, { window: "1m" })], one, NOON)).toBe(2);
  });

  test("says when it is unused again", () => {
    const limits = [requests(6, { window: "1m" })];
    const books = ledger();
    expect(books.states(limits, NOON)).toMatchObject([{ used: 0, remaining: 6, resetAt: NOON }]);
    books.admit(limits, one, NOON);
    books.admit(limits, one, NOON);
    expect(books.states(limits, NOON)).toMatchObject([{ used: 2, remaining: 4, resetAt: NOON + 20_000 }]);
    expect(books.states(limits, NOON + 5_000)).toMatchObject([{ used: 2, resetAt: NOON + 20_000 }]);
    expect(books.states(limits, NOON + 15_000)).toMatchObject([{ used: 1 }]);
  });
});

describe("checking", () => {
  test("holds nothing without limits", () => {
    const nothing = { kind: "ok", holds: [], writes: [] };
    expect(check([], () => 0, anna, costs(5), NOON)).toEqual(nothing);
  });

  test("holds nothing at all when one limit does not hold", () => {
    const limits = [requests(5), requests(1, { name: "own", scope: "user" })];
    const books = ledger();
    books.admit(limits, one, NOON);
    books.admit(limits, one, NOON);
    expect(usedOf(books, limits, NOON)).toEqual([1, 1]);
  });

  test("holds the worst case of the price from every limit in USD", () => {
    const limits = [usd("0.01"), usd("1", { name: "month", window: "1mo" })];
    const books = ledger();
    expect(books.burst(limits, costs(3_000), NOON)).toBe(3);
    expect(books.states(limits, NOON)).toMatchObject([
      { limit: 10_000, used: 9_000, remaining: 1_000, resetAt: TOMORROW },
      { limit: 1_000_000, used: 9_000, remaining: 991_000, resetAt: NEXT_MONTH },
    ]);
    expect(books.burst(limits, costs(1_000), NOON)).toBe(1);
    expect(books.burst(limits, costs(0), NOON)).toBe(10_000);
  });

  test.each<[string, PlanLimit]>([
    ["a day", usd("0.01")],
    ["an hour", usd("0.01", { window: "1h" })],
  ])("counts an unknown price as nothing within %s, and refuses it once nothing is left", (_what, limit) => {
    const books = ledger();
    const first = books.admit([limit], costs(null), NOON);
    expect(first).toMatchObject({ kind: "ok", writes: [] });
    expect(usedOf(books, [limit], NOON)).toEqual([0]);
    expect(books.admit([limit], costs(10_000), NOON)).toMatchObject({ kind: "ok" });
    expect(books.admit([limit], costs(null), NOON)).toMatchObject({ kind: "over", code: "quota_exceeded" });
  });

  test("holds as many open requests at once as it says, and gives each back at its end", () => {
    const books = ledger();
    const limits = [concurrent(2)];
    const first = taken(books.admit(limits, one, NOON));
    books.admit(limits, one, NOON);
    expect(books.admit(limits, one, NOON + HOUR)).toEqual({
      kind: "over",
      code: "rate_limited",
      retryAfterS: 5,
      violated: [
        {
          name: "concurrent",
          scope: "team",
          per: "concurrent",
          window: null,
          limit: 2,
          setBy: "plan",
          used: 2,
          resetAt: NOON + HOUR + 5_000,
        },
      ],
    });
    books.settle(first, "charge", UNKNOWN, NOON + HOUR);
    expect(books.states(limits, NOON)).toMatchObject([{ window: null, used: 1, remaining: 1, resetAt: null }]);
    expect(books.burst(limits, one, NOON + HOUR)).toBe(1);
  });

  test("asks only that something is left of a limit in bytes", () => {
    const books = ledger();
    const limits = [bytes(100)];
    const holds = taken(books.admit(limits, one, NOON));
    expect(books.burst(limits, one, NOON)).toBe(10_000);
    books.settle(holds, "charge", { usdMicro: null, outputBytes: 250 }, NOON);
    expect(books.states(limits, NOON)).toMatchObject([{ limit: 100, used: 250, remaining: 0 }]);
    expect(books.admit(limits, one, NOON)).toMatchObject({ kind: "over", code: "quota_exceeded" });
    expect(books.admit(limits, one, TOMORROW).kind).toBe("ok");
  });

  test.each<[string, PlanLimit, Demand]>([
    ["requests a day", requests(0), one],
    ["requests a minute", requests(0, { window: "1m" }), one],
    ["USD a day", usd("0"), costs(1)],
    ["USD an hour", usd("0", { window: "1h" }), costs(1)],
    ["USD an hour, price unknown", usd("0", { window: "1h" }), costs(null)],
    ["bytes a day", bytes(0), one],
    ["bytes a minute", bytes(0, { window: "1m" }), one],
    ["open requests", concurrent(0), one],
  ])("refuses everything under a limit of 0: %s", (_what, limit, demand) => {
    const books = ledger();
    expect(books.admit([limit], demand, NOON).kind).toBe("over");
    expect(books.states([limit], NOON)).toMatchObject([{ limit: 0, used: 0, remaining: 0 }]);
  });

  test.each(["1h", "1d"] as const)("lets what is known to be free through a limit of 0 USD (%s)", (window) => {
    const books = ledger();
    const holds = taken(books.admit([usd("0", { window })], costs(0), NOON));
    expect(JSON.parse(JSON.stringify(holds))).toEqual(holds);
    books.settle(holds, "charge", { usdMicro: 0, outputBytes: null }, NOON);
    expect(usedOf(books, [usd("0", { window })], NOON)).toEqual([0]);
  });

  test("shows no negative rest when a limit was lowered below what is used", () => {
    const books = ledger();
    books.burst([requests(7)], one, NOON);
    expect(books.states([requests(3)], NOON)).toMatchObject([{ limit: 3, used: 7, remaining: 0 }]);
  });
});

describe("a refusal", () => {
  const day = requests(2, { name: "day" });
  const minute = requests(2, { name: "minute", window: "1m" });
  const hour = requests(2, { name: "hour", window: "1h" });
  const own = (window: LimitWindow) => requests(2, { name: `visitor-${window}`, scope: "visitor", window });

  test.each<[string, PlanLimit[], QuotaCode, number | null]>([
    ["a day", [day], "quota_exceeded", null],
    ["a month", [requests(2, { window: "1mo" })], "quota_exceeded", null],
    ["a minute", [minute], "rate_limited", 30],
    ["an hour", [hour], "rate_limited", 1_800],
    ["a minute and an hour", [minute, hour], "rate_limited", 1_800],
    ["a minute and a day", [minute, day], "quota_exceeded", null],
    ["money within an hour", [usd("0.002", { window: "1h" })], "quota_exceeded", null],
    ["open requests and a day", [concurrent(2), day], "quota_exceeded", null],
    ["open requests and a minute", [concurrent(2), minute], "rate_limited", 30],
    ["a visitor's day", [requests(2, { scope: "visitor" })], "visitor_limit", null],
    ["a visitor's minute and month", [own("1m"), own("1mo")], "visitor_limit", null],
    ["a visitor's hour", [own("1h")], "visitor_limit", 1_800],
    ["a visitor's minute and the team's hour", [own("1m"), hour], "rate_limited", 1_800],
    ["a visitor's minute and the team's day", [own("1m"), day], "quota_exceeded", null],
    ["bytes of a minute", [bytes(1, { window: "1m" })], "rate_limited", 60],
  ])("for %s says whether and when to try again", (_what, limits, code, retryAfterS) => {
    const books = ledger();
    const page = { ...anna, visitor: "visitor_1" };
    for (const outputBytes of [0, 1]) {
      const holds = taken(books.admit(limits, costs(1_000), NOON, page));
      const ofBytes = holds.filter((hold) => hold.per === "output_byte");
      books.settle(ofBytes, "charge", { usdMicro: null, outputBytes }, NOON);
    }
    const answer = books.admit(limits, costs(1_000), NOON, page);
    expect(answer).toMatchObject({ kind: "over", code });
    expect(answer.kind === "over" && answer.retryAfterS).toBe(retryAfterS);
    if (retryAfterS !== null && !limits.some((limit) => limit.per === "concurrent")) {
      expect(books.admit(limits, costs(1_000), NOON + retryAfterS * 1_000 - 1_000, page).kind).toBe("over");
      expect(books.admit(limits, costs(1_000), NOON + retryAfterS * 1_000, page).kind).toBe("ok");
    }
  });

  test("names every limit that does not hold, its size, what is used and when it frees, and no other", () => {
    const own = requests(1, { name: "own", scope: "user", window: "1mo" });
    const wide = requests(99, { name: "wide" });
    const byPlan = { setBy: "plan" };
    const books = ledger();
    books.admit([day, own, wide, minute], one, NOON);
    books.admit([day, wide, minute], one, NOON);
    expect(books.admit([day, wide, own, minute], one, NOON + 10_000)).toEqual({
      kind: "over",
      code: "quota_exceeded",
      retryAfterS: null,
      violated: [
        { name: "day", scope: "team", per: "request", window: "1d", limit: 2, ...byPlan, used: 2, resetAt: TOMORROW },
        {
          name: "own",
          scope: "user",
          per: "request",
          window: "1mo",
          limit: 1,
          ...byPlan,
          used: 1,
          resetAt: NEXT_MONTH,
        },
        {
          name: "minute",
          scope: "team",
          per: "request",
          window: "1m",
          limit: 2,
          ...byPlan,
          used: 2,
          resetAt: NOON + 30_000,
        },
      ],
    });
  });

  test("of what can never fit is told the time until the limit is unused", () => {
    const limit = usd("0.001", { window: "1h" });
    expect(ledger().admit([limit], costs(2_000), NOON)).toMatchObject({ violated: [{ resetAt: NOON + HOUR }] });
  });
});

describe("settling", () => {
  const limits = [requests(5), usd("1"), concurrent(5), bytes(1_000), requests(5, { name: "hour", window: "1h" })];
  const paid = { usdMicro: 40_000, outputBytes: 300 };

  test.each<["charge" | "refund" | "keep", Actual, number[]]>([
    ["charge", paid, [1, 40_000, 0, 300, 1]],
    ["charge", { usdMicro: 160_000, outputBytes: 0 }, [1, 160_000, 0, 0, 1]],
    ["charge", { usdMicro: 0, outputBytes: 0 }, [1, 0, 0, 0, 1]],
    ["charge", UNKNOWN, [1, 100_000, 0, 0, 1]],
    ["refund", UNKNOWN, [0, 0, 0, 0, 0]],
    ["refund", paid, [0, 0, 0, 0, 0]],
    ["keep", UNKNOWN, [1, 100_000, 0, 0, 1]],
  ])("by %s with %o leaves the right amounts", (how, actual, used) => {
    const books = ledger();
    const holds = taken(books.admit(limits, costs(100_000), NOON));
    expect(usedOf(books, limits, NOON)).toEqual([1, 100_000, 1, 0, 1]);
    books.settle(holds, how, actual, NOON);
    expect(usedOf(books, limits, NOON)).toEqual(used);
  });

  test.each<["charge" | "refund" | "undo" | "keep", number[]]>([
    ["charge", [1, 40_000, 0, 1]],
    ["refund", [1, 0, 0, 1]],
    ["undo", [0, 0, 0, 0]],
    ["keep", [1, 100_000, 0, 1]],
  ])("by %s gives back money and no request that counts as admitted, unless nothing was admitted", (how, used) => {
    const day = requests(5, { name: "day" });
    const browser = [day, usd("1"), concurrent(5), requests(5, { name: "hour", window: "1h" })].map((limit) => {
      return { ...limit, counts: "admitted" as const };
    });
    const books = ledger();
    const holds = taken(books.admit(browser, costs(100_000), NOON));
    books.settle(holds, how, { usdMicro: 40_000, outputBytes: null }, NOON);
    expect(usedOf(books, browser, NOON)).toEqual(used);
    expect(JSON.parse(JSON.stringify(holds))).toEqual(holds);
    expect(usedOf(books, [day], NOON), "a server's view of the same limit").toEqual(used.slice(0, 1));
  });

  test("follows what a limit says over what the credential would count", () => {
    const limits: AppliedLimit[] = [
      { ...requests(5, { name: "tries" }), count: "admitted", counts: "completed" } as AppliedLimit,
      { ...requests(5, { name: "done" }), count: "completed", counts: "admitted" } as AppliedLimit,
    ];
    const books = ledger();
    const holds = taken(books.admit(limits, one, NOON));
    expect(books.states(limits, NOON).map(({ name, used, count }) => [name, used, count])).toEqual([
      ["tries", 1, "admitted"],
      ["done", 1, "completed"],
    ]);
    books.settle(holds, "refund", UNKNOWN, NOON);
    expect(usedOf(books, limits, NOON)).toEqual([1, 0]);
  });

  test("leaves nothing open, but what nobody can judge yet, which is settled later and once", () => {
    const books = ledger();
    const holds = taken(books.admit(limits, costs(100_000), NOON));
    books.admit(limits, costs(100_000), NOON);
    expect(books.settle(holds, "charge", paid, NOON)).toEqual([]);
    const other = taken(books.admit(limits, costs(100_000), NOON));
    const open = books.settle(other, "keep", UNKNOWN, NOON);
    expect(open.map((hold) => hold.per)).toEqual(["request", "usd", "output_byte", "request"]);
    expect(books.settle(open, "keep", UNKNOWN, NOON)).toEqual(open);
    expect(books.settle(open, "refund", UNKNOWN, NOON)).toEqual([]);
    expect(usedOf(books, limits, NOON)).toEqual([2, 140_000, 1, 300, 2]);
  });

  test("survives storage as JSON", () => {
    const holds = taken(check(limits, () => 0, anna, costs(100_000), NOON));
    expect(JSON.parse(JSON.stringify(holds))).toEqual(holds);
  });

  test("books the actual cost of a request whose price was not known", () => {
    const books = ledger();
    const holds = taken(books.admit([usd("1")], costs(null), NOON));
    books.settle(holds, "charge", { usdMicro: 7, outputBytes: null }, NOON);
    expect(usedOf(books, [usd("1")], NOON)).toEqual([7]);
  });

  test("leaves a window alone that is over, and books bytes in the one that runs", () => {
    const books = ledger();
    const holds = taken(books.admit([usd("1"), requests(5), bytes(1_000)], costs(100_000), NOON));
    const before = new Map(books.values);
    books.settle(holds, "refund", UNKNOWN, TOMORROW);
    expect(books.values).toEqual(before);
    books.settle(holds, "charge", paid, TOMORROW);
    expect(usedOf(books, [usd("1"), bytes(1_000)], TOMORROW)).toEqual([0, 300]);
  });

  test("never goes below zero when a counter was lost", () => {
    const books = ledger();
    const holds = taken(books.admit([requests(5), concurrent(5)], one, NOON));
    books.values.clear();
    books.settle(holds, "refund", UNKNOWN, NOON);
    expect(usedOf(books, [requests(5), concurrent(5)], NOON)).toEqual([0, 0]);
  });

  const minute = usd("0.06", { window: "1m" });

  test("gives back of a sliding window only what has not leaked since", () => {
    const books = ledger();
    const holds = taken(books.admit([minute], costs(30_000), NOON));
    expect(usedOf(books, [minute], NOON + 20_000)).toEqual([10_000]);
    books.admit([minute], costs(40_000), NOON + 20_000);
    books.settle(holds, "refund", UNKNOWN, NOON + 20_000);
    expect(usedOf(books, [minute], NOON + 20_000)).toEqual([40_000]);
    books.settle(holds, "refund", UNKNOWN, NOON + 30_000);
    expect(usedOf(books, [minute], NOON + 30_000)).toEqual([30_000]);
  });

  test("books on a sliding window what a request cost above its estimate", () => {
    const books = ledger();
    const holds = taken(books.admit([minute], costs(10_000), NOON));
    books.settle(holds, "charge", { usdMicro: 70_000, outputBytes: null }, NOON);
    expect(books.states([minute], NOON)).toMatchObject([{ used: 70_000, remaining: 0, resetAt: NOON + 70_000 }]);
    expect(books.burst([minute], costs(10_000), NOON + 19_999)).toBe(0);
    expect(books.burst([minute], costs(10_000), NOON + 20_000)).toBe(1);
  });
});
