// Made-up requests for tests of the pure rules: how one starts, what happens to it on the usual road, how it stands in
// each stage. Times are epoch milliseconds; everything on the usual road happens at START_AT, what a test adds at LATER.

import type { RequestSpec } from "../../src/contracts/request-spec.ts";
import type { AdmittedTerms } from "../../src/contracts/team-access.ts";
import type { FileSource } from "../../src/files/request-file.ts";
import type { Bill, RequestEvent, UpstreamEnd } from "../../src/requests/machine/events.ts";
import { advanced, begun } from "../../src/requests/machine/record.ts";
import type { RequestError, RequestRecord, Stage, StartInput } from "../../src/requests/machine/types.ts";

export const REQUEST = "ab".repeat(32);
export const START_AT = 1_800_000_000_000;
export const LATER = START_AT + 1_000;

const SPEC: RequestSpec = {
  model: "fal-ai/flux/schnell",
  user: null,
  tags: {},
  metadata: null,
  options: {},
  startTimeoutS: null,
  webhookUrl: null,
  webhookFormat: "standard",
  origin: "https://sluice.test",
};

const TERMS: AdmittedTerms = {
  user: null,
  keyId: "key_1",
  createdAt: START_AT,
  cost: { estimatedMicro: null, price: null, exact: false },
  retention: { recordsDays: null, filesDays: null, inputsDays: null },
  fileLinkS: null,
  whenPaused: "hold",
};

/** What a test says of a start: the fields of its spec and its terms by their names. */
export type StartChanges = Partial<Omit<StartInput, "spec" | "terms"> & RequestSpec & AdmittedTerms>;

export function aStart(changes: StartChanges = {}): StartInput {
  const { id = REQUEST, team = "acme", input = { at: "row", text: '{"prompt":"a cat"}' }, inlineFiles = 0 } = changes;
  return { id, team, spec: changed(SPEC, changes), terms: changed(TERMS, changes), input, inlineFiles };
}

/** The fields of `base`, those that `changes` names as it says. */
function changed<T extends object>(base: T, changes: Partial<T>): T {
  const named = Object.entries(changes).filter(([name]) => name in base);
  return { ...base, ...Object.fromEntries(named) };
}

/** A model's failure that was not charged. */
export const MODEL_FAILED: RequestError = {
  code: "upstream_failed",
  message: "The model failed.",
  detail: null,
  retryable: true,
  charged: false,
  upstreamStatus: 500,
};

export function aFile(n: number, changes: Partial<FileSource> = {}): FileSource {
  const source = { kind: "url", url: `https://v3.fal.media/${n}.png` } as const;
  return { path: ["images", n, "url"], source, claimedType: null, claimedName: null, ...changes };
}

/** An output that names so many files. */
export function anOutput(files: number): UpstreamEnd {
  return { kind: "output", files: Array.from({ length: files }, (_, n) => aFile(n)), skipped: 0 };
}

export type Told<T extends RequestEvent["type"]> = Extract<RequestEvent, { type: T }>;

export function endReported(end: UpstreamEnd, changes: Partial<Told<"end_reported">> = {}): Told<"end_reported"> {
  return {
    type: "end_reported",
    source: "webhook",
    upstreamId: "fal-1",
    end,
    metrics: null,
    billableUnits: null,
    fingerprint: end.kind,
    ...changes,
  };
}

export const GRANTED: Told<"granted"> = {
  type: "granted",
  connection: "connection-1",
  webhooks: "arriving",
  pinnedUsers: ["user-1"],
  durations: null,
};
export const TAKEN: Told<"submit_accepted"> = { type: "submit_accepted", upstreamId: "fal-1", queuePosition: 2 };
export const LOST: Told<"submit_lost"> = { type: "submit_lost", reason: "timeout", graceMs: 6 * 3_600_000 };
export const RUNNING: Told<"progress_seen"> = {
  type: "progress_seen",
  progress: "running",
  queuePosition: null,
  watch: "none",
};
/** The ledger's answer about a request whose price nobody knows. */
export const UNKNOWN_BILL: Bill = { chargedMicro: null, source: "unknown", charged: null };
export const SETTLED: Told<"settled"> = {
  type: "settled",
  deliveries: [{ id: "dlv_1", target: "request", eventId: "evt_1" }],
  bill: UNKNOWN_BILL,
};
export const STORED: Told<"file_stored"> = {
  type: "file_stored",
  n: 0,
  stored: { contentType: "image/png", bytes: 5, sha256: "ab" },
};

const ROADS: Record<Stage, readonly RequestEvent[]> = {
  held: [],
  submitting: [GRANTED],
  uncertain: [GRANTED, LOST],
  queued: [GRANTED, TAKEN],
  running: [GRANTED, TAKEN, RUNNING],
  storing: [GRANTED, TAKEN, RUNNING, endReported(anOutput(1))],
  completed: [GRANTED, TAKEN, RUNNING, endReported(anOutput(1)), STORED],
  failed: [GRANTED, TAKEN, RUNNING, endReported({ kind: "error", error: MODEL_FAILED })],
  canceled: [GRANTED, TAKEN, { type: "cancel_confirmed" }],
};

export const STAGES = Object.keys(ROADS) as Stage[];

function afterAll(record: RequestRecord, events: readonly RequestEvent[], at: number): RequestRecord {
  return events.reduce((before, event) => {
    const step = advanced(before, event, at);
    if (step.ignored !== null) throw new Error(`${event.type} was ignored: ${step.ignored}`);
    return step.record;
  }, record);
}

/** A request that came to this stage on the usual road. */
export function recordAt(stage: Stage, start: StartChanges = {}): RequestRecord {
  return afterAll(begun(aStart(start)).record, ROADS[stage], START_AT);
}

/** The record after more events, all at LATER. Throws when one of them is ignored. */
export function onward(record: RequestRecord, ...events: RequestEvent[]): RequestRecord {
  return afterAll(record, events, LATER);
}

/**
 * What a record owes, as text: "mirror:0 at +0 s, poll at +60 s", times from `now`. The end of the deliveries' log in thirty
 * days is left out: every settled request that told somebody owes it.
 */
export function owed({ effects }: Pick<RequestRecord, "effects">, now = START_AT): string {
  return effects
    .filter(({ name }) => name !== "delete:deliveries")
    .map(({ name, dueAt }) => `${name} at +${(dueAt - now) / 1_000} s`)
    .sort()
    .join(", ");
}
