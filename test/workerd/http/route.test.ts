import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AppEnv } from "../../../src/http/app-env.ts";
import { callId } from "../../../src/http/call-id.ts";
import { cors } from "../../../src/http/cors.ts";
import { REQUEST_BODY_MAX_BYTES } from "../../../src/http/json-body.ts";
import { onFault } from "../../../src/http/problem.ts";
import { defineRoute, mount, type Route } from "../../../src/http/route.ts";
import { acquire, BUFFER_BUDGET_BYTES } from "../../../src/net/byte-budget.ts";
import { refusal } from "../../../src/platform/errors.ts";
import { printTree, RawText, valueAt } from "../../../src/platform/json.ts";
import { assertReadable } from "../../../src/platform/stored-version.ts";
import { askTeam } from "../../../src/platform/stubs.ts";
import { json, requestOf } from "../../harness/calls.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function ask(route: Route, method: string, path: string, options: Parameters<typeof requestOf>[2] = {}) {
  const app = new Hono<AppEnv>({ strict: false });
  app.use(callId).use(cors).onError(onFault);
  mount(app, [route]);
  const headers = { Origin: "https://app.example", ...options.headers };
  return app.fetch(requestOf(method, path, { ...options, headers }), env, createExecutionContext());
}

const base = { path: "/x", summary: "A route of this test", access: "public", errors: [] } as const;

const echo = defineRoute({
  ...base,
  method: "POST",
  body: (z) => z.strictObject({ input: z.looseObject({}), n: z.int().default(7) }),
  answers: { 200: { description: "What came in.", schema: (z) => z.object({ input: z.unknown(), n: z.int() }) } },
  async handle({ body, bodyTree }) {
    const input = printTree(valueAt(bodyTree, ["input"]) ?? null);
    return { status: 200, body: new RawText(`{"input":${input},"n":${body.n}}`) };
  },
});

describe("a route", () => {
  test("hands the input on with its numbers as they were written", async () => {
    const response = await ask(echo, "POST", "/x", {
      body: '{"input":{"seed":196619188014358660,"scale":1.50,"e":1e2}}',
    });
    expect(await response.text()).toBe('{"input":{"seed":196619188014358660,"scale":1.50,"e":1e2},"n":7}');
  });

  test("takes any JSON content type, with parameters, and none at all", async () => {
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"]) {
      const response = await ask(echo, "POST", "/x", { body: { input: {} }, headers: { "Content-Type": type } });
      expect(response.status, type).toBe(200);
    }
    const bytes = new TextEncoder().encode('{"input":{}}');
    const bare = new Request("https://sluice.test/x", { method: "POST", body: bytes });
    const app = new Hono<AppEnv>();
    mount(app, [echo]);
    expect((await app.fetch(bare, env, createExecutionContext())).status).toBe(200);
  });

  test("gives a fault one fixed sentence and an id, readable by the page, and logs no inner text", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const faulty = defineRoute({
      ...base,
      method: "GET",
      answers: { 204: { description: "Nothing." } },
      async handle() {
        throw new TypeError("inner text with a secret prompt");
      },
    });
    const response = await ask(faulty, "GET", "/x");
    const id = response.headers.get("X-Request-Id");
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example");
    expect(JSON.parse(text)).toMatchObject({ code: "internal", request_id: id, retryable: true });
    const lines = log.mock.calls.map(([line]) => String(line));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: "call.failed", call: id, method: "GET", error: "TypeError" },
    ]);
    expect(text + lines.join()).not.toContain("inner text");
  });

  test("answers 503 where the stored state requires newer code than this", async () => {
    const faulty = defineRoute({
      ...base,
      method: "GET",
      answers: { 204: { description: "Nothing." } },
      async handle() {
        assertReadable({ version: 2, min_reader: 2 }, { version: 1, min_reader: 1 });
        return { status: 204 };
      },
    });
    const response = await ask(faulty, "GET", "/x");
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "30"]);
    const body = await json(response);
    expect(body).toMatchObject({ code: "misconfigured", retryable: true });
    expect(body.detail).toContain("reads format 2 or newer");
  });

  test.each([
    ["that the runtime refuses", Object.assign(new Error("too many calls"), { overloaded: true })],
    ["behind another object", new Error("Durable Object is overloaded. Requests queued for too long.")],
  ])("answers 503 for an overloaded object %s, and the log tells it from a bug", async (_name, fault) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const team = { getByName: () => ({ identify: () => Promise.reject(fault) }) };
    const asking = defineRoute({
      ...base,
      method: "GET",
      answers: { 204: { description: "Nothing." } },
      async handle() {
        const credential = { kind: "key", digest: "0" } as const;
        await askTeam({ TEAM: team as unknown as DurableObjectNamespace }, "busy", (stub) => stub.identify(credential));
        return { status: 204 };
      },
    });
    const response = await ask(asking, "GET", "/x");
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "5"]);
    const body = await json(response);
    expect(body).toMatchObject({ code: "overloaded", retryable: true });
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(lines).toEqual([{ event: "call.overloaded", call: body.request_id, method: "GET" }]);
  });

  test("says a refusal with its hint, times, limits and headers", async () => {
    const refusing = defineRoute({
      ...base,
      method: "GET",
      answers: { 204: { description: "Nothing." } },
      async handle() {
        const violated = [
          { name: "day", per: "usd", limit: 5_000_000, used: 4_999_999, resetAt: Date.UTC(2026, 10, 23) } as const,
        ];
        const extra = { hint: "Wait.", retryAfterS: 9, violated, requestId: "r1" };
        return { refusal: refusal("rate_limited", "Too much.", extra), headers: { RateLimit: '"day";r=0;t=1' } };
      },
    });
    const response = await ask(refusing, "GET", "/x");
    expect(response.status).toBe(429);
    expect(response.headers.get("Retry-After")).toBe("9");
    expect(response.headers.get("RateLimit")).toBe('"day";r=0;t=1');
    expect(await json(response)).toMatchObject({
      ...{ hint: "Wait.", message: "Too much.", retryable: true, request_id: "r1" },
      violated_policies: [{ name: "day", limit: "5.000000", used: "4.999999", reset: "2026-11-23T00:00:00.000Z" }],
    });
  });

  test("checks path, query and headers before the handler runs, and says which field is wrong", async () => {
    const handle = vi.fn(async () => ({ status: 204 as const }));
    const strict = defineRoute({
      ...base,
      method: "GET",
      path: "/x/:id",
      params: (z) => z.object({ id: z.string().regex(/^[0-9]+$/, "must be a number") }),
      query: (z) => z.strictObject({ wait: z.coerce.number().int().max(60).optional() }),
      headers: (z) => z.object({ prefer: z.string().max(5).optional() }),
      answers: { 204: { description: "Nothing." } },
      handle,
    });
    const answerOf = async (path: string, headers: Record<string, string> = {}) => {
      const response = await ask(strict, "GET", path, { headers });
      return [response.status, (await json(response)).detail];
    };
    expect(await answerOf("/x/abc")).toEqual([404, "`id` must be a number."]);
    expect(await answerOf("/x/5?wait=90")).toEqual([400, "`wait` must be at most 60."]);
    expect(await answerOf("/x/5?wat=1")).toEqual([400, "`wat` is not a known field; did you mean `wait`?"]);
    expect(await answerOf("/x/5", { Prefer: "too long" })).toEqual([400, "`prefer` must have at most 5 characters."]);
    expect(handle).not.toHaveBeenCalled();
    expect((await ask(strict, "GET", "/x/5?wait=5", { headers: { Prefer: "ok" } })).status).toBe(204);
    expect(handle).toHaveBeenCalledOnce();
  });

  test("passes a response of the handler's own making on, and leaves its CORS alone", async () => {
    const own = defineRoute({
      ...base,
      method: "GET",
      answers: { 200: { description: "Bytes." } },
      async handle() {
        return { response: new Response("bytes", { headers: { "Access-Control-Allow-Origin": "*" } }) };
      },
    });
    const response = await ask(own, "GET", "/x");
    expect(await response.text()).toBe("bytes");
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(response.headers.get("X-Request-Id")).not.toBeNull();
  });

  test("gives a body's bytes back to the budget whatever becomes of the call", async () => {
    const fail = defineRoute({
      ...base,
      method: "POST",
      body: (z) => z.looseObject({}),
      answers: { 204: { description: "Nothing." } },
      async handle({ body, releaseBody }) {
        if ("early" in body) releaseBody();
        if ("fault" in body) throw new Error("fault");
        return { status: 204 };
      },
    });
    vi.spyOn(console, "log").mockImplementation(() => undefined);
    for (const body of [{}, { early: 1 }, { fault: 1 }, "{", "5", `"${"x".repeat(REQUEST_BODY_MAX_BYTES)}"`]) {
      await ask(fail, "POST", "/x", { body });
    }
    const whole = await acquire(BUFFER_BUDGET_BYTES);
    expect(whole?.bytes).toBe(BUFFER_BUDGET_BYTES);
    whole?.release();
  });
});
