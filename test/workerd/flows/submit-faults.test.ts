// A submit whose answer gets lost: it may have been taken and paid for, so it is proven or given up on, never sent again.

import { describe, expect } from "vitest";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { SUBMIT_TIMEOUT_MS } from "../../../src/requests/machine/effect-schedule.ts";
import { UNCERTAIN_GRACE_MS } from "../../../src/requests/machine/submits.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { catchTimers } from "../../harness/timers.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import {
  deliverWebhooks,
  post,
  sandbox,
  sandboxCalls,
  signedWebhook,
  upstreamRequests,
} from "../../harness/upstream.ts";
import { interceptFetch, silence, upstreamCall } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 5 }] };

test.override({ plan: ONE_LIMIT });

/** Lets the sandbox take every submit and puts another answer in the place of its own. */
function answerSubmitsWith(answer: () => Response | Promise<Response>): void {
  interceptFetch(async (request, pass) => {
    if (upstreamCall(request) !== "submit") return pass();
    await (await pass()).text();
    return answer();
  });
}

/** How many submits left for upstream since the sandbox was reset, unanswered ones ("gateway") too: never two. */
async function submitsSent(): Promise<number> {
  const { counts } = await sandboxCalls();
  return (counts.submit ?? 0) + (counts.gateway ?? 0);
}

interface Loss {
  how: string;
  prompt?: string;
  arrange?: () => unknown;
}

const LOSSES: Loss[] = [
  { how: "breaks off in the middle", prompt: "sandbox:submit-drop" },
  { how: "is a page instead of JSON", prompt: "sandbox:submit-garbage" },
  { how: "is fal's 500", prompt: "sandbox:submit-500,taken" },
  { how: "is fal's 503", prompt: "sandbox:submit-503,taken" },
  { how: "is the gateway's 500", prompt: "sandbox:gateway-500,taken" },
  {
    how: "is a bare 504 of something in between",
    arrange: () => answerSubmitsWith(() => new Response("", { status: 504 })),
  },
  { how: "is a 408", arrange: () => answerSubmitsWith(() => Response.json({ detail: "Timeout" }, { status: 408 })) },
  { how: "names no id", arrange: () => answerSubmitsWith(() => Response.json({ status: "IN_QUEUE" })) },
  { how: "names an id that is none", arrange: () => answerSubmitsWith(() => Response.json({ request_id: "../x" })) },
  { how: "is empty", arrange: () => answerSubmitsWith(() => new Response(null, { status: 200 })) },
  {
    how: "is a redirect",
    arrange: () =>
      answerSubmitsWith(() => new Response(null, { status: 302, headers: { Location: "https://x.test/" } })),
  },
  { how: "is cut off on its way", arrange: () => answerSubmitsWith(() => Promise.reject(new TypeError("lost"))) },
  {
    how: "does not come in time",
    arrange: () => {
      const timeIsUp = catchTimers(SUBMIT_TIMEOUT_MS);
      interceptFetch(async (request, pass) => {
        if (upstreamCall(request) !== "submit") return pass();
        const silent = silence(request);
        await (await pass()).text();
        timeIsUp();
        return silent;
      });
    },
  },
];

describe.each(LOSSES)("a submit whose answer $how", ({ prompt = "a cat", arrange }) => {
  test.beforeEach(async ({ team }) => {
    await introduceAccount(team);
    await sandbox("POST", "reset");
    await passTime(MINUTE_MS);
    await arrange?.();
  });

  test("waits as uncertain, and the webhook that proves it completes it", async ({ team }) => {
    const submitted = await team.submit(prompt);
    expect(submitted).toMatchObject({
      status: "IN_QUEUE",
      stage: "uncertain",
      error: null,
      upstream: { request_id: null },
    });
    await expectArmed(submitted.id);
    await passTime(MINUTE_MS);
    expect((await sandboxCalls()).total).toBe(1);
    expect(await deliverWebhooks()).toEqual([200]);
    await expectArmed(submitted.id);
    const ended = await runToEnd(team, submitted.id);
    const [taken, ...others] = await upstreamRequests();
    expect(ended).toMatchObject({ status: "COMPLETED", files: [{ status: "stored" }] });
    expect(ended.upstream).toEqual({ request_id: taken?.request_id, calls: 1 });
    expect(others).toEqual([]);
    expect(await submitsSent()).toBe(1);
    expect(await team.used()).toEqual([2]);
    expect(await team.timeline(submitted.id)).toEqual(
      expect.arrayContaining([
        "admitted",
        "granted",
        "submit_answer_lost",
        "webhook",
        "stored",
        "completed",
        "settled",
      ]),
    );
  });

  test("is given up after six hours without proof, unknown whether charged, and is not sent again", async ({
    team,
  }) => {
    const { id } = await team.submit(prompt);
    await passTime(UNCERTAIN_GRACE_MS - SECOND_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("uncertain");
    await expectArmed(id);
    await passTime(SECOND_MS);
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended).toMatchObject({
      status: "FAILED",
      error: { code: "submit_uncertain", charged: "unknown", retryable: false },
      output: null,
    });
    expect(await ring(id)).toBe(false);
    expect((await sandboxCalls()).total).toBe(1);
    expect(await team.used()).toEqual([2]);
  });
});

describe("a request that was given up as uncertain", () => {
  test("is recovered by a verified webhook that comes after all, once, and stays counted once", async ({ team }) => {
    await introduceAccount(team);
    await sandbox("PATCH", "settings", { cdn_ttl_ms: 24 * HOUR_MS });
    const { id } = await team.submit("sandbox:submit-drop,webhook-lost");
    expect((await runToEnd(team, id, { webhooks: false })).error?.code).toBe("submit_uncertain");
    const failed = await team.send<{ data: { id: string }[] }>("GET", "/v1/requests?status=failed");
    expect(failed.body.data).toMatchObject([{ id }]);
    const taken = (await upstreamRequests()).at(-1)?.request_id ?? "";
    expect(await post(await signedWebhook({ request_id: taken }))).toBe(200);
    await expectArmed(id);
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended).toMatchObject({ status: "COMPLETED", error: null, files: [{ status: "stored" }] });
    expect(await team.timeline(id)).toContain("recovered");
    const completed = await team.send<{ data: { id: string }[] }>("GET", "/v1/requests?status=completed");
    expect(completed.body.data.map((each) => each.id)).toContain(id);
    expect(await team.used()).toEqual([2]);
    expect(await post(await signedWebhook({ request_id: taken, variant: "error" }))).toBe(200);
    expect((await team.read(id)).status).toBe("COMPLETED");
  });
});

describe("while a submit is uncertain, what cannot be believed is looked at, not trusted", () => {
  test("a webhook signed for a fal user that is not known yet ends it once an authenticated call agrees", async ({
    team,
  }) => {
    await sandbox("PATCH", "settings", { user_id: `user_${crypto.randomUUID()}` });
    const { id } = await team.submit("sandbox:submit-drop");
    await passTime(5 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    expect((await team.read(id)).stage).toBe("uncertain");
    await expectArmed(id);
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended.status).toBe("COMPLETED");
    expect((await sandboxCalls()).counts).toMatchObject({ submit: 1, result: 1 });
  });

  test("a forged one that names the right id leads to it, as the result is fetched with our own key", async ({
    team,
  }) => {
    await introduceAccount(team);
    const { id } = await team.submit("sandbox:submit-drop,webhook-lost");
    await passTime(5 * SECOND_MS);
    const taken = (await upstreamRequests()).at(-1)?.request_id ?? "";
    expect(await post(await signedWebhook({ request_id: taken, forged: true }))).toBe(401);
    await expectArmed(id);
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
  });

  test("a forged one that names an id which fal does not know changes nothing", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await team.submit("sandbox:submit-drop,webhook-lost");
    await passTime(2 * MINUTE_MS);
    const taken = (await upstreamRequests()).at(-1)?.request_id ?? "";
    const body = JSON.stringify({ request_id: crypto.randomUUID(), status: "OK", payload: { images: [] } });
    expect(await post(await signedWebhook({ request_id: taken, forged: true, body }))).toBe(401);
    for (const afterMs of [0, 10 * SECOND_MS]) {
      await passTime(afterMs);
      await ring(id);
      await expectArmed(id);
    }
    expect(await team.read(id)).toMatchObject({ stage: "uncertain", output: null, upstream: { request_id: null } });
    expect(await team.timeline(id)).toContain("candidate_rejected");
    await expectArmed(id);
    // The true one is still welcome.
    expect(await post(await signedWebhook({ request_id: taken }))).toBe(200);
    expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
  });
});
