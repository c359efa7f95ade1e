// What the machine makes of doubt: lost answers, unproven ids, unknown signers, doorbells, and the late proof.

import { describe, expect, it } from "vitest";
import { DOORBELL_GAP_MS, HOUR_MS, SECOND_MS, UNCERTAIN_GRACE_MS } from "../../src/limits.ts";
import { advanced, type Step } from "../../src/requests/record.ts";
import type { RequestEvent, RequestRecord } from "../../src/requests/types.ts";
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
  STORED,
  TAKEN,
  type Told,
} from "../support/requests.ts";

const RING: Told<"doorbell_rung"> = { type: "doorbell_rung", candidateId: "fal-1", reason: "stale" };
const STRANGER: Told<"stranger_reported"> = {
  type: "stranger_reported",
  userId: "user-2",
  claim: "claim",
  candidateId: "fal-1",
};
const TIME_OUT: Told<"time_ran_out"> = { type: "time_ran_out" };
const ERROR = endReported({ kind: "error", error: MODEL_FAILED });

function step(record: RequestRecord, event: RequestEvent, now = LATER): Step {
  return advanced(record, event, now);
}

describe("an answer that got lost", () => {
  it("waits for a proof at most six hours, and no less than it is told", () => {
    expect(owed(onward(recordAt("submitting"), { ...LOST, graceMs: HOUR_MS }))).toBe("expire at +3601 s");
    const longest = UNCERTAIN_GRACE_MS / SECOND_MS + 1;
    expect(owed(onward(recordAt("submitting"), { ...LOST, graceMs: 99 * HOUR_MS }))).toBe(`expire at +${longest} s`);
  });

  it.each([
    ["after its grace", onward(recordAt("uncertain"), TIME_OUT)],
    ["at once where no webhook could prove it", onward(recordAt("submitting"), { ...LOST, graceMs: 0 })],
  ])("%s is a failure whose charge nobody knows and which nobody should repeat blindly", (_when, { state }) => {
    expect(state.error).toMatchObject({ code: "submit_uncertain", charged: "unknown", retryable: false });
    expect(state.endedAt).toBe(LATER);
  });

  it.each<[string, RequestEvent]>([
    ["late answer", TAKEN],
    ["verified webhook", endReported(anOutput(1))],
  ])("is found by a %s", (_what, event) => {
    expect(onward(recordAt("uncertain"), event).state.upstreamId).toBe("fal-1");
  });

  it("was a clear no when that comes late", () => {
    const { state } = onward(recordAt("uncertain"), { type: "submit_refused", error: MODEL_FAILED });
    expect(state.error).toEqual(MODEL_FAILED);
  });
});

describe("an id that only somebody claims", () => {
  it("is looked at as soon as the answer is known to be lost", () => {
    const rung = onward(recordAt("submitting"), RING);
    expect(rung.state).toMatchObject({ candidateId: "fal-1", upstreamId: null });
    expect(owed(onward(rung, LOST))).toBe("expire at +21601 s, fetch_result at +1 s");
  });

  it("is the first one that came", () => {
    const rung = onward(recordAt("uncertain"), RING);
    const again = step(rung, { ...RING, candidateId: "fal-2" });
    expect(again.ignored).not.toBeNull();
    expect(again.record.state.candidateId).toBe("fal-1");
    expect(again.notes).toEqual([{ what: "doorbell", detail: { reason: "stale" } }]);
  });

  it("is believed when an authenticated call gives its output", () => {
    const proven = onward(
      recordAt("uncertain"),
      RING,
      endReported(anOutput(1), { source: "poll", upstreamId: "fal-1" }),
    );
    expect(proven.state).toMatchObject({ stage: "storing", upstreamId: "fal-1", endedBy: "poll" });
    expect(owed(proven)).toBe("mirror:0 at +1 s");
  });

  it.each<[string, RequestEvent]>([
    ["an unknown id", { type: "upstream_gone" }],
    ["a result that is pending", { type: "result_pending", watch: "none" }],
    ["another's failure", { ...ERROR, source: "poll" }],
    ["another's cancel", endReported({ kind: "canceled" }, { source: "poll" })],
  ])("is dropped by %s, and the next one gets its chance", (_what, event) => {
    const disproved = onward(recordAt("uncertain"), RING, event);
    expect(disproved.state).toMatchObject({ stage: "uncertain", candidateId: null, upstreamId: null });
    expect(owed(disproved)).toBe("expire at +21600 s");
    expect(onward(disproved, { ...RING, candidateId: "fal-2" }).state.candidateId).toBe("fal-2");
  });

  it("is forgotten once the answer names the right one, which is looked at right away", () => {
    const taken = onward(recordAt("submitting"), RING, TAKEN);
    expect(taken.state).toMatchObject({ upstreamId: "fal-1", candidateId: null });
    expect(owed(taken)).toBe("poll at +1 s");
  });
});

describe("a webhook signed for an unknown user", () => {
  it("has its claim compared with an authenticated result", () => {
    const { state } = onward(recordAt("queued"), STRANGER);
    expect(state.candidateUser).toEqual({ userId: "user-2", claim: "claim" });
  });

  it("before the answer makes the result be fetched as soon as the answer is here", () => {
    const early = onward(recordAt("submitting"), STRANGER);
    expect(owed(onward(early, TAKEN))).toBe("fetch_result at +1 s");
    expect(owed(onward(early, LOST))).toBe("expire at +21601 s, fetch_result at +1 s");
  });

  it("proves nothing when the result is still pending", () => {
    const pending = onward(recordAt("queued"), STRANGER, { type: "result_pending", watch: "none" });
    expect(pending.state.candidateUser).toBeNull();
    expect(owed(pending)).toBe("poll at +61 s");
  });
});

describe("a doorbell", () => {
  it("makes a poll due at once, and the next one not before its gap", () => {
    const first = step(recordAt("queued"), RING, LATER).record;
    expect(owed(first, LATER)).toBe("poll at +0 s");
    const polled = step(first, RUNNING, LATER + 5_000).record;
    expect(owed(step(polled, RING, LATER + 6_000).record, LATER)).toBe("poll at +10 s");
    const later = step(polled, RING, LATER + DOORBELL_GAP_MS + 1_000).record;
    expect(owed(later, LATER)).toBe("poll at +11 s");
  });

  it("leaves a poll alone that is due before its gap has passed", () => {
    const first = step(recordAt("queued"), RING, LATER).record;
    const polled = step(first, { ...RUNNING, watch: "following" }, LATER + 1_000).record;
    expect(owed(polled, LATER)).toBe("poll at +5 s");
    expect(owed(step(polled, RING, LATER + 2_000).record, LATER)).toBe("poll at +5 s");
  });

  it("does not put off the poll that is due, however often it rings", () => {
    let record = recordAt("queued");
    for (let i = 0; i < 20; i++) record = step(record, RING, LATER + i).record;
    expect(owed(record, LATER)).toBe("poll at +0 s");
  });

  it("is heard again when its gap has passed, after any number of rings", () => {
    let record = recordAt("queued");
    for (let i = 0; i < 20; i++) record = step(record, RING, LATER + i).record;
    const polled = step(record, RUNNING, LATER + SECOND_MS).record;
    expect(owed(step(polled, RING, LATER + 30 * SECOND_MS).record, LATER)).toBe("poll at +30 s");
  });
});

describe("a report about another request at fal", () => {
  const outputOfAnother = endReported(anOutput(1), { upstreamId: "fal-2" });
  const announcedAnother = { type: "end_announced", upstreamId: "fal-2" } as const;

  it.each([outputOfAnother, announcedAnother])("is a doorbell: $type is not applied, fal is asked", (event) => {
    const { record, notes } = step(recordAt("running"), event);
    expect([record.state.stage, record.files, owed(record)]).toEqual(["running", [], "poll at +1 s"]);
    expect(notes).toEqual([{ what: "doorbell", detail: { reason: "another_request" } }]);
  });

  it.each([outputOfAnother, announcedAnother])("changes no end: $type", (event) => {
    const found = onward(recordAt("uncertain"), TIME_OUT, TAKEN);
    for (const record of [recordAt("storing"), recordAt("completed"), found]) {
      expect(step(record, event)).toMatchObject({ record, ignored: expect.any(String) });
    }
  });
});

describe("recovery of a submit that failed as uncertain", () => {
  const failed = onward(recordAt("uncertain"), TIME_OUT, { type: "settled", endpoints: ["request"] });

  it("is done by a verified webhook, once", () => {
    const { record, notes } = step(failed, endReported(anOutput(1)));
    expect(record.state).toMatchObject({
      ...{ stage: "storing", upstreamId: "fal-1", recoveredAt: LATER },
      ...{ error: null, endedAt: null, settledAt: null, deliveredAfter: null },
    });
    expect(notes.map(({ what }) => what)).toEqual(["webhook", "recovered"]);
    const completed = onward(record, STORED);
    expect(owed(completed)).toContain("settle at +1 s");
    expect(step(completed, ERROR).ignored).not.toBeNull();
  });

  it("owes the ledger nothing until its files are stored", () => {
    const untold = onward(recordAt("uncertain"), TIME_OUT);
    expect(owed(untold)).toBe("settle at +1 s");
    expect(owed(onward(untold, endReported(anOutput(1))))).toBe("mirror:0 at +1 s");
  });

  it("settles anew also where there is no file to wait for, and where the first end was not yet told", () => {
    for (const before of [failed, onward(recordAt("uncertain"), TIME_OUT)]) {
      const { state, effects } = onward(before, endReported(anOutput(0)));
      expect(state).toMatchObject({ stage: "completed", error: null, endedAt: LATER, recoveredAt: LATER });
      expect(effects.filter(({ kind }) => kind === "settle")).toHaveLength(1);
    }
  });

  it.each<[string, RequestRecord, RequestEvent]>([
    ["a poll", failed, endReported(anOutput(1), { source: "poll" })],
    ["a webhook that tells a failure", failed, ERROR],
    ["a webhook that tells a cancel", failed, endReported({ kind: "canceled" })],
    ["an announcement", failed, { type: "end_announced", upstreamId: "fal-1" }],
    ["an output, of another failure", recordAt("failed"), endReported(anOutput(1))],
    ["an output, of a canceled request", recordAt("canceled"), endReported(anOutput(1))],
  ])("is not done by %s", (_what, before, event) => {
    expect(step(before, event).ignored).not.toBeNull();
  });

  it("is not done a second time", () => {
    const { state, ...rest } = onward(failed, endReported(anOutput(0)));
    const again = { ...rest, state: { ...failed.state, recoveredAt: state.recoveredAt } };
    expect(step(again, endReported(anOutput(1))).ignored).not.toBeNull();
  });
});
