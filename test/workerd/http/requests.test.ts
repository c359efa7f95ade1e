// POST /v1/requests: what is taken, in which form it reaches upstream, once or again, waited for or not.
// Refusals are in requests-refused.test.ts, reading and listing in requests-read.test.ts.

import { describe, expect } from "vitest";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, ring } from "../../harness/tracker.ts";
import { deliverWebhooks, sandbox, upstreamRequests } from "../../harness/upstream.ts";

const FLUX = "fal-ai/flux/schnell";
const SDXL = "fal-ai/fast-sdxl";
const UPSCALER = "fal-ai/clarity-upscaler";
const VIDEO = "fal-ai/minimax/video-01";
const TTS = "fal-ai/f5-tts";

interface Problem {
  code: string;
  detail: string;
  request_id: string;
  [field: string]: unknown;
}

function submit<T = RequestObject>(team: Team, body: unknown, headers: Record<string, string> = {}, query = "") {
  return team.send<T>("POST", `/v1/requests${query}`, body, headers);
}

function cat(more: object = {}, input: object = {}): object {
  return { model: FLUX, input: { prompt: "a cat", ...input }, ...more };
}

/** The only request that the sandbox took, as its control API shows it: fields parsed, and the whole as exact text. */
async function sentUpstream(): Promise<{ headers: Record<string, string>; input: unknown; text: string }> {
  const answer = await fetch("https://gateway.sandbox.test/_sandbox/requests");
  const text = await answer.text();
  const { requests } = JSON.parse(text) as { requests: { headers: Record<string, string>; input: unknown }[] };
  expect(requests).toHaveLength(1);
  return { headers: requests[0]?.headers ?? {}, input: requests[0]?.input, text };
}

describe("a submit", () => {
  test("is answered 202 with where to look, and is there", async ({ team }) => {
    const { status, headers, body } = await submit(team, cat());
    expect([status, headers.get("Location")]).toEqual([202, `/v1/requests/${body.id}`]);
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("Preference-Applied")).toBeNull();
    expect(await team.read(body.id)).toEqual(body);
    await expectArmed(body.id);
  });

  test.for<[string, object]>([
    [TTS, { gen_text: "Hello" }],
    [FLUX, { prompt: "a cat", image_size: { width: 640, height: 480 }, seed: null, sync_mode: false }],
    [SDXL, { prompt: "a cat", negative_prompt: "a dog", guidance_scale: 7.5, num_inference_steps: 25 }],
    [UPSCALER, { image_url: "https://example.com/image.jpg", scale: 4 }],
    [VIDEO, { prompt: "a cat", prompt_optimizer: true }],
    ["sandbox/echo/some/path", { anything: [{ at: "all" }] }],
  ] as const)("to %s goes upstream as it is, with nothing added: %j", async ([model, input], { team }) => {
    expect((await submit(team, { model, input })).status).toBe(202);
    expect((await sentUpstream()).input).toEqual(input);
  });

  test("goes upstream with its numbers, strings and odd keys as they were written", async ({ team }) => {
    const prompt = JSON.stringify('"🐈" \u2028 \\ </script>');
    const input = `{"prompt":${prompt},"seed":196619188014358660,"strength":1.50,"__proto__":{"a":1e2}}`;
    expect((await submit(team, `{"model":"${FLUX}","input":${input}}`)).status).toBe(202);
    expect((await sentUpstream()).text).toContain(`"input":${input}`);
  });

  test("may be long: half a megabyte and more goes another way and arrives whole", async ({ team }) => {
    const prompt = "€".repeat(250_000);
    await submit(team, cat({}, { prompt }));
    const [request] = (await sandbox<{ requests: { input_bytes: number }[] }>("GET", "requests")).requests;
    expect(request?.input_bytes).toBe(JSON.stringify({ prompt }).length + 2 * prompt.length);
  });

  test("gives metadata back as it was written, and tags and user of body and headers", async ({ team }) => {
    const metadata = '{"order":9007199254740993,"price":1.50,"note":"\\"x\\""}';
    const answer = await call("POST", "/v1/requests", {
      headers: {
        Authorization: `Key ${team.key}`,
        "Content-Type": "application/json; charset=utf-8",
        "Sluice-User": "anna",
        "Sluice-Tags": "job=7, color=red",
      },
      body: `{"model":"${FLUX}","input":{"prompt":"a cat"},"metadata":${metadata},"user":"anna","tags":{"color":"blue"}}`,
    });
    expect(answer.status).toBe(202);
    const text = await answer.text();
    expect(text).toContain(`"metadata":${metadata}`);
    expect(JSON.parse(text)).toMatchObject({ user: "anna", tags: { job: "7", color: "blue" } });
  });

  test.for([
    [`{"model":"nobody/nothing","model":"${FLUX}","input":{"prompt":"one"}}`, "model"],
    [`{"model":"${FLUX}","input":{"num_images":1,"prompt":"one","num_images":8}}`, "input.num_images"],
  ] as const)("refuses two equal keys: readers differ in which they take", async ([body, field], { team }) => {
    const answer = await submit<Problem>(team, body);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
    expect(answer.body.detail).toContain(field);
    expect(await upstreamRequests()).toEqual([]);
  });
});

describe("of a caller's headers", () => {
  test("fal's options go upstream, and nothing else does", async ({ team }) => {
    await submit(team, cat(), {
      ...{ "X-Fal-Request-Timeout": "90", "X-Fal-Runner-Hint": "session-7", "X-Fal-Queue-Priority": "low" },
      ...{ "X-Fal-No-Retry": "1", "X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds":60}' },
      ...{ Cookie: "a=b", "X-Forwarded-For": "203.0.113.7", "Maton-Connection": "another", "X-Fal-Store-IO": "0" },
      ...{ "Sluice-User": "anna", "Idempotency-Key": "k-1", Origin: "https://app.example", "User-Agent": "tests" },
    });
    const { headers } = await sentUpstream();
    expect(headers).toMatchObject({
      ...{ "x-fal-request-timeout": "90", "x-fal-request-start-timeout": "90", "x-fal-runner-hint": "session-7" },
      ...{ "x-fal-queue-priority": "low", "x-fal-no-retry": "1", "content-type": "application/json" },
    });
    expect(headers["maton-connection"]).not.toBe("another");
    // `cf-worker` is the runtime's own.
    const ours = ["accept", "content-type", "content-length", "maton-connection", "cf-worker"];
    const others = Object.keys(headers).filter((name) => !ours.includes(name));
    expect(others.sort()).toEqual([
      ...["x-fal-no-retry", "x-fal-queue-priority", "x-fal-request-start-timeout", "x-fal-request-timeout"],
      "x-fal-runner-hint",
    ]);
  });

  test.for<[string, object, Record<string, string>, Record<string, string | undefined>]>([
    ["the body's priority wins", { priority: "normal" }, { "X-Fal-Queue-Priority": "low" }, { priority: "normal" }],
    ["the body's time-out wins", { start_timeout_s: 30 }, { "X-Fal-Request-Timeout": "90" }, { timeout: "30" }],
    [
      "the newer name of the time-out wins over the older",
      {},
      { "X-Fal-Request-Timeout": "90", "X-Fal-Request-Start-Timeout": "60" },
      { timeout: "60" },
    ],
    ["what fal ignores is ignored", {}, { "X-Fal-Queue-Priority": "urgent" }, { priority: undefined }],
    ["a zero means no", {}, { "X-Fal-No-Retry": "0" }, { retry: undefined }],
  ] as const)("%s", async ([_what, body, headers, expected], { team }) => {
    expect((await submit(team, cat(body), headers)).status).toBe(202);
    const sent = (await sentUpstream()).headers;
    const seen: Record<string, string | undefined> = {
      priority: sent["x-fal-queue-priority"],
      timeout: sent["x-fal-request-start-timeout"],
      retry: sent["x-fal-no-retry"],
    };
    for (const [name, value] of Object.entries(expected)) expect(seen[name], name).toBe(value);
  });
});

test("limits are told with each submit, and a used-up one refuses and is named", async () => {
  const team = await Team.create({
    limits: [{ name: "daily", scope: "team", per: "request", limit: 1, window: "1d" }],
  });
  const first = await submit(team, cat());
  expect(first.headers.get("RateLimit-Policy")).toBe('"daily";q=1;w=86400');
  expect(first.headers.get("RateLimit")).toBe('"daily";r=0;t=86400');
  const second = await submit<Problem>(team, cat());
  expect([second.status, second.body.code, second.body.retryable]).toEqual([402, "quota_exceeded", false]);
  expect(second.headers.get("RateLimit")).toBe('"daily";r=0;t=86400');
  const reset = new Date(Date.now() + 86_400_000).toISOString();
  expect(second.body.violated_policies).toMatchObject([{ name: "daily", limit: 1, used: 1, reset }]);
  expect(await upstreamRequests()).toHaveLength(1);
});

describe("an idempotency key", () => {
  const key = (text: string) => ({ "Idempotency-Key": text });

  test("gives the same request again, quoted or bare, and nothing is sent twice", async ({ team }) => {
    const first = await submit(team, cat(), key("k-1"));
    expect(first.headers.get("Idempotent-Replayed")).toBeNull();
    for (const text of ["k-1", '"k-1"']) {
      const again = await submit(team, cat(), key(text));
      expect([again.status, again.body.id]).toEqual([202, first.body.id]);
      expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    }
    expect(await upstreamRequests()).toHaveLength(1);
    await expectArmed(first.body.id);
  });

  test("makes one request of ten posts at once", async ({ team }) => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => submit(team, cat(), key("k-1"))));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.has("Idempotent-Replayed"))).toHaveLength(9);
    expect(await upstreamRequests()).toHaveLength(1);
  });

  test.for<[string, object]>([
    ["another prompt", cat({}, { prompt: "a dog" })],
    ["one more field", cat({}, { num_images: 2 })],
    ["another model", { ...cat(), model: SDXL }],
    ["a tag", cat({ tags: { a: "b" } })],
    ["a webhook", cat({ webhook_url: "https://example.com/hook" })],
  ] as const)("is refused with %s, naming the first request", async ([_what, body], { team }) => {
    const first = await submit(team, cat(), key("k-1"));
    const { status, body: problem } = await submit<Problem>(team, body, key("k-1"));
    expect([status, problem.code, problem.request_id]).toEqual([422, "idempotency_mismatch", first.body.id]);
    expect(await upstreamRequests()).toHaveLength(1);
  });

  test("is refused with a seed that differs only beyond 2^53", async ({ team }) => {
    const text = (seed: string) => `{"model":"${FLUX}","input":{"prompt":"a cat","seed":${seed}}}`;
    await submit(team, text("9007199254740992"), key("k-1"));
    expect((await submit(team, text("9007199254740993"), key("k-1"))).status).toBe(422);
  });

  test("of another user is another key", async ({ team }) => {
    const [anna, bob] = [
      await submit(team, cat({ user: "anna" }), key("k")),
      await submit(team, cat({ user: "bob" }), key("k")),
    ];
    expect(bob.body.id).not.toBe(anna.body.id);
  });
});

describe("a submit that waits", () => {
  test("is answered 200 with the output when it ends in time", async ({ team }) => {
    const waiting = submit(team, cat(), { Prefer: "wait=30" });
    let id = "";
    await eventually(async () => {
      id = await team.onlyRequest();
      expect((await team.read(id)).stage).toBe("queued");
    });
    await passTime(5_000);
    expect(await deliverWebhooks()).toEqual([200]);
    await ring(id);
    await ring(id);
    const { status, headers, body } = await waiting;
    expect([status, body.status, body.id]).toEqual([200, "COMPLETED", id]);
    expect(headers.get("Preference-Applied")).toBe("wait=30");
    expect(headers.get("Location")).toBe(`/v1/requests/${id}`);
  });

  test.for<[string, Record<string, string>, string, number, string | null]>([
    ["not at all", {}, "", 202, null],
    ["for no time", { Prefer: "wait=0" }, "", 202, "wait=0"],
    ["some seconds", { Prefer: "respond-async, wait=5" }, "", 200, "wait=5"],
    ["longer than is allowed", { Prefer: "wait=600" }, "", 200, "wait=60"],
    ["as long as is allowed", { Prefer: "wait" }, "", 200, "wait=60"],
    ["by the query", {}, "?wait=5", 200, null],
    ["in another way", { Prefer: "handling=strict" }, "", 202, null],
  ] as const)(
    "%s: a request that fails at once is answered accordingly",
    async ([_how, headers, query, status, applied], { team }) => {
      const answer = await submit(team, cat({}, { prompt: "sandbox:submit-422" }), headers, query);
      expect([answer.status, answer.body.status]).toEqual([status, "FAILED"]);
      expect(answer.headers.get("Preference-Applied")).toBe(applied);
    },
  );

  test.for(["-1", "1.5", "long"])("%s seconds is refused", async (wait, { team }) => {
    const answer = await submit<Problem>(team, cat(), {}, `?wait=${wait}`);
    expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining("`wait` must be")]);
    expect(await upstreamRequests()).toEqual([]);
  });
});
