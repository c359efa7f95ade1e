import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EndpointHealth } from "../../../../src/contracts/team-webhooks.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../../src/platform/time.ts";
import {
  checkAt,
  type DeliveryResult,
  NEW_HEALTH,
  recordResult,
  spacingMs,
  verdictOf,
} from "../../../../src/team/endpoints/endpoint-health.ts";
import { BacklogPacer } from "../../../../src/team/endpoints/recovery-pacer.ts";

const NOON = Date.UTC(2031, 10, 22, 12);

/** The health after these, each so long after NOON. */
function healthAfter(...news: [DeliveryResult, number][]): EndpointHealth {
  return news.reduce((health, [what, ms]) => recordResult(health, what, NOON + ms), NEW_HEALTH);
}

/** What is told of an endpoint, and when (hours), if it is judged whenever that is due. */
function toldOf(health: EndpointHealth): string[] {
  const told: string[] = [];
  for (let now = health, at = checkAt(now); at !== null; at = checkAt(now)) {
    const verdict = verdictOf(now, at);
    told.push(`${verdict} at ${(at - NOON) / HOUR_MS} h`);
    if (verdict === "disable" || verdict === "nothing") break;
    now = { ...now, notified: verdict === "notify_failing" ? "failing" : "disabling_soon" };
  }
  return told;
}

describe("an endpoint's health", () => {
  test("is told after an hour of failures, again after four days, and ends after five", () => {
    const health = healthAfter(["failed", 0], ["failed", 10 * MINUTE_MS], ["failed_again", 2 * DAY_MS]);
    expect(toldOf(health)).toEqual(["notify_failing at 1 h", "notify_disabling_soon at 96 h", "disable at 120 h"]);
  });

  test("does not end by one delivery that always fails: the event may be at fault", () => {
    expect(toldOf(healthAfter(["failed", 0], ["failed_again", 3 * DAY_MS]))).toEqual(["notify_failing at 1 h"]);
  });

  test("begins anew with any success, so that sporadic failures never disable", () => {
    const sporadic = healthAfter(
      ["failed", 0],
      ["failed", DAY_MS],
      ["delivered", 4.9 * DAY_MS],
      ["failed", 4.95 * DAY_MS],
    );
    expect(sporadic.failures).toBe(1);
    expect(verdictOf(sporadic, NOON + 5.5 * DAY_MS)).not.toBe("disable");
    expect(toldOf(healthAfter(["failed", 0], ["delivered", 10 * MINUTE_MS]))).toEqual([]);
  });

  test("never disables within five days of a success, whatever comes in which order", () => {
    const news = fc.record({
      what: fc.constantFrom<DeliveryResult>("delivered", "failed", "failed_again"),
      waitMs: fc.integer({ min: 0, max: 2 * DAY_MS }),
    });
    fc.assert(
      fc.property(fc.array(news, { maxLength: 40 }), (all) => {
        let [health, now, lastSuccess] = [NEW_HEALTH, NOON, Number.NEGATIVE_INFINITY];
        for (const { what, waitMs } of all) {
          now += waitMs;
          const verdict = verdictOf(health, now);
          if (verdict === "disable") expect(now - lastSuccess).toBeGreaterThanOrEqual(5 * DAY_MS);
          if (verdict === "notify_failing") health = { ...health, notified: "failing" };
          if (verdict === "notify_disabling_soon") health = { ...health, notified: "disabling_soon" };
          health = recordResult(health, what, now);
          if (what === "delivered") lastSuccess = now;
        }
      }),
    );
  });
});

describe("the pace of a backlog", () => {
  test.each([
    ["of an endpoint that is well", NEW_HEALTH, 0, 0],
    ["after one bad answer", healthAfter(["failed", 0]), MINUTE_MS, 0],
    ["in an outage", healthAfter(["failed", 0]), 5 * MINUTE_MS, SECOND_MS],
    ["just after an outage", healthAfter(["failed", 0], ["delivered", HOUR_MS]), HOUR_MS + 1, SECOND_MS],
    ["minutes after an outage", healthAfter(["failed", 0], ["delivered", HOUR_MS]), HOUR_MS + 2 * MINUTE_MS, 200],
    ["an hour after an outage", healthAfter(["failed", 0], ["delivered", HOUR_MS]), 2 * HOUR_MS, 0],
    ["after a short run of failures", healthAfter(["failed", 0], ["delivered", MINUTE_MS]), MINUTE_MS + 1, 0],
  ])("%s, attempts come at its pace", (_what, health, ms, spacing) => {
    expect(spacingMs(health, NOON + ms)).toBe(spacing);
  });

  test("lets fifty thousand that come at once in one by one, each at a time of its own", () => {
    const pacer = new BacklogPacer();
    const endpoint = { id: "whk_1", health: healthAfter(["failed", 0], ["delivered", HOUR_MS]) };
    const now = NOON + HOUR_MS + 1;
    const turns = Array.from({ length: 50_000 }, (_, n) => pacer.turn(endpoint, `dlv_${n}`, now) ?? now);
    expect(new Set(turns).size).toBe(turns.length);
    expect(turns.slice(0, 3).map((turn) => turn - now)).toEqual([0, SECOND_MS, 2 * SECOND_MS]);
  });

  test("keeps a turn for who comes back for it, and asks nothing of other endpoints", () => {
    const pacer = new BacklogPacer();
    const health = healthAfter(["failed", 0]);
    const now = NOON + HOUR_MS;
    expect(pacer.turn({ id: "whk_1", health }, "dlv_1", now)).toBeNull();
    expect(pacer.turn({ id: "whk_1", health }, "dlv_2", now)).toBe(now + SECOND_MS);
    expect(pacer.turn({ id: "whk_1", health }, "dlv_2", now + 10)).toBe(now + SECOND_MS);
    expect(pacer.turn({ id: "whk_1", health }, "dlv_2", now + SECOND_MS)).toBeNull();
    expect(pacer.turn({ id: "whk_2", health: NEW_HEALTH }, "dlv_3", now)).toBeNull();
  });
});
