// A submit that upstream answers with a no: a clear one ends the request at once and free, a 429 lets it go again.

import { describe, expect, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { UpstreamAccount } from "../../../src/upstream/account.ts";
import { introduceAccount } from "../../harness/account.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { sandbox, sandboxCalls, upstreamRequests } from "../../harness/upstream.ts";
import { answerFirst } from "../../harness/wire.ts";

const ONE_LIMIT = {
  limits: [{ name: "month", scope: "team", per: "request", window: "1mo", limit: 9 }],
};

test.override({ plan: ONE_LIMIT });

const settings = (change: Record<string, unknown>) => sandbox("PATCH", "settings", change);

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
    says: "fal's 404 for a mistyped model",
    model: "fal-ai/flux/schnel",
    error: {
      code: "upstream_refused",
      retryable: false,
      message: 'Application "fal-ai/flux/schnel" not found. Did you mean "fal-ai/flux/schnell"?',
    },
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
  test(`fails as ${error.code} at once, uncharged, and is not sent again`, async () => {
    // What closes the account would hold the request until it is mended; this plan refuses it instead.
    const team = await Team.create({ ...ONE_LIMIT, when_paused: "refuse" });
    await introduceAccount(team);
    await passTime(MINUTE_MS);
    const before = (await sandboxCalls()).counts.submit ?? 0;
    await arrange?.();
    const submitted = await team.submit(prompt, model === undefined ? {} : { model });
    expect(submitted).toMatchObject({ status: "FAILED", output: null, upstream: { request_id: null, calls: 1 } });
    expect(submitted.error).toMatchObject({ ...error, charged: false });
    await expectArmed(submitted.id);
    await runToEnd(team, submitted.id);
    await passTime(MINUTE_MS);
    expect(await ring(submitted.id)).toBe(false);
    expect(((await sandboxCalls()).counts.submit ?? 0) - before).toBeLessThanOrEqual(1);
    expect(await upstreamRequests()).toHaveLength(1);
    expect(await team.used()).toEqual([1]);
    expect(await team.timeline(submitted.id)).toContain("submit_refused");
  });
});

describe("a submit that meets a 429 was not taken", () => {
  test.for([
    [
      "Maton's, with Retry-After",
      { "Retry-After": "30" },
      { error: { message: "Rate limit exceeded", code: 429 } },
      30_000,
    ],
    ["Maton's, without", {}, { error: { message: "Rate limit exceeded", code: 429 } }, 2_000],
    ["fal's, without", {}, { detail: "Too many requests", error_type: "concurrent_requests_limit" }, 2_000],
  ] as const)(
    "%s: nothing leaves the account meanwhile, then each goes once",
    async ([_whose, headers, body, pauseMs], { team }) => {
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
      // One call goes first, then one after the other.
      for (let second = 0; second < 6; second++) {
        await passTime(SECOND_MS);
        for (const id of all) {
          await ring(id);
          await expectArmed(id);
        }
      }
      expect([(await team.read(first.id)).stage, (await team.read(second.id)).stage]).toEqual(["queued", "queued"]);
      expect((await team.read(queued.id)).status).toBe("CANCELED");
      expect(await upstreamRequests()).toHaveLength(3);
      expect((await team.read(first.id)).upstream.calls).toBe(2);
      expect((await runToEnd(team, first.id)).status).toBe("COMPLETED");
    },
  );

  test("goes again also when the account could not be told to pause", async ({ team }) => {
    vi.spyOn(UpstreamAccount.prototype, "pauseAfterRateLimit").mockRejectedValueOnce(new Error("reset"));
    answerFirst(1, ["submit"], () => new Response(null, { status: 429, headers: { "Retry-After": "30" } }));
    const { id, stage } = await team.submit("a cat");
    expect(stage).toBe("held");
    await expectArmed(id);
    await passTime(30 * SECOND_MS);
    await ring(id);
    expect((await team.read(id)).stage).toBe("queued");
    expect(await upstreamRequests()).toHaveLength(1);
  });

  test("ends by start_timeout_s when it never gets better, free", async ({ team }) => {
    const { id } = await team.submit("sandbox:submit-429", { start_timeout_s: 5 });
    const ended = await runToEnd(team, id);
    expect(ended.error).toMatchObject({ code: "upstream_timeout", charged: false });
    expect(ended.upstream.calls).toBeGreaterThan(1);
    expect(Date.parse(String(ended.completed_at)) - Date.parse(String(ended.created_at))).toBe(5 * SECOND_MS);
    expect(await upstreamRequests()).toEqual([]);
    expect(await team.used()).toEqual([0]);
  });
});
