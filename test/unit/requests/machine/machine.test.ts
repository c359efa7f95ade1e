// The whole transition table of a request: each event in each stage, and what is owed afterwards.
// What single arrows keep, forget and refuse is in arrows.test.ts and doubts.test.ts.

import { describe, expect, test } from "vitest";
import type { RequestEvent } from "../../../../src/requests/machine/events.ts";
import { advanced } from "../../../../src/requests/machine/record.ts";
import { hasEnded, type RequestRecord, type Stage } from "../../../../src/requests/machine/types.ts";
import {
  anOutput,
  endReported,
  GRANTED,
  LATER,
  LOST,
  MODEL_FAILED,
  owed,
  RUNNING,
  recordAt,
  SETTLED,
  STAGES,
  STORED,
  TAKEN,
} from "../../../harness/requests.ts";

const ANSWERED = { status: 200, category: "accepted" };
const error = { kind: "error", error: MODEL_FAILED } as const;
const poll = { source: "poll" } as const;
/** Another report than the one that ended the sample requests. */
const other = { fingerprint: "another" };

const EVENTS: Record<string, RequestEvent> = {
  granted: GRANTED,
  "wait ordered": { type: "wait_ordered", until: LATER + 5_000, position: 3, waiting: null, durations: null },
  "submit taken": TAKEN,
  "submit not taken": { type: "submit_not_accepted", retryAt: LATER + 2_000, reason: "rate_limited" },
  "submit refused": { type: "submit_refused", error: MODEL_FAILED },
  "submit lost": LOST,
  "submit lost, no webhooks": { ...LOST, graceMs: 0 },
  "seen queued": { type: "progress_seen", progress: "queued", queuePosition: 1, watch: "none" },
  "seen running": RUNNING,
  "completion seen": { type: "completion_seen", metrics: null },
  "result pending": { type: "result_pending", watch: "none" },
  "output by webhook": endReported(anOutput(1), other),
  "output by poll": endReported(anOutput(1), { ...other, ...poll }),
  "output without files": endReported(anOutput(0), other),
  "error by webhook": endReported(error, other),
  "error by poll": endReported(error, { ...other, ...poll }),
  "canceled by webhook": endReported({ kind: "canceled" }, other),
  "canceled by poll": endReported({ kind: "canceled" }, { ...other, ...poll }),
  "end announced": { type: "end_announced", upstreamId: "fal-1" },
  "doorbell with an id": { type: "unverified_callback_received", candidateId: "fal-1", reason: "bad_signature" },
  "doorbell without": { type: "unverified_callback_received", candidateId: null, reason: "too_large" },
  "stranger reported": {
    type: "unpinned_webhook_received",
    userId: "user-2",
    claim: "claim",
    candidateId: "fal-1",
    waitMs: 0,
  },
  "upstream gone": { type: "upstream_not_found" },
  "file stored": STORED,
  "file given up": { type: "file_failed", n: 0, code: "storage_failed", message: "The source returned HTTP 404." },
  "file hashed": { type: "file_hashed", n: 0, sha256: "cd" },
  "cancel requested": { type: "cancel_requested" },
  "cancel confirmed": { type: "cancel_confirmed" },
  "cancel accepted": { type: "cancel_accepted" },
  "cancel too late": { type: "cancel_too_late" },
  "cancel given up": { type: "cancel_failed" },
  "time ran out": { type: "timed_out" },
  settled: SETTLED,
  "charge told": { type: "charge_resolved", bill: { chargedMicro: 3_000, source: "reserved", charged: true } },
  delivered: { type: "delivered", delivery: "dlv_1", ...ANSWERED },
  "delivery failed": { type: "delivery_failed", delivery: "dlv_1", ...ANSWERED },
  "delivery parked": { type: "delivery_parked", delivery: "dlv_1", gone: false, ...ANSWERED },
  "replay moot": { type: "replay_skipped", delivery: "dlv_1" },
  "delivery replayed": { type: "delivery_replayed", delivery: "dlv_1", resumeAt: null },
};

/** `·` ignored, `=` applied within the stage, else the stage it leads to. */
const TABLE = `
                          held        submitting  uncertain   queued      running     storing     completed   failed      canceled
granted                   submitting  ·           ·           ·           ·           ·           ·           ·           ·
wait ordered              =           ·           ·           ·           ·           ·           ·           ·           ·
submit taken              ·           queued      queued      =           =           =           =           =           =
submit not taken          ·           held        held        ·           ·           ·           ·           ·           ·
submit refused            failed      failed      failed      ·           ·           ·           ·           ·           ·
submit lost               ·           uncertain   ·           ·           ·           ·           ·           ·           ·
submit lost, no webhooks  ·           failed      ·           ·           ·           ·           ·           ·           ·
seen queued               ·           ·           ·           =           =           ·           ·           ·           ·
seen running              ·           ·           ·           running     =           ·           ·           ·           ·
completion seen           ·           ·           ·           =           =           ·           ·           ·           ·
result pending            ·           ·           =           =           =           ·           ·           ·           ·
output by webhook         storing     storing     storing     storing     storing     ·           ·           ·           ·
output by poll            storing     storing     storing     storing     storing     ·           ·           ·           ·
output without files      completed   completed   completed   completed   completed   ·           ·           ·           ·
error by webhook          failed      failed      failed      failed      failed      ·           ·           ·           ·
error by poll             failed      failed      =           failed      failed      ·           ·           ·           ·
canceled by webhook       canceled    canceled    canceled    canceled    canceled    ·           ·           ·           ·
canceled by poll          canceled    canceled    =           canceled    canceled    ·           ·           ·           ·
end announced             running     running     running     running     =           ·           ·           ·           ·
doorbell with an id       ·           =           =           =           =           ·           ·           ·           ·
doorbell without          ·           ·           ·           =           =           ·           ·           ·           ·
stranger reported         ·           =           =           =           =           ·           ·           ·           ·
upstream gone             ·           ·           =           failed      failed      ·           ·           ·           ·
file stored               ·           ·           ·           ·           ·           completed   ·           ·           ·
file given up             ·           ·           ·           ·           ·           completed   ·           ·           ·
file hashed               ·           ·           ·           ·           ·           ·           =           ·           ·
cancel requested          canceled    =           =           =           =           ·           ·           ·           ·
cancel confirmed          ·           ·           ·           canceled    canceled    ·           ·           ·           ·
cancel accepted           ·           ·           ·           =           =           ·           ·           ·           ·
cancel too late           ·           ·           ·           =           =           ·           ·           ·           ·
cancel given up           =           =           =           =           =           =           =           =           =
time ran out              failed      =           failed      =           =           =           =           =           =
settled                   ·           ·           ·           ·           ·           ·           =           =           =
charge told               ·           ·           ·           ·           ·           ·           =           =           =
delivered                 ·           ·           ·           ·           ·           ·           ·           ·           ·
delivery failed           ·           ·           ·           ·           ·           ·           ·           ·           ·
delivery parked           ·           ·           ·           ·           ·           ·           ·           ·           ·
replay moot               ·           ·           ·           ·           ·           ·           ·           ·           ·
delivery replayed         ·           ·           ·           ·           ·           ·           ·           ·           ·
`;

const [header = "", ...rows] = TABLE.trim().split("\n");
const columns = header.trim().split(/\s+/);
const table = rows.map((row) => {
  const [name = "", ...cells] = row.trim().split(/\s{2,}/);
  return [name, cells] as const;
});

function sample(name: string): RequestEvent {
  const event = EVENTS[name];
  if (event === undefined) throw new Error(`no event "${name}"`);
  return event;
}

function cellOf(stage: Stage, event: RequestEvent): string {
  const step = advanced(recordAt(stage), event, LATER);
  if (step.ignored !== null) return "·";
  return step.record.state.stage === stage ? "=" : step.record.state.stage;
}

describe("the transition table", () => {
  test("has every stage and every event", () => {
    expect(columns).toEqual(STAGES);
    expect(table.map(([name]) => name)).toEqual(Object.keys(EVENTS));
  });

  test.each(table)("%s", (name, cells) => {
    expect(STAGES.map((stage) => cellOf(stage, sample(name)))).toEqual(cells);
  });
});

/** What readers of the request object see of it; the timeline comes on top. */
function seen({ state, files }: RequestRecord): unknown {
  const { stage, queuePosition, createdAt, submittedAt, startedAt, endedAt } = state;
  const { error: failure, metrics, upstreamId, upstreamCalls, deliveries } = state;
  return {
    ...{ stage, queuePosition, createdAt, submittedAt, startedAt, endedAt },
    ...{ failure, metrics, upstreamId, upstreamCalls, deliveries, files },
  };
}

const RANK: Record<Stage, number> = {
  ...{ held: 0, submitting: 1, uncertain: 2, queued: 3, running: 4, storing: 5 },
  ...{ completed: 6, failed: 6, canceled: 6 },
};

describe.each(STAGES)("in %s, whatever happens", (stage) => {
  test.each(Object.entries(EVENTS))("%s", (_name, event) => {
    const before = recordAt(stage);
    const { record, notes, ignored } = advanced(before, event, LATER);
    if (ignored !== null) {
      expect(record).toEqual(before);
      return;
    }
    // Stages only go forward, but that a submit which was not taken goes back into the line.
    if (event.type !== "submit_not_accepted") expect(RANK[record.state.stage]).toBeGreaterThanOrEqual(RANK[stage]);
    if (hasEnded(stage)) expect(record.state.stage).toBe(stage);
    else expect(owed(record)).not.toBe("");
    const grown = record.state.revision - before.state.revision;
    const news = JSON.stringify(seen(record)) !== JSON.stringify(seen(before));
    expect([0, 1]).toContain(grown);
    if (news) expect(grown, "what readers see is a new revision").toBe(1);
    if (grown === 1) expect(news || notes.length > 0, "a new revision has something to read").toBe(true);
  });
});

describe("what is owed after", () => {
  test.each<[Stage, string, string]>([
    ["held", "granted", "submit at +0 s"],
    ["held", "wait ordered", "submit at +6 s"],
    ["held", "submit refused", "settle at +1 s"],
    ["held", "cancel requested", "settle at +1 s"],
    ["held", "time ran out", "settle at +1 s"],
    ["held", "output by webhook", "mirror:0 at +1 s"],
    ["submitting", "submit taken", "poll at +61 s"],
    ["submitting", "submit not taken", "submit at +3 s"],
    ["submitting", "submit refused", "settle at +1 s"],
    ["submitting", "submit lost", "expire at +21601 s"],
    ["submitting", "submit lost, no webhooks", "settle at +1 s"],
    ["submitting", "output by webhook", "mirror:0 at +1 s"],
    ["submitting", "end announced", "fetch_result at +1 s"],
    ["submitting", "doorbell with an id", "submit at +0 s"],
    ["submitting", "stranger reported", "submit at +0 s"],
    ["submitting", "cancel requested", "submit at +0 s"],
    ["uncertain", "submit taken", "poll at +61 s"],
    ["uncertain", "submit refused", "settle at +1 s"],
    ["uncertain", "output by webhook", "mirror:0 at +1 s"],
    ["uncertain", "end announced", "fetch_result at +1 s"],
    ["uncertain", "doorbell with an id", "expire at +21600 s, fetch_result at +1 s"],
    ["uncertain", "stranger reported", "expire at +21600 s, fetch_result at +1 s"],
    ["uncertain", "cancel requested", "expire at +21600 s"],
    ["uncertain", "time ran out", "settle at +1 s"],
    ["queued", "seen queued", "poll at +121 s"],
    ["queued", "seen running", "poll at +121 s"],
    ["queued", "completion seen", "fetch_result at +1 s"],
    ["queued", "end announced", "fetch_result at +1 s"],
    ["queued", "doorbell without", "poll at +1 s"],
    ["queued", "stranger reported", "fetch_result at +1 s"],
    ["queued", "upstream gone", "settle at +1 s"],
    ["queued", "cancel requested", "cancel at +1 s, poll at +60 s"],
    ["queued", "cancel confirmed", "settle at +1 s"],
    ["queued", "cancel accepted", "poll at +1.5 s"],
    ["queued", "cancel too late", "fetch_result at +1 s"],
    ["queued", "cancel given up", "poll at +60 s"],
    ["running", "result pending", "poll at +121 s"],
    ["running", "output by poll", "mirror:0 at +1 s"],
    ["running", "output without files", "settle at +1 s"],
    ["running", "error by webhook", "settle at +1 s"],
    ["running", "canceled by poll", "settle at +1 s"],
    ["storing", "file stored", "settle at +1 s"],
    ["storing", "file given up", "settle at +1 s"],
    ["completed", "settled", "deliver:dlv_1 at +1 s"],
    ["failed", "settled", "deliver:dlv_1 at +1 s"],
    ["canceled", "settled", "deliver:dlv_1 at +1 s"],
  ])("%s: %s", (stage, name, rows) => {
    expect(owed(advanced(recordAt(stage), sample(name), LATER).record)).toBe(rows);
  });
});
