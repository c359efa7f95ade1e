// The calls to fal through Maton: what goes out, and what an answer to a submit counts as.

import { describe, expect, test, vi } from "vitest";
import { SUBMIT_TIMEOUT_MS } from "../../../../src/requests/machine/effect-schedule.ts";
import { createUpstreamClient, type SubmitCall } from "../../../../src/upstream/client/client.ts";
import { MODEL } from "../../../harness/model.ts";
import {
  answerWith,
  answerWithStream,
  brokenBody,
  CONNECTION,
  client,
  config,
  fetchSpy,
  following,
  ID,
  MATON_401,
  MATON_404,
  MATON_500,
  sent,
} from "../../../harness/upstream-client.ts";

const submission: SubmitCall = {
  model: MODEL,
  inputText: '{"prompt":"a cat","seed":196619188014358660}',
  options: {},
  startTimeoutLeftS: null,
  callbackUrl: null,
  connection: CONNECTION,
};
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
    await expect(client.submit({ ...submission, model: "fal-ai/flux/../x" })).rejects.toThrow("was not validated");
    await expect(client.cancel({ ...following, upstreamId: "../x" })).rejects.toThrow("was not validated");
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
    const broken = createUpstreamClient({ ...config(), MATON_API_KEY: "kéy\u0101" });
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
