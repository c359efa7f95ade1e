// How webhooks set the rhythm of polls: rare while they arrive, because then they nearly always win; soon once one stayed
// away, because then nothing else tells the end. What is remembered is the account's, from one request to the next.

import { describe, expect } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import type { Team } from "../../harness/team.ts";
import { ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, sandbox, signedWebhook } from "../../harness/upstream.ts";

test.beforeEach(async ({ team }) => {
  await introduceAccount(team);
});

describe("the polls of a request that runs for half a minute", () => {
  /** Submits one, and counts how often fal was asked about it in the first ten seconds. */
  async function pollsInTenSeconds(team: Team): Promise<{ id: string; polls: number }> {
    const { id } = await team.submit("sandbox:slow:30000");
    for (let second = 0; second < 10; second++) {
      await passTime(SECOND_MS);
      await ring(id);
    }
    return { id, polls: (await team.read(id)).upstream.calls - 1 };
  }

  async function loseAWebhook(team: Team): Promise<{ id: string; upstreamId: string }> {
    const { id, upstream } = await team.submit("sandbox:webhook-lost");
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
    return { id, upstreamId: upstream.request_id ?? "" };
  }

  test("wait for the webhook as long as webhooks arrive", async ({ team }) => {
    const { id, polls } = await pollsInTenSeconds(team);
    expect(polls).toBe(0);
    await passTime(30 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    expect((await runToEnd(team, id)).upstream.calls).toBe(1);
  });

  test("come soon once a webhook stayed away, and wait again once one arrives", async ({ team }) => {
    await loseAWebhook(team);
    const { id, polls } = await pollsInTenSeconds(team);
    expect(polls).toBeGreaterThan(0);
    await passTime(30 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    await runToEnd(team, id);
    expect((await pollsInTenSeconds(team)).polls).toBe(0);
  });

  test("wait again too when the webhook that stayed away arrives after all", async ({ team }) => {
    const { upstreamId } = await loseAWebhook(team);
    expect(await post(await signedWebhook({ request_id: upstreamId }))).toBe(200);
    expect((await pollsInTenSeconds(team)).polls).toBe(0);
  });

  test.for(["sandbox:webhook-null", "sandbox:webhook-big"])(
    "wait for the webhook also after %s, which arrived but told no output",
    async (prompt, { team }) => {
      const { id } = await team.submit(prompt);
      await passTime(5 * SECOND_MS);
      expect(await deliverWebhooks()).toEqual([200]);
      expect((await runToEnd(team, id)).status).toBe("COMPLETED");
      expect((await pollsInTenSeconds(team)).polls).toBe(0);
    },
  );

  test("wait for the webhook from the account's second request on", async ({ team }) => {
    await loseAWebhook(team);
    await sandbox("PATCH", "settings", { user_id: `user_${crypto.randomUUID()}` });
    await introduceAccount(team);
    expect((await pollsInTenSeconds(team)).polls).toBe(0);
  });
});
