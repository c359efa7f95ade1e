// One account for many, in the real runtime: who waits for a turn, turns and slots that got lost.

import { evictDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { DURATIONS_REFRESH_MS } from "../../../src/upstream/durations-cache.ts";
import { CALL_LOST_AFTER_MS } from "../../../src/upstream/pace.ts";
import { SLOT_CHECK_MS } from "../../../src/upstream/slot-checks.ts";
import { accountView, exhaustPace, inheritSlot, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { account, evict, ringAccount } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks } from "../../harness/upstream.ts";

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
  await passTime(MINUTE_MS);
});

describe("turns that were given and never heard of again", () => {
  test("hold up what waits for ten seconds, not longer", async ({ team }) => {
    const lost = { kind: "status", effect: "poll", user: "gone/u", model: "m", connection: null } as const;
    for (let n = 0; n < 10; n++) await account().requestGrant({ ...lost, requestId: `lost-${n}`, since: Date.now() });
    const { id, waiting } = await team.submit("a cat");
    expect(waiting).toMatchObject({ reason: "pace" });
    await passTime(5 * SECOND_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("held");
    await passTime(CALL_LOST_AFTER_MS);
    await ring(id);
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });
});

describe("a request that waits for its turn", () => {
  test("is woken when it comes, though tracker and account were put out of memory meanwhile", async ({ team }) => {
    await exhaustPace();
    const { id, stage, waiting } = await team.submit("a cat");
    expect([stage, waiting]).toMatchObject(["held", { reason: "pace" }]);
    await evict(id);
    await evictDurableObject(account());
    for (let n = 0; n < 4; n++) {
      await passTime(2 * SECOND_MS);
      await ring(id);
    }
    expect((await team.read(id)).stage).toBe("queued");
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });
});

describe("a slot", () => {
  test("is free once its request has ended", async ({ team }) => {
    const before = (await accountView()).slots.used;
    const { id } = await team.submit("a cat");
    expect((await accountView()).slots.used).toBe(before + 1);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    await eventually(async () => expect((await accountView()).slots.used).toBe(before));
  });

  test("whose release an earlier instance forgot is found by asking its tracker, as soon as the account wakes", async () => {
    const before = (await accountView()).slots.used;
    await inheritSlot(bindings.TRACKER.newUniqueId().toString());
    await eventually(async () => expect((await accountView()).slots.used).toBeLessThanOrEqual(before));
  });

  test("of a request that runs stays taken when the account wakes, and is asked for again only after a while", async ({
    team,
  }) => {
    const { id } = await team.submit("a cat");
    const used = (await accountView()).slots.used;
    const asked = vi.spyOn(RequestTracker.prototype, "holdsSlot");
    await evictDurableObject(account());
    await accountView();
    await eventually(async () => expect(asked.mock.calls.length).toBeGreaterThanOrEqual(used));
    expect((await accountView()).slots.used).toBe(used);
    asked.mockClear();
    await passTime(SLOT_CHECK_MS - MINUTE_MS);
    await ringAccount();
    expect(asked).not.toHaveBeenCalled();
    await passTime(2 * MINUTE_MS);
    await ringAccount();
    expect(asked.mock.calls.length).toBeGreaterThanOrEqual(used);
    await runToEnd(team, id);
  });
});

describe("what was learned of a model", () => {
  interface Model {
    typical_duration: object | null;
  }
  const model = (team: Team) => team.send<Model>("GET", "/v1/models/fal-ai/flux/schnell");

  test("is told by its page and on a held request once a few have ended, as median and as what 95 % stay under", async ({
    team,
  }) => {
    expect((await model(team)).body.typical_duration).toBeNull();
    for (const tookS of [6, 8, 20]) {
      const { id, typical_duration } = await team.submit(`a cat of ${tookS} s`);
      if (tookS === 6) expect(typical_duration).toBeNull();
      await passTime(tookS * SECOND_MS);
      await deliverWebhooks();
      await runToEnd(team, id);
    }
    const typical = { p50_s: 6, p95_s: 20 };
    await passTime(DURATIONS_REFRESH_MS);
    expect((await model(team)).body.typical_duration).toEqual(typical);
    await account().pauseAfterRateLimit(30 * SECOND_MS);
    const held = await team.submit("waits");
    const startsAt = new Date(Date.now() + 30 * SECOND_MS).toISOString();
    expect(held).toMatchObject({ stage: "held", queue_position: 1, typical_duration: { ...typical, samples: 4 } });
    expect(held.waiting).toMatchObject({ reason: "upstream_paused", why: "rate_limited", starts_at: startsAt });
    const seen = await accountView();
    expect(seen.waiting_by_user).toEqual([{ user: expect.stringContaining("/"), calls: 1 }]);
    expect(seen.typical_durations).toEqual([{ model: "fal-ai/flux/schnell", ...typical, samples: 4 }]);
    expect(seen.webhooks).toEqual({ state: "arriving", last_delay_s: expect.any(Number) });
    expect(seen.webhooks.last_delay_s).toBeGreaterThanOrEqual(0);
    await passTime(31 * SECOND_MS);
    expect((await runToEnd(team, held.id)).status).toBe("COMPLETED");
  });
});
