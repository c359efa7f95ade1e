// What the serializer answers against the schema that the API is described by: a table over every stage, a seeded walk through the
// machine, and what the compiler refuses. FC_SEED repeats a walk.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type * as z from "zod";
import type { RequestLine } from "../../../../src/contracts/team-access.ts";
import type { RequestFile } from "../../../../src/files/request-file.ts";
import { objectText, RawText } from "../../../../src/platform/json.ts";
import type { RequestEvent } from "../../../../src/requests/machine/events.ts";
import { advanced } from "../../../../src/requests/machine/record.ts";
import {
  hasEnded,
  type RequestDelivery,
  type RequestRecord,
  type RequestState,
  type RequestView,
  type Stage,
  type Waiting,
} from "../../../../src/requests/machine/types.ts";
import { describeOutput } from "../../../../src/requests/view/output.ts";
import { type RequestBody, requestBody, requestSummaryBody } from "../../../../src/requests/view/request-object.ts";
import { type Reader, serializeRequest } from "../../../../src/requests/view/serialize.ts";
import { CSV_COLUMNS, csvCells, serializeLine } from "../../../../src/requests/view/summary.ts";
import {
  endReported,
  GRANTED,
  LATER,
  LOST,
  MODEL_FAILED,
  onward,
  REQUEST,
  RUNNING,
  recordAt,
  SETTLED,
  STAGES,
  START_AT,
  STORED,
  type StartChanges,
  TAKEN,
  UNKNOWN_BILL,
} from "../../../harness/requests.ts";

const READER: Reader = {
  baseUrl: "https://sluice.test",
  signingKeys: ["a-signing-key-of-at-least-32-bytes!"],
  now: LATER,
  logs: true,
};

/** An output with a file by its URL, one inside it, and a number that JavaScript would change. */
const OUTPUT =
  '{"a":{"url":"https://v3.fal.media/a.png"},"b":{"url":"data:image/png;base64,iVBORw0KGgo="},"seed":1.50}';
const described = await describeOutput(REQUEST, { text: OUTPUT, contentType: null }, () => true);
const FILES = described.files;
const LOADED = { text: described.outputText, inPlace: new Map([[1, "data:image/png;base64,iVBORw0KGgo="]]) };

const EVERYTHING: StartChanges = {
  user: "anna",
  tags: { job: "7", "": "" },
  metadata: '{"n":[1.50,1e400]}',
  webhookUrl: "https://example.com/hook",
  options: { priority: "low", connection: "connection-1" },
  startTimeoutS: 60,
  cost: { estimatedMicro: 3_000, price: { unit: "request", usd: "0.003" }, exact: true },
  retention: { recordsDays: 30, filesDays: 7, inputsDays: 1 },
  fileLinkS: 3_600,
};

function viewOf({ state, files }: RequestRecord, more: Partial<RequestView> = {}): RequestView {
  return { state, files, output: null, payload: null, logs: null, timelineSeq: 1, ...more };
}

/** Refuses what the schema does not name, at every depth: a parse leaves it out. */
function expectStrictly(schema: z.ZodType, body: Parameters<typeof objectText>[0]): void {
  const read = JSON.parse(objectText(body)) as unknown;
  expect(schema.parse(read)).toStrictEqual(read);
}

async function expectDescribed(view: RequestView, reader: Partial<Reader> = {}): Promise<void> {
  const output = view.state.stage === "completed" ? LOADED : null;
  expectStrictly(requestBody(), await serializeRequest(view, output, { ...READER, ...reader }));
}

/** The same request with other values in its state. */
function having(record: RequestRecord, state: Partial<RequestState>): RequestRecord {
  return { ...record, state: { ...record.state, ...state } };
}

const DELIVERY: RequestDelivery = {
  id: "dlv_1",
  target: "request",
  eventId: "evt_1",
  eventType: "request.completed",
  endedAt: START_AT,
  status: "pending",
  attempts: 1,
  group: 0,
  replay: null,
};

const WAITING: (Waiting | null)[] = [
  null,
  { reason: "pace", why: null, since: null, startsAt: LATER },
  { reason: "slot", why: null, since: null, startsAt: null },
  ...(["locked", "key_refused", "failing", "rate_limited"] as const).map(
    (why): Waiting => ({ reason: "upstream_paused", why, since: START_AT, startsAt: null }),
  ),
];

const DURATIONS = { p50Ms: 8_040, p95Ms: 20_000, samples: 12 };

describe.each(STAGES)("a request in stage %s is answered as described", (stage) => {
  test.each<[string, StartChanges]>([
    ["asked for with nothing else than a model", {}],
    ["asked for with everything", EVERYTHING],
  ])("%s", async (_what, start) => {
    const record = recordAt(stage, start);
    await expectDescribed(viewOf(record));
    await expectDescribed(viewOf(record, { logs: '[{"message":"step 1","level":1.0}]' }));
    await expectDescribed(viewOf(record), { logs: false });
  });

  test("whatever events have left in its state", async () => {
    const record = recordAt(stage, EVERYTHING);
    const patches: Partial<RequestState>[] = [
      ...WAITING.map((waiting) => ({ waiting, queuePosition: 3 })),
      { durations: DURATIONS, metrics: '{"inference_time":0.330}' },
      { chargedMicro: 3_000, costSource: "units" },
      { chargedMicro: 0, costSource: "measured" },
      { costSource: "reserved" },
      { cancelRequestedAt: LATER, cancelAskedAt: LATER },
      { upstreamId: "fal-1", upstreamCalls: 4 },
      { error: MODEL_FAILED },
      { error: { ...MODEL_FAILED, detail: '[{"ctx":{"n":1e400}}]', charged: "unknown", upstreamType: "timeout" } },
    ];
    for (const patch of patches) await expectDescribed(viewOf(having(record, patch)));
  });

  test.each(["pending", "failing", "delivered", "parked", "gone"] as const)(
    "with a delivery that is %s",
    async (status) => {
      const record = recordAt(stage, EVERYTHING);
      const endedAt = record.state.endedAt ?? START_AT;
      const deliveries = [{ ...DELIVERY, status, endedAt }];
      await expectDescribed(viewOf(having(record, { deliveries })));
    },
  );

  test.each(["pending", "stored", "failed", "deleted"] as const)("with files that are %s", async (status) => {
    const record = recordAt(stage, EVERYTHING);
    const error =
      status === "failed" ? ({ code: "storage_failed", message: "The source returned HTTP 404." } as const) : null;
    const [contentType, bytes, sha256] = status === "stored" ? ["image/png", 5, "ab"] : [null, null, null];
    const files = FILES.map((file, n): RequestFile => {
      return { ...file, n, status, pendingSince: START_AT, contentType, bytes, sha256, error };
    });
    for (const fileLinkS of [null, 60]) await expectDescribed(viewOf({ ...having(record, { fileLinkS }), files }));
  });

  test("whose deletion was ordered, and whose parts were deleted", async () => {
    const settled = hasEnded(stage) ? onward(recordAt(stage, EVERYTHING), SETTLED) : recordAt(stage, EVERYTHING);
    await expectDescribed(viewOf(onward(settled, { type: "deletion_requested", anonymize: false })));
    if (!hasEnded(stage)) return;
    for (const target of ["files", "inputs", "deliveries"] as const) {
      await expectDescribed(viewOf(onward(settled, { type: "data_deleted", target })));
    }
  });
});

/** Events that may come to a request in any order; most are ignored in most stages. */
const EVENTS: readonly RequestEvent[] = [
  GRANTED,
  { ...GRANTED, durations: DURATIONS },
  ...WAITING.map((waiting): RequestEvent => {
    return { type: "wait_ordered", until: LATER, position: 4, waiting, durations: DURATIONS };
  }),
  TAKEN,
  { type: "submit_not_accepted", retryAt: LATER, reason: "429", waiting: WAITING[3] ?? null },
  { type: "submit_refused", error: { ...MODEL_FAILED, detail: "null" } },
  LOST,
  RUNNING,
  { ...RUNNING, progress: "queued", queuePosition: 9 },
  { type: "completion_seen", metrics: '{"inference_time":0.330}' },
  { type: "result_pending", watch: "none" },
  endReported({ kind: "output", files: FILES, skipped: 1 }),
  endReported({ kind: "error", error: { ...MODEL_FAILED, charged: "unknown" } }),
  endReported({ kind: "canceled" }),
  { type: "end_announced", upstreamId: "fal-1" },
  { type: "upstream_not_found" },
  ...FILES.flatMap((_file, n): RequestEvent[] => [
    { ...STORED, n },
    { type: "file_failed", n, code: "storage_failed", message: "The source returned HTTP 404." },
    { type: "file_hashed", n, sha256: "cd" },
  ]),
  { type: "copy_requested", n: null },
  { type: "cancel_requested" },
  { type: "cancel_confirmed" },
  { type: "cancel_too_late" },
  { type: "timed_out" },
  SETTLED,
  { type: "charge_resolved", bill: { chargedMicro: 1, source: "reserved", charged: true } },
  { type: "charge_resolved", bill: UNKNOWN_BILL },
  { type: "delivered", delivery: "dlv_1", status: 200, category: "ok" },
  { type: "delivery_failed", delivery: "dlv_1", status: 500, category: "http" },
  { type: "delivery_parked", delivery: "dlv_1", status: null, category: "timeout", gone: false },
  { type: "delivery_replayed", delivery: "dlv_1", resumeAt: null },
  { type: "deletion_requested", anonymize: false },
  { type: "data_deleted", target: "files" },
];

test("whatever happens to a request in whatever order, it is answered as described", async () => {
  const walk = fc.array(fc.constantFrom(...EVENTS), { maxLength: 25 });
  const start = fc.constantFrom<StartChanges>({}, EVERYTHING);
  const seen = new Set<Stage>();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...STAGES), start, walk, async (stage, changes, events) => {
      let record = recordAt(stage, changes);
      for (const [n, event] of events.entries()) {
        const step = advanced(record, event, LATER + n);
        if (step.ignored !== null) continue;
        record = step.record;
        seen.add(record.state.stage);
        await expectDescribed(viewOf(record));
      }
    }),
    { numRuns: 200, ...(process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) }) },
  );
  expect([...seen].sort()).toEqual([...STAGES].sort());
});

const aLine = (status: RequestLine["status"]): RequestLine => ({
  id: REQUEST,
  keyId: "key_1",
  keyName: "Key",
  user: null,
  model: "fal-ai/flux/schnell",
  tags: { job: "7", client: "acme" },
  status,
  createdAt: START_AT,
  endedAt: status === "open" ? null : LATER,
  estimatedMicro: 3_000,
  chargedMicro: status === "completed" ? 3_000 : null,
  errorCode: status === "failed" ? "upstream_failed" : null,
  durationMs: status === "completed" ? 1_234 : null,
  files: status === "completed" ? { count: 2, type: "image/png", path: "0/a cat.png", linkS: null } : null,
  attention: status === "failed" ? ["unsettled_charge"] : [],
});

test.each(["open", "completed", "failed", "canceled"] as const)(
  "a summary that is %s is answered as described, and has a cell for each column of the export",
  async (status) => {
    const line = aLine(status);
    const summary = await serializeLine(line, { ...READER, team: "acme" });
    expectStrictly(requestSummaryBody(), summary);
    if (status === "completed")
      expect(summary.file?.url).toMatch(new RegExp(`/files/acme/${REQUEST}\\.[^/]+/0/a%20cat\\.png$`));
    expect(csvCells(line)).toHaveLength(CSV_COLUMNS.length);
    expect(csvCells(line)[CSV_COLUMNS.indexOf("tags")]).toBe("client=acme; job=7");
  },
);

test("a summary's link to a private file ends, and there is none once it may be deleted", async () => {
  const files = { count: 1, type: null, path: "0/a.png", linkS: 60 };
  const reader = { ...READER, team: "acme" };
  const url = (changes: object) => serializeLine({ ...aLine("completed"), files: { ...files, ...changes } }, reader);
  expect((await url({})).file?.url).toMatch(/\.-\.\d{10}\./);
  expect((await url({ path: null })).file).toEqual({ count: 1, content_type: null, url: null });
});

test("the check sees a field that is not described, however deep", async () => {
  const body = await serializeRequest(viewOf(recordAt("held", EVERYTHING)), null, READER);
  expect(() => expectStrictly(requestBody(), { ...body, undescribed: null })).toThrow();
  expect(() => expectStrictly(requestBody(), { ...body, cost: { ...body.cost, undescribed: null } })).toThrow();
});

test("the compiler refuses a field that is missing, that is not described, or JSON that would lose its spelling", async () => {
  const body = await serializeRequest(viewOf(recordAt("held", EVERYTHING)), null, READER);
  const { metrics: _left, ...less } = body;
  const refused: RequestBody[] = [
    // @ts-expect-error metrics is missing
    less,
    // @ts-expect-error a field is not described
    { ...body, undescribed: null },
    // @ts-expect-error a parsed value would be printed with JavaScript's numbers
    { ...body, metadata: { n: 1.5 } },
    { ...body, metadata: new RawText("1.50") },
  ];
  expect(refused).toHaveLength(4);
});
