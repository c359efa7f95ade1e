// The request object as readers get it: every field in each stage, URLs spelled for this deployment, JSON that parses.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../../../src/platform/config.ts";
import { advanced } from "../../../../src/requests/machine/record.ts";
import type {
  RequestDelivery,
  RequestRecord,
  RequestState,
  RequestView,
  Stage,
} from "../../../../src/requests/machine/types.ts";
import { describeOutput } from "../../../../src/requests/view/output.ts";
import { requestBody } from "../../../../src/requests/view/request-object.ts";
import { baseUrlOf, requestText } from "../../../../src/requests/view/serialize.ts";
import {
  endReported,
  LATER,
  onward,
  REQUEST,
  recordAt,
  STAGES,
  START_AT,
  STORED,
  type StartChanges,
} from "../../../harness/requests.ts";

const VARIABLES = { MATON_API_KEY: "maton-key", SIGNING_KEY: "a-signing-key-of-at-least-32-bytes!" };
/** Short texts lie in their row: no bucket is asked. */
const bucket = {} as R2Bucket;
const PICTURE = "https://v3.fal.media/files/a/cat.png";
const DATA = "data:image/png;base64,iVBORw0KGgo=";

function configOf(variables: Record<string, string> = {}) {
  const parsed = parseConfig({ ...VARIABLES, ...variables });
  if (!parsed.ok) throw new Error("the fixture is misconfigured");
  return parsed.config;
}

function viewOf({ state, files }: RequestRecord, more: Partial<RequestView> = {}): RequestView {
  return { state, files, output: null, payload: null, logs: null, timelineSeq: 1, ...more };
}

type Spelled = Record<string, unknown> & { output: unknown; files: Record<string, unknown>[] };

async function spelled(view: RequestView, variables: Record<string, string> = {}, logs = false): Promise<Spelled> {
  return JSON.parse(await requestText(bucket, configOf(variables), view, { logs })) as Spelled;
}

/** A completed request with this output; its files were stored, or given up where `stored` says no. */
async function completedView(output: string, stored: (n: number) => boolean = () => true): Promise<RequestView> {
  const described = await describeOutput(REQUEST, { text: output, contentType: null }, () => true);
  const { files, skipped, outputText, payloadText } = described;
  let record = onward(recordAt("running"), endReported({ kind: "output", files, skipped }));
  for (const n of files.keys()) {
    const givenUp = {
      type: "file_failed",
      n,
      code: "storage_failed",
      message: "The source returned HTTP 404.",
    } as const;
    record = advanced(record, stored(n) ? { ...STORED, n } : givenUp, LATER).record;
  }
  const kept = (text: string | null) => (text === null ? null : ({ at: "row", text } as const));
  return viewOf(record, { output: kept(outputText), payload: kept(payloadText) });
}

describe("the object", () => {
  test("has every field from the first moment on", async () => {
    const start: StartChanges = { user: "anna", tags: { job: "7" }, metadata: '{"a":[1.50]}' };
    const text = await requestText(bucket, configOf(), viewOf(recordAt("held", start)), { logs: false });
    expect(text).toContain('"metadata":{"a":[1.50]}');
    expect(JSON.parse(text)).toEqual({
      ...{
        id: REQUEST,
        model: "fal-ai/flux/schnell",
        status: "IN_QUEUE",
        stage: "held",
        queue_position: null,
        waiting: null,
        typical_duration: null,
      },
      ...{ created_at: new Date(START_AT).toISOString(), submitted_at: null, started_at: null, completed_at: null },
      ...{ expires_at: null, output: null, output_format: null, files: [], error: null },
      cost: { currency: "USD", estimated: null, charged: null, source: "unknown" },
      ...{ user: "anna", key_id: "key_1", tags: { job: "7" }, metadata: { a: [1.5] }, metrics: null, logs: null },
      ...{ webhook: null, upstream: { request_id: null, calls: 0 } },
      links: {
        self: `https://sluice.test/v1/requests/${REQUEST}`,
        events: `https://sluice.test/v1/requests/${REQUEST}/events`,
        timeline: `https://sluice.test/v1/requests/${REQUEST}/timeline`,
        input: `https://sluice.test/v1/requests/${REQUEST}/input`,
        cancel: `https://sluice.test/v1/requests/${REQUEST}/cancel`,
      },
    });
  });

  const STATUS: Record<Stage, string> = {
    ...{ held: "IN_QUEUE", submitting: "IN_QUEUE", uncertain: "IN_QUEUE", queued: "IN_QUEUE" },
    ...{ running: "IN_PROGRESS", storing: "IN_PROGRESS" },
    ...{ completed: "COMPLETED", failed: "FAILED", canceled: "CANCELED" },
  };

  test.each(STAGES)("is as described in stage %s", async (stage) => {
    const body = await spelled(viewOf(recordAt(stage)));
    expect(requestBody().parse(body)).toEqual(body);
    expect([body.stage, body.status]).toEqual([stage, STATUS[stage]]);
    expect(body.completed_at === null).toBe(!["COMPLETED", "FAILED", "CANCELED"].includes(STATUS[stage]));
  });

  test("shows why it failed, with upstream's own detail as JSON", async () => {
    const { state, ...rest } = recordAt("failed");
    const detail = '[{"loc":["body","seed"],"msg":"bad","ctx":{"n":1e400}}]';
    const failed: RequestState = { ...state, error: state.error && { ...state.error, detail } };
    const text = await requestText(bucket, configOf(), viewOf({ ...rest, state: failed }), { logs: false });
    expect(text).toContain(`"detail":${detail}`);
    expect(JSON.parse(text).error).toMatchObject({ code: "upstream_failed", retryable: true, charged: false });
  });

  test("shows metrics as they came, and log lines to who asks for them", async () => {
    const record = recordAt("running");
    const measured = { ...record, state: { ...record.state, metrics: '{"inference_time":0.330}' } };
    const view = viewOf(measured, { logs: '[{"message":"step 1"}]' });
    expect(await requestText(bucket, configOf(), view, { logs: false })).toContain('{"inference_time":0.330}');
    expect((await spelled(view)).logs).toBeNull();
    expect((await spelled(view, {}, true)).logs).toEqual([{ message: "step 1" }]);
    expect((await spelled(viewOf(record), {}, true)).logs).toEqual([]);
  });

  const ended = recordAt("completed", { webhookUrl: "https://example.com/hook" });
  const own: RequestDelivery = {
    ...{
      id: "dlv_1",
      target: "request",
      eventId: "evt_1",
      eventType: "request.completed",
      endedAt: ended.state.endedAt ?? 0,
      status: "pending",
      attempts: 3,
    },
    ...{ group: 0, replay: null },
  };

  test.each<[string, RequestDelivery[], object]>([
    ["before the end is booked", [], { status: "pending", attempts: 0, delivery_id: null }],
    ["before the first try", [{ ...own, attempts: 0 }], { status: "pending", attempts: 0, delivery_id: "dlv_1" }],
    ["while tries go on", [{ ...own, status: "failing" }], { status: "pending", attempts: 3, delivery_id: "dlv_1" }],
    ["after the last try", [{ ...own, status: "parked" }], { status: "failed", attempts: 3, delivery_id: "dlv_1" }],
    ["when it wants no more", [{ ...own, status: "gone" }], { status: "failed", attempts: 3, delivery_id: "dlv_1" }],
    [
      "once it was taken",
      [{ ...own, status: "delivered" }],
      { status: "delivered", attempts: 3, delivery_id: "dlv_1" },
    ],
    ["whatever endpoints do", [{ ...own, target: "whk_1" }], { status: "pending", attempts: 0, delivery_id: null }],
    ["of an end that was taken back", [{ ...own, endedAt: 1 }], { status: "pending", attempts: 0, delivery_id: null }],
  ])("says how the caller's webhook stands %s", async (_when, deliveries, expected) => {
    const view = viewOf({ ...ended, state: { ...ended.state, deliveries } });
    expect((await spelled(view)).webhook).toEqual({ url: "https://example.com/hook", ...expected });
  });
});

describe("our own URLs begin with", () => {
  const origin = "https://origin.example";

  test.each([
    [
      "BASE_URL where it is set",
      { BASE_URL: "https://b.example", PUBLIC_URL: "https://p.example" },
      "https://b.example",
    ],
    ["PUBLIC_URL where only that is set", { PUBLIC_URL: "https://p.example" }, "https://p.example"],
    ["the origin that the request came in by, otherwise", {}, origin],
  ])("%s", async (_what, variables, expected) => {
    expect(baseUrlOf(configOf(variables), origin)).toBe(expected);
    const view = await completedView(`{"url":"${PICTURE}"}`);
    const body = await spelled({ ...view, state: { ...view.state, origin } }, variables);
    const { url } = body.output as { url: string };
    expect(url.startsWith(`${expected}/files/acme/${REQUEST}.`), url).toBe(true);
    expect(body.links).toMatchObject({ self: `${expected}/v1/requests/${REQUEST}` });
  });
});

describe("an output", () => {
  test("has our URL where the source's was, the same as in the list of files", async () => {
    const text = `{"images":[{"url":"${PICTURE}","width":8}],"seed":196619188014358660}`;
    const view = await completedView(text);
    const spelling = await requestText(bucket, configOf(), view, { logs: false });
    const { files } = JSON.parse(spelling) as Spelled;
    const url = String(files[0]?.url);
    expect(url).toMatch(/^https:\/\/sluice\.test\/files\/acme\/[0-9a-f]{64}\.[0-9a-f]{68}\/0\/cat\.png$/);
    expect(spelling).toContain(`"output":${text.replace(PICTURE, url)}`);
    expect(files).toEqual([
      {
        ...{ path: "images.0.url", url, status: "stored", content_type: "image/png", size: 5, sha256: "ab" },
        error: null,
      },
    ]);
  });

  test("keeps the source's URL of a file that could not be had, with the reason beside it", async () => {
    const other = "https://v3.fal.media/b.png?x=1&y=\\\"'";
    const view = await completedView(JSON.stringify({ a: PICTURE, b: other }), (n) => n === 0);
    const { output, files } = await spelled(view);
    expect(output).toEqual({ a: expect.stringContaining("/files/acme/"), b: other });
    const error = { code: "storage_failed", message: "The source returned HTTP 404." };
    expect(files[1]).toMatchObject({ path: "b", url: other, status: "failed", content_type: null, error });
  });

  test("keeps the bytes of a data URI that could not be stored, where they stood", async () => {
    const view = await completedView(JSON.stringify({ a: { url: DATA }, b: { url: DATA } }), (n) => n === 0);
    const { output, files } = await spelled(view);
    expect(output).toEqual({ a: { url: expect.stringContaining("/files/acme/") }, b: { url: DATA } });
    expect(files[1]).toMatchObject({ url: null, status: "failed" });
  });

  test("names no file whose copy is still under way", async () => {
    const record = recordAt("storing");
    expect((await spelled(viewOf(record))).files).toMatchObject([{ status: "pending", url: null }]);
  });

  test.each(['say "cat"\\', "\u2028\u2029", "🐈", "\u0000\u001f", "$& $1 $$", "</script>", "\ud800"])(
    "is JSON whatever the model says: %j",
    async (text) => {
      const view = await completedView(JSON.stringify({ [text]: text, url: PICTURE }));
      const start = recordAt("completed", { tags: { [text]: text }, user: text, metadata: JSON.stringify(text) });
      const { user, tags, metadata } = start.state;
      const body = await spelled({ ...view, state: { ...view.state, user, tags, metadata } });
      expect(body.output).toMatchObject({ [text]: text });
      expect([body.user, body.tags, body.metadata]).toEqual([text, { [text]: text }, text]);
    },
  );

  test("is the same as it came in, but for its files", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 4 }), async (text) => {
        expect((await spelled(await completedView(text))).output).toEqual(JSON.parse(text));
      }),
      { numRuns: 50 },
    );
  });
});
