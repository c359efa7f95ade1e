// When fal's key set is asked for again.

import { expect, test } from "vitest";
import { LOOKUP_RETRY_MS } from "../../../src/net/fetch-text.ts";
import { HOUR_MS, MINUTE_MS } from "../../../src/platform/time.ts";
import { isTrusted, shouldFetchKeys } from "../../../src/upstream/key-set.ts";

const NOW = 1_800_000_000_000;
const ago = (ms: number) => NOW - ms;

test.each([
  ["nothing is known", null, null, false, true],
  ["nothing is known and a try just failed", null, ago(1), false, false],
  ["nothing is known and a try failed a while ago", null, ago(LOOKUP_RETRY_MS), false, true],
  ["the set is fresh", ago(HOUR_MS), ago(HOUR_MS), false, false],
  ["the set is fresh but a signature fits none of it", ago(HOUR_MS), ago(HOUR_MS), true, true],
  ["a forced look was just made", ago(HOUR_MS), ago(MINUTE_MS - 1), true, false],
  ["the set grows old", ago(13 * HOUR_MS), ago(13 * HOUR_MS), false, true],
  ["the set grows old and a try just failed", ago(13 * HOUR_MS), ago(MINUTE_MS - 1), false, false],
  ["the set is too old and a try just failed", ago(24 * HOUR_MS), ago(1), true, false],
  ["the set is too old and a try failed a while ago", ago(24 * HOUR_MS), ago(LOOKUP_RETRY_MS), false, true],
])("when %s", (_name, fetchedAt, triedAt, force, expected) => {
  expect(shouldFetchKeys({ fetchedAt, triedAt, force, now: NOW })).toBe(expected);
});

test("a set is trusted for a day and no longer", () => {
  expect(isTrusted(ago(24 * HOUR_MS - 1), NOW)).toBe(true);
  expect(isTrusted(ago(24 * HOUR_MS), NOW)).toBe(false);
});
