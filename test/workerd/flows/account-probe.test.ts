// Who tries a locked account when its pause is over, and that a try which is not made keeps nobody waiting.

import { evictDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { HEALTH_PAUSE_MAX_MS } from "../../../src/upstream/health.ts";
import { WAKE_LEAD_MS } from "../../../src/upstream/scheduler.ts";
import { accountView, faultAccount, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { account, ringAccount } from "../../harness/objects.ts";
import { Team } from "../../harness/team.ts";
import { holdLimit } from "../../harness/timers.ts";
import { recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { sandboxCalls, upstreamRequests } from "../../harness/upstream.ts";

test.override({ plan: { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 100 }] } });
test.beforeEach(async () => {
  await introduceAccount(await Team.create());
  await passTime(MINUTE_MS);
});

/** A request that found the account locked and has its place in the queue again. */
async function foundLocked(team: Team): Promise<string> {
  await faultAccount("locked");
  const { id, waiting } = await team.submit("finds it locked");
  expect(waiting).toMatchObject({ reason: "upstream_paused", why: "locked" });
  await passTime(3 * SECOND_MS);
  await ring(id);
  expect((await accountView()).waiting.submit).toBe(1);
  return id;
}

async function stageOf(id: string): Promise<string | undefined> {
  return (await recordOf(id))?.state.stage;
}

/** Submits that reached fal: the one that introduced the account, the one that found it locked, and what came after. */
async function submits(): Promise<number> {
  return (await sandboxCalls()).counts.submit ?? 0;
}

describe("the try of a locked account", () => {
  test("is the next one's at once when the request whose turn it was has been canceled while it waited", async ({
    team,
  }) => {
    const first = await foundLocked(team);
    const second = (await team.submit("waits behind it")).id;
    await passTime(HEALTH_PAUSE_MAX_MS);
    expect((await team.cancel(first)).status).toBe(200);
    await faultAccount("none");
    await ringAccount();
    await eventually(async () => expect(await stageOf(second)).toBe("queued"));
    expect((await runToEnd(team, second)).status).toBe("COMPLETED");
    expect(await submits()).toBe(3);
  });

  test("is the next one's at once when its request is canceled between its turn and its call", async ({ team }) => {
    const first = await foundLocked(team);
    const second = (await team.submit("waits behind it")).id;
    await passTime(HEALTH_PAUSE_MAX_MS);
    await faultAccount("none");
    const letGo = holdLimit(WAKE_LEAD_MS);
    await ringAccount();
    expect((await recordOf(first))?.effects).toMatchObject([{ name: "submit", leaseUntil: expect.any(Number) }]);
    expect((await team.cancel(first)).status).toBe(200);
    letGo();
    await eventually(async () => expect(await stageOf(second)).toBe("queued"));
    expect((await runToEnd(team, second)).status).toBe("COMPLETED");
    expect(await submits()).toBe(3);
  });

  test("is a newcomer's at once when nobody else waited, also after the account was put out of memory", async ({
    team,
  }) => {
    const first = await foundLocked(team);
    await passTime(HEALTH_PAUSE_MAX_MS);
    expect((await team.cancel(first)).status).toBe(200);
    await ringAccount();
    expect((await accountView()).waiting.submit).toBe(0);
    await evictDurableObject(account());
    await faultAccount("none");
    const { id, stage } = await team.submit("comes later");
    expect(stage).toBe("queued");
    expect((await accountView()).health.state).toBe("open");
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });

  test("that upstream answers with a 429 opens nothing, and is made again when that is over", async ({ team }) => {
    const first = await foundLocked(team);
    await passTime(HEALTH_PAUSE_MAX_MS);
    await faultAccount("rate_limited");
    await ring(first);
    await eventually(async () => expect((await accountView()).health.last_failures.at(-1)?.sign).toBe("rate_limited"));
    expect((await accountView()).health).toMatchObject({ state: "closed", why: "locked" });
    await faultAccount("none");
    await passTime(MINUTE_MS);
    await ring(first);
    expect((await runToEnd(team, first)).status).toBe("COMPLETED");
    expect((await accountView()).health.state).toBe("open");
  });
});

describe("one odd request that fal alone calls locked", () => {
  test("keeps its user's others out for a while only, and fails for free once they were taken three times in between", async ({
    team,
  }) => {
    const odd = await team.submit("an odd one sandbox:locked");
    expect(odd.waiting).toMatchObject({ reason: "upstream_paused", why: "locked" });
    const others: string[] = [];
    for (let round = 0; round < 12 && (await team.read(odd.id)).status === "IN_QUEUE"; round++) {
      others.push((await team.submit("a cat")).id);
      await passTime(HEALTH_PAUSE_MAX_MS);
      for (const id of [odd.id, ...others]) await ring(id);
    }
    expect(others.length).toBeLessThan(12);
    expect(others.length).toBeGreaterThanOrEqual(3);
    const failed = { status: "FAILED", error: { code: "upstream_locked", charged: false } };
    expect(await team.read(odd.id)).toMatchObject(failed);
    await ring(odd.id);
    await passTime(HEALTH_PAUSE_MAX_MS);
    for (const id of others) await ring(id);
    for (const id of others) expect((await runToEnd(team, id)).status).toBe("COMPLETED");
    expect(await team.used()).toEqual([others.length]);
    expect((await upstreamRequests()).map(({ webhook_url }) => webhook_url).join()).not.toContain(odd.id);
    const next = await team.submit("comes when all is over");
    expect([next.stage, (await accountView()).health.state]).toEqual(["queued", "open"]);
    await runToEnd(team, next.id);
  });

  test("that is the only one goes on being held, and tries again by itself", async ({ team }) => {
    const { id } = await team.submit("an odd one sandbox:locked");
    for (let minute = 0; minute < 6; minute++) {
      await passTime(MINUTE_MS);
      await ring(id);
    }
    expect(await team.read(id)).toMatchObject({ stage: "held", waiting: { why: "locked" } });
    const tried = await submits();
    await passTime(MINUTE_MS);
    await ring(id);
    await eventually(async () => expect(await submits()).toBe(tried + 1));
    expect((await team.cancel(id)).status).toBe(200);
    await ring(id);
    expect(await team.used()).toEqual([0]);
  });
});
