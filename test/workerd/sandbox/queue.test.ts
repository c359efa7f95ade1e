import { beforeEach, describe, expect, test } from "vitest";
import { advance, call, finished, freshWorld, json, START, set, submit } from "../../harness/sandbox.ts";

beforeEach(() => freshWorld());

describe("a submit", () => {
  test("answers ids and URLs of queue.fal.run that leave the sub-path out", async () => {
    const answer = await call("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a cat" });
    expect(answer.status).toBe(200);
    const body = await json(answer);
    const url = `https://queue.fal.run/fal-ai/flux/requests/${body.request_id}`;
    expect(body).toMatchObject({
      status: "IN_QUEUE",
      response_url: url,
      status_url: `${url}/status`,
      cancel_url: `${url}/cancel`,
      queue_position: 2,
    });
    expect(answer.headers.get("x-fal-request-id")).toBe(body.request_id);
  });

  test.each(["workflows/me/flow/deep", "comfy/me/flow"])("keeps three segments of %s", async (model) => {
    const request = await submit({}, { model });
    expect(request.result).toMatch(/^\/fal-ai\/(workflows|comfy)\/me\/flow\/requests\//);
    expect((await call("GET", request.status)).status).toBe(202);
  });

  test.each([
    ["x-fal-request-timeout", "soon"],
    ["x-fal-request-timeout", "1"],
    ["x-fal-request-start-timeout", "0.1"],
    ["x-fal-object-lifecycle-preference", "{"],
    ["x-fal-object-lifecycle-preference", '{"expiration_duration_seconds":"1"}'],
  ])("refuses the header %s: %s", async (name, value) => {
    const answer = await call("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a" }, { [name]: value });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("x-fal-error-type")).toBe("bad_request");
    expect(await json(answer)).toMatchObject({ error_type: "bad_request" });
  });

  test.each([
    ["x-fal-queue-priority", "urgent"],
    ["x-fal-retry-config", "{"],
    ["x-fal-no-retry", "perhaps"],
  ])("ignores the header %s: %s", async (name, value) => {
    const answer = await call("POST", "/fal-ai/fal-ai/flux/schnell", { prompt: "a" }, { [name]: value });
    expect(answer.status).toBe(200);
  });

  test.each(["?fal_webhook=here", "?fal_max_queue_length=few"])("refuses the query %s", async (query) => {
    expect((await call("POST", `/fal-ai/fal-ai/flux/schnell${query}`, { prompt: "a" })).status).toBe(400);
  });

  test("is 429 when more requests wait than fal_max_queue_length allows", async () => {
    const path = "/fal-ai/fal-ai/flux/schnell?fal_max_queue_length=1";
    expect((await call("POST", path, { prompt: "a" })).status).toBe(200);
    expect((await call("POST", path, { prompt: "b" })).status).toBe(200);
    expect((await call("POST", path, { prompt: "c" })).status).toBe(429);
    await advance(400);
    expect((await call("POST", path, { prompt: "d" })).status).toBe(200);
  });

  test.each([
    ["POST", "/fal-ai/no-such-owner/app", 404],
    ["POST", "/fal-ai/fal-ai/flux/schnel", 404],
    ["POST", "/fal-ai/flux", 404],
    ["GET", "/fal-ai/fal-ai/flux/schnell", 405],
    ["PUT", "/fal-ai/fal-ai/flux/schnell", 405],
  ])("%s %s is %i", async (method, path, status) => {
    expect((await call(method, path, method === "GET" ? undefined : {})).status).toBe(status);
  });
});

describe("the state of a request", () => {
  test("goes from queue with a falling position over running to completed, 202 until then", async () => {
    const request = await submit();
    const seen: [number, unknown, unknown][] = [];
    for (const step of [0, 110, 110, 100, 900]) {
      await advance(step);
      const answer = await call("GET", request.status);
      const body = await json(answer);
      seen.push([answer.status, body.status, body.queue_position]);
    }
    expect(seen).toEqual([
      [202, "IN_QUEUE", 2],
      [202, "IN_QUEUE", 1],
      [202, "IN_QUEUE", 0],
      [202, "IN_PROGRESS", undefined],
      [200, "COMPLETED", undefined],
    ]);
  });

  test("has logs as null unless they are asked for, in any of the spellings, and then all so far", async () => {
    const request = await submit();
    await advance(700);
    for (const query of ["", "?logs=0", "?logs=false"]) {
      expect(await json(await call("GET", request.status + query))).toHaveProperty("logs", null);
    }
    const early = (await json(await call("GET", `${request.status}?logs=1`))).logs as unknown[];
    await advance(700);
    const late = (await json(await call("GET", `${request.status}?logs=true`))).logs as unknown[];
    expect(early.length).toBeGreaterThan(0);
    expect(late.length).toBeGreaterThan(early.length);
    expect(late.slice(0, early.length)).toEqual(early);
  });

  test("has metrics when completed", async () => {
    const request = await finished({ prompt: "a" });
    expect(await json(await call("GET", request.status))).toMatchObject({ metrics: { inference_time: 0.9 } });
  });

  test("takes slashes at the end of status and result", async () => {
    const request = await finished({ prompt: "a" });
    expect((await call("GET", `${request.status}/`)).status).toBe(200);
    expect((await call("GET", `${request.result}/`)).status).toBe(200);
  });

  test("waits for a slot when as many run as may", async () => {
    await set({ concurrency: 1 });
    const first = await submit();
    const second = await submit();
    await advance(1_250); // the first ran from 300 to 1,200
    expect((await json(await call("GET", first.status))).status).toBe("COMPLETED");
    expect((await json(await call("GET", second.status))).status).toBe("IN_PROGRESS");
    await advance(900);
    expect((await json(await call("GET", second.status))).status).toBe("COMPLETED");
  });
});

describe("what fal refuses about a request", () => {
  test.each([
    ["GET", "status under the sub-path", "/fal-ai/fal-ai/flux/schnell/requests/ID/status", 405],
    ["GET", "result under the sub-path", "/fal-ai/fal-ai/flux/schnell/requests/ID", 405],
    ["PUT", "cancel under the sub-path", "/fal-ai/fal-ai/flux/schnell/requests/ID/cancel", 405],
    ["GET", "a /response suffix", "/fal-ai/fal-ai/flux/requests/ID/response", 405],
    ["POST", "status by POST", "/fal-ai/fal-ai/flux/requests/ID/status", 405],
    ["GET", "cancel by GET", "/fal-ai/fal-ai/flux/requests/ID/cancel", 405],
    ["POST", "cancel by POST", "/fal-ai/fal-ai/flux/requests/ID/cancel", 405],
    ["GET", "status of another app", "/fal-ai/fal-ai/fast-sdxl/requests/ID/status", 404],
    ["GET", "an unknown tail", "/fal-ai/fal-ai/flux/requests/ID/logs", 404],
    ["GET", "an unknown id", "/fal-ai/fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/status", 404],
    ["PUT", "cancel of an unknown id", "/fal-ai/fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/cancel", 404],
  ])("%s: %s", async (method, _what, path, status) => {
    const { id } = await submit();
    expect((await call(method, path.replace("ID", id))).status).toBe(status);
  });

  test("says NOT_FOUND for an unknown id", async () => {
    const answer = await call("GET", "/fal-ai/fal-ai/flux/requests/nope/status");
    expect(await json(answer)).toEqual({ status: "NOT_FOUND" });
  });

  test("takes sub-paths and /response when the setting is lenient", async () => {
    await set({ lenient_paths: true });
    const { id } = await finished({ prompt: "a" });
    expect((await call("GET", `/fal-ai/fal-ai/flux/schnell/requests/${id}/status`)).status).toBe(200);
    expect((await call("GET", `/fal-ai/fal-ai/flux/requests/${id}/response`)).status).toBe(200);
  });
});

describe("a result", () => {
  test("is 400 with fal's exact text while the request is under way", async () => {
    const request = await submit();
    const answer = await call("GET", request.result);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toBe('{"detail":"Request is still in progress"}');
  });

  test("is the same every time, with id and billable units as headers", async () => {
    const request = await finished({ prompt: "a", image_size: "square_hd" });
    const first = await call("GET", request.result);
    expect(first.headers.get("x-fal-request-id")).toBe(request.id);
    expect(first.headers.get("x-fal-billable-units")).toBe("1");
    expect(await (await call("GET", request.result)).text()).toBe(await first.text());
  });

  test.each([
    ["an hour", "a", 60 * 60_000],
    ["six minutes from 10 KB up", "sandbox:big-output:20000", 6 * 60_000],
  ])("is kept for %s", async (_what, prompt, ttlMs) => {
    const request = await submit({ prompt });
    await advance(1_200 + ttlMs);
    expect((await call("GET", request.result)).status).toBe(200);
    await advance(1);
    expect((await call("GET", request.result)).status).toBe(404);
    expect((await call("GET", request.status)).status).toBe(404);
  });

  test.each(["x-fal-request-timeout", "x-fal-request-start-timeout"])(
    "is 504 when %s passes before the start",
    async (name) => {
      await set({ queue_ms: { image: 10_000 } });
      const request = await submit({ prompt: "a" }, { headers: { [name]: "2" } });
      await advance(1_999);
      expect((await json(await call("GET", request.status))).status).toBe("IN_QUEUE");
      await advance(1);
      const status = await call("GET", request.status);
      expect(status.status).toBe(200);
      expect(await json(status)).toMatchObject({ status: "COMPLETED", error_type: "request_timeout" });
      const result = await call("GET", request.result);
      expect(result.status).toBe(504);
      expect(result.headers.get("x-fal-request-timeout-type")).toBe("user");
    },
  );

  test("goes by the newer of the two headers when both are sent", async () => {
    const headers = { "x-fal-request-timeout": "100", "x-fal-request-start-timeout": "0.2" };
    const request = await submit({ prompt: "a" }, { headers });
    await advance(200);
    expect((await call("GET", request.result)).status).toBe(504);
  });

  test("is not touched by a start deadline that was met", async () => {
    const request = await submit(
      { prompt: "a" },
      { headers: { "x-fal-request-timeout": "2", "x-fal-request-start-timeout": "0.5" } },
    );
    await advance(5_000);
    expect((await call("GET", request.result)).status).toBe(200);
  });
});

describe("a cancel", () => {
  test("takes a waiting request out of the queue: 200, then completed with 499", async () => {
    const request = await submit();
    const answer = await call("PUT", request.cancel);
    expect([answer.status, await json(answer)]).toEqual([200, { status: "OK" }]);
    expect(await json(await call("GET", request.status))).toMatchObject({
      status: "COMPLETED",
      error_type: "client_cancelled",
    });
    expect((await call("GET", request.result)).status).toBe(499);
    expect((await call("PUT", request.cancel)).status).toBe(400);
  });

  test("is 202 for a waiting request, which is then gone, when the settings say so", async () => {
    await set({ cancel_queued_status: 202, cancelled_in_queue: "not_found" });
    const request = await submit();
    expect((await call("PUT", request.cancel)).status).toBe(202);
    expect((await call("GET", request.status)).status).toBe(404);
  });

  test("only requests the end of a running one: 202, and it ends as 499 when the model stops", async () => {
    const request = await submit();
    await advance(500);
    const answer = await call("PUT", request.cancel);
    expect([answer.status, await json(answer)]).toEqual([202, { status: "CANCELLATION_REQUESTED" }]);
    expect((await json(await call("GET", request.status))).status).toBe("IN_PROGRESS");
    await advance(200);
    expect((await call("GET", request.result)).status).toBe(499);
  });

  test("changes nothing when the model ignores it", async () => {
    const request = await submit({ prompt: "sandbox:ignore-cancel" });
    await advance(500);
    expect((await call("PUT", request.cancel)).status).toBe(202);
    await advance(700);
    expect((await call("GET", request.result)).status).toBe(200);
  });

  test("is 400 ALREADY_COMPLETED after the end", async () => {
    const request = await finished({ prompt: "a" });
    const answer = await call("PUT", request.cancel);
    expect([answer.status, await json(answer)]).toEqual([400, { status: "ALREADY_COMPLETED" }]);
  });
});

describe("a status stream", () => {
  /** The events of a whole stream, while the clock is moved on between them. */
  async function events(path: string, steps: number[]): Promise<{ comments: number; data: Record<string, unknown>[] }> {
    const answer = await call("GET", path);
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const data: Record<string, unknown>[] = [];
    let comments = 0;
    for (;;) {
      const chunk = await reader?.read();
      if (!chunk || chunk.done) return { comments, data };
      for (const event of chunk.value.split("\n\n").filter((text) => text !== "")) {
        if (event.startsWith(":")) comments++;
        else data.push(JSON.parse(event.replace("data: ", "")));
      }
      const step = steps.shift();
      if (step !== undefined) await advance(step);
    }
  }

  test("sends each change once and closes after COMPLETED", async () => {
    const request = await submit();
    const { data } = await events(`${request.status}/stream`, [110, 110, 100, 900]);
    expect(data.map(({ status, queue_position }) => [status, queue_position])).toEqual([
      ["IN_QUEUE", 2],
      ["IN_QUEUE", 1],
      ["IN_QUEUE", 0],
      ["IN_PROGRESS", undefined],
      ["COMPLETED", undefined],
    ]);
  });

  test("sends each log line once", async () => {
    const request = await submit();
    const { data } = await events(`${request.status}/stream?logs=1`, [400, 300, 800]);
    const lines = data.flatMap(({ logs }) => (Array.isArray(logs) ? logs.map(({ message }) => message) : []));
    expect(lines).toEqual(["Loading the model", "Step 1 of 4", "Step 2 of 4", "Step 3 of 4", "Step 4 of 4", "Done"]);
  });

  test("sends comments while nothing changes", async () => {
    await set({ sse_keep_alive_ms: 10 });
    const request = await submit();
    const { comments } = await events(`${request.status}/stream`, [0, 0, 2_000]);
    expect(comments).toBeGreaterThanOrEqual(2);
  });
});

test("shows what came in, with how often it was asked about", async () => {
  const request = await submit(
    { prompt: "a", seed: 196619188014358661n.toString() },
    { headers: { "x-fal-runner-hint": "h" } },
  );
  await call("GET", request.status);
  await call("GET", request.status);
  await call("GET", request.result);
  const seen = await json(await call("GET", `/_sandbox/requests/${request.id}`));
  expect(seen).toMatchObject({
    model: "fal-ai/flux/schnell",
    app: "fal-ai/flux",
    submitted_at: START,
    calls: { submit: 1, status: 2, result: 1 },
    headers: { "x-fal-runner-hint": "h" },
  });
  expect(JSON.stringify(seen)).not.toContain("sandbox-maton-key");
});
