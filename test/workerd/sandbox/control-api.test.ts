import { beforeEach, expect, test } from "vitest";
import type { Env } from "../../../sandbox/src/env.ts";
import { cancelAt, logsAt, planTiming, stateAt } from "../../../sandbox/src/lifecycle.ts";
import { readQueuePath } from "../../../sandbox/src/paths.ts";
import { defaultSettings } from "../../../sandbox/src/settings.ts";
import { advance, call, FLUX, freshWorld, json, START, set, submit } from "../../harness/sandbox.ts";

beforeEach(() => freshWorld());

test.each([
  ["fal-ai/flux/schnell", { kind: "submit", model: "fal-ai/flux/schnell", app: "fal-ai/flux" }],
  ["/fal-ai/flux/", { kind: "submit", model: "fal-ai/flux", app: "fal-ai/flux" }],
  ["CassetteAI/music", { kind: "submit", model: "CassetteAI/music", app: "CassetteAI/music" }],
  ["workflows/me/flow", { kind: "submit", model: "workflows/me/flow", app: "workflows/me/flow" }],
  ["workflows/me", { kind: "unknown" }],
  ["flux", { kind: "unknown" }],
  ["", { kind: "unknown" }],
  ["a//b", { kind: "unknown" }],
  ["a/..", { kind: "unknown" }],
  ["a/b%2fc", { kind: "unknown" }],
  ["a/b/requests/x", { kind: "request", verb: "result", app: "a/b", id: "x", lenient: false }],
  ["a/b/requests/x/status/", { kind: "request", verb: "status", app: "a/b", id: "x", lenient: false }],
  ["a/b/requests/x/status/stream", { kind: "request", verb: "stream", app: "a/b", id: "x", lenient: false }],
  ["comfy/a/b/requests/x/cancel", { kind: "request", verb: "cancel", app: "comfy/a/b", id: "x", lenient: false }],
  ["a/b/c/requests/x", { kind: "request", verb: "result", app: "a/b", id: "x", lenient: true }],
  ["a/b/requests/x/response", { kind: "request", verb: "result", app: "a/b", id: "x", lenient: true }],
  ["a/b/requests/requests", { kind: "submit", model: "a/b/requests/requests", app: "a/b" }],
  ["a/b/requests/x/files", { kind: "unknown" }],
  ["a/requests/x", { kind: "submit", model: "a/requests/x", app: "a/requests" }],
])("the path %j is read as %j", (path, route) => {
  expect(readQueuePath(path)).toEqual(route);
});

test("plans a request whole and follows it through every moment", () => {
  const wish = { now: 0, queueMs: 100, runMs: 200, slotFreeAt: null, startTimeoutMs: null };
  const timing = planTiming(wish);
  expect(timing).toEqual({ submittedAt: 0, startsAt: 100, endsAt: 300, end: "finished" });
  expect([0, 99, 100, 299, 300].map((now) => stateAt(timing, now, 0).status)).toEqual([
    ...["IN_QUEUE", "IN_QUEUE", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"],
  ]);
  expect(planTiming({ ...wish, slotFreeAt: 500 })).toMatchObject({ startsAt: 500, endsAt: 700 });
  expect(planTiming({ ...wish, startTimeoutMs: 99 })).toMatchObject({
    startsAt: null,
    endsAt: 99,
    end: "start_timeout",
  });
  expect(planTiming({ ...wish, startTimeoutMs: 100 })).toMatchObject({ startsAt: 100, end: "finished" });
});

test("cancels what waits at once, what runs after a while, and nothing that has ended", () => {
  const timing = planTiming({ now: 0, queueMs: 100, runMs: 200, slotFreeAt: null, startTimeoutMs: null });
  expect(cancelAt(timing, 50, 20)).toMatchObject({
    kind: "removed",
    timing: { startsAt: null, endsAt: 50, end: "cancelled" },
  });
  expect(cancelAt(timing, 150, 20)).toMatchObject({ kind: "signalled", timing: { endsAt: 170, end: "cancelled" } });
  expect(cancelAt(timing, 290, 20)).toEqual({ kind: "signalled", timing });
  expect(cancelAt(timing, 150, null)).toEqual({ kind: "signalled", timing });
  expect(cancelAt(timing, 300, 20)).toEqual({ kind: "too_late" });
});

test("writes no log line before its time, and no Done for what was cut off", () => {
  const timing = planTiming({ now: 0, queueMs: 0, runMs: 500, slotFreeAt: null, startTimeoutMs: null });
  expect([0, 99, 100, 499, 500].map((now) => logsAt(timing, now).length)).toEqual([1, 1, 2, 5, 6]);
  const cut = cancelAt(timing, 200, 50);
  if (cut.kind === "too_late") throw new Error("it was still running");
  expect(logsAt(cut.timing, 10_000).map(({ message }) => message)).not.toContain("Done");
});

test("takes its variables from the environment, and refuses bad ones", () => {
  const variables = {
    SANDBOX_API_KEY: "k",
    SANDBOX_WEBHOOKS: "hold",
    SANDBOX_CDN_ORIGIN: "https://cdn.test",
    SANDBOX_SEED: "s",
  };
  expect(defaultSettings({ ...variables } as unknown as Env)).toMatchObject({
    api_keys: ["k"],
    webhooks: "hold",
    cdn_origin: "https://cdn.test",
    seed: "s",
  });
  expect(() => defaultSettings({ SANDBOX_WEBHOOKS: "later" } as unknown as Env)).toThrow();
  expect(() => defaultSettings({ SANDBOX_CDN_ORIGIN: "https://cdn.test/path" } as unknown as Env)).toThrow();
});

test("counts calls by kind, those over the pace, and the busiest second", async () => {
  await set({ rps: 3 });
  for (let n = 0; n < 2; n++) await submit();
  await advance(999);
  for (let n = 0; n < 2; n++) await call("GET", "/connections");
  await advance(1_000);
  await call("GET", "/connections?app=fal-ai");
  await call("GET", "/.well-known/jwks.json");
  const seen = await json(await call("GET", "/_sandbox/calls"));
  expect(seen).toMatchObject({
    total: 5,
    counts: { submit: 2, connections: 2, gateway: 1, jwks: 1 },
    rate_limited: 1,
    max_per_second: 4,
  });
  const { calls } = seen as { calls: unknown[] };
  expect(calls).toHaveLength(6);
  expect(calls[0]).toEqual({
    kind: "submit",
    method: "POST",
    path: `/fal-ai/${FLUX}`,
    at: START,
    status: 200,
    request_id: expect.any(String),
  });
  expect(JSON.stringify(calls)).not.toContain("app=fal-ai");
});

test("has a clock that stops, moves on and goes back to real time", async () => {
  const now = async () => await json(await call("GET", "/_sandbox/clock"));
  expect(await now()).toEqual({ now: START, frozen: true });
  await advance(5);
  expect(await now()).toEqual({ now: START + 5, frozen: true });
  await call("POST", "/_sandbox/clock", "null");
  const real = await now();
  expect(real.frozen).toBe(false);
  expect(Math.abs(Number(real.now) - Date.now())).toBeLessThan(5_000);
  await advance(3_600_000);
  const ahead = await now();
  expect(ahead.frozen).toBe(false);
  expect(Number(ahead.now) - Date.now()).toBeGreaterThan(3_590_000);
  for (const wish of ["{", { now: -1 }, { later: 1 }, {}]) {
    expect((await call("POST", "/_sandbox/clock", wish)).status).toBe(400);
  }
});

test("forgets everything on reset", async () => {
  const first = await submit();
  await call("POST", "/_sandbox/reset");
  expect((await call("GET", first.status)).status).toBe(404);
  expect(await json(await call("GET", "/_sandbox/settings"))).toMatchObject({ rps: 10, webhooks: "push" });
  expect(await json(await call("GET", "/_sandbox/clock"))).toMatchObject({ frozen: false });
  expect((await submit()).id).toBe(first.id);
});

test.each([
  ["GET", "/_sandbox"],
  ["GET", "/_sandbox/nothing"],
  ["PUT", "/_sandbox/settings"],
  ["GET", "/_sandbox/requests/nope"],
  ["POST", "/_sandbox/connections/nope"],
])("%s %s is 404", async (method, path) => {
  expect((await call(method, path)).status).toBe(404);
});

test("says what it is at its root", async () => {
  expect(await (await call("GET", "/")).text()).toContain("sandbox");
});
