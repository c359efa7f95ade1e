// Which attempts are logged: all that went wrong, and those of one request in ten that went well.

import { afterEach, expect, test, vi } from "vitest";
import { isSampled, type LogFields, logAttempt } from "../../../src/platform/log.ts";

const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
afterEach(() => log.mockClear());

const ids = Array.from({ length: 2_000 }, () => crypto.randomUUID());
const silent = ids.find((id) => !isSampled(id, 10)) ?? "";
const sampled = ids.find((id) => isSampled(id, 10)) ?? "";

const attempted = (id: string, wentWell: boolean, fields: LogFields) =>
  logAttempt("effect.attempted", { id, oneOf: 10, wentWell }, fields);
const lines = () => log.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);

test("one id in ten is sampled, and always the same", () => {
  const picked = ids.filter((id) => isSampled(id, 10));
  expect(picked.length).toBeGreaterThan(ids.length * 0.07);
  expect(picked.length).toBeLessThan(ids.length * 0.13);
  expect(picked.filter((id) => isSampled(id, 10))).toEqual(picked);
});

test("one in one is every request", () => {
  expect(ids.every((id) => isSampled(id, 1))).toBe(true);
});

test("an attempt that went well is logged for a sampled request only", () => {
  attempted(silent, true, { attempt: 1, outcome: "file_stored" });
  attempted(sampled, true, { attempt: 1, outcome: "file_stored" });
  expect(lines()).toEqual([{ event: "effect.attempted", attempt: 1, outcome: "file_stored" }]);
});

test("a failure is logged for every request, and so is the attempt after it", () => {
  attempted(silent, false, { attempt: 1, reason: "http_502" });
  attempted(silent, true, { attempt: 2 });
  expect(lines()).toHaveLength(2);
});

test("a higher `held` is logged whatever the request, so that the last one shown is the highest", () => {
  for (const held of [5, 5, 9, 7, 9, 12]) attempted(silent, true, { attempt: 1, held });
  expect(lines().map(({ held }) => held)).toEqual([5, 9, 12]);
});
