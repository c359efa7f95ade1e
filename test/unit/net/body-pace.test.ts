// How slowly a body may come, by a table of what a sender does.

import { describe, expect, test } from "vitest";
import { afterRead, allowanceMs, type PaceRule, startPace } from "../../../src/net/body-pace.ts";

const rule: PaceRule = { bytesPerS: 1_000, patienceMs: 10_000, wholeMs: 60_000 };

/** When the sender is cut off, in ms; null: never. Each read waits so long for so many bytes. */
function cutOffAt(reads: readonly (readonly [waitMs: number, bytes: number])[]): number | null {
  let pace = startPace(rule);
  let at = 0;
  for (const [waitMs, bytes] of reads) {
    const allowed = allowanceMs(pace);
    if (waitMs >= allowed) return at + allowed;
    at += waitMs;
    pace = afterRead(rule, pace, waitMs, bytes);
  }
  return null;
}

const times = (count: number, waitMs: number, bytes: number) =>
  Array.from({ length: count }, () => [waitMs, bytes] as const);

describe("a sender", () => {
  test.each([
    ["is silent from the beginning", [[100_000, 0]], 10_000],
    ["is silent after a fast beginning", [...times(5, 10, 100_000), [100_000, 0]], 10_050],
    [
      "pauses for as long as it may, now and then",
      [...times(9, 100, 1_000), [9_000, 9_000], ...times(9, 100, 1_000)],
      null,
    ],
    ["sends at the rate", times(59, 1_000, 1_000), null],
    ["sends at half of the rate", times(200, 100, 50), 19_900],
    ["drips a byte now and then", times(100, 3_000, 1), 10_003],
    ["goes on for longer than a body may", times(100, 1_000, 5_000), 60_000],
  ] as const)("that %s", (_what, reads, at) => {
    const cut = cutOffAt(reads);
    if (at === null) expect(cut).toBeNull();
    else expect(cut).toBeCloseTo(at, -2);
  });
});
