// fal's key set, which every webhook is checked with: kept for a day, renewed in time, asked for again when nothing fits,
// but seldom, because any forger can send what does not fit. Without one no webhook is believed, and fal is asked instead.

import { describe, expect } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { UNVERIFIED_CALLBACK_GAP_MS } from "../../../src/requests/machine/unverified-reports.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import type { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, sandbox, signedWebhook, upstreamRequests } from "../../harness/upstream.ts";
import { callsAtFal, expectDoorbell, finishedAtFal, keySetCalls, webhookUnderWay } from "../../harness/webhooks.ts";

// The first test of the file meets an account that never had a key set.
describe.each(["down", "garbage", "empty"])("fal's key set is %s and there is no other", (jwks) => {
  test("a webhook is answered 503, so that fal sends it again, and fal is asked at once", async ({ team }) => {
    await sandbox("PATCH", "settings", { jwks });
    const { id } = await finishedAtFal(team);
    const before = await team.read(id);
    expect(await deliverWebhooks()).toEqual([503]);
    await expectDoorbell(team, id, before);
    await sandbox("PATCH", "settings", { jwks: "ok" });
    await passTime(5 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
  });
});

describe("fal's key set", () => {
  test("is fetched once more when fal signs with a new key, and the webhook is taken", async ({ team }) => {
    await introduceAccount(team);
    await passTime(2 * MINUTE_MS);
    const before = await keySetCalls();
    await sandbox("PATCH", "settings", { signing_key: 1 });
    for (const prompt of ["with the new key", "and again"]) {
      const { id } = await finishedAtFal(team, prompt);
      expect(await deliverWebhooks()).toEqual([200]);
      expect((await runToEnd(team, id)).upstream.calls).toBe(1);
    }
    expect((await keySetCalls()) - before).toBe(1);
  });

  test("is not fetched a second time within the minute, so a second new key is taken when fal sends again", async ({
    team,
  }) => {
    await introduceAccount(team);
    await passTime(2 * MINUTE_MS);
    for (const [key, status] of [
      [1, 200],
      [2, 401],
    ] as const) {
      await sandbox("PATCH", "settings", { signing_key: key });
      await finishedAtFal(team);
      expect(await deliverWebhooks()).toEqual([status]);
    }
    await passTime(MINUTE_MS);
    expect(await deliverWebhooks()).toEqual([200]);
  });

  test.for(["down", "garbage", "empty"])("stays the last good one when its source is %s", async (jwks, { team }) => {
    await introduceAccount(team);
    const before = await keySetCalls();
    await passTime(10 * HOUR_MS);
    await sandbox("PATCH", "settings", { jwks });
    const forged = await webhookUnderWay(team, "sandbox:webhook-forged");
    expect(await post(forged.webhook)).toBe(401);
    expect((await keySetCalls()) - before).toBe(1);
    const { id, webhook } = await webhookUnderWay(team);
    expect(await post(webhook)).toBe(200);
    expect((await team.read(id)).stage).toBeOneOf(["storing", "completed"]);
  });

  test("is not trusted for more than a day while its source is down", async ({ team }) => {
    await introduceAccount(team);
    await sandbox("PATCH", "settings", { jwks: "down" });
    await passTime(DAY_MS);
    const { id } = await finishedAtFal(team);
    const before = await team.read(id);
    expect(await deliverWebhooks()).toEqual([503]);
    await expectDoorbell(team, id, before);
  });

  test("is renewed in time by the webhooks that come in, so a source that is down for hours costs nothing", async ({
    team,
  }) => {
    await introduceAccount(team);
    await passTime(13 * HOUR_MS);
    await runToEnd(team, (await finishedAtFal(team)).id);
    await sandbox("PATCH", "settings", { jwks: "down" });
    await passTime(12 * HOUR_MS);
    const { webhook } = await webhookUnderWay(team);
    expect(await post(webhook)).toBe(200);
  });
});

describe("somebody who knows the address and rings without end", () => {
  test("at once: the key set is fetched once, and fal is asked once, without delay", async ({ team }) => {
    const { id, webhook } = await ringable(team);
    const statuses = await Promise.all(Array.from({ length: 30 }, () => post(webhook)));
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(await keySetCalls()).toBe(1);
    await expectArmed(id);
    await ring(id);
    expect((await upstreamRequests()).map(({ calls }) => calls)).toEqual([{ submit: 1, status: 1 }]);
  });

  test("every second: fal is asked every ten seconds and no oftener, its key set at most every minute", async ({
    team,
  }) => {
    await introduceAccount(team);
    const { id, webhook } = await ringable(team);
    const keysBefore = await keySetCalls();
    for (let second = 0; second < 60; second++) {
      expect(await post(webhook)).toBe(401);
      await ring(id);
      await passTime(SECOND_MS);
    }
    await expectArmed(id);
    expect(await callsAtFal()).toEqual([{ submit: 1, status: MINUTE_MS / UNVERIFIED_CALLBACK_GAP_MS }]);
    expect((await keySetCalls()) - keysBefore).toBeLessThanOrEqual(1);
  });

  /** A request that runs for an hour, and a forged call about test. */
  async function ringable(team: Team): Promise<{ id: string; webhook: Awaited<ReturnType<typeof signedWebhook>> }> {
    const { id, upstream } = await team.submit("sandbox:slow:3600000");
    await passTime(5 * SECOND_MS);
    const webhook = await signedWebhook({ request_id: upstream.request_id ?? "", forged: true });
    return { id, webhook };
  }
});
