// The calls to fal through Maton: what goes out, and what each answer counts as.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Config, parseConfig } from "../../src/env.ts";
import { BUFFER_BUDGET_BYTES, LOGS_MAX_BYTES, RESULT_BODY_MAX_BYTES, SUBMIT_TIMEOUT_MS } from "../../src/limits.ts";
import { acquire } from "../../src/net/buffers.ts";
import { createUpstreamClient, type Submission } from "../../src/upstream/client.ts";

const ID = "764cabcf-b745-4b3e-ae38-1200304cf45b";
const MODEL = "fal-ai/flux/schnell";
const CONNECTION = "21fd90f9-5935-43cd-b6c8-bde9d915ca80";

function config(variables: Record<string, string> = {}): Config {
  const parsed = parseConfig({ MATON_API_KEY: "maton-key", SIGNING_KEY: "x".repeat(32), ...variables });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

const client = createUpstreamClient(config());
const fetchSpy = vi.spyOn(globalThis, "fetch");

beforeEach(() => {
  fetchSpy.mockReset();
});

afterEach(async () => {
  vi.useRealTimers();
  const all = await acquire(BUFFER_BUDGET_BYTES);
  all?.release();
});

function answerWith(status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = typeof body === "string" || body === null ? body : JSON.stringify(body);
  const init = { status, headers: { "content-type": "application/json", ...headers } };
  fetchSpy.mockImplementation(async () => new Response(text, init));
}

function answerWithStream(body: ReadableStream<Uint8Array>, status = 200, type = "application/json"): void {
  fetchSpy.mockImplementation(async () => new Response(body, { status, headers: { "content-type": type } }));
}

/** The one call that was made. */
function sent() {
  expect(fetchSpy).toHaveBeenCalledOnce();
  const [url, init] = fetchSpy.mock.calls[0] ?? [];
  return { url: String(url), init: init ?? {}, headers: Object.fromEntries(new Headers(init?.headers)) };
}

const brokenBody = () =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      controller.error(new Error("connection lost"));
    },
  });

const submission: Submission = {
  model: MODEL,
  inputText: '{"prompt":"a cat","seed":196619188014358660}',
  options: {},
  startTimeoutLeftS: null,
  callbackUrl: null,
  connection: CONNECTION,
};
const following = { model: MODEL, upstreamId: ID, connection: CONNECTION };

const MATON_401 = { error: { message: "Invalid API key", code: 401 } };
const MATON_404 = { message: `Connection ${CONNECTION} not found`, type: "Not Found", code: 404 };
const MATON_500 = { error: { message: "Gateway error", code: 500 } };

describe("what goes out", () => {
  test("a submit takes the full model id, the input untouched and nothing but our headers", async () => {
    answerWith(200, { request_id: ID, status: "IN_QUEUE", queue_position: 3 });
    await client.submit(submission);
    const { url, init, headers } = sent();
    expect(url).toBe(`https://gateway.maton.ai/fal-ai/${MODEL}`);
    expect(init).toMatchObject({ method: "POST", body: submission.inputText, redirect: "manual" });
    expect(headers).toEqual({
      accept: "application/json",
      "content-type": "application/json",
      authorization: "Bearer maton-key",
      "maton-connection": CONNECTION,
    });
  });

  test("the callback is one encoded query parameter", async () => {
    answerWith(200, { request_id: ID });
    await client.submit({ ...submission, callbackUrl: "https://sluice.test/hooks/fal/1/t?a=b&c=d" });
    expect(new URL(sent().url).searchParams.getAll("fal_webhook")).toEqual([
      "https://sluice.test/hooks/fal/1/t?a=b&c=d",
    ]);
  });

  test("options go out as fal's headers, the start deadline under both names", async () => {
    answerWith(200, { request_id: ID });
    const options = { priority: "low", runnerHint: "session-1", noRetry: true } as const;
    await client.submit({ ...submission, options, startTimeoutLeftS: 41.2345 });
    expect(sent().headers).toMatchObject({
      "x-fal-request-timeout": "41.235",
      "x-fal-request-start-timeout": "41.235",
      "x-fal-queue-priority": "low",
      "x-fal-runner-hint": "session-1",
      "x-fal-no-retry": "1",
    });
  });

  test.each([
    [null, null],
    [60, "60"],
    [0.2, "1.1"],
  ])("with %s s left to start the deadline is %s", async (startTimeoutLeftS, expected) => {
    answerWith(200, { request_id: ID });
    await client.submit({ ...submission, startTimeoutLeftS });
    expect(sent().headers["x-fal-request-start-timeout"] ?? null).toBe(expected);
  });

  test("a hint that no header can carry is left out", async () => {
    answerWith(200, { request_id: ID });
    const answer = await client.submit({ ...submission, options: { runnerHint: "a\r\nauthorization: x" } });
    expect(answer.kind).toBe("taken");
    expect(sent().headers).not.toHaveProperty("x-fal-runner-hint");
  });

  test.each([
    ["fal-ai/flux/schnell", "fal-ai/flux"],
    ["workflows/somebody/flow/path", "workflows/somebody/flow"],
    ["comfy/somebody/flow", "comfy/somebody/flow"],
    ["CassetteAI/music-generator", "CassetteAI/music-generator"],
  ])("a request of %s is followed under %s", async (model, app) => {
    answerWith(202, { status: "IN_PROGRESS" });
    await client.status({ ...following, model, logs: true });
    expect(sent().url).toBe(`https://gateway.maton.ai/fal-ai/${app}/requests/${ID}/status?logs=1`);
  });

  test("status, result and cancel have their own methods and paths", async () => {
    const base = `https://gateway.maton.ai/fal-ai/fal-ai/flux/requests/${ID}`;
    answerWith(200, {});
    await client.status({ ...following, logs: false });
    await client.result(following).then((answer) => answer.kind === "output" && answer.permit.release());
    await client.cancel(following);
    const calls = fetchSpy.mock.calls.map(([url, init]) => [init?.method ?? "GET", String(url)]);
    expect(calls).toEqual([
      ["GET", `${base}/status?logs=0`],
      ["GET", base],
      ["PUT", `${base}/cancel`],
    ]);
  });

  test("one base with a path serves both of Maton's hosts", async () => {
    const single = createUpstreamClient(
      config({ MATON_GATEWAY_URL: "https://api.maton.ai/", MATON_CONTROL_URL: "https://api.maton.ai" }),
    );
    answerWith(200, { connections: [] });
    await single.findConnection();
    expect(sent().url).toBe("https://api.maton.ai/connections?app=fal-ai&status=ACTIVE");
    expect(sent().headers).not.toHaveProperty("maton-connection");
  });

  test("an unchecked id never becomes a URL", async () => {
    await expect(client.submit({ ...submission, model: "fal-ai/flux/../x" })).rejects.toThrow("unchecked");
    await expect(client.cancel({ ...following, upstreamId: "../x" })).rejects.toThrow("unchecked");
    expect(fetchSpy).not.toHaveBeenCalled();
  });
});

describe("submit", () => {
  test("a 2xx with an id is taken", async () => {
    answerWith(200, { request_id: ID, status: "IN_QUEUE", queue_position: 3 });
    expect(await client.submit(submission)).toEqual({ kind: "taken", upstreamId: ID, queuePosition: 3 });
    answerWith(202, { request_id: ID });
    expect(await client.submit(submission)).toEqual({ kind: "taken", upstreamId: ID, queuePosition: null });
  });

  test.each([
    ["a 2xx without an id", 200, { status: "IN_QUEUE" }, {}, "unexpected_answer"],
    ["a 2xx with an id that is no id", 200, { request_id: "../x" }, {}, "unexpected_answer"],
    ["a 2xx that is no JSON", 200, "<html>", {}, "unexpected_answer"],
    ["a 2xx of bytes", 200, "PNG", { "content-type": "image/png" }, "unreadable"],
    ["Maton's 500", 500, MATON_500, {}, "gateway_failed"],
    ["fal's 500", 500, { detail: "Internal Server Error" }, {}, "upstream_failed"],
    ["a 502 page", 502, "<html>nginx</html>", { "content-type": "text/html" }, "gateway_failed"],
    ["a 504", 504, "", {}, "gateway_failed"],
    ["a 408", 408, "", {}, "gateway_failed"],
    ["a redirect", 302, null, { location: "https://elsewhere.test/" }, "redirected"],
  ])("after %s it may have been taken", async (_name, status, body, headers, reason) => {
    answerWith(status, body, headers);
    expect(await client.submit(submission)).toEqual({ kind: "unknown", reason });
  });

  test("after a lost connection it may have been taken", async () => {
    fetchSpy.mockRejectedValue(new Error("Network connection lost."));
    expect(await client.submit(submission)).toEqual({ kind: "unknown", reason: "network" });
  });

  test("after a body that broke off it may have been taken", async () => {
    answerWithStream(brokenBody());
    expect(await client.submit(submission)).toEqual({ kind: "unknown", reason: "unreadable" });
  });

  test("after a time-out it may have been taken", async () => {
    vi.useFakeTimers();
    fetchSpy.mockImplementation(
      (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
        }),
    );
    const answer = client.submit(submission);
    await vi.advanceTimersByTimeAsync(SUBMIT_TIMEOUT_MS);
    expect(await answer).toEqual({ kind: "unknown", reason: "timeout" });
  });

  test("a key that no header can carry never leaves", async () => {
    const broken = createUpstreamClient(config({ MATON_API_KEY: "kéy\u0101" }));
    expect(await broken.submit(submission)).toEqual({ kind: "not_taken", retryAfterMs: null, reason: "network" });
  });

  test.each([
    ["Maton's", { error: { message: "Too many requests", code: 429 } }, { "retry-after": "3" }, 3_000],
    ["fal's", { detail: "x" }, {}, null],
    ["anybody's", "", { "retry-after": "999999999" }, 3_600_000],
  ])("%s 429 is not taken", async (_name, body, headers, retryAfterMs) => {
    answerWith(429, body, headers);
    expect(await client.submit(submission)).toEqual({ kind: "not_taken", retryAfterMs, reason: "rate_limited" });
  });

  test.each([
    ["Maton's 401", 401, MATON_401, "misconfigured"],
    ["Maton's 400", 400, { error: "No active connection for fal-ai" }, "connection_missing"],
    ["Maton's 404", 404, MATON_404, "connection_missing"],
    ["fal's 403 of a locked user", 403, { detail: "User is locked. Reason: Exhausted balance." }, "upstream_locked"],
    ["fal's 401", 401, { detail: "invalid key credentials" }, "upstream_refused"],
    ["fal's 422", 422, { detail: [{ loc: ["body"], msg: "m", type: "missing" }] }, "invalid_input"],
    ["a 405 without words", 405, "", "upstream_refused"],
  ])("%s is a clear no and costs nothing", async (_name, status, body, code) => {
    answerWith(status, body);
    const answer = await client.submit(submission);
    expect(answer).toMatchObject({ kind: "refused", error: { code, charged: false, upstreamStatus: status } });
  });

  test("a 4xx is a clear no even when its body breaks off", async () => {
    answerWithStream(brokenBody(), 422);
    expect(await client.submit(submission)).toMatchObject({ kind: "refused", error: { upstreamStatus: 422 } });
  });
});

describe("status", () => {
  const ask = () => client.status({ ...following, logs: true });

  test("tells the place in the queue", async () => {
    answerWith(202, { status: "IN_QUEUE", queue_position: 2, logs: null });
    expect(await ask()).toEqual({ kind: "queued", queuePosition: 2, logs: null });
  });

  test("gives the log lines as they were written", async () => {
    answerWith(202, '{"status":"IN_PROGRESS","logs":[{"message":"step 1","n":1.0}]}');
    expect(await ask()).toEqual({ kind: "running", logs: '[{"message":"step 1","n":1.0}]' });
  });

  test("keeps the newest log lines when there are too many", async () => {
    const logs = Array.from({ length: 1_000 }, (_, n) => ({ message: `${n} ${"ü".repeat(100)}` }));
    answerWith(202, { status: "IN_PROGRESS", logs });
    const answer = await ask();
    const text = answer.kind === "running" ? (answer.logs ?? "") : "";
    expect(new TextEncoder().encode(text).byteLength).toBeLessThanOrEqual(LOGS_MAX_BYTES);
    const kept: { message: string }[] = JSON.parse(text);
    expect(kept.at(-1)).toEqual(logs.at(-1));
    expect(kept.length).toBeGreaterThan(200);
  });

  test("tells that it is over, with metrics as written, whether it went well or not", async () => {
    answerWith(200, '{"status":"COMPLETED","error":"x","logs":null,"metrics":{"inference_time":3.420}}');
    expect(await ask()).toEqual({ kind: "completed", metrics: '{"inference_time":3.420}', logs: null });
    answerWith(200, '{"status":"COMPLETED"}');
    expect(await ask()).toEqual({ kind: "completed", metrics: null, logs: null });
  });

  test.each([
    ["its queue word", { status: "NOT_FOUND" }],
    ["a detail", { detail: "Request not found" }],
  ])("fal's 404 in %s is the end", async (_name, body) => {
    answerWith(404, body);
    expect(await ask()).toEqual({ kind: "gone" });
  });

  test.each([
    ["Maton's 404", 404, MATON_404, {}, "connection_missing", null],
    ["Maton's 400", 400, { error: "No active connection" }, {}, "connection_missing", null],
    ["a 404 page", 404, "<html>", {}, "unexpected_answer", null],
    ["a 401", 401, MATON_401, {}, "key_refused", null],
    ["a 403", 403, { detail: "User is locked" }, {}, "key_refused", null],
    ["a 429", 429, "", { "retry-after": "2" }, "rate_limited", 2_000],
    ["a 405", 405, "", {}, "unexpected_answer", null],
    ["Maton's 500", 500, MATON_500, {}, "gateway_failed", null],
    ["fal's 500", 500, { detail: "x" }, {}, "upstream_failed", null],
    ["a redirect", 301, null, {}, "redirected", null],
    ["a foreign word", 200, { status: "FAILED" }, {}, "unexpected_answer", null],
    ["no JSON", 200, "ok", {}, "unexpected_answer", null],
  ])("%s is asked again", async (_name, status, body, headers, reason, retryAfterMs) => {
    answerWith(status, body, headers);
    expect(await ask()).toEqual({ kind: "later", reason, retryAfterMs });
  });

  test("a lost connection is asked again", async () => {
    fetchSpy.mockRejectedValue(new Error("Network connection lost."));
    expect(await ask()).toEqual({ kind: "later", reason: "network", retryAfterMs: null });
  });
});

describe("result", () => {
  async function output() {
    const answer = await client.result(following);
    if (answer.kind !== "output") throw new Error(JSON.stringify(answer));
    answer.permit.release();
    return answer;
  }

  test("gives the output exactly as written, with what it cost", async () => {
    const text = '{ "seed": 196619188014358660, "scale": 1.50 }';
    answerWith(200, text, { "x-fal-billable-units": "3.008" });
    expect(await output()).toMatchObject({ text, billableUnits: "3.008" });
  });

  test("holds the bytes under a permit until it is released", async () => {
    answerWith(200, '{"seed":1}');
    const answer = await client.result(following);
    expect(answer).toMatchObject({ kind: "output", permit: { bytes: 10 } });
    if (answer.kind === "output") answer.permit.release();
  });

  test.each([
    ["text", "text/plain", "line 1\nline 2", '"line 1\\nline 2"'],
    ["JSON that is none", "application/json", '{"seed":NaN}', '"{\\"seed\\":NaN}"'],
    ["nothing", "application/json", "", "null"],
  ])("keeps %s as JSON", async (_name, type, body, text) => {
    answerWith(200, body, { "content-type": type });
    expect((await output()).text).toBe(text);
  });

  test("says that bytes could not be kept, without reading them", async () => {
    let canceled = false;
    const body = new ReadableStream<Uint8Array>({
      cancel() {
        canceled = true;
      },
    });
    answerWithStream(body, 200, "image/png");
    expect(await client.result(following)).toMatchObject({
      kind: "failed",
      error: { code: "storage_failed", charged: "unknown", retryable: false },
    });
    expect(canceled).toBe(true);
  });

  test("says that a result was too large", async () => {
    answerWith(200, "{}", { "content-length": String(RESULT_BODY_MAX_BYTES + 1) });
    const answer = await client.result(following);
    expect(answer).toMatchObject({ kind: "failed", error: { code: "storage_failed", charged: "unknown" } });
    expect(answer.kind === "failed" && answer.error.message).toContain("larger than");
  });

  test.each([
    ["fal's 400", 400, { detail: "Request is still in progress" }],
    ["a 202 of the queue", 202, { status: "IN_PROGRESS", request_id: ID }],
  ])("%s means not yet", async (_name, status, body) => {
    answerWith(status, body);
    expect(await client.result(following)).toEqual({ kind: "pending" });
  });

  test("499 means canceled", async () => {
    answerWith(499, { detail: "Request was cancelled", error_type: "client_cancelled" });
    expect(await client.result(following)).toEqual({ kind: "canceled" });
  });

  test.each([
    ["a 422", 422, { detail: [{ loc: ["body", "x"], msg: "m", type: "missing" }] }, {}, "invalid_input", "unknown"],
    ["a 400 of the model", 400, { detail: "bad", error_type: "bad_request" }, {}, "upstream_refused", "unknown"],
    ["a 500", 500, { detail: "Internal Server Error" }, {}, "upstream_failed", false],
    ["a missed start", 504, "", { "x-fal-request-timeout-type": "user" }, "upstream_timeout", false],
    ["a model's own words", 500, { error: "no" }, { "x-fal-request-id": ID }, "upstream_failed", false],
    [
      "an unknown path",
      404,
      { detail: "Path /x not found" },
      { "x-fal-billable-units": "0" },
      "upstream_refused",
      false,
    ],
  ])("%s is the model's failure", async (_name, status, body, headers, code, charged) => {
    answerWith(status, body, headers);
    expect(await client.result(following)).toMatchObject({ kind: "failed", error: { code, charged } });
  });

  test.each([
    ["Maton's 401", 401, MATON_401, "key_refused"],
    ["fal's 403", 403, { detail: "User is locked" }, "key_refused"],
    ["a 429", 429, { detail: "x" }, "rate_limited"],
    ["Maton's 404", 404, MATON_404, "connection_missing"],
    ["Maton's 500", 500, MATON_500, "gateway_failed"],
    ["a 502 page", 502, "<html>", "gateway_failed"],
    ["a 408", 408, { detail: "x" }, "upstream_failed"],
    ["a redirect", 302, null, "redirected"],
  ])("%s loses nothing: it is asked again", async (_name, status, body, reason) => {
    answerWith(status, body);
    expect(await client.result(following)).toEqual({ kind: "later", reason, retryAfterMs: null });
  });

  test("a body that breaks off is asked again", async () => {
    answerWithStream(brokenBody());
    expect(await client.result(following)).toEqual({ kind: "later", reason: "unreadable", retryAfterMs: null });
    fetchSpy.mockImplementation(
      async () => new Response(brokenBody(), { status: 500, headers: { "x-fal-request-id": ID } }),
    );
    expect(await client.result(following)).toMatchObject({ kind: "later" });
  });

  test("fal's 404 is the end", async () => {
    answerWith(404, { detail: "Request not found" });
    expect(await client.result(following)).toEqual({ kind: "gone" });
  });
});

describe("cancel", () => {
  test.each([
    ["the plain yes", 200, { status: "OK" }, { kind: "canceled" }],
    ["the older plain yes", 200, { success: true }, { kind: "canceled" }],
    ["a 200 that is no yes", 200, { success: false }, { kind: "requested" }],
    ["a wish", 202, { status: "CANCELLATION_REQUESTED" }, { kind: "requested" }],
    ["an accepted wish without words", 202, "", { kind: "requested" }],
    ["too late", 400, { status: "ALREADY_COMPLETED" }, { kind: "too_late" }],
    ["no such request", 404, { status: "NOT_FOUND" }, { kind: "gone" }],
    ["Maton's 400", 400, { error: "x" }, { kind: "later", reason: "connection_missing", retryAfterMs: null }],
    ["a 500", 500, "", { kind: "later", reason: "gateway_failed", retryAfterMs: null }],
    ["a 429", 429, "", { kind: "later", reason: "rate_limited", retryAfterMs: null }],
  ])("%s", async (_name, status, body, expected) => {
    answerWith(status, body);
    expect(await client.cancel(following)).toEqual(expected);
  });
});

describe("findConnection", () => {
  const connection = (id: string, fields: object = {}) => ({
    connection_id: id,
    status: "ACTIVE",
    app: "fal-ai",
    creation_time: "2026-05-01T10:00:00.000000Z",
    ...fields,
  });

  test("takes the oldest active connection to fal", async () => {
    const connections = [
      connection("newer", { creation_time: "2026-06-01T10:00:00.000000Z" }),
      connection("pending", { status: "PENDING", creation_time: "2020-01-01T00:00:00Z" }),
      connection("another-vendor", { app: "figma", creation_time: "2020-01-01T00:00:00Z" }),
      connection("undated", { creation_time: null }),
      connection("oldest"),
      connection("not for a header\n", { creation_time: "2020-01-01T00:00:00Z" }),
    ];
    answerWith(200, { connections });
    expect(await client.findConnection()).toEqual({ kind: "found", connection: "oldest" });
  });

  test.each([
    ["no connection", 200, { connections: [] }, { kind: "none" }],
    ["only pending ones", 200, { connections: [connection("c", { status: "PENDING" })] }, { kind: "none" }],
    ["a bad key", 401, MATON_401, { kind: "refused", error: { code: "misconfigured" } }],
    ["an unknown app", 400, { error: "x" }, { kind: "refused", error: { code: "connection_missing" } }],
    ["another shape", 200, { data: [] }, { kind: "later", reason: "unexpected_answer" }],
    ["a 429", 429, "", { kind: "later", reason: "rate_limited" }],
    ["a 500", 500, MATON_500, { kind: "later", reason: "gateway_failed" }],
  ])("%s", async (_name, status, body, expected) => {
    answerWith(status, body);
    expect(await client.findConnection()).toMatchObject(expected);
  });
});
