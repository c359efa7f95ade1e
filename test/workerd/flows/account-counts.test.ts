// What the account counts of the requests that it submits: every one once, whatever it forgets on the way.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import type { AccountFigures } from "../../../src/contracts/account.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { DELIVER_RETRY_MS } from "../../../src/webhooks/retry-schedule.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { status } from "../../harness/deliveries.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { account } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { runToEnd } from "../../harness/tracker.ts";

/** Requests of earlier tests are days old: what still has a slot then is overdue, and not of this day. */
async function figures(): Promise<Omit<AccountFigures, "overdue">> {
  const { overdue: _, ...told } = (await account().accountOverview()).figures;
  return told;
}

/** Breaks the account off, as a crash would: what it has in memory is gone. */
async function abortAccount(): Promise<void> {
  await runInDurableObject(account(), (_instance, state) => state.abort("cut off by a test")).catch(() => undefined);
}

/** One that completes by webhook, one that the model refuses, one that is canceled while it runs. */
async function walkThree(team: Team, between: () => Promise<unknown>): Promise<void> {
  const good = await team.submit("a cat");
  await between();
  const bad = await team.submit("sandbox:submit-422");
  await between();
  const canceled = await team.submit("sandbox:slow");
  await between();
  await team.send("POST", `/v1/requests/${canceled.id}/cancel`);
  await between();
  await passTime(5 * SECOND_MS);
  for (const { id } of [good, bad, canceled]) {
    await runToEnd(team, id);
    await between();
  }
}

const LOSSES: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["nothing is forgotten", async () => undefined],
  ["the account is evicted after every step", () => evictDurableObject(account()).catch(() => undefined)],
  ["the account is broken off after every step", abortAccount],
];

describe("each request is counted once, by how it ended", () => {
  for (const [what, between] of LOSSES) {
    test(what, async ({ team }) => {
      await introduceAccount(team);
      const before = await figures();
      await walkThree(team, between);
      // What an instance forgot is asked for when the next one wakes.
      await eventually(async () => {
        expect(await figures()).toMatchObject({
          submitted: before.submitted + 3,
          ended: { completed: before.ended.completed + 1, failed: 1, canceled: 1 },
          webhooks: before.webhooks + 1,
          uncertain: 0,
        });
      });
    });
  }

  test("also where its release is told twice", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await team.submit("a cat");
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    const end = { outcome: "failed", at: Date.now(), byWebhook: false } as const;
    await account().releaseSlot({ requestId: id, model: "m", ms: null, webhookDelayMs: null, end });
    expect(await figures()).toMatchObject({ submitted: 2, ended: { completed: 2, failed: 0 } });
  });
});

test("what was told does not fall when the account is broken off", async ({ team }) => {
  await introduceAccount(team);
  // Others are under way, so no row says so yet that it ended.
  const running = await team.submit("sandbox:slow");
  const { id } = await team.submit("a cat");
  await passTime(5 * SECOND_MS);
  await runToEnd(team, id);
  const told = await figures();
  expect(told).toMatchObject({ submitted: 3, ended: { completed: 2 }, webhookP95Ms: expect.any(Number) });
  await abortAccount();
  expect(await figures()).toEqual(told);
  await team.send("POST", `/v1/requests/${running.id}/cancel`);
  await runToEnd(team, running.id);
});

test("what is counted belongs to its hour, and leaves the figures a day later", async ({ team }) => {
  await introduceAccount(team);
  expect(await figures()).toMatchObject({ submitted: 1 });
  await passTime(DAY_MS - 2 * HOUR_MS);
  expect(await figures()).toMatchObject({ submitted: 1, ended: { completed: 1 } });
  await passTime(2 * HOUR_MS);
  expect(await figures()).toMatchObject({ submitted: 0, ended: { completed: 0 }, webhooks: 0, webhookP95Ms: null });
});

test("a request whose submit was lost is uncertain until its end is known, and is counted then", async ({ team }) => {
  await introduceAccount(team);
  const { id } = await team.submit("sandbox:submit-drop");
  await eventually(async () => expect(await figures()).toMatchObject({ submitted: 2, uncertain: 1 }));
  await abortAccount();
  expect(await figures()).toMatchObject({ submitted: 2, uncertain: 1, ended: { failed: 0 } });
  expect((await runToEnd(team, id, { webhooks: false })).error?.code).toBe("submit_uncertain");
  await eventually(async () =>
    expect(await figures()).toMatchObject({ submitted: 2, uncertain: 0, ended: { failed: 1 } }),
  );
});

test("a request that fal keeps for long is overdue", async ({ team }) => {
  const { id } = await team.submit("sandbox:slow");
  const overdue = async () => (await account().accountOverview()).figures.overdue;
  const before = await overdue();
  await passTime(11 * MINUTE_MS);
  expect(await overdue()).toBe(before + 1);
  await team.send("POST", `/v1/requests/${id}/cancel`);
  await runToEnd(team, id);
  await eventually(async () => expect(await overdue()).toBeLessThanOrEqual(before));
});

test("a delivery that is given up is counted once, and its replay that fails is not another", async ({ scene }) => {
  scene.receivers.answer("own.example", status(500));
  const id = await scene.ended();
  const givenUp = async () => (await figures()).deliveriesGivenUp;
  for (const wait of DELIVER_RETRY_MS) await scene.nextTry(id, wait);
  const delivery = await scene.onlyDelivery(id);
  expect(delivery.state).toBe("parked");
  await eventually(async () => expect(await givenUp()).toBe(1));
  await scene.team.send("POST", `/v1/deliveries/${delivery.id}/replay`);
  await scene.nextTry(id, 0);
  await abortAccount();
  expect(await givenUp()).toBe(1);
});
