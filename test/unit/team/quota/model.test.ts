// The arithmetic of limits against slow models of it that anybody can check: one remembers every request and adds up
// anew each time, the other replays a leaking bucket from its beginning in whole numbers.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settleHolds } from "../../../../src/team/quota/holds.ts";
import { check, type Hold, limitStates, type Subjects } from "../../../../src/team/quota/limits.ts";
import { planSchema } from "../../../../src/team/quota/plan.ts";
import type { LimitCount, PlanLimit } from "../../../../src/team/quota/plan-limits.ts";

const START = Date.parse("2026-11-22T20:00:00Z");
const HOUR = 3_600_000;

type Verdict = "charge" | "refund" | "keep";

interface Past {
  at: number;
  subjects: Subjects;
  /** Reserved money; null = its price was not known. */
  cost: number | null;
  holds: Hold[];
  running: boolean;
  /** Admitted for a browser's credential, whose limits count what was admitted unless they say otherwise. */
  isBrowser: boolean;
  end: { at: number; how: "charge" | "refund"; usdMicro: number | null; outputBytes: number | null } | null;
}

const windowName = (window: string, at: number) => new Date(at).toISOString().slice(0, window === "1d" ? 10 : 7);

function countsFor(limit: PlanLimit, { keyId, user, tags }: Subjects, other: Subjects): boolean {
  switch (limit.scope) {
    case "team":
      return true;
    case "key":
      return keyId === other.keyId;
    case "user":
      return user === other.user && (user !== null || keyId === other.keyId);
    default:
      return tags.client !== undefined && tags.client === other.tags.client;
  }
}

function countOf(limit: PlanLimit, isBrowser: boolean): LimitCount {
  const count = limit.per === "request" ? limit.count : undefined;
  return count ?? (isBrowser ? "admitted" : "completed");
}

/** What is used of a limit of a day, a month or at once: the sum over everything that ever happened. */
function usedByHistory(limit: PlanLimit, history: readonly Past[], subjects: Subjects, now: number): number {
  let used = 0;
  for (const { at, end, cost, running, isBrowser } of history.filter((past) =>
    countsFor(limit, past.subjects, subjects),
  )) {
    if (limit.per === "concurrent") {
      used += running ? 1 : 0;
      continue;
    }
    const current = windowName(limit.window, now);
    if (limit.per === "output_byte") {
      if (end?.how === "charge" && windowName(limit.window, end.at) === current) used += end.outputBytes ?? 0;
      continue;
    }
    if (windowName(limit.window, at) !== current) continue;
    const endedInTime = end !== null && windowName(limit.window, end.at) === current;
    const isGivenBack = endedInTime && end.how === "refund";
    if (limit.per === "request") used += isGivenBack && countOf(limit, isBrowser) === "completed" ? 0 : 1;
    else if (isGivenBack) continue;
    else used += (endedInTime ? end.usdMicro : null) ?? cost ?? 0;
  }
  return used;
}

const subjectsOf = fc.record({
  keyId: fc.constantFrom("k1", "k2"),
  user: fc.constantFrom("anna", "bob", null),
  visitor: fc.constant(null),
  ip: fc.constant(null),
  network: fc.constant(null),
  tags: fc.constantFrom<Record<string, string>>({}, { client: "acme" }, { client: "other" }),
});
const amount = fc.integer({ min: 0, max: 40 });

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("admit" as const),
      subjects: subjectsOf,
      cost: fc.option(amount),
      isBrowser: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      which: fc.nat(),
      how: fc.constantFrom<Verdict>("charge", "refund", "keep"),
      usdMicro: fc.option(amount),
      outputBytes: fc.option(amount),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 30 * HOUR }) }) },
);

const scope = fc.constantFrom("team", "key", "user", "tag:client");
const calendar = fc.constantFrom("1d", "1mo");
const limitOf = fc.oneof(
  fc.record(
    {
      ...{ scope, per: fc.constant("request"), limit: fc.integer({ min: 0, max: 6 }), window: calendar },
      count: fc.constantFrom("admitted", "completed"),
    },
    { requiredKeys: ["scope", "per", "limit", "window"] },
  ),
  fc.record({
    scope,
    per: fc.constant("usd"),
    limit: fc.integer({ min: 0, max: 99 }).map((micro) => `0.0000${String(micro).padStart(2, "0")}`),
    window: calendar,
  }),
  fc.record({ scope, per: fc.constant("output_byte"), limit: fc.integer({ min: 0, max: 60 }), window: calendar }),
  fc.record({ scope, per: fc.constant("concurrent"), limit: fc.integer({ min: 0, max: 4 }) }),
);
const limitsOf = fc
  .array(limitOf, { minLength: 1, maxLength: 6 })
  .map((limits) => planSchema().parse({ limits: limits.map((limit, n) => ({ name: `l${n}`, ...limit })) }).limits);

const sizeOf = (limit: PlanLimit) => (limit.per === "usd" ? Math.round(Number(limit.limit) * 1e6) : limit.limit);

describe("limits of days, months and open requests", () => {
  test("decide and show what adding up all history anew decides and shows", () => {
    fc.assert(
      fc.property(limitsOf, fc.array(step, { maxLength: 60 }), (limits, steps) => {
        const counters = new Map<string, number>();
        const read = (id: string) => counters.get(id) ?? 0;
        const history: Past[] = [];
        let now = START;
        for (const each of steps) {
          if (each.do === "wait") {
            now += each.ms;
          } else if (each.do === "admit") {
            const { subjects, cost, isBrowser } = each;
            const applied = isBrowser ? limits.map((limit) => ({ ...limit, counts: "admitted" as const })) : limits;
            const applying = limits.filter((limit) => countsFor(limit, subjects, subjects));
            const used = applying.map((limit) => usedByHistory(limit, history, subjects, now));
            expect(limitStates(applied, read, subjects, now).map((state) => state.used)).toEqual(used);
            const broken = applying.filter((limit, n) => {
              const asks = { request: 1, concurrent: 1, usd: cost, output_byte: null, upload: 0, upload_byte: 0 }[
                limit.per
              ];
              const before = used[n] ?? 0;
              return asks === null ? before >= sizeOf(limit) : before + asks > sizeOf(limit);
            });
            const answer = check(applied, read, subjects, { requests: 1, usdMicro: cost }, now);
            if (answer.kind === "over") {
              expect(answer.violated.map((violation) => violation.name)).toEqual(broken.map((limit) => limit.name));
              const passing = broken.every((limit) => limit.per === "concurrent");
              expect(answer.code).toBe(passing ? "rate_limited" : "quota_exceeded");
            } else {
              expect(broken).toEqual([]);
              for (const { id, value } of answer.writes) counters.set(id, value);
              history.push({ at: now, subjects, cost, holds: answer.holds, running: true, isBrowser, end: null });
            }
          } else {
            const past = history[each.which % Math.max(1, history.length)];
            if (past === undefined) continue;
            const { how, usdMicro, outputBytes } = each;
            // Settled a second time, nothing may change: the model keeps the first end.
            const settlement = settleHolds(past.holds, how, { usdMicro, outputBytes }, read, now);
            for (const { id, value } of settlement.writes) counters.set(id, value);
            past.holds = settlement.open;
            past.running = false;
            if (how !== "keep") past.end ??= { at: now, how, usdMicro, outputBytes };
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("limits of minutes and hours", () => {
  const windows = { "1m": 60_000, "1h": HOUR } as const;
  const sliding = fc.record({
    window: fc.constantFrom("1m" as const, "1h" as const),
    limit: fc.integer({ min: 1, max: 5_000 }),
    posts: fc.array(
      fc.record({
        afterMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5_000), fc.nat(HOUR)),
        share: fc.double({ min: 0, max: 1.1, noNaN: true }),
        refundAfter: fc.option(fc.nat(3)),
      }),
      { maxLength: 80 },
    ),
  });

  /** A bucket that leaks `limit` per window, replayed from its beginning in units of cost x milliseconds. */
  function levelOf(
    past: readonly { at: number; cost: number }[],
    limit: number,
    windowMs: number,
    now: number,
  ): number {
    let level = 0;
    let last = START;
    for (const { at, cost } of past) {
      level = Math.max(0, level - (at - last) * limit) + cost * windowMs;
      last = at;
    }
    return Math.max(0, level - (now - last) * limit);
  }

  test("admit what a leaking bucket admits, and nothing beyond a microsecond per request", () => {
    fc.assert(
      fc.property(sliding, ({ window, limit, posts }) => {
        const windowMs = windows[window];
        const { limits } = planSchema().parse({
          limits: [{ name: "l", scope: "team", per: "usd", limit: (limit / 1e6).toFixed(6), window }],
        });
        const subjects: Subjects = { keyId: "k", user: null, visitor: null, ip: null, network: null, tags: {} };
        const counters = new Map<string, number>();
        const past: { at: number; cost: number }[] = [];
        let now = START;
        for (const { afterMs, share } of posts) {
          now += afterMs;
          const cost = Math.ceil(share * limit);
          const level = levelOf(past, limit, windowMs, now);
          const fits = level + cost * windowMs <= limit * windowMs;
          const fitsLoosely = level + cost * windowMs <= limit * windowMs + (past.length * limit) / 1_000;
          const answer = check(limits, (id) => counters.get(id) ?? 0, subjects, { requests: 1, usdMicro: cost }, now);
          if (fits) expect(answer.kind).toBe("ok");
          else if (!fitsLoosely) expect(answer.kind).toBe("over");
          if (answer.kind !== "ok") continue;
          for (const { id, value } of answer.writes) counters.set(id, value);
          past.push({ at: now, cost });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("never give out more than the limit, the refill since, and what was given back", () => {
    fc.assert(
      fc.property(sliding, ({ window, limit, posts }) => {
        const { limits } = planSchema().parse({
          limits: [{ name: "l", scope: "team", per: "usd", limit: (limit / 1e6).toFixed(6), window }],
        });
        const subjects: Subjects = { keyId: "k", user: null, visitor: null, ip: null, network: null, tags: {} };
        const counters = new Map<string, number>();
        const read = (id: string) => counters.get(id) ?? 0;
        const write = (writes: readonly { id: string; value: number }[]) => {
          for (const { id, value } of writes) counters.set(id, value);
        };
        const open: { holds: Hold[]; cost: number }[] = [];
        let [now, given, back, requests] = [START, 0, 0, 0];
        for (const { afterMs, share, refundAfter } of posts) {
          now += afterMs;
          const cost = Math.ceil(share * limit);
          const answer = check(limits, read, subjects, { requests: 1, usdMicro: cost }, now);
          if (answer.kind === "ok") {
            write(answer.writes);
            open.push({ holds: answer.holds, cost });
            given += cost;
            requests++;
          }
          const refunded = refundAfter === null ? undefined : open.splice(refundAfter, 1)[0];
          if (refunded !== undefined) {
            write(settleHolds(refunded.holds, "refund", { usdMicro: null, outputBytes: null }, read, now).writes);
            back += refunded.cost;
          }
          const refill = ((now - START + requests / 1_000) * limit) / windows[window];
          expect(given).toBeLessThanOrEqual(limit + refill + back);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("come back to where they were when a request is refunded at once", () => {
    fc.assert(
      fc.property(sliding, fc.nat(5_000), ({ window, limit }, cost) => {
        const { limits } = planSchema().parse({
          limits: [{ name: "l", scope: "team", per: "usd", limit: (limit / 1e6).toFixed(6), window }],
        });
        const subjects: Subjects = { keyId: "k", user: null, visitor: null, ip: null, network: null, tags: {} };
        const counters = new Map<string, number>();
        const read = (id: string) => counters.get(id) ?? 0;
        const before = limitStates(limits, read, subjects, START);
        const answer = check(limits, read, subjects, { requests: 1, usdMicro: cost % (limit + 1) }, START);
        if (answer.kind !== "ok") throw new Error("an unused limit refuses what it can hold");
        for (const { id, value } of answer.writes) counters.set(id, value);
        const settlement = settleHolds(answer.holds, "refund", { usdMicro: null, outputBytes: null }, read, START);
        for (const { id, value } of settlement.writes) counters.set(id, value);
        expect(limitStates(limits, read, subjects, START)).toEqual(before);
      }),
    );
  });
});
