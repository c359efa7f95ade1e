// The pace: never more than `rps` turns in a window, whatever the order of events.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GRANT_WAIT_IN_PLACE_MS, HOUR_MS } from "../../src/limits.ts";
import {
  close,
  handBack,
  isBusy,
  newPace,
  nextTurn,
  type Pace,
  paceAfterWaking,
  windowMs,
} from "../../src/upstream/pace.ts";

const NOW = 1_800_000_000_000;
const RPS = 10;

function takeMany(pace: Pace, count: number, now: number): { pace: Pace; turns: number[] } {
  const turns: number[] = [];
  let next = pace;
  for (let i = 0; i < count; i++) {
    const turn = nextTurn(next, now);
    next = turn.pace;
    turns.push(turn.at);
  }
  return { pace: next, turns };
}

/** The closest that `rps` + 1 turns come to each other. */
function closestMs(turns: readonly number[], rps: number): number {
  const sorted = turns.toSorted((a, b) => a - b);
  let closest = Number.POSITIVE_INFINITY;
  for (let i = rps; i < sorted.length; i++) closest = Math.min(closest, (sorted[i] ?? 0) - (sorted[i - rps] ?? 0));
  return closest;
}

describe("nextTurn", () => {
  test("lets a burst of rps go at once", () => {
    expect(takeMany(newPace(RPS), RPS, NOW).turns).toEqual(Array(RPS).fill(NOW));
  });

  test("makes the next wait for the window, and spaces those behind it", () => {
    const { turns } = takeMany(newPace(RPS), RPS + 3, NOW);
    expect(turns.slice(RPS)).toEqual([NOW + 1_050, NOW + 1_155, NOW + 1_260]);
  });

  test("is free again after the window", () => {
    const { pace } = takeMany(newPace(RPS), RPS, NOW);
    expect(nextTurn(pace, NOW + windowMs()).at).toBe(NOW + windowMs());
  });

  test("gives nothing while closed", () => {
    expect(nextTurn(close(newPace(RPS), NOW, 2_000), NOW).at).toBe(NOW + 2_000);
  });

  test("holds one call a second too", () => {
    expect(takeMany(newPace(1), 3, NOW).turns).toEqual([NOW, NOW + 1_050, NOW + 2_100]);
  });

  test("never puts more than rps turns into a window, whatever happens in between", () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("turn" as const),
        afterMs: fc.integer({ min: 0, max: 300 }),
        aheadMs: fc.constantFrom(0, 0, 60, 500),
      }),
      fc.record({ do: fc.constant("hand_back" as const), pick: fc.nat(20) }),
      fc.record({ do: fc.constant("close" as const), pauseMs: fc.integer({ min: 0, max: 2_000 }) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 120 }), (rps, steps) => {
        let pace = newPace(rps);
        let now = NOW;
        const used: number[] = [];
        for (const each of steps) {
          if (each.do === "close") {
            pace = close(pace, now, each.pauseMs);
          } else if (each.do === "hand_back") {
            const at = used[used.length - 1 - each.pick];
            if (at === undefined || at < now) continue;
            used.splice(used.lastIndexOf(at), 1);
            pace = handBack(pace, at);
          } else {
            now += each.afterMs;
            // Some turns are told ahead of time.
            const { pace: after, at } = nextTurn(pace, now + each.aheadMs);
            pace = after;
            expect(at).toBeGreaterThanOrEqual(Math.max(now, pace.closedUntil));
            used.push(at);
          }
        }
        expect(closestMs(used, rps)).toBeGreaterThanOrEqual(windowMs());
      }),
      { numRuns: 500 },
    );
  });
});

describe("handBack", () => {
  test("frees a turn that was not used", () => {
    const { pace } = takeMany(newPace(RPS), RPS, NOW);
    expect(nextTurn(handBack(pace, NOW), NOW).at).toBe(NOW);
  });

  test("lets nobody overtake those who wait", () => {
    const { pace, turns } = takeMany(newPace(RPS), RPS + 3, NOW);
    const freed = handBack(pace, turns[RPS] ?? 0);
    expect(nextTurn(freed, NOW + 1_051).at).toBe(NOW + 1_365);
  });

  test("does nothing for a turn that it does not know", () => {
    const { pace } = takeMany(newPace(RPS), RPS, NOW);
    expect(handBack(pace, NOW - 5_000)).toEqual(pace);
  });
});

describe("close", () => {
  test("never shortens a pause", () => {
    const closed = close(close(newPace(RPS), NOW, 60_000), NOW, 2_000);
    expect(closed.closedUntil).toBe(NOW + 60_000);
  });

  test("lets one call go first, whose answer is back before the next goes", () => {
    const { turns } = takeMany(close(newPace(RPS), NOW, 2_000), 3, NOW);
    expect(turns[0]).toBe(NOW + 2_000);
    expect(turns[1]).toBeGreaterThan(NOW + 2_900);
  });

  test("is capped", () => {
    expect(close(newPace(RPS), NOW, 9 * HOUR_MS).closedUntil).toBe(NOW + HOUR_MS);
  });
});

describe("paceAfterWaking", () => {
  test("lets half a window go at once when nothing was noted", () => {
    const { turns } = takeMany(paceAfterWaking(RPS, NOW, NOW - 1), 6, NOW);
    expect(turns.slice(0, 5)).toEqual(Array(5).fill(NOW));
    expect(turns[5]).toBe(NOW - 1 + windowMs());
  });

  test("does not take its own assumption for being busy", () => {
    const pace = paceAfterWaking(RPS, NOW, NOW - 1);
    expect(isBusy(takeMany(pace, 5, NOW).pace, NOW)).toBe(false);
    expect(isBusy(takeMany(pace, 6, NOW).pace, NOW)).toBe(true);
  });

  test("waits out what may still be under way when it was busy", () => {
    expect(nextTurn(paceAfterWaking(RPS, NOW, NOW + 1), NOW).at).toBeGreaterThanOrEqual(
      NOW + GRANT_WAIT_IN_PLACE_MS + windowMs(),
    );
  });

  test.each([1, 2, 3, 10])("what goes unnoted and what goes after waking fit one window at %s a second", (rps) => {
    let pace = newPace(rps);
    const used: number[] = [];
    for (;;) {
      const next = nextTurn(pace, NOW);
      if (isBusy(next.pace, NOW)) break;
      pace = next.pace;
      used.push(next.at);
    }
    const after = takeMany(paceAfterWaking(rps, NOW + 1, 0), rps + 1, NOW + 1).turns;
    expect(closestMs([...used, ...after], rps)).toBeGreaterThanOrEqual(windowMs() - 2);
  });
});
