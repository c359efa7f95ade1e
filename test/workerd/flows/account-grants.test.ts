// A turn is on its way from the account to a tracker, and one of the two, or the word between them, is lost: nobody waits for
// ever, no slot stays taken, and fal is asked once.

import { evictDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { RequestTracker } from "../../../src/requests/engine/tracker.ts";
import { WAKE_LEAD_MS } from "../../../src/upstream/scheduler.ts";
import { accountView, inheritSlot, introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { account, cutOff, evict, ringAccount } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { holdLimit } from "../../harness/timers.ts";
import { recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { upstreamRequests } from "../../harness/upstream.ts";

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
  await passTime(MINUTE_MS);
});

/** A request that waits for its turn, which the account's next alarm gives. */
async function waiting(team: Team): Promise<string> {
  await account().pauseAfterRateLimit(null);
  const { id, stage } = await team.submit("a cat");
  expect(stage).toBe("held");
  await passTime(3 * SECOND_MS);
  return id;
}

/** The turn is told, and its moment is not here yet, until the answered function is called. */
async function turnTold(id: string): Promise<() => void> {
  const letGo = holdLimit(WAKE_LEAD_MS);
  await ringAccount();
  expect((await recordOf(id))?.effects).toMatchObject([{ name: "submit", leaseUntil: expect.any(Number) }]);
  return letGo;
}

/** It ends well, taken by fal once; nobody waits and no slot is taken afterwards. */
async function expectWell(team: Team, id: string): Promise<void> {
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
  const taken = (await upstreamRequests()).filter(({ webhook_url }) => webhook_url.includes(id));
  expect(taken).toHaveLength(1);
  await passTime(MINUTE_MS);
  await ringAccount();
  await eventually(async () => {
    expect(await accountView()).toMatchObject({ slots: { used: 0 }, waiting: { submit: 0 } });
  });
}

describe("a turn that was told, when", () => {
  test("the tracker is broken off before its moment, is found by the lease, and taken up", async ({ team }) => {
    const id = await waiting(team);
    const letGo = await turnTold(id);
    await cutOff(id);
    letGo();
    expect((await team.read(id)).stage).toBe("held");
    await expectWell(team, id);
  });

  test("the account is put out of memory before its moment, is used", async ({ team }) => {
    const id = await waiting(team);
    const letGo = await turnTold(id);
    await evictDurableObject(account());
    letGo();
    await eventually(async () => expect((await team.read(id)).stage).toBe("queued"));
    expect((await accountView()).slots.used).toBe(1);
    await expectWell(team, id);
  });

  test("both are gone before its moment, is told again", async ({ team }) => {
    const id = await waiting(team);
    const letGo = await turnTold(id);
    await cutOff(id);
    await evictDurableObject(account());
    letGo();
    await expectWell(team, id);
  });
});

describe("a turn whose telling", () => {
  test("never reached the tracker is told again", async ({ team }) => {
    const id = await waiting(team);
    const lost = vi.spyOn(RequestTracker.prototype, "callGranted").mockRejectedValueOnce(new Error("lost"));
    await ringAccount();
    expect(lost).toHaveBeenCalledTimes(1);
    expect((await team.read(id)).stage).toBe("held");
    expect((await accountView()).slots.used, "the slot came back with the turn").toBe(0);
    await passTime(6 * SECOND_MS);
    await ring(id);
    await eventually(async () => expect((await team.read(id)).stage).toBe("queued"));
    await expectWell(team, id);
  });

  test("was heard, while the answer to it got lost, is used once though it is told again", async ({ team }) => {
    const id = await waiting(team);
    const real = RequestTracker.prototype.callGranted;
    const lost = vi.spyOn(RequestTracker.prototype, "callGranted").mockImplementationOnce(async function (
      this: RequestTracker,
      ...args
    ) {
      await real.apply(this, args);
      throw new Error("lost");
    });
    await ringAccount();
    await eventually(async () => expect((await team.read(id)).stage).toBe("queued"));
    await passTime(6 * SECOND_MS);
    await ringAccount();
    expect(lost).toHaveBeenCalledTimes(2);
    await expectWell(team, id);
  });

  test("comes after its request was canceled is given back, slot and all", async ({ team }) => {
    const id = await waiting(team);
    expect((await team.cancel(id)).status).toBe(200);
    await ringAccount();
    expect(await accountView()).toMatchObject({ slots: { used: 0 }, waiting: { submit: 0 } });
    await ring(id);
  });
});

describe("a slot whose request", () => {
  test("has been deleted is free at the next look", async ({ team }) => {
    const { id } = await team.submit("a cat");
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    await eventually(async () => expect((await accountView()).slots.used).toBe(0));
    expect((await team.send("DELETE", `/v1/requests/${id}`)).status).toBe(204);
    const { connection } = await account().accountOverview();
    await evict(id);
    await inheritSlot(id, connection ?? undefined);
    expect((await accountView()).slots.used).toBe(1);
    await eventually(async () => expect((await accountView()).slots.used).toBe(0));
  });
});
