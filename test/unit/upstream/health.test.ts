// Whether a connection is used: what closes it, how its pauses grow, what opens it.

import { describe, expect, test } from "vitest";
import {
  closedHealth,
  FAILURES_IN_A_ROW_MAX,
  HEALTH_PAUSE_MAX_MS,
  HEALTHY,
  type Health,
  isDoubted,
  isProbeDue,
  withFailedProbe,
  withFailure,
  withStartedProbe,
  withSuccess,
  withUnusedProbe,
} from "../../../src/upstream/health.ts";

const NOW = 1_800_000_000_000;
/** After so many failures in a row, of these teams in turn. */
const failing = (times: number, from: Health = HEALTHY, teams = ["acme", "other"]) =>
  Array.from({ length: times }, (_, n) => teams[n % teams.length] ?? "").reduce<Health>(
    (health, team) => withFailure(health, team, NOW),
    from,
  );

describe("a connection", () => {
  test("is not closed by one team's failures, however many: a probe has to tell", () => {
    const fewer = failing(FAILURES_IN_A_ROW_MAX - 1, HEALTHY, ["acme"]);
    const many = failing(FAILURES_IN_A_ROW_MAX + 20, HEALTHY, ["acme"]);
    expect([isDoubted(fewer), isDoubted(many), many.closure]).toEqual([false, true, null]);
    expect(isDoubted(withSuccess(many))).toBe(false);
    expect(withFailure(many, "other", NOW).closure).toMatchObject({ why: "failing" });
    expect(withFailedProbe(many, "failing", NOW).closure).toMatchObject({ why: "failing", since: NOW });
  });

  test("is closed by a run of failures, and by no fewer", () => {
    expect(failing(FAILURES_IN_A_ROW_MAX - 1).closure).toBeNull();
    expect(failing(FAILURES_IN_A_ROW_MAX).closure).toMatchObject({ why: "failing", since: NOW, probeAt: NOW + 5_000 });
  });

  test("forgets failures with the first success between them", () => {
    expect(failing(FAILURES_IN_A_ROW_MAX - 1, withSuccess(failing(3))).closure).toBeNull();
  });

  test("is closed at once by a clear no, and no later answer of the same moment begins the pause anew", () => {
    const locked = closedHealth(HEALTHY, "locked", NOW);
    expect(locked.closure).toMatchObject({ why: "locked", since: NOW });
    expect(closedHealth(locked, "locked", NOW + 4_000)).toBe(locked);
    expect(withSuccess(locked).closure).toBe(locked.closure);
  });

  test("that is closed for a graver reason says since when nothing leaves", () => {
    expect(closedHealth(closedHealth(HEALTHY, "locked", NOW), "key_refused", NOW + 9_000).closure).toMatchObject({
      ...{ why: "key_refused", since: NOW, probeAt: NOW + 14_000 },
    });
  });
});

describe("a probe", () => {
  test("is due when the pause is over, once", () => {
    const health = closedHealth(HEALTHY, "locked", NOW);
    expect([isProbeDue(health, NOW + 4_999), isProbeDue(health, NOW + 5_000)]).toEqual([false, true]);
    const started = withStartedProbe(health, NOW + 5_000);
    expect(isProbeDue(started, NOW + 14_999)).toBe(false);
    // Nobody answered: the next one may go.
    expect(isProbeDue(started, NOW + 15_000)).toBe(true);
  });

  test("that nobody made is due again at once, and what withFailure before it stays counted", () => {
    const once = withFailedProbe(closedHealth(HEALTHY, "locked", NOW), "locked", NOW + 5_000);
    const unused = withUnusedProbe(withStartedProbe(once, NOW + 15_000), NOW + 16_000);
    expect(isProbeDue(unused, NOW + 16_000)).toBe(true);
    expect(unused.closure).toMatchObject({ why: "locked", since: NOW, probes: 1 });
    const pauseMs = (withFailedProbe(unused, "locked", NOW + 16_000).closure?.probeAt ?? 0) - (NOW + 16_000);
    expect(pauseMs).toBe(20_000);
  });

  test("that is due, or of a connection that is open, changes nothing by not being made", () => {
    const due = closedHealth(HEALTHY, "locked", NOW);
    expect(withUnusedProbe(due, NOW + 6_000)).toBe(due);
    expect(withUnusedProbe(HEALTHY, NOW)).toBe(HEALTHY);
  });

  test("that fails makes the pause longer, up to a minute, and keeps since when", () => {
    let health = closedHealth(HEALTHY, "failing", NOW);
    const pauses: number[] = [];
    for (let n = 0; n < 6; n++) {
      const at = health.closure?.probeAt ?? 0;
      health = withFailedProbe(health, "failing", at);
      pauses.push((health.closure?.probeAt ?? 0) - at);
    }
    expect(pauses).toEqual([10_000, 20_000, 40_000, HEALTH_PAUSE_MAX_MS, HEALTH_PAUSE_MAX_MS, HEALTH_PAUSE_MAX_MS]);
    expect(health.closure?.since).toBe(NOW);
  });
});
