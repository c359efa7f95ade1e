// The pace: never more than `rps` turns in a window, whatever the order of events; who waits is served in turn.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GRANT_WAIT_IN_PLACE_MS, HOUR_MS } from "../../src/limits.ts";
import {
  ask,
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
      fc.record({ do: fc.constant("turn" as const), afterMs: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ do: fc.constant("ask" as const), afterMs: fc.integer({ min: 0, max: 300 }) }),
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
            const next = each.do === "turn" ? nextTurn(pace, now) : null;
            const asked = next === null ? ask(pace, now, null) : null;
            pace = next?.pace ?? asked?.pace ?? pace;
            const at = next?.at ?? (asked?.ask.kind === "turn" ? asked.ask.at : null);
            if (at === null) continue;
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

describe("ask", () => {
  test("gives a turn that is near enough to wait for", () => {
    const { pace } = takeMany(newPace(RPS), RPS, NOW);
    expect(ask(pace, NOW + 100, null).ask).toEqual({ kind: "turn", at: NOW + 1_050 });
  });

  test("sends others away, one after the other", () => {
    let { pace } = takeMany(newPace(RPS), RPS, NOW);
    const answers = [];
    for (let i = 0; i < 3; i++) {
      const asked = ask(pace, NOW, null);
      pace = asked.pace;
      answers.push(asked.ask);
    }
    expect(answers).toEqual([
      { kind: "away", retryAt: NOW + 550, position: 1 },
      { kind: "away", retryAt: NOW + 655, position: 2 },
      { kind: "away", retryAt: NOW + 760, position: 3 },
    ]);
  });

  test("puts a newcomer behind the line, but not one who was told to come now", () => {
    const full = takeMany(newPace(RPS), RPS, NOW).pace;
    const pace: Pace = { ...full, lineEnd: NOW + 30_000 };
    expect(ask(pace, NOW + 550, null).ask).toEqual({ kind: "away", retryAt: NOW + 29_500, position: 277 });
    expect(ask(pace, NOW + 550, NOW + 550).ask).toEqual({ kind: "turn", at: NOW + 1_050 });
  });

  test("keeps the place of one who comes too early", () => {
    const pace: Pace = { ...takeMany(newPace(RPS), RPS, NOW).pace, lineEnd: NOW + 30_000 };
    const early = ask(pace, NOW + 10, NOW + 2_000);
    expect(early.ask).toMatchObject({ kind: "away", retryAt: NOW + 2_000 });
    expect(early.pace.lineEnd).toBe(pace.lineEnd);
  });

  test("gives a turn that is free now to anybody: some of the line never come back", () => {
    const pace: Pace = { ...newPace(RPS), lineEnd: NOW + 30_000 };
    expect(ask(pace, NOW, null).ask).toEqual({ kind: "turn", at: NOW });
  });

  test("serves 1,000 at once in their order, at nearly the full rate", () => {
    const count = 1_000;
    let pace = newPace(RPS);
    const turns: number[] = Array(count).fill(0);
    const due = Array.from({ length: count }, (_, n) => ({ n, at: NOW, promisedAt: null as number | null }));
    let asks = 0;
    while (due.length > 0) {
      due.sort((a, b) => a.at - b.at || a.n - b.n);
      const next = due.shift();
      if (next === undefined) break;
      asks++;
      const asked = ask(pace, next.at, next.promisedAt);
      pace = asked.pace;
      if (asked.ask.kind === "turn") turns[next.n] = asked.ask.at;
      // An alarm is up to a quarter of a second late.
      else due.push({ n: next.n, at: asked.ask.retryAt + ((next.n * 37) % 250), promisedAt: asked.ask.retryAt });
    }
    expect(closestMs(turns, RPS)).toBeGreaterThanOrEqual(windowMs());
    expect(Math.max(...turns) - NOW).toBeLessThan((count / RPS) * windowMs() * 1.02);
    expect(asks).toBeLessThan(2 * count);
    const inOrder = turns.toSorted((a, b) => a - b);
    const farthest = Math.max(...turns.map((turn, n) => Math.abs(turn - (inOrder[n] ?? 0))));
    expect(farthest).toBeLessThan(GRANT_WAIT_IN_PLACE_MS);
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
