// Retry-After in both of its forms, and everything that is neither.
import { expect, test } from "vitest";
import { retryAfterMs } from "../../../src/net/retry-after.ts";

const NOW = Date.parse("2026-11-22T10:00:00Z");

test.each([
  [null, null],
  ["0", 0],
  ["3", 3_000],
  [" 1.5 ", 1_500],
  ["7200", 3_600_000],
  ["Sun, 22 Nov 2026 10:00:07 GMT", 7_000],
  ["Sun, 22 Nov 2026 09:00:00 GMT", 0],
  ["-1", null],
  ["soon", null],
  ["", null],
  ["2026-11-22", null],
])("reads %j as %j ms", (header, expected) => {
  expect(retryAfterMs(header, NOW, 3_600_000)).toBe(expected);
});
