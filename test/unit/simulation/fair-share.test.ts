// The account's desk under load on a virtual clock: the pace holds, nobody starves, small users do not stand behind a big one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { windowMs } from "../../../src/upstream/pace.ts";
import { chanceOf } from "../../harness/chance.ts";
import { type Load, lastEndsS, type SimulatedRun, simulate } from "../../harness/share-sim.ts";

const BUSY: Pick<Load, "rps" | "slots" | "answerMs" | "polls" | "pollGapMs"> = {
  ...{ rps: 10, slots: 1_000, answerMs: 150, polls: 0, pollGapMs: 5_000 },
};
const HOUR = 3_600_000;

/** The closest that one call more than `rps` come to each other. */
function closestMs({ calls }: SimulatedRun, rps: number): number {
  const sorted = calls.toSorted((a, b) => a - b);
  return sorted.slice(rps).reduce((least, at, n) => Math.min(least, at - (sorted[n] ?? 0)), Number.POSITIVE_INFINITY);
}

const usersOf = (sizes: readonly number[]) => sizes.map((requests, n) => ({ name: `u${n}`, requests, atMs: 0 }));

describe("a burst of 1,000", () => {
  test("of 20 users with 50 each ends at more than nine a second, and for all at nearly the same time", () => {
    const run = simulate({ ...BUSY, users: usersOf(Array(20).fill(50)), runMs: () => 2_000 }, HOUR);
    const ends = [...lastEndsS(run).values()].sort((a, b) => a - b);
    expect(1_000 / (ends.at(-1) ?? 0)).toBeGreaterThan(9);
    expect((ends.at(-1) ?? 0) / (ends[10] ?? 1)).toBeLessThan(1.2);
    expect(closestMs(run, 10)).toBeGreaterThanOrEqual(1_000);
  });

  test("of which one user owns half lets each small user end in their fair time", () => {
    const run = simulate({ ...BUSY, users: usersOf([500, ...Array<number>(10).fill(50)]), runMs: () => 2_000 }, HOUR);
    const ends = lastEndsS(run);
    // Eleven users share until the small ones are through: 50 turns of each of them.
    const fairS = (11 * 50) / (10_000 / windowMs()) + 2.2;
    for (const [user, endS] of ends) if (user !== "u0") expect(endS).toBeLessThan(1.2 * fairS);
    expect(ends.get("u0")).toBeLessThan(1.02 * (1_000 / (10_000 / windowMs()) + 2.2));
  });

  test("with webhooks lost still ends, its polls behind the submits but not starved by them", () => {
    const load = { ...BUSY, polls: 2, users: usersOf(Array(20).fill(50)), runMs: () => 2_000 };
    const ends = [...lastEndsS(simulate(load, HOUR)).values()];
    // Three calls each, and the polls' own gap at the end.
    expect(Math.max(...ends)).toBeLessThan(3_000 / 9 + 15);
  });

  test("tells everybody a place that is the truth while nobody else comes", () => {
    const run = simulate({ ...BUSY, users: usersOf([200]), runMs: () => 2_000 }, HOUR);
    const sent = run.requests.map(({ sentAt }) => sentAt ?? 0).toSorted((a, b) => a - b);
    for (const { toldPosition, cameAt, sentAt } of run.requests) {
      if (toldPosition === null) continue;
      const before = sent.filter((at) => at > cameAt && at < (sentAt ?? 0)).length;
      // Up to half a dozen turns are told ahead of time and stand in no line any more.
      expect(before + 1 - toldPosition).toBeGreaterThanOrEqual(0);
      expect(before + 1 - toldPosition).toBeLessThanOrEqual(20);
    }
  });
});

describe("two teams", () => {
  test("share the turns evenly, however many users one of them names", () => {
    const team = (name: string, users: number, each: number) =>
      Array.from({ length: users }, (_, n) => ({ name: `${name}/u${n}`, requests: each, atMs: 0 }));
    const alone = lastEndsS(simulate({ ...BUSY, users: team("b", 2, 10), runMs: () => 2_000 }, HOUR));
    const users = [...team("a", 120, 5), ...team("b", 2, 10)];
    const ends = lastEndsS(simulate({ ...BUSY, users, runMs: () => 2_000 }, HOUR));
    const lastOf = (all: Map<string, number>, name: string) =>
      Math.max(...[...all].filter(([user]) => user.startsWith(`${name}/`)).map(([, endS]) => endS));
    // Every second turn is the small team's while it waits.
    expect(lastOf(ends, "b")).toBeLessThan(2 * lastOf(alone, "b") + 1.5);
    expect(lastOf(ends, "a")).toBeGreaterThan(600 / 10);
  });

  test("have their users served in turns within each", () => {
    const users = [
      { name: "a/big", requests: 100, atMs: 0 },
      { name: "a/small", requests: 10, atMs: 0 },
      { name: "b/other", requests: 40, atMs: 0 },
    ];
    const ends = lastEndsS(simulate({ ...BUSY, users, runMs: () => 2_000 }, HOUR));
    // Four turns go by for each of the small user's: its own, the big one's, and two of the other team.
    expect(ends.get("a/small")).toBeLessThan(40 / 9 + 3.5);
    expect(ends.get("b/other")).toBeLessThan(80 / 9 + 3.5);
  });

  test("are told places that are the truth while nobody else comes", () => {
    const users = [...Array(30).keys()].map((n) => ({ name: `a/u${n}`, requests: 3, atMs: 0 }));
    const run = simulate(
      { ...BUSY, users: [...users, { name: "b/u", requests: 20, atMs: 5 }], runMs: () => 2_000 },
      HOUR,
    );
    const sent = run.requests.map(({ sentAt }) => sentAt ?? 0).toSorted((a, b) => a - b);
    const last = run.requests.findLast(({ user }) => user === "b/u");
    const before = sent.filter((at) => at > (last?.cameAt ?? 0) && at < (last?.sentAt ?? 0)).length;
    expect(Math.abs(before + 1 - (last?.toldPosition ?? 0))).toBeLessThanOrEqual(20);
  });
});

describe("slots", () => {
  test("are never more than there are, and shared in turns", () => {
    const users = usersOf([60, 5, 5]);
    const run = simulate({ ...BUSY, slots: 4, users, runMs: () => 20_000 }, HOUR);
    expect(run.mostSlots).toBeLessThanOrEqual(4);
    const ends = lastEndsS(run);
    // 15 of the first 20 places belong to the small users' fair share, four at a time.
    expect(ends.get("u1")).toBeLessThan(1.2 * (Math.ceil(20 / 4) * 20.3));
    expect(ends.get("u0")).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

// Hundreds of simulated loads take their time on a machine that is busy otherwise.

describe("callers and networks that stall", () => {
  test("cannot bunch calls: no second ever sees more than are allowed, whatever is held up where", () => {
    const loads = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
      rps: fc.integer({ min: 2, max: 12 }),
      polls: fc.constantFrom(0, 1, 3),
      often: fc.double({ min: 0, max: 0.8, noNaN: true }),
      longestMs: fc.constantFrom(30, 200, 1_000, 3_000),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(loads, ({ sizes, rps, polls, often, longestMs, seed }) => {
        const chance = chanceOf(seed);
        const stallMs = () => (chance() < often ? Math.floor(chance() * longestMs) : 0);
        const run = simulate({ ...BUSY, rps, polls, users: usersOf(sizes), runMs: () => 2_000, stallMs }, 24 * HOUR);
        expect(run.requests.filter(({ endedAt }) => endedAt === null)).toEqual([]);
        expect(closestMs(run, rps)).toBeGreaterThanOrEqual(1_000);
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  test("may all be slow for a while: the first quick calls after it do not meet the last slow ones", () => {
    for (const longestMs of [50, 100, 200, 400]) {
      const chance = chanceOf(longestMs);
      const isBusy = (at: number) => at > 3_000 && at < 25_000;
      const stallMs = (at: number) => Math.floor(isBusy(at) ? ((1 + chance()) * longestMs) / 2 : chance() * 5);
      const load = { ...BUSY, answerMs: 20, users: usersOf(Array(10).fill(60)), runMs: () => 2_000, stallMs };
      expect(closestMs(simulate(load, HOUR), 10)).toBeGreaterThanOrEqual(1_000);
    }
  });

  test("cost of the pace only what they last", () => {
    const chance = chanceOf(5);
    const stallMs = () => (chance() < 0.1 ? Math.floor(chance() * 300) : 0);
    const run = simulate({ ...BUSY, users: usersOf(Array(20).fill(50)), runMs: () => 2_000, stallMs }, HOUR);
    expect(1_000 / Math.max(...lastEndsS(run).values())).toBeGreaterThan(8.5);
  });
});

describe("any load", () => {
  test("keeps the pace and the slots, ends every request, and gives each user a fair share of the turns", () => {
    const loads = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
      rps: fc.integer({ min: 1, max: 12 }),
      slots: fc.integer({ min: 1, max: 30 }),
      polls: fc.constantFrom(0, 0, 1, 3),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(loads, ({ sizes, rps, slots, polls, seed }) => {
        const chance = chanceOf(seed);
        const runMs = () => 200 + Math.floor(chance() * 8_000);
        const run = simulate({ ...BUSY, rps, slots, polls, users: usersOf(sizes), runMs }, 24 * HOUR);
        expect(closestMs(run, rps)).toBeGreaterThanOrEqual(1_000);
        expect(run.mostSlots).toBeLessThanOrEqual(slots);
        expect(run.requests.filter(({ endedAt }) => endedAt === null)).toEqual([]);
        // While two users both wait, neither gets more than a turn ahead, but for what was told when the burst came in.
        const order = run.requests.filter(({ toldPosition }) => toldPosition !== null);
        const bySent = order.toSorted((a, b) => (a.sentAt ?? 0) - (b.sentAt ?? 0));
        const sent = new Map<string, number>();
        const left = new Map<string, number>();
        for (const { user } of order) left.set(user, (left.get(user) ?? 0) + 1);
        if (polls > 0) return;
        for (const { user, sentAt } of bySent) {
          sent.set(user, (sent.get(user) ?? 0) + 1);
          left.set(user, (left.get(user) ?? 0) - 1);
          if ((sentAt ?? 0) < 1_800_000_003_000) continue;
          for (const [other, waiting] of left) {
            if (waiting > 0) expect((sent.get(user) ?? 0) - (sent.get(other) ?? 0)).toBeLessThanOrEqual(2 * rps + 2);
          }
        }
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});
