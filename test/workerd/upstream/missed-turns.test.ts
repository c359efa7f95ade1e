// A submit whose turn is over before its call can leave: nothing was sent, so nothing is uncertain, whatever fails on the way back.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { GRANT_USE_MS } from "../../../src/upstream/pace.ts";
import { accountView, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { ringAccount, trackerOf } from "../../harness/objects.ts";
import { slowStorage } from "../../harness/storage.ts";
import type { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";
import { sandboxCalls, upstreamRequests } from "../../harness/upstream.ts";

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
  await passTime(MINUTE_MS);
});

async function submitsSeen(): Promise<number> {
  return (await sandboxCalls()).counts.submit ?? 0;
}

/** The request is held, nothing was sent, and it ends well when it is rung. */
async function expectHeldThenWell(team: Team, id: string, sent: number): Promise<void> {
  expect(await submitsSeen()).toBe(sent);
  expect(await team.read(id)).toMatchObject({ status: "IN_QUEUE", stage: "held" });
  await passTime(30 * SECOND_MS);
  await ring(id);
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  expect((await upstreamRequests()).filter(({ webhook_url }) => webhook_url.includes(id))).toHaveLength(1);
  await passTime(MINUTE_MS);
  await ringAccount();
  await eventually(async () => expect((await accountView()).slots.used).toBe(0));
}

describe("a submit whose intent is saved too late for its turn", () => {
  test("is held and asked for again, though the account cannot be told that its grant comes back", async ({ team }) => {
    const sent = await submitsSeen();
    vi.spyOn(UpstreamAccount.prototype, "returnGrant").mockRejectedValue(new Error("away"));
    await slowStorage(GRANT_USE_MS + 1, { times: 1 });
    const { id } = await team.submit("a cat");
    await expectHeldThenWell(team, id, sent);
  });

  test("goes with the next turn, which is asked for with more notice", async ({ team }) => {
    const sent = await submitsSeen();
    await slowStorage(GRANT_USE_MS + 100);
    const { id } = await team.submit("a cat");
    expect(await submitsSeen()).toBe(sent);
    await passTime(SECOND_MS);
    await ring(id);
    await eventually(async () => expect(await submitsSeen()).toBe(sent + 1));
    expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  });

  test("by more than any notice asks again later each time, not at once", async ({ team }) => {
    const asked = vi.spyOn(UpstreamAccount.prototype, "requestGrant");
    const restore = await slowStorage(2 * SECOND_MS);
    const sent = await submitsSeen();
    const { id } = await team.submit("a cat");
    const gaps: number[] = [];
    for (let round = 0; round < 5; round++) {
      const dueAt = await nextDueAt(id);
      gaps.push(dueAt - Date.now());
      await passTime(dueAt - Date.now());
      await ring(id);
    }
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(5 * SECOND_MS);
    expect(asked.mock.calls.filter(([request]) => request.requestId === id).length).toBeLessThanOrEqual(18);
    restore();
    await expectHeldThenWell(team, id, sent);
  });

  test("whose storage fails is held as well", async ({ team }) => {
    const sent = await submitsSeen();
    await slowStorage(0, { times: 1, fails: true });
    const { id } = await team.submit("a cat");
    await expectHeldThenWell(team, id, sent);
  });
});

async function nextDueAt(id: string): Promise<number> {
  const at = await runInDurableObject(trackerOf(id), (_instance, { storage }) => storage.getAlarm());
  if (at === null) throw new Error("nothing is due");
  return at;
}
