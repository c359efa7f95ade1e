// The pace: never more than `rps` turns in a window, whatever the order of events.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS } from "../../../src/requests/machine/effect-schedule.ts";
import {
  ANSWER_NOISE_MS,
  CALL_LOST_AFTER_MS,
  type CallTime,
  expectedCallTimeAt,
  GRANT_USE_MS,
  isPaceBusy,
  newPace,
  nextCallTimeAt,
  type Pace,
  paceAfterWaking,
  pausePace,
  releaseCallTime,
  reserveCallTime,
  windowMs,
  withAnsweredCall,
} from "../../../src/upstream/pace.ts";

const NOW = 1_800_000_000_000;
const RPS = 10;

/** Turns whose calls are all answered at once. */
function takeMany(pace: Pace, count: number, now: number): { pace: Pace; turns: number[]; last: CallTime } {
  const turns: number[] = [];
  let next = pace;
  let last: CallTime = { n: 0, at: 0 };
  for (let i = 0; i < count; i++) {
    const taken = reserveCallTime(next, now);
    last = taken.callTime;
    next = withAnsweredCall(taken.pace, last, last.at, 0);
    turns.push(last.at);
  }
  return { pace: next, turns, last };
}

const turnAt = (pace: Pace, now: number) => reserveCallTime(pace, now).callTime.at;

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
    expect(turnAt(pace, NOW + windowMs())).toBe(NOW + windowMs());
  });

  test("gives nothing while closed", () => {
    expect(turnAt(pausePace(newPace(RPS), NOW, 2_000), NOW)).toBe(NOW + 2_000);
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
        const used: CallTime[] = [];
        for (const each of steps) {
          if (each.do === "close") {
            pace = pausePace(pace, now, each.pauseMs);
          } else if (each.do === "hand_back") {
            const turn = used[used.length - 1 - each.pick];
            if (turn === undefined || turn.at < now) continue;
            used.splice(used.indexOf(turn), 1);
            pace = releaseCallTime(pace, turn);
          } else {
            now += each.afterMs;
            // Some turns are told ahead of time.
            const { pace: after, callTime: turn } = reserveCallTime(pace, now + each.aheadMs);
            pace = withAnsweredCall(after, turn, turn.at, 0);
            expect(turn.at).toBeGreaterThanOrEqual(Math.max(now, pace.closedUntil));
            used.push(turn);
          }
        }
        const times = used.map(({ at }) => at);
        expect(closestMs(times, rps)).toBeGreaterThanOrEqual(windowMs());
      }),
      { numRuns: 500 },
    );
  });
});

describe("answered", () => {
  const full = () => {
    const { pace } = takeMany(newPace(RPS), RPS - 1, NOW);
    return reserveCallTime(pace, NOW);
  };

  test("nobody gets the place of a call whose answer was not heard, though it is expected", () => {
    const { pace } = reserveCallTime(newPace(1), NOW);
    expect(expectedCallTimeAt(pace, NOW + 500)).toBe(NOW + windowMs());
    expect(nextCallTimeAt(pace, NOW + 5_000)).toBeGreaterThan(NOW + 10_000);
  });

  test("an answer as quick as any costs no more than the window", () => {
    const { pace, callTime: turn } = full();
    expect(turnAt(withAnsweredCall(pace, turn, NOW + 200, 200), NOW)).toBe(NOW + windowMs());
  });

  test("a late answer keeps the place for as much longer: its call may have been as late", () => {
    const { pace, callTime: turn } = reserveCallTime(newPace(1), NOW);
    const after = withAnsweredCall(pace, turn, NOW + 900, 200);
    expect(turnAt(after, NOW + 900)).toBe(NOW + 1_000 + 700 + ANSWER_NOISE_MS);
  });

  test("a call that is never heard of gives its place up in the end", () => {
    const { pace } = reserveCallTime(newPace(1), NOW);
    expect(turnAt(pace, NOW + CALL_LOST_AFTER_MS + windowMs())).toBe(NOW + CALL_LOST_AFTER_MS + windowMs());
  });
});

describe("handBack", () => {
  test("frees a turn that was not used", () => {
    const { pace, last } = takeMany(newPace(RPS), RPS, NOW);
    expect(turnAt(releaseCallTime(pace, last), NOW)).toBe(NOW);
  });

  test("lets nobody overtake those who wait", () => {
    const { pace, last } = takeMany(newPace(RPS), RPS + 1, NOW);
    const freed = releaseCallTime(takeMany(pace, 2, NOW).pace, last);
    expect(turnAt(freed, NOW + 1_051)).toBe(NOW + 1_365);
  });

  test("does nothing for a turn that it does not know", () => {
    const { pace } = takeMany(newPace(RPS), RPS, NOW);
    expect(releaseCallTime(pace, { n: 999, at: NOW })).toEqual(pace);
  });
});

describe("close", () => {
  test("never shortens a pause", () => {
    const closed = pausePace(pausePace(newPace(RPS), NOW, 60_000), NOW, 2_000);
    expect(closed.closedUntil).toBe(NOW + 60_000);
  });

  test("lets one call go first, whose answer is back before the next goes", () => {
    const { turns } = takeMany(pausePace(newPace(RPS), NOW, 2_000), 3, NOW);
    expect(turns[0]).toBe(NOW + 2_000);
    expect(turns[1]).toBeGreaterThan(NOW + 2_900);
  });

  test("is capped", () => {
    expect(pausePace(newPace(RPS), NOW, 9 * HOUR_MS).closedUntil).toBe(NOW + HOUR_MS);
  });
});

describe("paceAfterWaking", () => {
  test("lets half a window go at once when nothing was noted", () => {
    const { turns } = takeMany(paceAfterWaking(RPS, NOW, NOW - 1), 6, NOW);
    expect(turns.slice(0, 5)).toEqual(Array(5).fill(NOW));
    expect(turns[5]).toBe(NOW + windowMs());
  });

  test("does not take its own assumption for being busy", () => {
    const pace = paceAfterWaking(RPS, NOW, NOW - 1);
    expect(isPaceBusy(takeMany(pace, 5, NOW).pace, NOW)).toBe(false);
    expect(isPaceBusy(takeMany(pace, 6, NOW).pace, NOW)).toBe(true);
  });

  test("waits out what may still be under way when it was busy", () => {
    expect(turnAt(paceAfterWaking(RPS, NOW, NOW + 1), NOW)).toBeGreaterThanOrEqual(
      NOW + GRANT_WAIT_IN_PLACE_MS + GRANT_USE_MS + windowMs(),
    );
  });

  test.each([1, 2, 3, 10])("what goes unnoted and what goes after waking fit one window at %s a second", (rps) => {
    let pace = newPace(rps);
    const used: number[] = [];
    for (;;) {
      const next = reserveCallTime(pace, NOW);
      if (isPaceBusy(next.pace, NOW)) break;
      pace = next.pace;
      used.push(next.callTime.at);
    }
    const after = takeMany(paceAfterWaking(rps, NOW + 1, 0), rps + 1, NOW + 1).turns;
    expect(closestMs([...used, ...after], rps)).toBeGreaterThanOrEqual(windowMs() - 2);
  });
});
