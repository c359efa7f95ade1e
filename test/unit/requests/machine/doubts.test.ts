// What the machine makes of doubt: lost answers, unproven ids, unknown signers, doorbells, and the late proof.

import { describe, expect, test } from "vitest";
import { HOUR_MS, SECOND_MS } from "../../../../src/platform/time.ts";
import type { RequestEvent } from "../../../../src/requests/machine/events.ts";
import { advanced, type Step } from "../../../../src/requests/machine/record.ts";
import { UNCERTAIN_GRACE_MS } from "../../../../src/requests/machine/submits.ts";
import type { RequestRecord } from "../../../../src/requests/machine/types.ts";
import { UNVERIFIED_CALLBACK_GAP_MS } from "../../../../src/requests/machine/unverified-reports.ts";
import {
  anOutput,
  endReported,
  LATER,
  LOST,
  MODEL_FAILED,
  onward,
  owed,
  RUNNING,
  recordAt,
  SETTLED,
  STORED,
  TAKEN,
  type Told,
} from "../../../harness/requests.ts";

const RING: Told<"unverified_callback_received"> = {
  type: "unverified_callback_received",
  candidateId: "fal-1",
  reason: "stale",
};
const STRANGER: Told<"unpinned_webhook_received"> = {
  type: "unpinned_webhook_received",
  userId: "user-2",
  claim: "claim",
  candidateId: "fal-1",
  waitMs: 0,
};
const TIME_OUT: Told<"timed_out"> = { type: "timed_out" };
const ERROR = endReported({ kind: "error", error: MODEL_FAILED });

function step(record: RequestRecord, event: RequestEvent, now = LATER): Step {
  return advanced(record, event, now);
}

describe("an answer that got lost", () => {
  test("waits for a proof at most six hours, and no less than it is told", () => {
    expect(owed(onward(recordAt("submitting"), { ...LOST, graceMs: HOUR_MS }))).toBe("expire at +3601 s");
    const longest = UNCERTAIN_GRACE_MS / SECOND_MS + 1;
    expect(owed(onward(recordAt("submitting"), { ...LOST, graceMs: 99 * HOUR_MS }))).toBe(`expire at +${longest} s`);
  });

  test.each([
    ["after its grace", onward(recordAt("uncertain"), TIME_OUT)],
    ["at once where no webhook could prove it", onward(recordAt("submitting"), { ...LOST, graceMs: 0 })],
  ])("%s is a failure whose charge nobody knows and which nobody should repeat blindly", (_when, { state }) => {
    expect(state.error).toMatchObject({ code: "submit_uncertain", charged: "unknown", retryable: false });
    expect(state.endedAt).toBe(LATER);
  });

  test.each<[string, RequestEvent]>([
    ["late answer", TAKEN],
    ["verified webhook", endReported(anOutput(1))],
  ])("is found by a %s", (_what, event) => {
    expect(onward(recordAt("uncertain"), event).state.upstreamId).toBe("fal-1");
  });

  test("was a clear no when that comes late", () => {
    const { state } = onward(recordAt("uncertain"), { type: "submit_refused", error: MODEL_FAILED });
    expect(state.error).toEqual(MODEL_FAILED);
  });
});

describe("an id that only somebody claims", () => {
  test("is looked at as soon as the answer is known to be lost", () => {
    const rung = onward(recordAt("submitting"), RING);
    expect(rung.state).toMatchObject({ candidateId: "fal-1", upstreamId: null });
    expect(owed(onward(rung, LOST))).toBe("expire at +21601 s, fetch_result at +1 s");
  });

  test("is the first one that came", () => {
    const rung = onward(recordAt("uncertain"), RING);
    const again = step(rung, { ...RING, candidateId: "fal-2" });
    expect(again.ignored).not.toBeNull();
    expect(again.record.state.candidateId).toBe("fal-1");
    expect(again.notes).toEqual([{ what: "unverified_callback", detail: { reason: "stale" } }]);
  });

  test("is believed when an authenticated call gives its output", () => {
    const proven = onward(
      recordAt("uncertain"),
      RING,
      endReported(anOutput(1), { source: "poll", upstreamId: "fal-1" }),
    );
    expect(proven.state).toMatchObject({ stage: "storing", upstreamId: "fal-1", endedBy: "poll" });
    expect(owed(proven)).toBe("mirror:0 at +1 s");
  });

  test.each<[string, RequestEvent]>([
    ["an unknown id", { type: "upstream_not_found" }],
    ["a result that is pending", { type: "result_pending", watch: "none" }],
    ["another's failure", { ...ERROR, source: "poll" }],
    ["another's cancel", endReported({ kind: "canceled" }, { source: "poll" })],
  ])("is dropped by %s, and the next one gets its chance", (_what, event) => {
    const disproved = onward(recordAt("uncertain"), RING, event);
    expect(disproved.state).toMatchObject({ stage: "uncertain", candidateId: null, upstreamId: null });
    expect(owed(disproved)).toBe("expire at +21600 s");
    expect(onward(disproved, { ...RING, candidateId: "fal-2" }).state.candidateId).toBe("fal-2");
  });

  test("is forgotten once the answer names the right one, which is looked at right away", () => {
    const taken = onward(recordAt("submitting"), RING, TAKEN);
    expect(taken.state).toMatchObject({ upstreamId: "fal-1", candidateId: null });
    expect(owed(taken)).toBe("poll at +1 s");
  });
});

describe("a webhook signed for an unknown user", () => {
  test("has its claim compared with an authenticated result", () => {
    const { state } = onward(recordAt("queued"), STRANGER);
    expect(state.candidateUser).toEqual({ userId: "user-2", claim: "claim" });
  });

  test("whom another request proves waits for that, and is reported anew or fetches the result itself", () => {
    const waits = onward(recordAt("queued"), { ...STRANGER, waitMs: 10_000 });
    expect(owed(waits)).toBe("fetch_result at +11 s");
    expect(owed(onward(waits, STRANGER))).toBe("fetch_result at +1 s");
    expect(owed(onward(onward(recordAt("queued"), STRANGER), { ...STRANGER, waitMs: 10_000 }))).toBe(
      "fetch_result at +1 s",
    );
    const reported = onward(waits, endReported(anOutput(1)));
    expect([reported.state.stage, owed(reported)]).toEqual(["storing", "mirror:0 at +1 s"]);
  });

  test("before the answer makes the result be fetched as soon as the answer is here", () => {
    const early = onward(recordAt("submitting"), STRANGER);
    expect(owed(onward(early, TAKEN))).toBe("fetch_result at +1 s");
    expect(owed(onward(early, LOST))).toBe("expire at +21601 s, fetch_result at +1 s");
  });

  test("proves nothing when the result is still pending", () => {
    const pending = onward(recordAt("queued"), STRANGER, { type: "result_pending", watch: "none" });
    expect(pending.state.candidateUser).toBeNull();
    expect(owed(pending)).toBe("poll at +61 s");
  });
});

describe("a doorbell", () => {
  test("makes a poll due at once, and the next one not before its gap", () => {
    const first = step(recordAt("queued"), RING, LATER).record;
    expect(owed(first, LATER)).toBe("poll at +0 s");
    const polled = step(first, RUNNING, LATER + 5_000).record;
    expect(owed(step(polled, RING, LATER + 6_000).record, LATER)).toBe("poll at +10 s");
    const later = step(polled, RING, LATER + UNVERIFIED_CALLBACK_GAP_MS + 1_000).record;
    expect(owed(later, LATER)).toBe("poll at +11 s");
  });

  test("leaves a poll alone that is due before its gap has passed", () => {
    const first = step(recordAt("queued"), RING, LATER).record;
    const polled = step(first, { ...RUNNING, watch: "following" }, LATER + 1_000).record;
    expect(owed(polled, LATER)).toBe("poll at +5 s");
    expect(owed(step(polled, RING, LATER + 2_000).record, LATER)).toBe("poll at +5 s");
  });

  test("does not put off the poll that is due, however often it rings", () => {
    let record = recordAt("queued");
    for (let i = 0; i < 20; i++) record = step(record, RING, LATER + i).record;
    expect(owed(record, LATER)).toBe("poll at +0 s");
  });

  test("is heard again when its gap has passed, after any number of rings", () => {
    let record = recordAt("queued");
    for (let i = 0; i < 20; i++) record = step(record, RING, LATER + i).record;
    const polled = step(record, RUNNING, LATER + SECOND_MS).record;
    expect(owed(step(polled, RING, LATER + 30 * SECOND_MS).record, LATER)).toBe("poll at +30 s");
  });
});

describe("a report about another request at fal", () => {
  const outputOfAnother = endReported(anOutput(1), { upstreamId: "fal-2" });
  const announcedAnother = { type: "end_announced", upstreamId: "fal-2" } as const;

  test.each([outputOfAnother, announcedAnother])("is a doorbell: $type is not applied, fal is asked", (event) => {
    const { record, notes } = step(recordAt("running"), event);
    expect([record.state.stage, record.files, owed(record)]).toEqual(["running", [], "poll at +1 s"]);
    expect(notes).toEqual([{ what: "unverified_callback", detail: { reason: "another_request" } }]);
  });

  test.each([outputOfAnother, announcedAnother])("changes no end: $type", (event) => {
    const lost = onward(recordAt("running"), { type: "upstream_not_found" });
    for (const record of [recordAt("storing"), recordAt("completed"), lost]) {
      expect(step(record, event)).toMatchObject({ record, ignored: expect.any(String) });
    }
  });
});

describe("an end that was said only for want of an answer", () => {
  const uncertain = onward(recordAt("uncertain"), TIME_OUT, SETTLED);
  const lost = onward(recordAt("running"), { type: "upstream_not_found" }, SETTLED);

  test.each([
    ["submit_uncertain", uncertain],
    ["result_lost", lost],
  ])("%s, is reopened by a verified output: nothing of it is left, and nobody hears of it any more", (code, before) => {
    expect(before.state.error?.code).toBe(code);
    expect(owed(before)).toBe("deliver:dlv_1 at +1 s");
    const { record, notes } = step(before, endReported(anOutput(1)));
    expect(record.state).toMatchObject({
      ...{ stage: "storing", upstreamId: "fal-1", recoveredAt: LATER, endedBy: "webhook" },
      ...{ error: null, endedAt: null, settledAt: null },
    });
    expect(notes.map(({ what }) => what)).toEqual(["webhook", "recovered"]);
    expect(owed(record)).toBe("mirror:0 at +1 s, report:dlv_1 at +1 s");
    expect(record.state.deliveries).toMatchObject([{ status: "gone", attempts: 0 }]);
    expect(owed(onward(record, STORED))).toBe("report:dlv_1 at +1 s, settle at +1 s");
  });

  test.each<[string, RequestEvent, string, string]>([
    ["an output without files", endReported(anOutput(0)), "completed", "settle at +1 s"],
    ["a failure", ERROR, "failed", "settle at +1 s"],
    ["a cancel", endReported({ kind: "canceled" }), "canceled", "settle at +1 s"],
    ["an announcement", { type: "end_announced", upstreamId: "fal-1" }, "running", "fetch_result at +1 s"],
    ["the submit's own late answer", TAKEN, "queued", "poll at +61 s"],
  ])("becomes what %s proves, and is settled anew", (_what, event, stage, rows) => {
    // Also where the first end was not yet told to the ledger.
    for (const before of [uncertain, onward(recordAt("uncertain"), TIME_OUT)]) {
      const { record, notes } = step(before, event);
      const others = record.effects.filter((row) => row.kind !== "report");
      expect([record.state.stage, owed({ effects: others })]).toEqual([stage, rows]);
      expect(record.state).toMatchObject({ upstreamId: "fal-1", recoveredAt: LATER, settledAt: null });
      expect(notes.map(({ what }) => what)).toContain("recovered");
    }
  });

  test.each<[string, RequestRecord, RequestEvent]>([
    ["a poll", uncertain, endReported(anOutput(1), { source: "poll" })],
    ["a doorbell", uncertain, RING],
    ["somebody unknown", uncertain, STRANGER],
    ["an output, where it was another failure", recordAt("failed"), endReported(anOutput(1))],
    ["an output, where it was a cancel", recordAt("canceled"), endReported(anOutput(1))],
    ["the late answer, where its id was known", lost, { ...TAKEN, upstreamId: "fal-2" }],
  ])("is not reopened by %s", (_what, before, event) => {
    expect(step(before, event).ignored).not.toBeNull();
  });

  test("is not reopened a second time", () => {
    const again = onward(uncertain, TAKEN, { type: "upstream_not_found" });
    expect(again.state).toMatchObject({ stage: "failed", error: { code: "result_lost" } });
    for (const event of [endReported(anOutput(1)), { type: "end_announced", upstreamId: "fal-1" } as const]) {
      expect(step(again, event).ignored).not.toBeNull();
    }
  });
});

describe("an answer that the submit was not taken", () => {
  const notTaken = { type: "submit_not_accepted", retryAt: LATER + 2_000, reason: "rate_limited" } as const;
  const named = { type: "unverified_callback_received", candidateId: "fal-1", reason: "stale" } as const;

  test("puts an uncertain request back into the line, however late it comes", () => {
    const { record } = step(recordAt("uncertain"), notTaken);
    expect([record.state.stage, owed(record)]).toEqual(["held", "submit at +3 s"]);
  });

  test("is not believed when somebody with the callback's token has named an id meanwhile: fal may have it after all", () => {
    const submitting = step(onward(recordAt("submitting"), named), notTaken).record;
    expect([submitting.state.stage, owed(submitting)]).toEqual([
      "uncertain",
      "expire at +21601 s, fetch_result at +1 s",
    ]);
    expect(step(onward(recordAt("uncertain"), named), notTaken).ignored).not.toBeNull();
  });
});
