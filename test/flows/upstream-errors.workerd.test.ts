// What Maton and fal answer when something is wrong: a clear no ends the request, trouble on the way does not, and what is
// known not to have been taken goes again. Each case says what the caller reads and what it costs.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MINUTE_MS, SECOND_MS, STATUS_TIMEOUT_MS } from "../../src/limits.ts";
import { UpstreamAccount } from "../../src/upstream/account.ts";
import {
  catchTimers,
  expectArmed,
  freezeClocks,
  interceptFetch,
  introduceAccount,
  passTime,
  post,
  ring,
  runToEnd,
  sandbox,
  sandboxCalls,
  signedWebhook,
  silence,
  Team,
  upstreamCall,
  upstreamRequests,
} from "../support/world.ts";

const ONE_LIMIT = { limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }] };

let team: Team;
beforeEach(async () => {
  await freezeClocks();
  team = await Team.create(undefined, ONE_LIMIT);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const settings = (change: Record<string, unknown>) => sandbox("PATCH", "settings", change);

/** Answers the first `times` calls of these kinds in upstream's place. */
function answerFirst(times: number, kinds: string[], answer: (request: Request) => Response | Promise<Response>): void {
  const left = new Map(kinds.map((kind) => [kind, times]));
  interceptFetch(async (request, pass) => {
    const kind = upstreamCall(request);
    const more = left.get(kind) ?? 0;
    if (more === 0) return pass();
    left.set(kind, more - 1);
    return answer(request);
  });
}

interface Refusal {
  says: string;
  prompt?: string;
  model?: string;
  arrange?: () => unknown;
  error: Record<string, unknown>;
}

const keyRefused = { code: "misconfigured", retryable: true, detail: null };
const REFUSALS: Refusal[] = [
  {
    says: "fal's 400",
    prompt: "sandbox:submit-400",
    error: { code: "upstream_refused", retryable: false, detail: "The request could not be read" },
  },
  {
    says: "fal's 401",
    prompt: "sandbox:submit-401",
    error: { code: "upstream_refused", retryable: true, detail: "invalid key credentials" },
  },
  { says: "Maton's 401", arrange: () => settings({ api_keys: ["another"] }), error: keyRefused },
  {
    says: "Maton's 401 in its flat shape",
    arrange: () => settings({ api_keys: ["another"], error_shape: "flat" }),
    error: keyRefused,
  },
  {
    says: "fal's 403 for a locked account",
    prompt: "sandbox:locked",
    error: { code: "upstream_locked", retryable: true, message: expect.stringContaining("Exhausted balance") },
  },
  {
    says: "fal's 404 for an unknown app",
    model: "no-such-owner/model",
    error: { code: "upstream_refused", retryable: false, detail: 'Application "no-such-owner/model" not found' },
  },
  {
    says: "fal's 422 with a list",
    prompt: "sandbox:submit-422",
    error: {
      code: "invalid_input",
      retryable: false,
      message: "prompt: Field required",
      detail: [{ loc: ["body", "prompt"], msg: "Field required", type: "missing" }],
    },
  },
  {
    says: "fal's 422 with a text",
    arrange: () => answerFirst(1, ["submit"], () => Response.json({ detail: "No such voice" }, { status: 422 })),
    error: { code: "invalid_input", retryable: false, message: "No such voice", detail: "No such voice" },
  },
];

describe.each(REFUSALS)("a submit that meets $says", ({ prompt = "a cat", model, arrange, error }) => {
  it(`fails as ${error.code} at once, uncharged, and is not sent again`, async () => {
    await introduceAccount(team);
    await passTime(MINUTE_MS);
    const before = (await sandboxCalls()).total;
    await arrange?.();
    const submitted = await team.submit(prompt, model === undefined ? {} : { model });
    expect(submitted).toMatchObject({ status: "FAILED", output: null, upstream: { request_id: null, calls: 1 } });
    expect(submitted.error).toMatchObject({ ...error, charged: false });
    await expectArmed(submitted.id);
    await runToEnd(team, submitted.id);
    await passTime(MINUTE_MS);
    expect(await ring(submitted.id)).toBe(false);
    expect((await sandboxCalls()).total - before).toBeLessThanOrEqual(1);
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
    expect(await team.timeline(submitted.id)).toContain("refused");
  });
});

describe("a submit that meets a 429 was not taken", () => {
  it.each([
    [
      "Maton's, with Retry-After",
      { "Retry-After": "30" },
      { error: { message: "Rate limit exceeded", code: 429 } },
      30_000,
    ],
    ["Maton's, without", {}, { error: { message: "Rate limit exceeded", code: 429 } }, 2_000],
    ["fal's, without", {}, { detail: "Too many requests", error_type: "concurrent_requests_limit" }, 2_000],
  ])("%s: nothing leaves the account meanwhile, then each goes once", async (_whose, headers, body, pauseMs) => {
    await settings({ queue_ms: { image: 10 * MINUTE_MS } });
    const queued = await team.submit("queued before");
    answerFirst(1, ["submit"], () => Response.json(body, { status: 429, headers }));
    const first = await team.submit("first");
    expect(first).toMatchObject({ status: "IN_QUEUE", stage: "held", submitted_at: null, error: null });
    await expectArmed(first.id);
    const second = await team.submit("second");
    expect(second).toMatchObject({ stage: "held", queue_position: expect.any(Number) });
    await expectArmed(second.id);
    await team.cancel(queued.id);
    const all = [first.id, second.id, queued.id];
    for (const afterMs of [0, pauseMs - SECOND_MS]) {
      await passTime(afterMs);
      for (const id of all) await ring(id);
    }
    expect((await sandboxCalls()).counts).not.toHaveProperty("cancel");
    expect(await upstreamRequests()).toHaveLength(1);
    await passTime(SECOND_MS);
    for (const id of all) {
      await ring(id);
      await expectArmed(id);
    }
    expect([(await team.read(first.id)).stage, (await team.read(second.id)).stage]).toEqual(["queued", "queued"]);
    expect((await team.read(queued.id)).status).toBe("CANCELED");
    expect(await upstreamRequests()).toHaveLength(3);
    expect((await team.read(first.id)).upstream.calls).toBe(2);
    expect((await runToEnd(team, first.id)).status).toBe("COMPLETED");
  });

  it("goes again also when the account could not be told to pause", async () => {
    vi.spyOn(UpstreamAccount.prototype, "rateLimited").mockRejectedValueOnce(new Error("reset"));
    answerFirst(1, ["submit"], () => new Response(null, { status: 429, headers: { "Retry-After": "30" } }));
    const { id, stage } = await team.submit("a cat");
    expect(stage).toBe("held");
    await expectArmed(id);
    await passTime(30 * SECOND_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("queued");
    expect(await upstreamRequests()).toHaveLength(1);
  });

  it("ends by start_timeout_s when it never gets better, free", async () => {
    const { id } = await team.submit("sandbox:submit-429", { start_timeout_s: 5 });
    const ended = await runToEnd(team, id);
    expect(ended.error).toMatchObject({ code: "upstream_timeout", charged: false });
    expect(ended.upstream.calls).toBeGreaterThan(1);
    expect(Date.parse(String(ended.completed_at)) - Date.parse(String(ended.created_at))).toBe(5 * SECOND_MS);
    expect(await upstreamRequests()).toEqual([]);
    expect(await team.used()).toEqual([0]);
  });
});

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
  it("ask again later, and the request ends well", async () => {
    answerFirst(2, kinds, answer);
    const { id } = await team.submit("sandbox:webhook-lost");
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended).toMatchObject({ status: "COMPLETED", error: null, files: [{ status: "stored" }] });
    expect(ended.upstream.calls).toBeGreaterThanOrEqual(3 + 2 * kinds.length);
    expect((await sandboxCalls()).counts.submit).toBe(1);
    expect(await team.used()).toEqual([1]);
  });
});

it("a status call that is never answered is cut off and asked again", async () => {
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
    chargedByWebhook: "unknown",
  },
  {
    how: "finds the input invalid when it runs",
    prompt: "sandbox:invalid",
    error: { code: "invalid_input", retryable: false, detail: "The input could not be processed" },
    chargedByWebhook: "unknown",
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
  it.each([
    ["a webhook", chargedByWebhook],
    ["polls", false],
  ])(`fails the request as ${error.code}, told by %s`, async (road, charged) => {
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
  it("is not given up in its first minute, and is lost after it, unknown whether charged", async () => {
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
    expect(await team.timeline(id)).toContain("gone");
    expect(await team.used()).toEqual([1]);
  });

  it("is lost also when fal has only forgotten its result", async () => {
    await introduceAccount(team);
    await settings({ result_ttl_ms: SECOND_MS, big_result_ttl_ms: SECOND_MS });
    const { id } = await team.submit("sandbox:webhook-lost");
    await passTime(MINUTE_MS);
    const ended = await runToEnd(team, id);
    expect(ended.error).toMatchObject({ code: "result_lost", charged: "unknown" });
  });
});
