// fal's and Maton's words: whose they are, what they become, what a webhook body reports.

import { describe, expect, test } from "vitest";
import { parseTree } from "../../../../src/platform/json.ts";
import {
  answeringParty,
  ERROR_DETAIL_MAX_BYTES,
  ERROR_MESSAGE_MAX_CHARS,
  falError,
  parseReport,
  submitRefusal,
  type VendorAnswer,
} from "../../../../src/upstream/client/classify.ts";

const ID = "764cabcf-b745-4b3e-ae38-1200304cf45b";

function answer(status: number, body: unknown, headers: Record<string, string> = {}): VendorAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { status, headers: new Headers(headers), body: parseTree(text)?.tree };
}

const entry = (type: string, loc: (string | number)[] = ["body", "prompt"], msg = "is wrong") => ({ loc, msg, type });

describe("speakerOf", () => {
  test.each([
    ["a detail text", { detail: "no" }, {}, "fal"],
    ["a detail list", { detail: [] }, {}, "fal"],
    ["a queue word", { status: "NOT_FOUND" }, {}, "fal"],
    ["a failed request's status", { status: "COMPLETED", error: "x" }, {}, "fal"],
    ["a model's own words under fal's header", { error: "x" }, { "x-fal-request-id": ID }, "fal"],
    ["an error object", { error: { message: "no", code: 401 } }, {}, "maton"],
    ["an error text", { error: "no" }, {}, "maton"],
    ["the flat shape", { message: "Connection c not found", type: "Not Found", code: 404 }, {}, "maton"],
    ["a status that is no queue word", { status: "error", message: "no", code: 500 }, {}, "maton"],
    ["a page", "<html>", {}, "unknown"],
    ["another JSON", { ok: false }, {}, "unknown"],
    ["null", null, {}, "unknown"],
  ])("takes %s as %s", (_name, body, headers, speaker) => {
    expect(answeringParty(answer(500, body, headers))).toBe(speaker);
  });
});

describe("falError", () => {
  test.each([
    [422, { detail: [entry("content_policy_violation")] }, {}, "content_refused"],
    [422, { detail: [entry("missing"), entry("content_policy_violation")] }, {}, "content_refused"],
    [422, { detail: [entry("file_download_error")] }, {}, "input_unreachable"],
    [422, { detail: [entry("image_load_error")] }, {}, "input_unreachable"],
    [422, { detail: [entry("image_too_large")] }, {}, "invalid_input"],
    [422, { detail: [entry("constructor")] }, {}, "invalid_input"],
    [422, { detail: "Could not do that" }, {}, "invalid_input"],
    [422, "not JSON", {}, "invalid_input"],
    [403, { detail: "User is locked. Reason: Exhausted balance." }, {}, "upstream_locked"],
    [403, { detail: "Not allowed" }, {}, "upstream_refused"],
    [401, { detail: "invalid key credentials" }, {}, "upstream_refused"],
    [400, { detail: "bad", error_type: "bad_request" }, {}, "upstream_refused"],
    [404, { detail: "Path /x not found" }, {}, "upstream_refused"],
    [504, { detail: "x" }, { "x-fal-request-timeout-type": "user" }, "upstream_timeout"],
    [504, { detail: "x", error_type: "request_timeout" }, {}, "upstream_timeout"],
    [504, { detail: "x" }, { "x-fal-error-type": "startup_timeout" }, "upstream_timeout"],
    [504, { detail: [entry("generation_timeout")] }, {}, "upstream_timeout"],
    [504, { detail: "x" }, {}, "upstream_timeout"],
    [503, { detail: "x", error_type: "runner_disconnected" }, {}, "upstream_failed"],
    [500, { detail: "Internal Server Error" }, {}, "upstream_failed"],
  ])("makes %s with %j %j %s", (status, body, headers, code) => {
    const error = falError(answer(status, body, headers), "result");
    expect(error.code).toBe(code);
    expect(error.upstreamStatus).toBe(status);
    expect(error.message).not.toBe("");
  });

  test.each([
    [500, "result", {}, false],
    [504, "result", {}, false],
    [422, "result", {}, "unknown"],
    [400, "result", {}, "unknown"],
    [422, "result", { "x-fal-billable-units": "0" }, false],
    [422, "result", { "x-fal-billable-units": "3.008" }, true],
    [422, "result", { "x-fal-billable-units": "lots" }, "unknown"],
    [422, "submit", {}, false],
    [403, "submit", {}, false],
  ] as const)("says of a %s at the %s with %j: charged %s", (status, when, headers, charged) => {
    expect(falError(answer(status, { detail: "x" }, headers), when).charged).toBe(charged);
  });

  test.each([
    [500, { detail: "x" }, {}, true],
    [500, { detail: "x" }, { "X-Fal-Retryable": "false" }, false],
    [500, { detail: "x" }, { "X-Fal-Needs-Retry": "0" }, false],
    [422, { detail: "x" }, {}, false],
    [422, { detail: "x" }, { "X-Fal-Needs-Retry": "1" }, true],
    [400, { detail: "x" }, {}, false],
    [401, { detail: "x" }, {}, true],
    [403, { detail: "User is locked" }, {}, true],
  ])("says of %s with %j %j: retryable %s", (status, body, headers, retryable) => {
    expect(falError(answer(status, body, headers), "result").retryable).toBe(retryable);
  });

  test("names the fields in one sentence", () => {
    const body = {
      detail: [
        entry("missing", ["body", "prompt"], "Field required"),
        entry("url", ["body", "images", 0, "url"], "Failed to download"),
        entry("value_error", ["body"], "Nothing fits"),
      ],
    };
    const { message } = falError(answer(422, body), "result");
    expect(message).toBe("prompt: Field required; images[0].url: Failed to download; Nothing fits");
  });

  test("keeps a field whose name begins with body", () => {
    const { message } = falError(answer(422, { detail: [entry("x", ["body", "body_type"], "no")] }), "result");
    expect(message).toBe("body_type: no");
  });

  test("takes a detail text as the message", () => {
    expect(falError(answer(500, { detail: "Out of memory" }), "result").message).toBe("Out of memory");
  });

  test("falls back to our own words", () => {
    expect(falError(answer(500, "<html>"), "result").message).toBe("The model failed");
    expect(falError(answer(422, { detail: [{ odd: true }, 3, null] }), "result").message).toMatch(
      /Invalid model input/,
    );
  });

  test("cuts a long message without splitting a character", () => {
    const { message } = falError(answer(500, { detail: "😀".repeat(600) }), "result");
    expect(message.length).toBeLessThanOrEqual(ERROR_MESSAGE_MAX_CHARS);
    expect(message.isWellFormed()).toBe(true);
    expect(message.endsWith("…")).toBe(true);
  });

  test("keeps upstream's detail with its numbers as written", () => {
    const text =
      '{"detail":[{"loc":["body","seed"],"msg":"m","type":"t","ctx":{"le":196619188014358660},"input":1.50}]}';
    const { detail } = falError(answer(422, text), "result");
    expect(detail).toBe('[{"loc":["body","seed"],"msg":"m","type":"t","ctx":{"le":196619188014358660},"input":1.50}]');
  });

  test("has no detail where fal gave none", () => {
    expect(falError(answer(500, { error: "x" }), "result").detail).toBeNull();
  });

  test.each([
    ["a long text", "\u0001".repeat(50_000)],
    ["entries that repeat a large input", [{ ...entry("t"), input: "x".repeat(50_000) }]],
    ["very many entries", Array(2_000).fill(entry("t"))],
  ])("holds %s to the cap and keeps it JSON", (_name, detail) => {
    const kept = falError(answer(422, { detail }), "result").detail ?? "";
    expect(new TextEncoder().encode(kept).byteLength).toBeLessThanOrEqual(ERROR_DETAIL_MAX_BYTES);
    expect(JSON.parse(kept).length).toBeGreaterThan(0);
  });

  test("drops a detail that cannot be shortened", () => {
    expect(falError(answer(422, { detail: { all: "x".repeat(50_000) } }), "result").detail).toBeNull();
  });
});

describe("submitRefusal", () => {
  test.each([
    ["Maton's 401", 401, { error: { message: "Invalid key", code: 401 } }, "misconfigured", true],
    ["a 401 of nobody", 401, "", "misconfigured", true],
    ["Maton's 403", 403, { error: "forbidden" }, "misconfigured", true],
    ["Maton's 400", 400, { error: { message: "No active connection", code: 400 } }, "connection_missing", true],
    ["Maton's 404", 404, { message: "Connection c not found", code: 404 }, "connection_missing", true],
    ["Maton's 404 of a path", 404, { message: "No such route", code: 404 }, "upstream_refused", false],
    ["fal's 401", 401, { detail: "invalid key credentials" }, "upstream_refused", true],
    ["fal's 403 of a locked user", 403, { detail: "User is locked. Reason: x." }, "upstream_locked", true],
    ["fal's 404", 404, { detail: "Application 'x' not found" }, "upstream_refused", false],
    ["fal's 422", 422, { detail: [entry("missing")] }, "invalid_input", false],
    ["a page", 403, "<html>", "upstream_refused", false],
  ])("makes %s (%s) %s", (_name, status, body, code, retryable) => {
    const error = submitRefusal(answer(status, body));
    expect(error).toMatchObject({ code, retryable, charged: false, upstreamStatus: status });
  });

  test("does not repeat what Maton says about its connections", () => {
    const body = { message: "Connection 21fd90f9 of me@example.com not found", code: 404 };
    expect(JSON.stringify(submitRefusal(answer(404, body)))).not.toContain("21fd90f9");
  });
});

describe("parseReport", () => {
  const report = (fields: object) =>
    parseReport(JSON.stringify({ request_id: ID, gateway_request_id: "other", ...fields }));

  test("gives an output with its numbers as written", () => {
    const text = `{"request_id":"${ID}","status":"OK","payload":{"seed":196619188014358660,"scale":1.0},"error":null}`;
    expect(parseReport(text)).toEqual({
      kind: "output",
      requestId: ID,
      payload: '{"seed":196619188014358660,"scale":1.0}',
    });
  });

  test.each([
    ["members in another order", `{"payload":{"a":1.0},"error":null,"status":"OK","request_id":"${ID}"}`],
    ["a new line at the end", `{"request_id":"${ID}","status":"OK","payload":{"a":1.0}}\n`],
    [
      "a member twice, of which the last counts",
      `{"request_id":"${ID}","status":"ERROR","status":"OK","payload":{"a":1.0}}`,
    ],
  ])("reads %s", (_name, text) => {
    expect(parseReport(text)).toEqual({ kind: "output", requestId: ID, payload: '{"a":1.0}' });
  });

  test.each([
    ["OK without a payload", { status: "OK", payload: null, payload_error: "not serialisable" }],
    ["OK that forgot it", { status: "OK" }],
    ["ERROR that names no status", { status: "ERROR", error: "Something", payload: null }],
    ["ERROR with a text and no status", { status: "ERROR", error: "Something", payload: { detail: "x" } }],
    ["ERROR without any words", { status: "ERROR" }],
  ])("announces an end for %s", (_name, fields) => {
    expect(report(fields)).toEqual({ kind: "announced", requestId: ID });
  });

  test.each([
    ["a validator's list", "Invalid status code: 422", { detail: [entry("missing")] }, "invalid_input", 422, "unknown"],
    ["a crash", "Invalid status code: 500", { detail: "Internal Server Error" }, "upstream_failed", 500, false],
    ["a time-out", "Invalid status code: 504", null, "upstream_timeout", 504, false],
    ["a status without a payload", "Invalid status code: 404", null, "upstream_refused", 404, "unknown"],
    ["a list without a status", "", { detail: [entry("file_download_error")] }, "input_unreachable", null, "unknown"],
  ])("gives the error of %s", (_name, error, payload, code, upstreamStatus, charged) => {
    expect(report({ status: "ERROR", error, payload })).toMatchObject({
      kind: "error",
      requestId: ID,
      error: { code, upstreamStatus, charged },
    });
  });

  test("takes 499 as canceled", () => {
    const fields = { status: "ERROR", error: "Invalid status code: 499", payload: { detail: "x" } };
    expect(report(fields)).toEqual({ kind: "canceled", requestId: ID });
  });

  test("says the same of an error as the result call does", () => {
    const body = { detail: [entry("missing"), entry("value_error")] };
    const told = report({ status: "ERROR", error: "Invalid status code: 422", payload: body });
    expect(told).toEqual({ kind: "error", requestId: ID, error: falError(answer(422, body), "result") });
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["no object", "[]"],
    ["null", "null"],
    ["no id", '{"status":"OK","payload":{}}'],
    ["an id that is no text", '{"request_id":7,"status":"OK","payload":{}}'],
    ["an id that would change a path", '{"request_id":"../x","status":"OK","payload":{}}'],
    ["an id of dots", '{"request_id":"..","status":"OK","payload":{}}'],
    ["a foreign status", `{"request_id":"${ID}","status":"COMPLETED","payload":{}}`],
  ])("calls %s malformed", (_name, text) => {
    expect(parseReport(text)).toEqual({ kind: "malformed" });
  });
});
