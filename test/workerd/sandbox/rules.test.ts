// Rules that are decided without the Durable Object: when a webhook is tried again, where it may go, which settings hold.

import { describe, expect, test } from "vitest";
import type { Env } from "../../../sandbox/src/env.ts";
import { changedSettings, defaultSettings, readSettings } from "../../../sandbox/src/settings.ts";
import { type AttemptOutcome, afterAttempt, isPrivateTarget } from "../../../sandbox/src/webhooks.ts";

describe("what follows a try", () => {
  const settings = readSettings(defaultSettings({} as Env));
  const hour = 3_600_000;
  const status = (code: number): AttemptOutcome => ({ kind: "status", status: code });

  test.each([
    ["2xx ends it", status(204), 1, { doneAt: 0 }],
    ["a redirect ends it", status(302), 1, { doneAt: 0 }],
    ["4xx is tried again", status(401), 1, { dueAt: 5_000 }],
    ["5xx is tried again, later", status(503), 2, { dueAt: 10_000 }],
    ["so is no answer in time", { kind: "timeout" } as const, 3, { dueAt: 20_000 }],
    ["and nobody there", { kind: "unreachable" } as const, 4, { dueAt: 40_000 }],
    ["the gap has an upper bound", status(500), 20, { dueAt: 300_000 }],
    ["the 31st try is the last", status(500), 31, { doneAt: 0 }],
  ])("%s", (_what, outcome, attempts, expected) => {
    expect(afterAttempt(outcome, attempts, 0, hour, settings)).toEqual(expected);
  });

  test("is nothing once the result would be gone", () => {
    expect(afterAttempt(status(500), 1, hour - 4_999, hour, settings)).toEqual({ doneAt: hour - 4_999 });
  });
});

test.each([
  ["http://localhost:1/", true],
  ["http://a.localhost/", true],
  ["http://10.1.2.3/", true],
  ["http://172.31.0.1/", true],
  ["http://172.32.0.1/", false],
  ["http://192.168.0.1/", true],
  ["http://169.254.1.1/", true],
  ["http://[::1]/", true],
  ["https://example.com/", false],
  ["https://10.example.com/", false],
])("the target %s is private: %s", (url, expected) => {
  expect(isPrivateTarget(url)).toBe(expected);
});

test("has settings whose names and values are checked", () => {
  const settings = defaultSettings({} as Env);
  expect(changedSettings(settings, { rps: 0 })).toMatchObject({ ok: false, field: "rps" });
  expect(changedSettings(settings, { queue_ms: { image: -1 } })).toMatchObject({ ok: false, field: "queue_ms.image" });
  expect(changedSettings(settings, { queue_ms: { film: 1 } })).toMatchObject({ ok: false, field: "queue_ms.film" });
  expect(changedSettings(settings, { colour: 1 })).toMatchObject({ ok: false, field: "colour" });
  expect(changedSettings(settings, [])).toMatchObject({ ok: false });
  expect(changedSettings(settings, { queue_ms: { image: 1 } })).toMatchObject({
    ok: true,
    settings: { queue_ms: { image: 1, video: 500 }, run_ms: { image: 900 } },
  });
});
