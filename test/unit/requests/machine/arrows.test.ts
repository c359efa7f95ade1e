// What single arrows of the machine keep, forget and refuse: submits, ends, files, cancels. Doubts are in doubts.test.ts.

import { describe, expect, test } from "vitest";
import type { RequestEvent } from "../../../../src/requests/machine/events.ts";
import { CANCEL_GAP_MS } from "../../../../src/requests/machine/machine.ts";
import { POLL_MAX_GAP_MS } from "../../../../src/requests/machine/poll-schedule.ts";
import { advanced, type Step } from "../../../../src/requests/machine/record.ts";
import type { RequestRecord, Stage } from "../../../../src/requests/machine/types.ts";
import {
  aFile,
  anOutput,
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
  type Told,
} from "../../../harness/requests.ts";

const CANCEL: Told<"cancel_requested"> = { type: "cancel_requested" };
const TIME_OUT: Told<"timed_out"> = { type: "timed_out" };
const ERROR = endReported({ kind: "error", error: MODEL_FAILED });

function step(record: RequestRecord, event: RequestEvent, now = LATER): Step {
  return advanced(record, event, now);
}

describe("a grant", () => {
  test("is saved before the call, with all that later steps need", () => {
    const { record, notes } = step(recordAt("held"), GRANTED);
    expect(record.state).toMatchObject({
      ...{ connection: "connection-1", webhooks: "arriving", pinnedUsers: ["user-1"] },
      ...{ submittedAt: LATER, upstreamCalls: 1, queuePosition: null },
    });
    expect(notes).toEqual([{ what: "granted", detail: { waited_ms: 1_000 } }]);
  });

  test("ends the start time-out, which is fal's to keep from then on", () => {
    const held = recordAt("held", { startTimeoutS: 90 });
    expect(owed(held)).toBe("expire at +90 s, submit at +0 s");
    expect(owed(onward(held, GRANTED))).toBe("submit at +0 s");
  });

  test("that has to wait shows its place in the line, and the same place again is no news", () => {
    const wait: Told<"wait_ordered"> = {
      type: "wait_ordered",
      until: LATER,
      position: 3,
      waiting: null,
      durations: null,
    };
    const waiting = onward(recordAt("held"), wait);
    expect(waiting.state.queuePosition).toBe(3);
    expect(onward(waiting, wait).state).toBe(waiting.state);
  });
});

describe("what fal's queue tells", () => {
  const queued: Told<"progress_seen"> = { ...RUNNING, progress: "queued", queuePosition: 1 };

  test("is news when the place in the line changes, and otherwise only counts as a poll", () => {
    const first = onward(recordAt("queued"), queued);
    expect(first.state).toMatchObject({ queuePosition: 1, polls: 1 });
    const { polls, ...same } = onward(first, queued).state;
    expect([polls, same]).toEqual([2, { ...same, revision: first.state.revision }]);
  });

  test("does not take a request back that was seen running", () => {
    const back = onward(recordAt("running"), queued).state;
    expect(back).toMatchObject({ stage: "running", queuePosition: null, startedAt: START_AT });
  });

  test("is asked less often each time it says that all is done and then has no result", () => {
    const completed: Told<"completion_seen"> = { type: "completion_seen", metrics: null };
    const pending: Told<"result_pending"> = { type: "result_pending", watch: "none" };
    const start = onward(recordAt("submitting"), TAKEN);
    const missing = { ...start, state: { ...start.state, webhooks: "missing" as const } };
    const once = onward(missing, completed, pending);
    expect([owed(once), owed(onward(once, completed, pending))]).toEqual(["poll at +7 s", "poll at +13 s"]);
  });
});

describe("a submit that was not taken", () => {
  const notTaken: Told<"submit_not_accepted"> = {
    type: "submit_not_accepted",
    retryAt: LATER + 2_000,
    reason: "rate_limited",
  };

  test("leaves no trace of the call but its cost, and the start time-out counts from the admit", () => {
    const back = onward(recordAt("submitting", { startTimeoutS: 90 }), notTaken);
    expect(back.state).toMatchObject({ connection: null, submittedAt: null, upstreamCalls: 1 });
    expect(owed(back)).toBe("expire at +90 s, submit at +3 s");
  });

  test("is not tried again once its cancel was asked for", () => {
    const ended = onward(recordAt("submitting"), CANCEL, notTaken);
    expect(ended.state).toMatchObject({ stage: "canceled", endedBy: "cancel", error: null });
    expect(owed(ended)).toBe("settle at +1 s");
  });
});

describe("the answer that comes after a webhook", () => {
  test.each<[string, RequestEvent]>([
    ["an output", endReported(anOutput(1), { upstreamId: null })],
    ["a failure", { ...ERROR, upstreamId: null }],
    ["an announcement", { type: "end_announced", upstreamId: null }],
  ])("adds only the id to %s", (_what, event) => {
    const before = onward(recordAt("submitting"), event);
    const { record, notes } = step(before, TAKEN);
    expect(record.state).toEqual({ ...before.state, upstreamId: "fal-1", revision: before.state.revision + 1 });
    expect(owed(record)).toBe(owed(before));
    expect(notes).toEqual([{ what: "submitted", detail: { upstream_id: "fal-1" } }]);
  });

  test("is noted and not believed when it names another request", () => {
    const { record, notes, ignored } = step(recordAt("storing"), { ...TAKEN, upstreamId: "fal-2" });
    expect([record.state.upstreamId, notes]).toEqual(["fal-1", [{ what: "conflicting_submit_answer" }]]);
    expect(ignored).not.toBeNull();
  });

  test("does not undo what was applied when it is a no", () => {
    const { record, notes } = step(recordAt("storing"), { type: "submit_refused", error: MODEL_FAILED });
    expect(record.state.stage).toBe("storing");
    expect(notes).toEqual([{ what: "late_refusal", detail: { code: "upstream_failed" } }]);
  });
});

describe("the end", () => {
  test.each<[string, Stage, RequestEvent, object]>([
    ["a webhook's failure", "running", ERROR, { endedBy: "webhook", error: MODEL_FAILED }],
    ["a poll's failure", "queued", { ...ERROR, source: "poll" }, { endedBy: "poll", error: MODEL_FAILED }],
    ["a lost result", "running", { type: "upstream_not_found" }, { endedBy: "poll", error: { code: "result_lost" } }],
    ["a refusal", "submitting", { type: "submit_refused", error: MODEL_FAILED }, { endedBy: "submit" }],
    ["a cancel", "queued", { type: "cancel_confirmed" }, { endedBy: "cancel", error: null }],
    ["a start time-out", "held", TIME_OUT, { endedBy: "expiry", error: { code: "upstream_timeout", charged: false } }],
    ["a stored output", "storing", STORED, { endedBy: "webhook", error: null }],
  ])("of %s says when, by whom and why", (_what, stage, event, expected) => {
    const { state } = onward(recordAt(stage), event);
    expect(state).toMatchObject({ endedAt: LATER, queuePosition: null, settledAt: null, ...expected });
  });

  test("that is told again is a repeat; told differently it is a conflict, recorded and not applied", () => {
    for (const stage of ["storing", "completed"] as const) {
      const repeat = step(recordAt(stage), endReported(anOutput(1)));
      expect([repeat.ignored, repeat.notes]).toEqual(["duplicate of the applied report", []]);
      const conflict = step(recordAt(stage), { ...ERROR, source: "poll" });
      expect(conflict.notes).toEqual([{ what: "conflicting_report", detail: { source: "poll" } }]);
    }
  });

  test("keeps metrics and billable units, whichever call told them", () => {
    const metrics = '{"inference_time":0.33}';
    const seen = onward(recordAt("running"), { type: "completion_seen", metrics });
    const told = { source: "poll", metrics: null, billableUnits: "1.5" } as const;
    const ended = onward(seen, endReported(anOutput(0), told));
    expect(ended.state).toMatchObject({ metrics, billableUnits: "1.5" });
    expect(onward(seen, { type: "completion_seen", metrics: null }).state.metrics).toBe(metrics);
  });

  test("is told to the ledger once, and then to each endpoint", () => {
    const both = [...SETTLED.deliveries, { id: "dlv_2", target: "whk_1", eventId: "evt_1" }];
    const settled = onward(recordAt("completed"), { ...SETTLED, deliveries: both });
    expect(owed(settled)).toBe("deliver:dlv_1 at +1 s, deliver:dlv_2 at +1 s");
    expect(
      step(settled, { ...SETTLED, deliveries: [{ id: "dlv_3", target: "whk_2", eventId: "evt_1" }] }).ignored,
    ).toBe("request is already settled");
    const delivered = onward(settled, { type: "delivered", delivery: "dlv_2", status: 200, category: "accepted" });
    expect(delivered.state.deliveries).toMatchObject([{ status: "pending" }, { status: "delivered", attempts: 1 }]);
    expect(owed(delivered)).toBe("deliver:dlv_1 at +1 s, report:dlv_2 at +1 s");
  });
});

describe("files", () => {
  const storing = onward(recordAt("running"), endReported({ kind: "output", files: [aFile(0), aFile(1)], skipped: 3 }));

  test("are owed one by one, and the request ends with the last of them, stored or given up", () => {
    expect(owed(storing)).toBe("mirror:0 at +1 s, mirror:1 at +1 s");
    expect(storing.state.filesSkipped).toBe(3);
    const one = onward(storing, { ...STORED, n: 1 });
    expect([one.state.stage, owed(one)]).toEqual(["storing", "mirror:0 at +1 s"]);
    const { state, files } = onward(one, { type: "file_failed", n: 0, code: "storage_failed", message: "404" });
    expect(state.stage).toBe("completed");
    expect(files.map(({ status, error, sha256 }) => [status, error?.code, sha256])).toEqual([
      ["failed", "storage_failed", null],
      ["stored", undefined, "ab"],
    ]);
  });

  test("are stored once: a second outcome of the same file is ignored", () => {
    const one = onward(storing, { ...STORED, n: 1 });
    for (const n of [1, 7, -1]) expect(step(one, { ...STORED, n }).ignored).toBe("file is not pending");
    expect(step(one, { type: "file_failed", n: 1, code: "internal", message: "" }).ignored).not.toBeNull();
  });

  test("without a digest get one later, and the end does not wait for it", () => {
    const stored = { contentType: "image/png", bytes: 5, sha256: null };
    const ended = onward(recordAt("storing"), { type: "file_stored", n: 0, stored });
    expect([ended.state.stage, owed(ended)]).toEqual(["completed", "hash:0 at +1 s, settle at +1 s"]);
    const hashed = onward(ended, { type: "file_hashed", n: 0, sha256: "cd" });
    expect([hashed.files[0]?.sha256, owed(hashed)]).toEqual(["cd", "settle at +1 s"]);
  });
});

describe("a cancel", () => {
  test.each<Stage>(["submitting", "uncertain"])("asked for while %s goes out with the upstream id", (stage) => {
    const asked = onward(recordAt(stage), CANCEL);
    expect(asked.state.cancelRequestedAt).toBe(LATER);
    expect(step(asked, CANCEL).ignored).toBe("cancel is already requested");
    expect(owed(onward(asked, TAKEN))).toBe("cancel at +1 s, poll at +61 s");
  });

  test("asked for again is sent again, though not at once, and counts from the first time", () => {
    const first = onward(recordAt("queued"), CANCEL, { type: "cancel_accepted" });
    expect(step(first, CANCEL, LATER + CANCEL_GAP_MS - 1)).toMatchObject({
      record: first,
      ignored: expect.any(String),
    });
    const again = step(first, CANCEL, LATER + CANCEL_GAP_MS).record;
    expect([again.state.cancelRequestedAt, owed(again)]).toEqual([LATER, "cancel at +11 s, poll at +1.5 s"]);
  });

  test("that comes too late for fal is an output like any other, and charged", () => {
    const late = onward(recordAt("running"), CANCEL, { type: "cancel_too_late" }, endReported(anOutput(0)));
    expect(late.state).toMatchObject({ stage: "completed", cancelRequestedAt: LATER });
  });

  test("that fal notes is looked after in growing steps, which a model that goes on and a second cancel do not shorten", () => {
    const looks = (record: RequestRecord, at: number): number => {
      const seen = step(record, { type: "progress_seen", progress: "running", queuePosition: null, watch: "none" }, at);
      return (seen.record.effects.find(({ kind }) => kind === "poll")?.dueAt ?? 0) - at;
    };
    const noted = onward(recordAt("running"), CANCEL, { type: "cancel_accepted" });
    const waits = [100, 600, 1_200, 2_400, 30_000, 500_000].map((ms) => looks(noted, LATER + ms));
    expect(waits).toEqual([500, 600, 1_200, 2_400, 30_000, POLL_MAX_GAP_MS]);
    const again = step(noted, CANCEL, LATER + CANCEL_GAP_MS).record;
    expect(looks(again, LATER + CANCEL_GAP_MS)).toBe(CANCEL_GAP_MS);
  });

  test("does not put off a look that is due sooner", () => {
    const soon = recordAt("running");
    const effects = soon.effects.map((row) => (row.kind === "poll" ? { ...row, dueAt: LATER + 100 } : row));
    const noted = onward({ ...soon, effects }, CANCEL, { type: "cancel_accepted" });
    expect(owed(noted)).toBe("poll at +1.1 s");
  });

  test("that fal only notes does not end the request", () => {
    const noted = onward(recordAt("running"), CANCEL, { type: "cancel_accepted" });
    expect([noted.state.stage, owed(noted)]).toEqual(["running", "poll at +1.5 s"]);
    expect(onward(noted, endReported({ kind: "canceled" }, { source: "poll" })).state.stage).toBe("canceled");
  });
});
