// What the answers to status, result, cancel and the look-up of connections count as.

import { describe, expect, test } from "vitest";
import { FREE_BODY_BYTES } from "../../../../src/net/body.ts";
import { LOGS_MAX_BYTES } from "../../../../src/upstream/client/answers.ts";
import { RESULT_BODY_MAX_BYTES, RESULT_FILE_MAX_BYTES } from "../../../../src/upstream/client/client.ts";
import {
  answerWith,
  answerWithStream,
  brokenBody,
  client,
  fetchSpy,
  following,
  ID,
  MATON_401,
  MATON_404,
  MATON_500,
} from "../../../harness/upstream-client.ts";

const MiB = 1024 * 1024;

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
    ["text", "text/plain", "line 1\nline 2", "line 1\nline 2"],
    ["JSON that is none", "application/json", '{"seed":NaN}', '{"seed":NaN}'],
    ["nothing, which is null,", "application/json", "", "null"],
  ])("keeps %s as it came, with its type", async (_name, type, body, text) => {
    answerWith(200, body, { "content-type": type });
    expect(await output()).toMatchObject({ text, contentType: type });
  });

  test("gives an answer that is a file as its bytes, under a permit, with the type as written", async () => {
    const bytes = Uint8Array.from({ length: FREE_BODY_BYTES + 1 }, (_, i) => i);
    answerWithStream(new Blob([bytes]).stream(), 200, "audio/pcm; rate=24000");
    const answer = await client.result(following);
    if (answer.kind !== "file") throw new Error(JSON.stringify(answer));
    expect(answer).toMatchObject({ contentType: "audio/pcm; rate=24000", permit: { bytes: bytes.length } });
    expect(Buffer.from(answer.bytes).equals(Buffer.from(bytes))).toBe(true);
    answer.permit.release();
  });

  test("keeps a file without a byte as null", async () => {
    answerWith(200, "", { "content-type": "image/png" });
    expect((await output()).text).toBe("null");
  });

  test.each([
    ["says so", (bytes: number) => ({ "content-length": String(bytes) })],
    ["does not say so", () => ({})],
  ])("refuses a file that is too large and %s, and reads no more of it", async (_name, headers) => {
    let canceled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(MiB)),
      cancel() {
        canceled = true;
      },
    });
    const init = { headers: { "content-type": "image/png", ...headers(RESULT_FILE_MAX_BYTES + 1) } };
    fetchSpy.mockImplementation(async () => new Response(body, init));
    const answer = await client.result(following);
    expect(answer).toMatchObject({
      kind: "failed",
      error: { code: "storage_failed", charged: "unknown", retryable: false },
    });
    expect(answer.kind === "failed" && answer.error.message).toContain(`exceeds ${RESULT_FILE_MAX_BYTES} bytes`);
    expect(canceled).toBe(true);
  });

  test("asks again after bytes that are no success, and after a file that broke off", async () => {
    answerWith(502, "PNG", { "content-type": "image/png" });
    expect(await client.result(following)).toMatchObject({ kind: "later", reason: "gateway_failed" });
    answerWithStream(brokenBody(), 200, "image/png");
    expect(await client.result(following)).toMatchObject({ kind: "later", reason: "unreadable" });
  });

  test("says that a result was too large", async () => {
    answerWith(200, "{}", { "content-length": String(RESULT_BODY_MAX_BYTES + 1) });
    const answer = await client.result(following);
    expect(answer).toMatchObject({ kind: "failed", error: { code: "storage_failed", charged: "unknown" } });
    expect(answer.kind === "failed" && answer.error.message).toContain("exceeds");
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
    ["a wish that sounds like a yes", 202, { status: "OK" }, { kind: "requested" }],
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
