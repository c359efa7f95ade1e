// Counts by the hour: where each goes, how long it is kept, and what the figures of a day and the p95 of delays are made of.

import { describe, expect, test } from "vitest";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { figuresOf } from "../../../src/upstream/account-overview.ts";
import {
  DELAY_CLASSES_MS,
  dayCounts,
  HOURS_KEPT,
  type HourlyCounts,
  hoursFrom,
  NO_COUNTS,
  p95DelayMs,
  storedHours,
  withCount,
} from "../../../src/upstream/hourly-counts.ts";

const NOW = Date.UTC(2026, 10, 30, 13, 40);

function delayed(...delays: number[]): HourlyCounts {
  return delays.reduce((counts, delayMs) => withCount(counts, { at: NOW, now: NOW, delayMs }, "webhooks"), NO_COUNTS);
}

test.each([
  ["now", 0, 1],
  ["23 hours ago, at the beginning of that hour", 23 * HOUR_MS + 40 * MINUTE_MS, 1],
  ["a moment before that hour", 23 * HOUR_MS + 40 * MINUTE_MS + 1, 0],
  ["two days ago", 47 * HOUR_MS, 0],
])("what was counted %s is in the last 24 hours or not", (_when, ago, completed) => {
  const counts = withCount(NO_COUNTS, { at: NOW - ago, now: NOW }, "completed");
  expect(dayCounts([counts], NOW)).toMatchObject({ completed, failed: 0 });
});

test("hours that are over are forgotten, and what is older is not counted", () => {
  const old = withCount(NO_COUNTS, { at: NOW, now: NOW }, "failed");
  const later = NOW + HOURS_KEPT * HOUR_MS;
  expect([...withCount(old, { at: later, now: later }, "failed").keys()]).toEqual([Math.floor(later / HOUR_MS)]);
  expect(withCount(NO_COUNTS, { at: NOW, now: later }, "failed").size).toBe(0);
});

test("a count leaves the counts that it was added to as they are", () => {
  const one = delayed(10);
  withCount(one, { at: NOW, now: NOW, delayMs: 10 }, "webhooks");
  expect(dayCounts([one], NOW).webhooks).toBe(1);
});

test("what is stored reads as it was, and rows of code that knew fewer counts have zeros", () => {
  const counts = withCount(delayed(100, 700_000), { at: NOW - HOUR_MS, now: NOW }, "submitted", "canceled");
  expect(hoursFrom(storedHours(counts))).toEqual(counts);
  expect([...hoursFrom([[7, 3]]).values()]).toMatchObject([
    { submitted: 3, gaveUp: 0, delays: [0, 0, 0, 0, 0, 0, 0, 0, 0] },
  ]);
});

test("parts are added up", () => {
  expect(dayCounts([delayed(1), delayed(1, 2)], NOW)).toMatchObject({ webhooks: 3 });
  expect(dayCounts([], NOW)).toMatchObject({ webhooks: 0 });
});

describe("the delay that 95 of 100 webhooks do not exceed", () => {
  test.each([
    ["none", [], null],
    ["one in the first class", [200], 475],
    ["all in one class", Array.from({ length: 100 }, () => 1_500), 1_950],
    [
      "the slowest twentieth is slower",
      [...Array.from({ length: 95 }, () => 400), ...Array.from({ length: 5 }, () => 9_000)],
      500,
    ],
    [
      "one more is slower",
      [...Array.from({ length: 94 }, () => 400), ...Array.from({ length: 6 }, () => 9_000)],
      5_833,
    ],
    ["all are beyond the last class", [20 * MINUTE_MS], 5 * MINUTE_MS],
  ])("%s", (_what, delays, expected) => {
    expect(p95DelayMs(dayCounts([delayed(...delays)], NOW))).toBe(expected);
  });

  test.each(DELAY_CLASSES_MS.map((upper, index) => [upper, DELAY_CLASSES_MS[index - 1] ?? 0]))(
    "lies in the class that ends at %i ms",
    (upper, lower) => {
      const p95 = p95DelayMs(dayCounts([delayed(upper, upper, upper)], NOW)) ?? 0;
      expect(p95).toBeGreaterThan(lower);
      expect(p95).toBeLessThanOrEqual(upper);
    },
  );
});

describe("what is open", () => {
  const learned = (model: string) => (model === "slow" ? { p50Ms: HOUR_MS, p95Ms: HOUR_MS, samples: 64 } : null);
  const open = (ageMs: number, model?: string) => ({ since: NOW - ageMs, ...(model === undefined ? {} : { model }) });

  test.each([
    ["ten minutes", open(10 * MINUTE_MS, "m"), 0],
    ["longer than ten minutes, of a model nobody knows", open(10 * MINUTE_MS + 1, "m"), 1],
    ["longer than ten minutes, of a row without a model", open(11 * MINUTE_MS), 1],
    ["three times what nearly all take", open(3 * HOUR_MS, "slow"), 0],
    ["longer than that", open(3 * HOUR_MS + SECOND_MS, "slow"), 1],
  ])("is overdue after %s, or not", (_what, request, overdue) => {
    expect(figuresOf([], { atFal: [request], uncertain: [] }, learned, NOW)).toMatchObject({ overdue, uncertain: 0 });
  });

  test("counts as submitted in the hour in which it was, before its end is counted", () => {
    const counts = withCount(NO_COUNTS, { at: NOW, now: NOW }, "submitted", "failed");
    const atFal = [open(MINUTE_MS), open(30 * HOUR_MS, "slow")];
    expect(figuresOf([counts], { atFal, uncertain: [open(0)] }, learned, NOW)).toEqual({
      submitted: 3,
      ended: { completed: 0, failed: 1, canceled: 0 },
      webhooks: 0,
      webhookP95Ms: null,
      deliveriesGivenUp: 0,
      overdue: 1,
      uncertain: 1,
    });
  });
});
