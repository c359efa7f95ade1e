// What goes wrong after fal has the request: trouble on the way is no end, a failure of the model is, and what it costs is said.

import { describe, expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { STATUS_TIMEOUT_MS } from "../../../src/requests/machine/effect-schedule.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { catchTimers } from "../../harness/timers.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { post, sandbox, sandboxCalls, signedWebhook } from "../../harness/upstream.ts";
import { answerFirst, interceptFetch, silence, upstreamCall } from "../../harness/wire.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }] };

test.override({ plan: ONE_LIMIT });

const settings = (change: Record<string, unknown>) => sandbox("PATCH", "settings", change);

const BOTH = ["status", "result"];
const TROUBLES: { what: string; kinds?: string[]; answer: (request: Request) => Response | Promise<Response> }[] = [
  { what: "a 503 page of the gateway", answer: () => new Response("<html>unavailable</html>", { status: 503 }) },
  { what: "Maton's 500", answer: () => Response.json({ error: { message: "Internal", code: 500 } }, { status: 500 }) },
  {
    what: "fal's 500 about the status",
    kinds: ["status"],
    answer: () => Response.json({ detail: "Internal Server Error" }, { status: 500 }),
  },
  { what: "Maton's 401", answer: () => Response.json({ error: { message: "Bad key", code: 401 } }, { status: 401 }) },
  { what: "fal's 401", answer: () => Response.json({ detail: "invalid key credentials" }, { status: 401 }) },
  {
    what: "fal's 403 for a locked account",
    answer: () => Response.json({ detail: "User is locked" }, { status: 403 }),
  },
  {
    what: "a 429 with Retry-After",
    answer: () => Response.json({ detail: "Too many" }, { status: 429, headers: { "Retry-After": "20" } }),
  },
  { what: "a redirect", answer: () => new Response(null, { status: 302, headers: { Location: "https://x.test/" } }) },
  { what: "a page instead of JSON", kinds: ["status"], answer: () => new Response("<html>OK</html>") },
  { what: "a word that nobody knows", kinds: ["status"], answer: () => Response.json({ status: "PAUSED" }) },
  { what: "a lost connection", answer: () => Promise.reject(new TypeError("lost")) },
];

describe.each(TROUBLES)("polls that meet $what", ({ kinds = BOTH, answer }) => {
  test("ask again later, and the request ends well", async ({ team }) => {
    answerFirst(2, kinds, answer);
    const { id } = await team.submit("sandbox:webhook-lost");
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended).toMatchObject({ status: "COMPLETED", error: null, files: [{ status: "stored" }] });
    expect(ended.upstream.calls).toBeGreaterThanOrEqual(3 + 2 * kinds.length);
    expect((await sandboxCalls()).counts.submit).toBe(1);
    expect(await team.used()).toEqual([1]);
  });
});

test("a 429 to a poll closes the account for everybody until its Retry-After is over", async ({ team }) => {
  answerFirst(1, BOTH, () => new Response(null, { status: 429, headers: { "Retry-After": "20" } }));
  const polled = await team.submit("sandbox:webhook-lost");
  await passTime(5 * MINUTE_MS);
  await ring(polled.id);
  await expectArmed(polled.id);
  const other = await team.submit("a cat");
  expect(other).toMatchObject({ stage: "held", upstream: { calls: 0 } });
  await passTime(20 * SECOND_MS);
  await ring(other.id);
  expect((await team.read(other.id)).stage).toBe("queued");
  expect((await runToEnd(team, polled.id)).status).toBe("COMPLETED");
});

test("a status call that is never answered is cut off and asked again", async ({ team }) => {
  const { id } = await team.submit("sandbox:webhook-lost");
  const timeIsUp = catchTimers(STATUS_TIMEOUT_MS);
  let silent = 2;
  interceptFetch(async (request, pass) => {
    if (upstreamCall(request) !== "status" || silent === 0) return pass();
    silent--;
    const answer = silence(request);
    timeIsUp();
    return answer;
  });
  expect((await runToEnd(team, id, { webhooks: false })).status).toBe("COMPLETED");
  expect(silent).toBe(0);
});

interface Failure {
  how: string;
  prompt?: string;
  more?: Record<string, unknown>;
  arrange?: () => unknown;
  error: Record<string, unknown>;
  /** What the webhook's words leave open; a result call shows the billable units. */
  chargedByWebhook: boolean | "unknown";
}

const FAILURES: Failure[] = [
  {
    how: "refuses the content",
    prompt: "sandbox:refused",
    error: { code: "content_refused", retryable: false, detail: [{ type: "content_policy_violation" }] },
    chargedByWebhook: true,
  },
  {
    how: "finds the input invalid when it runs",
    prompt: "sandbox:invalid",
    error: { code: "invalid_input", retryable: false, detail: "The input could not be processed" },
    chargedByWebhook: true,
  },
  {
    how: "crashes with 503",
    prompt: "sandbox:crash",
    error: { code: "upstream_failed", retryable: true, detail: "The runner could not be reached" },
    chargedByWebhook: false,
  },
  {
    how: "answers 500",
    prompt: "sandbox:error500",
    error: { code: "upstream_failed", retryable: true },
    chargedByWebhook: false,
  },
  {
    how: "does not begin within start_timeout_s (fal's 504)",
    more: { start_timeout_s: 20 },
    arrange: () => settings({ queue_ms: { image: 10 * MINUTE_MS } }),
    error: { code: "upstream_timeout", retryable: true },
    chargedByWebhook: false,
  },
];

describe.each(FAILURES)("a model that $how", ({ prompt = "a cat", more, arrange, error, chargedByWebhook }) => {
  test.for([
    ["a webhook", chargedByWebhook],
    ["polls", false],
  ] as const)(`fails the request as ${error.code}, told by %s`, async ([road, charged], { team }) => {
    const webhooks = road === "a webhook";
    await introduceAccount(team);
    await arrange?.();
    const { id } = await team.submit(prompt, more);
    if (webhooks) await passTime(30 * SECOND_MS);
    const ended = await runToEnd(team, id, { webhooks });
    expect(ended).toMatchObject({ status: "FAILED", output: null, files: [] });
    expect(ended.error).toMatchObject({ ...error, charged });
    expect(ended.upstream.calls).toBe(webhooks ? 1 : 3);
    expect(await team.used()).toEqual([charged === false ? 1 : 2]);
    expect(await ring(id)).toBe(false);
  });
});

describe("a request that fal does not know", () => {
  test("is not given up in its first minute, and is lost after it, unknown whether charged", async ({ team }) => {
    const { id, upstream } = await team.submit("sandbox:status-404");
    await passTime(15 * SECOND_MS);
    expect(await post(await signedWebhook({ request_id: upstream.request_id ?? "", forged: true }))).toBe(401);
    await ring(id);
    expect((await sandboxCalls()).counts.status).toBe(1);
    expect(await team.read(id)).toMatchObject({ status: "IN_QUEUE", error: null });
    await expectArmed(id);
    await passTime(45 * SECOND_MS);
    const ended = await runToEnd(team, id);
    expect(ended).toMatchObject({
      status: "FAILED",
      error: { code: "result_lost", charged: "unknown", retryable: false },
      upstream: { request_id: upstream.request_id },
    });
    expect(await team.timeline(id)).toContain("upstream_not_found");
    expect(await team.used()).toEqual([1]);
  });

  test("is lost also when fal has only forgotten its result", async ({ team }) => {
    await introduceAccount(team);
    await settings({ result_ttl_ms: SECOND_MS, big_result_ttl_ms: SECOND_MS });
    const { id } = await team.submit("sandbox:webhook-lost");
    await passTime(MINUTE_MS);
    const ended = await runToEnd(team, id);
    expect(ended.error).toMatchObject({ code: "result_lost", charged: "unknown" });
  });
});
