// One step of a whole record: which outcomes of tries count, and what becomes of their rows.

import { describe, expect, test } from "vitest";
import { SECOND_MS } from "../../../../src/platform/time.ts";
import { FILE_COPY_RETRY_MS, INTERNAL_FAILURES_MAX, leased } from "../../../../src/requests/machine/effect-schedule.ts";
import type { Effect } from "../../../../src/requests/machine/effect-types.ts";
import {
  advanced,
  advancedWithin,
  attempted,
  begun,
  deferred,
  type EffectAttempt,
  failed,
  type Step,
  withRow,
} from "../../../../src/requests/machine/record.ts";
import type { RequestRecord } from "../../../../src/requests/machine/types.ts";
import { DELIVER_RETRY_MS } from "../../../../src/webhooks/retry-schedule.ts";
import {
  anOutput,
  aStart,
  endReported,
  GRANTED,
  LATER,
  MODEL_FAILED,
  onward,
  owed,
  RUNNING,
  recordAt,
  SETTLED,
  START_AT,
  STORED,
  TAKEN,
} from "../../../harness/requests.ts";

/** The record with a try of that row under way, as its object leases test. */
function withTry(record: RequestRecord, name: string, now = LATER): { record: RequestRecord; tried: Effect } {
  const row = record.effects.find((effect) => effect.name === name);
  if (row === undefined) throw new Error(`no row "${name}"`);
  const { effect } = leased(row, now);
  return { record: withRow(record, effect), tried: effect };
}

function rowOf({ record }: Pick<Step, "record">, name: string): Effect | undefined {
  return record.effects.find((effect) => effect.name === name);
}

const STALE = "attempt lost its lease";
const REFUSED = { kind: "later", reason: "500", retryAfterMs: null, status: 500, category: "server_error" } as const;
const failure = { reason: "500", retryAfterMs: null };

describe("a request begins", () => {
  test("held, owing its submit now and its start time-out where it has one", () => {
    const { record, notes } = begun(aStart({ startTimeoutS: 5 }));
    expect(record.state).toMatchObject({ stage: "held", revision: 1, createdAt: START_AT, upstreamCalls: 0 });
    expect(owed(record)).toBe("expire at +5 s, submit at +0 s");
    expect(notes).toEqual([{ what: "admitted" }]);
    expect(owed(begun(aStart()).record)).toBe("submit at +0 s");
  });

  test("without its input in the state, which is written often", () => {
    const { state } = begun(aStart({ input: { at: "row", text: "a long prompt" } })).record;
    expect(JSON.stringify(state)).not.toContain("a long prompt");
  });

  test("with what was asked and what was decided flat in the state, as rows that are already stored have it", () => {
    const start = aStart({ user: "anna", tags: { job: "7" }, metadata: "1.50", fileLinkS: 60 });
    const { state } = begun(start).record;
    expect(state).toMatchObject({ id: start.id, team: start.team, ...start.spec, ...start.terms });
    expect(state).not.toHaveProperty("spec");
    expect(state).not.toHaveProperty("terms");
  });

  test("for the user that the team says, whomever the edge knew", () => {
    const start = aStart({ user: "anna" });
    expect(begun({ ...start, spec: { ...start.spec, user: "bob" } }).record.state.user).toBe("anna");
  });
});

describe("the outcome of a try", () => {
  test("finishes its row when the machine does not owe it anew", () => {
    const { record, tried } = withTry(recordAt("running"), "poll");
    const step = advanced(record, { type: "completion_seen", metrics: null }, LATER, tried);
    expect(step.record.effects.map(({ name }) => name)).toEqual(["fetch_result"]);
  });

  test("leaves a row that is owed anew free, without old counts", () => {
    const { record, tried } = withTry(recordAt("queued"), "poll");
    const tired = withRow(record, { ...tried, failures: 4, attempts: 3, lastFailure: "500" });
    const row = rowOf(advanced(tired, RUNNING, LATER, tried), "poll");
    expect(row).toMatchObject({ leaseUntil: null, failures: 0, attempts: 0, lastFailure: null });
    expect(row?.dueAt).toBe(LATER + 120 * SECOND_MS);
    expect(row?.leaseId).toBe(tried.leaseId);
  });

  test("that changes nothing drops its row, so that it is not asked for again and again", () => {
    const { record, tried } = withTry(recordAt("queued"), "poll");
    const step = advanced(record, STORED, LATER, tried);
    expect(step.ignored).toBe("file is not pending");
    expect(step.record).toEqual({ ...record, effects: [] });
  });

  test("touches no row but its own", () => {
    const { record, tried } = withTry(onward(recordAt("queued"), { type: "cancel_requested" }), "cancel");
    const before = rowOf({ record }, "poll");
    expect(rowOf(advanced(record, { type: "cancel_failed" }, LATER, tried), "poll")).toBe(before);
  });

  test.each<[string, (record: RequestRecord, tried: Effect) => RequestRecord]>([
    [
      "after its lease was given to another try",
      (record, tried) => withRow(record, leased(tried, LATER + 99_000).effect),
    ],
    ["after its row was put back", (record, tried) => deferred(record, tried, LATER).record],
    ["after its row is gone", (record) => ({ ...record, effects: [] })],
  ])("that comes %s is not applied", (_when, meanwhile) => {
    const { record, tried } = withTry(recordAt("queued"), "poll");
    const now = meanwhile(record, tried);
    for (const step of [
      advanced(now, RUNNING, LATER, tried),
      failed(now, tried, failure, LATER, 0.5),
      deferred(now, tried, LATER),
    ]) {
      expect(step).toEqual({ record: now, notes: [], ignored: STALE });
    }
  });

  test("that an event of the outside overtook finds its row gone, also when it is owed again since", () => {
    const { record, tried } = withTry(recordAt("queued"), "poll");
    const told = { type: "end_announced", upstreamId: "fal-1" } as const;
    const overtaken = onward(record, told, { type: "result_pending", watch: "none" });
    expect(rowOf({ record: overtaken }, "poll")).toMatchObject({ leaseUntil: null, leaseId: 0 });
    expect(advanced(overtaken, RUNNING, LATER, tried).ignored).toBe(STALE);
  });
});

describe("the answer to a submit", () => {
  const { record, tried } = withTry(recordAt("held"), "submit");
  const submitting = onward(record, GRANTED);

  test("is heard although a webhook was faster and its row is gone", () => {
    const stored = onward(submitting, endReported(anOutput(0), { upstreamId: null }));
    expect(rowOf({ record: stored }, "submit")).toBeUndefined();
    expect(advanced(stored, TAKEN, LATER, tried).record.state.upstreamId).toBe("fal-1");
  });

  test("is heard although the try was already counted as lost", () => {
    const lost = advanced(
      submitting,
      { type: "submit_lost", reason: "attempt was interrupted", graceMs: 60_000 },
      LATER,
      tried,
    ).record;
    expect(advanced(lost, TAKEN, LATER, tried).record.state).toMatchObject({ stage: "queued", upstreamId: "fal-1" });
  });

  test("of a try that never had its turn is not heard while another try makes the call", () => {
    const second = withTry(record, "submit", LATER + 60_000);
    const calling = onward(second.record, GRANTED);
    const refused = { type: "submit_refused", error: MODEL_FAILED } as const;
    expect(advanced(calling, refused, LATER, tried)).toEqual({ record: calling, notes: [], ignored: STALE });
    expect(advanced(calling, refused, LATER, second.tried).record.state.stage).toBe("failed");
  });
});

describe("an event in the middle of a try", () => {
  const { record, tried } = withTry(recordAt("held"), "submit");

  test("begins the lease anew, because the call is still to come", () => {
    const now = LATER + 20 * SECOND_MS;
    const step = advancedWithin(record, GRANTED, now, tried);
    expect(step.record.state).toMatchObject({ stage: "submitting", submittedAt: now });
    const lease = (tried.leaseUntil ?? 0) + 20 * SECOND_MS;
    expect(rowOf(step, "submit")).toEqual({ ...tried, leaseUntil: lease });
  });

  test("is not applied once the try is no longer the live one, so that no call follows", () => {
    const second = withTry(record, "submit", LATER + 60_000).record;
    for (const now of [second, deferred(record, tried, LATER).record, { ...record, effects: [] }]) {
      expect(advancedWithin(now, GRANTED, LATER, tried)).toEqual({ record: now, notes: [], ignored: STALE });
    }
  });

  test("that is ignored changes nothing, the row included", () => {
    const canceled = { ...recordAt("canceled"), effects: record.effects };
    expect(advancedWithin(canceled, GRANTED, LATER, tried)).toMatchObject({
      record: canceled,
      ignored: "request is not held",
    });
  });
});

describe("a try that failed", () => {
  test("is due again later and changes nothing else", () => {
    const { record, tried } = withTry(recordAt("queued"), "poll");
    const step = failed(record, tried, { reason: "500", retryAfterMs: 9_000 }, LATER, 0.5);
    expect([step.record.state, step.notes, step.ignored]).toEqual([record.state, [], null]);
    expect(rowOf(step, "poll")).toMatchObject({
      dueAt: LATER + 9_000,
      failures: 1,
      lastFailure: "500",
      leaseUntil: null,
    });
  });

  test("for the last time gives a file up, and the request goes on without it", () => {
    const { record, tried } = withTry(recordAt("storing"), "mirror:0");
    const tired = withRow(record, { ...tried, failures: FILE_COPY_RETRY_MS.length });
    const step = failed(tired, tried, { reason: "The source returned HTTP 503.", retryAfterMs: null }, LATER, 0.5);
    expect(step.record.files[0]).toMatchObject({
      ...{ status: "failed", error: { code: "storage_failed", message: "The source returned HTTP 503." } },
    });
    expect([step.record.state.stage, owed(step.record)]).toEqual(["completed", "settle at +1 s"]);
  });

  test("for the last time gives a cancel up, and polls go on", () => {
    const asked = onward(recordAt("queued"), { type: "cancel_requested" });
    const { record, tried } = withTry(asked, "cancel");
    const step = failed(withRow(record, { ...tried, failures: 5 }), tried, failure, LATER, 0.5);
    expect([step.record.state.stage, owed(step.record)]).toEqual(["queued", "poll at +60 s"]);
    expect(step.notes).toEqual([{ what: "cancel", detail: { answer: "no_answer" } }]);
  });

  test("for the last time parks a delivery, which stays to be seen and can be owed again", () => {
    const settled = onward(recordAt("completed"), SETTLED);
    const { record, tried } = withTry(settled, "deliver:dlv_1");
    const tired = withRow(record, { ...tried, failures: DELIVER_RETRY_MS.length });
    const { step, next } = attempted(tired, tried, REFUSED, LATER, 0.5);
    expect(next).toEqual({ at: null, why: "no_tries_left" });
    expect(rowOf(step, "deliver:dlv_1")).toMatchObject({ parkedAt: LATER, failures: 10, leaseUntil: null });
    expect(step.record.state.deliveries).toMatchObject([{ status: "parked", attempts: 1 }]);
    const detail = { delivery: "dlv_1", endpoint: "request", attempt: 1, status: 500, category: "server_error" };
    expect(step.notes).toEqual([{ what: "delivery_parked", detail }]);
    const late: EffectAttempt = { name: tried.name, leaseId: tried.leaseId };
    expect(
      advanced(step.record, { type: "delivered", delivery: "dlv_1", status: 200, category: "accepted" }, LATER, late)
        .ignored,
    ).toBe(STALE);
  });
});

describe("an attempt at a delivery", () => {
  const settled = onward(recordAt("completed"), SETTLED);

  test("that no longer holds its row changes nothing, and the log says that it was overtaken", () => {
    const { record, tried } = withTry(settled, "deliver:dlv_1");
    const second = withTry(record, "deliver:dlv_1", LATER + 60_000).record;
    const unchanged = { record: second, notes: [], ignored: STALE };
    expect(attempted(second, tried, REFUSED, LATER, 0.5)).toEqual({
      step: unchanged,
      next: { at: null, why: "overtaken" },
    });
    const accepted = { ...REFUSED, kind: "taken" } as const;
    expect(attempted(second, tried, accepted, LATER, 0.5)).toEqual({
      step: unchanged,
      next: { at: null, why: "delivered" },
    });
  });

  test("that we broke off too often ourselves counts as one that failed", () => {
    const { record, tried } = withTry(settled, "deliver:dlv_1");
    const tired = withRow(record, { ...tried, internalFailures: INTERNAL_FAILURES_MAX });
    const step = failed(tired, tried, { ...failure, ours: true }, LATER, 0.5);
    expect(rowOf(step, "deliver:dlv_1")).toMatchObject({ failures: 1, dueAt: LATER + DELIVER_RETRY_MS[0] });
    expect(step.record.state.deliveries).toMatchObject([{ status: "failing", attempts: 1 }]);
    expect(step.notes).toMatchObject([{ what: "delivery_failed", detail: { status: null, category: "fault" } }]);
  });
});

test("a try without its turn comes back as it was, later", () => {
  const { record, tried } = withTry(recordAt("queued"), "poll");
  const tired = withRow(record, { ...tried, failures: 3, lastFailure: "500" });
  const row = rowOf(deferred(tired, tried, LATER + 700), "poll");
  expect(row).toMatchObject({ dueAt: LATER + 700, leaseUntil: null, attempts: 0, failures: 3, lastFailure: "500" });
});
