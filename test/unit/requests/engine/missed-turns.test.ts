// How a tracker asks for its next turn after it came too late for some.

import { expect, test } from "vitest";
import { MISSED_TURN_BACKOFF_MAX_MS, MissedTurns } from "../../../../src/requests/engine/effects/missed-turns.ts";

test("a tracker that was never late asks at once and needs no notice", () => {
  const turns = new MissedTurns();
  expect([turns.leadMs, turns.backoffMs]).toEqual([0, 0]);
});

test("each missed turn asks for at least twice the notice, and waits twice as long, up to limits", () => {
  const turns = new MissedTurns();
  const asked: [leadMs: number, backoffMs: number][] = [];
  for (let n = 0; n < 9; n++) {
    turns.missed(100);
    asked.push([turns.leadMs, turns.backoffMs]);
  }
  expect(asked).toEqual([
    [200, 500],
    [400, 1_000],
    [800, 2_000],
    [900, 4_000],
    [900, 8_000],
    [900, 16_000],
    [900, MISSED_TURN_BACKOFF_MAX_MS],
    [900, MISSED_TURN_BACKOFF_MAX_MS],
    [900, MISSED_TURN_BACKOFF_MAX_MS],
  ]);
});

test("the notice is twice the delay that was seen", () => {
  const turns = new MissedTurns();
  turns.missed(300);
  expect(turns.leadMs).toBe(600);
});

test("a turn that is used ends both", () => {
  const turns = new MissedTurns();
  turns.missed(300);
  turns.used();
  expect([turns.leadMs, turns.backoffMs]).toEqual([0, 0]);
});
