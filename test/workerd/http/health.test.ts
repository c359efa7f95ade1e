// GET /healthz about the account: anybody may ask, and nobody can load the one object with test.

import { describe, expect, vi } from "vitest";
import { MINUTE_MS } from "../../../src/platform/time.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { HEALTH_REFRESH_MS, HEALTH_STALE_MS, HEALTH_WAIT_MS } from "../../../src/upstream/health-cache.ts";
import { type AccountFault, faultAccount, introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { holdLimit } from "../../harness/timers.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";

interface Health {
  status: string;
  upstream: {
    state: string;
    why: string | null;
    since: string | null;
    pace: { calls_per_second: number; calls_last_second: number; waiting: number } | null;
    slots: { used: number; limit: number } | null;
    as_of: string | null;
  };
}

const UNKNOWN = { state: "unknown", why: null, since: null, pace: null, slots: null, as_of: null };

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
  await passTime(MINUTE_MS);
});

async function health(): Promise<Health> {
  const answer = await call("GET", "/healthz");
  expect(answer.status).toBe(200);
  return answer.json();
}

const iso = (at: number) => new Date(at).toISOString();

describe("the health of the account", () => {
  test("is open while calls go out, with pace and slots as numbers and nobody's name", async ({ team }) => {
    const { id } = await team.submit("a cat");
    const { status, upstream } = await health();
    expect(status).toBe("ok");
    expect(upstream).toEqual({
      ...{ state: "open", why: null, since: null, as_of: iso(Date.now()) },
      pace: { calls_per_second: 10, calls_last_second: 1, waiting: 0 },
      slots: { used: expect.any(Number), limit: 1000 },
    });
    expect(upstream.slots?.used).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(upstream)).not.toContain(team.id);
    await runToEnd(team, id);
  });

  test.for<[AccountFault, string]>([
    ["locked", "locked"],
    ["rate_limited", "rate_limited"],
  ] as const)(
    "says that an account that is %s is paused, why and since when, and still that the deployment is well",
    async ([fault, why], { team }) => {
      await faultAccount(fault);
      const pausedAt = Date.now();
      const { id } = await team.submit("a cat");
      if (fault === "rate_limited") {
        await passTime(3_000);
        await ring(id);
      }
      expect(await health()).toMatchObject({ status: "ok", upstream: { state: "paused", why, since: iso(pausedAt) } });
      await faultAccount("none");
      await passTime(MINUTE_MS);
      await ring(id);
      await eventually(async () => {
        await passTime(HEALTH_REFRESH_MS);
        expect((await health()).upstream).toMatchObject({ state: "open", why: null, since: null });
      });
      await runToEnd(team, id);
    },
  );

  test("is looked at once in some seconds, however many ask", async () => {
    const looks = vi.spyOn(UpstreamAccount.prototype, "accountHealth");
    const seen = await health();
    const seenAt = Date.now();
    expect(looks).toHaveBeenCalledTimes(1);
    await passTime(HEALTH_REFRESH_MS - 1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => health()));
    expect(answers).toEqual(Array(20).fill(seen));
    expect(looks).toHaveBeenCalledTimes(1);
    await passTime(1);
    const later = await Promise.all(Array.from({ length: 20 }, () => health()));
    expect(looks).toHaveBeenCalledTimes(2);
    expect(later.map(({ upstream }) => upstream.as_of)).toContain(iso(Date.now()));
    expect(new Set(later.map(({ upstream }) => upstream.as_of))).toEqual(new Set([iso(Date.now()), iso(seenAt)]));
  });

  test.each<[string, () => Promise<never>]>([
    ["cannot be asked", () => Promise.reject(new Error("overloaded"))],
    ["does not answer in time", () => new Promise(() => undefined)],
  ])("of an account that %s is as last seen, and unknown after a minute", async (_what, answer) => {
    const known = await health();
    vi.spyOn(UpstreamAccount.prototype, "accountHealth").mockImplementation(answer);
    holdLimit(HEALTH_WAIT_MS)();
    await passTime(HEALTH_STALE_MS - 1);
    expect(await health()).toEqual(known);
    await passTime(HEALTH_REFRESH_MS);
    expect(await health()).toMatchObject({ status: "ok", upstream: UNKNOWN });
  });
});
