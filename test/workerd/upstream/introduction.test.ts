// A fal user whose webhooks come for many requests at once and whom the account does not know: one authenticated call proves it for
// all, and none of them is lost when that call is.

import { evictDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { SECOND_MS } from "../../../src/platform/time.ts";
import { PROOF_WAIT_MS } from "../../../src/requests/machine/unverified-reports.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { account, evict } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { dueWebhooks, post, sandbox, signedWebhook, upstreamRequests } from "../../harness/upstream.ts";
import { webhookUnderWay } from "../../harness/webhooks.ts";

const REQUESTS = 4;

/** Requests of a new user that have run at fal, in the order in which their webhooks were answered, all of them 200. */
async function reportedAtOnce(team: Team): Promise<string[]> {
  await sandbox("PATCH", "settings", { user_id: `user_${crypto.randomUUID()}` });
  const ids: string[] = [];
  for (let n = 0; n < REQUESTS; n++) ids.push((await team.submit(`cat ${n}`)).id);
  await passTime(5 * SECOND_MS);
  const webhooks = await dueWebhooks();
  expect(webhooks).toHaveLength(REQUESTS);
  for (const webhook of webhooks) expect(await post(webhook)).toBe(200);
  return webhooks.map(({ url }) => ids.find((id) => url.includes(id)) ?? "");
}

async function resultCalls(): Promise<number> {
  return (await upstreamRequests()).reduce((sum, { calls }) => sum + (calls.result ?? 0), 0);
}

async function endAll(team: Team, ids: readonly string[]): Promise<void> {
  for (const id of ids) expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
}

describe("a new user's webhooks for many requests at once", () => {
  test("are proved by one call, and the others are applied as they came", async ({ team }) => {
    const [prover = "", ...others] = await reportedAtOnce(team);
    for (const id of others) expect((await recordOf(id))?.state.candidateUser).not.toBeNull();
    await ring(prover);
    for (const id of others)
      await eventually(async () => expect((await team.read(id)).stage).toBeOneOf(["storing", "completed"]));
    await endAll(team, [prover, ...others]);
    expect(await resultCalls()).toBe(1);
    for (const id of others) expect((await team.read(id)).upstream.calls).toBe(1);
  });

  test("are proved by the next one's own call when the one that should prove the user is lost", async ({ team }) => {
    const [prover = "", ...others] = await reportedAtOnce(team);
    await evict(prover);
    await passTime(PROOF_WAIT_MS);
    await endAll(team, others);
    expect(await resultCalls()).toBe(1);
    await endAll(team, [prover]);
  });

  test("go on without the proof when its call contradicts the webhook", async ({ team }) => {
    const user = `user_${crypto.randomUUID()}`;
    const [liar, honest] = [await webhookUnderWay(team, "one"), await webhookUnderWay(team, "two")];
    const output = { images: [{ url: "https://v3.fal.media/files/somebody-else.png" }] };
    const body = JSON.stringify({ request_id: liar.upstreamId, status: "OK", error: null, payload: output });
    expect(await post(await signedWebhook({ request_id: liar.upstreamId, user_id: user, body }))).toBe(200);
    expect(await post(await signedWebhook({ request_id: honest.upstreamId, user_id: user }))).toBe(200);
    await ring(liar.id);
    expect(JSON.stringify(await team.read(liar.id))).not.toContain("somebody-else");
    await passTime(PROOF_WAIT_MS);
    await endAll(team, [honest.id, liar.id]);
    expect(await resultCalls()).toBe(2);
  });

  test("end by calls of their own when account and trackers are gone before the proof", async ({ team }) => {
    const ids = await reportedAtOnce(team);
    await evictDurableObject(account());
    for (const id of ids) await evict(id);
    await passTime(PROOF_WAIT_MS);
    await endAll(team, ids);
    expect(await resultCalls()).toBe(ids.length);
  });
});
