// What requests cost, seen from outside: reserved at the submit, settled at the end, given back when upstream bills nothing.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect, vi } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { OPEN_SWEEP_MS } from "../../../src/team/requests/sweep-schedule.ts";
import { Team as TeamClass } from "../../../src/team/team.ts";
import { introduceAccount } from "../../harness/account.ts";
import type { Answer } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { test } from "../../harness/fixtures.ts";
import { ringTeam, trackerOf } from "../../harness/objects.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { TeamObject } from "../../harness/team-object.ts";
import { expectArmed, goOn, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox, upstreamRequests } from "../../harness/upstream.ts";
import { interceptFetch, upstreamCall } from "../../harness/wire.ts";

const MODEL = "fal-ai/flux/schnell";
const MONEY = { name: "money", scope: "team", per: "usd", limit: "1", window: "1d" } as const;
const OPEN = { name: "open", scope: "team", per: "concurrent", limit: 1_000 } as const;

interface Problem {
  code: string;
  detail: string;
  hint: string;
  violated_policies?: { name: string; limit: string | number; used: string | number; reset: string | null }[];
}

/** What is used of each limit of the caller's plan, as /v1/me says test. */
async function used(team: Team): Promise<(string | number)[]> {
  const answer = await team.send<{ limits: { used: string | number }[] }>("GET", "/v1/me");
  return answer.body.limits.map((limit) => limit.used);
}

function post<T = RequestObject & Problem>(team: Team, body: object = {}): Promise<Answer<T>> {
  return team.send<T>("POST", "/v1/requests", { model: MODEL, input: { prompt: "a cat" }, ...body });
}

async function settledEnd(team: Team, prompt: string): Promise<RequestObject> {
  const { id } = await team.submit(prompt);
  await passTime(5 * SECOND_MS);
  return runToEnd(team, id);
}

test.override({ plan: { limits: [MONEY, OPEN] } });

describe("a request's cost", () => {
  test("is estimated at the submit and measured from the output at the end", async ({ team }) => {
    await introduceAccount(await Team.create());
    const submitted = await post(team, { input: { prompt: "a cat", num_images: 2 } });
    const cost = { currency: "USD", estimated: "0.006000" };
    expect(submitted.body.cost).toEqual({ ...cost, charged: null, source: "unknown" });
    expect(await used(team)).toEqual(["0.006000", 1]);
    expect(submitted.headers.get("RateLimit")).toMatch(/^"money";r=994000;t=\d+, "open";r=999$/);
    expect(submitted.headers.get("RateLimit-Policy")).toBe(
      '"money";q=1000000;w=86400;sluice-unit="micro-usd", "open";q=1000;qu="concurrent-requests"',
    );
    await passTime(5 * SECOND_MS);
    const ended = await runToEnd(team, submitted.body.id);
    expect(ended.cost).toEqual({ ...cost, charged: "0.006000", source: "measured" });
    expect(await used(team)).toEqual(["0.006000", 0]);
  });

  test("is what upstream billed under a plan with exact_cost, for one result call", async () => {
    const team = await Team.create({ limits: [MONEY], exact_cost: true });
    await introduceAccount(team);
    const ended = await settledEnd(team, "a cat");
    expect(ended.cost).toMatchObject({ charged: "0.003000", source: "units" });
    expect(ended.upstream.calls).toBe(2);
  });

  test("is measured after all when the result call tells no units, or does not succeed", async () => {
    const team = await Team.create({ exact_cost: true });
    await introduceAccount(team);
    interceptFetch(async (request, pass) => {
      if (upstreamCall(request) !== "result") return pass();
      return new Response("", { status: 500 });
    });
    const ended = await settledEnd(team, "a cat");
    expect(ended.status).toBe("COMPLETED");
    expect(ended.cost).toMatchObject({ charged: "0.003000", source: "measured" });
  });

  test("is unknown, not zero, for a model without a price", async () => {
    const team = await Team.create({ limits: [MONEY] });
    const submitted = await post(team, { model: "sandbox/echo", input: { prompt: "a cat" } });
    await passTime(5 * SECOND_MS);
    const ended = await runToEnd(team, submitted.body.id);
    expect(ended.status).toBe("COMPLETED");
    expect(ended.cost).toEqual({ currency: "USD", estimated: null, charged: null, source: "unknown" });
    const { body } = await team.send<{ data: object[] }>("GET", "/v1/usage?group_by=model");
    expect(body.data).toMatchObject([{ model: "sandbox/echo", unknown_cost: 1, charged_usd: "0.000000" }]);
  });

  test("does not grow by polls, waits, lists and estimates", async () => {
    const team = await Team.create({
      limits: [MONEY, { name: "count", scope: "team", per: "request", limit: 5, window: "1m" }],
    });
    const { id } = await team.submit("a cat");
    for (const path of [`/v1/requests/${id}`, `/v1/requests/${id}/timeline`, "/v1/requests", "/v1/me", "/v1/usage"]) {
      for (let i = 0; i < 5; i++) expect((await team.send("GET", path)).status).toBe(200);
    }
    const estimate = { model: MODEL, input: { prompt: "a cat" } };
    expect((await team.send("POST", "/v1/estimate", estimate)).status).toBe(200);
    expect(await used(team)).toEqual(["0.003000", 1]);
    const waited = team.send("GET", `/v1/requests/${id}?wait=60`);
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    expect((await waited).status).toBe(200);
    expect(await used(team)).toEqual(["0.003000", 1]);
  });
});

describe("what upstream does not bill is given back:", () => {
  test.each([
    ["a model that crashed (503)", "sandbox:crash", "FAILED"],
    ["a model that failed (500)", "sandbox:error500", "FAILED"],
    ["a submit that was refused", "sandbox:submit-422", "FAILED"],
    ["an account that is locked", "sandbox:locked", "FAILED"],
  ])("%s", async (_what, prompt, status) => {
    const team = await Team.create({ limits: [MONEY, OPEN], when_paused: "refuse" });
    const ended = await settledEnd(team, prompt);
    expect([ended.status, ended.error?.charged]).toEqual([status, false]);
    expect(ended.cost).toMatchObject({ estimated: "0.003000", charged: "0.000000" });
    expect(await used(team)).toEqual(["0.000000", 0]);
    const { body } = await team.send<{ data: object[] }>("GET", "/v1/usage?group_by=");
    expect(body.data).toMatchObject([{ requests: 1, failed: 1, refunded: 1, refunded_usd: "0.003000" }]);
  });

  test("a request that was canceled in the queue", async ({ team }) => {
    const { id } = await team.submit("sandbox:slow");
    await team.send("POST", `/v1/requests/${id}/cancel`);
    const ended = await runToEnd(team, id);
    expect([ended.status, (ended.cost as { charged: string }).charged]).toEqual(["CANCELED", "0.000000"]);
    expect(await used(team)).toEqual(["0.000000", 0]);
  });

  test("a request that was admitted and never started", async ({ team }) => {
    const { id } = await team.submit("a cat");
    await runToEnd(team, id);
    const before = await used(team);
    const lost = await admitOnly(team);
    expect(await used(team)).toEqual(["0.006000", 1]);
    await passTime(90 * SECOND_MS);
    expect(await ringTeam(team)).toBe(true);
    expect(await used(team)).toEqual(before);
    expect((await team.send("GET", `/v1/requests/${lost}`)).status).toBe(404);
  });
});

describe("a request that the model refused (422)", () => {
  test.each([
    [true, true, "0.003000"],
    [false, false, "0.000000"],
  ])("under charge_422: %j is charged: %j, and its error says so", async (charge422, charged, amount) => {
    const team = await Team.create({ limits: [MONEY], charge_422: charge422 });
    await introduceAccount(team);
    const [before] = await used(team);
    const ended = await settledEnd(team, "sandbox:refused");
    expect(ended.error).toMatchObject({ code: "content_refused", charged });
    expect((ended.cost as { charged: string }).charged).toBe(amount);
    const [after] = await used(team);
    expect((Number(after) - Number(before)).toFixed(6)).toBe(amount);
  });
});

describe("a submit whose answer got lost", () => {
  /** A request that failed as uncertain, its reservation kept. */
  const testUncertain = test.extend("id", async ({ team }) => {
    const { id } = await team.submit("sandbox:taken,submit-500,webhook-lost");
    const ended = await runToEnd(team, id, { webhooks: false });
    expect(ended.error).toMatchObject({ code: "submit_uncertain", charged: "unknown" });
    expect(ended.cost).toMatchObject({ estimated: "0.003000", charged: null, source: "unknown" });
    expect(await used(team)).toEqual(["0.003000", 0]);
    return id;
  });

  testUncertain(
    "keeps its reservation until somebody says what became of it, and shows their word",
    async ({ team, id }) => {
      const settle = (body: object) => team.send<RequestObject & Problem>("POST", `/v1/requests/${id}/settle`, body);
      expect((await settle({ charged: false, usd: "1" })).body.code).toBe("invalid_request");
      const settled = await settle({ charged: true, usd: "0.0042" });
      expect(settled.status).toBe(200);
      expect(settled.body).toMatchObject({
        error: { code: "submit_uncertain", charged: true },
        cost: { estimated: "0.003000", charged: "0.004200", source: "units" },
      });
      expect((await settle({ charged: true, usd: "0.0042" })).status).toBe(200);
      expect((await settle({ charged: false })).body.code).toBe("conflict");
      expect(await team.read(id)).toEqual(settled.body);
      expect(await used(team)).toEqual(["0.004200", 0]);
      expect((await team.timeline(id)).filter((each) => each === "charge_resolved")).toHaveLength(1);
    },
  );

  testUncertain("that was not taken gives all back", async ({ team, id }) => {
    const settled = await team.send<RequestObject>("POST", `/v1/requests/${id}/settle`, { charged: false });
    expect(settled.body).toMatchObject({ error: { charged: false }, cost: { charged: "0.000000" } });
    expect(await used(team)).toEqual(["0.000000", 0]);
  });

  testUncertain("is an admin's to judge, once it has ended, and nobody else's request", async ({ team, id }) => {
    const other = await Team.create();
    const path = `/v1/requests/${id}/settle`;
    expect((await other.send<Problem>("POST", path, { charged: true })).body.code).toBe("not_found");
    const running = await team.submit("sandbox:slow");
    const early = await team.send<Problem>("POST", `/v1/requests/${running.id}/settle`, { charged: true });
    expect([early.status, early.body.code]).toEqual([409, "conflict"]);
  });
});

test("an end that never reached the ledger is found by asking, and settled by the tracker itself", async ({ team }) => {
  const { id } = await team.submit("sandbox:crash");
  await passTime(5 * SECOND_MS);
  const settle = vi.spyOn(TeamClass.prototype, "settle").mockRejectedValue(new Error("overloaded"));
  await deliverWebhooks();
  await goOn(id);
  settle.mockRestore();
  // The alarm that would tell the end gets lost, and nobody asks about the request any more.
  await runInDurableObject(trackerOf(id), (_instance, state) => state.storage.deleteAlarm());
  expect(await used(team)).toEqual(["0.003000", 1]);
  await passTime(OPEN_SWEEP_MS + MINUTE_MS);
  await ringTeam(team);
  await expectArmed(id);
  await ring(id);
  expect(await used(team)).toEqual(["0.000000", 0]);
});

describe("a limit", () => {
  test("for seven lets exactly seven of 1,000 simultaneous submits in", async () => {
    const team = await Team.create({ limits: [{ ...MONEY, limit: "0.023999" }] });
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, n) => post(team, { metadata: n })));
    expect(answers.filter((answer) => answer.status === 202)).toHaveLength(7);
    expect(answers.filter((answer) => answer.status === 402)).toHaveLength(993);
    expect(await used(team)).toEqual(["0.021000"]);
  });

  test("that is reached is told with its size, what is used, and when it resets, also in the headers", async () => {
    const team = await Team.create({ limits: [{ ...MONEY, limit: "0.003" }] });
    await team.submit("a cat");
    const refused = await post<Problem>(team);
    expect([refused.status, refused.body.code]).toEqual([402, "quota_exceeded"]);
    const [policy] = refused.body.violated_policies ?? [];
    expect(policy).toMatchObject({ name: "money", limit: "0.003000", used: "0.003000" });
    expect(policy?.reset).toMatch(/T00:00:00\.000Z$/);
    expect(refused.headers.get("Retry-After")).toBeNull();
    expect(refused.headers.get("RateLimit")).toMatch(/^"money";r=0;t=/);
  });

  test("of a minute asks to wait, and says how long", async () => {
    const team = await Team.create({
      limits: [{ name: "burst", scope: "key", per: "request", limit: 1, window: "1m" }],
    });
    await team.submit("a cat");
    const refused = await post<Problem>(team);
    expect([refused.status, refused.body.code]).toEqual([429, "rate_limited"]);
    expect(refused.headers.get("Retry-After")).toBe("60");
    await passTime(60 * SECOND_MS);
    expect((await post(team)).status).toBe(202);
  });
});

describe("a plan's rules on the input", () => {
  const rules = { max: { num_images: 2 }, force: { enable_safety_checker: true }, forbid: ["sync_mode"] };

  test.each([
    ['{"prompt":"a","num_images":3}', 422, "invalid_input", "`input.num_images`"],
    [
      '{"prompt":"a","num_images":1,"num_images":9}',
      400,
      "invalid_request",
      "Duplicate name `input.num_images` in the request body.",
    ],
    ['{"prompt":"a","num_\\u0069mages":4}', 422, "invalid_input", "`input.num_images`"],
    ['{"prompt":"a","sync_mode":false}', 422, "invalid_input", "`input.sync_mode`"],
  ])("refuse %s with %i %s and name the field", async (input, status, code, detail) => {
    const team = await Team.create({ input: rules });
    const body = `{"model":"${MODEL}","input":${input}}`;
    const answer = await team.send<Problem>("POST", "/v1/requests", body, { "Content-Type": "application/json" });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).toContain(detail);
    expect(await upstreamRequests()).toEqual([]);
  });

  test("set what they force, also against the caller's word, in what is sent and priced", async () => {
    const team = await Team.create({ input: { ...rules, force: { ...rules.force, num_images: 2 } } });
    const input = { prompt: "a cat", enable_safety_checker: false, num_images: 1 };
    const { body } = await post(team, { input });
    expect(body.cost).toMatchObject({ estimated: "0.006000" });
    const { requests } = await sandbox<{ requests: { input: unknown }[] }>("GET", "requests");
    expect(requests.map((request) => request.input)).toEqual([
      { prompt: "a cat", enable_safety_checker: true, num_images: 2 },
    ]);
  });

  test("act on the next submit after they are written, though the edge remembers older ones", async () => {
    const team = await Team.create();
    expect((await post(team, { input: { prompt: "a", num_images: 4 } })).status).toBe(202);
    await team.send("PUT", "/v1/plans/default", { input: { max: { num_images: 2 } } });
    const refused = await post<Problem>(team, { input: { prompt: "b", num_images: 4 } });
    expect([refused.status, refused.body.code]).toEqual([422, "invalid_input"]);
    await team.send("PUT", "/v1/plans/default", {});
    expect((await post(team, { input: { prompt: "b", num_images: 4 } })).status).toBe(202);
  });

  test("may leave webhooks out", async () => {
    const team = await Team.create({ webhooks: false });
    const refused = await post<Problem>(team, { webhook_url: "https://hooks.example/x" });
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
  });
});

/** Admits a request that nobody starts, as if its Worker had died in between. Gives its id. */
async function admitOnly(team: Team): Promise<string> {
  const known = await TeamObject.of(team);
  return known.admitted({ measures: { images: 1, megapixels: 1, seconds: null, characters: null, fields: null } });
}
