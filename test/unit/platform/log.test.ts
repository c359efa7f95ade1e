// Which attempts are logged: all that went wrong, and those of one request in ten that went well.

import { afterEach, expect, test, vi } from "vitest";
import { randomText } from "../../../src/platform/ids.ts";
import { isSampled, type LogFields, logAttempt } from "../../../src/platform/log.ts";

const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
afterEach(() => log.mockClear());

const ids = Array.from({ length: 2_000 }, () => crypto.randomUUID());
const silent = ids.find((id) => !isSampled(id, 0.1)) ?? "";
const sampled = ids.find((id) => isSampled(id, 0.1)) ?? "";

const attempted = (id: string, wentWell: boolean, fields: LogFields) =>
  logAttempt("effect.attempted", { id, share: 0.1, wentWell }, fields);
const lines = () => log.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);

test("one id in ten is sampled, and always the same", () => {
  const picked = ids.filter((id) => isSampled(id, 0.1));
  expect(picked.length).toBeGreaterThan(ids.length * 0.07);
  expect(picked.length).toBeLessThan(ids.length * 0.13);
  expect(picked.filter((id) => isSampled(id, 0.1))).toEqual(picked);
});

test("a share of one is every id, one of nothing is none, and a smaller share is a part of a larger one", () => {
  expect(ids.every((id) => isSampled(id, 1))).toBe(true);
  expect(ids.some((id) => isSampled(id, 0))).toBe(false);
  expect(ids.filter((id) => isSampled(id, 0.1)).every((id) => isSampled(id, 0.3))).toBe(true);
});

test("short random ids are spread over all shares", () => {
  const calls = Array.from({ length: 10_000 }, () => randomText(20));
  for (const share of [0.01, 0.25, 0.5, 0.9]) {
    const picked = calls.filter((id) => isSampled(id, share)).length / calls.length;
    expect(Math.abs(picked - share)).toBeLessThan(0.03);
  }
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
