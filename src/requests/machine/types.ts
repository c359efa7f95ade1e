// The request record: stages, state, deliveries and what readers get. Types and total functions over them.

import type { RequestSpec } from "../../contracts/request-spec.ts";
import type { AdmittedTerms, CostSource } from "../../contracts/team-access.ts";
import type { RequestFile } from "../../files/request-file.ts";
import type { StoredText } from "../../files/stored-text.ts";
import type { Durations } from "../../models/durations.ts";
import type { ErrorCode } from "../../platform/errors.ts";
import type { EndEventType } from "../../webhooks/event-types.ts";
import type { Effect, EffectOrder } from "./effect-types.ts";

/** Ours. `held` to `storing` are open, the last three are ends. */
export type Stage =
  | "held" // admitted, waiting for a grant
  | "submitting" // the upstream call is under way
  | "uncertain" // sent, no clear answer, no upstream id
  | "queued" // fal has it and has not begun
  | "running" // fal works on it
  | "storing" // the output is known, its files are being copied
  | "completed"
  | "failed"
  | "canceled";

export type Status = "IN_QUEUE" | "IN_PROGRESS" | "COMPLETED" | "FAILED" | "CANCELED";

export function statusOf(stage: Stage): Status {
  switch (stage) {
    case "held":
    case "submitting":
    case "uncertain":
    case "queued":
      return "IN_QUEUE";
    case "running":
    case "storing":
      return "IN_PROGRESS";
    case "completed":
      return "COMPLETED";
    case "failed":
      return "FAILED";
    case "canceled":
      return "CANCELED";
  }
}

/** A call for it may be under way, or fal has it: it takes one of the connection's slots. */
export function isAtFal(stage: Stage): boolean {
  switch (stage) {
    case "submitting":
    case "queued":
    case "running":
      return true;
    case "held":
    case "uncertain":
    case "storing":
    case "completed":
    case "failed":
    case "canceled":
      return false;
  }
}

export function hasEnded(stage: Stage): boolean {
  switch (stage) {
    case "completed":
    case "failed":
    case "canceled":
      return true;
    case "held":
    case "submitting":
    case "uncertain":
    case "queued":
    case "running":
    case "storing":
      return false;
  }
}

/** Why a request failed. `detail` is upstream's own JSON text (size-capped), kept for callers and compatible replays. */
export interface RequestError {
  code: ErrorCode;
  message: string;
  detail: string | null;
  retryable: boolean;
  charged: boolean | "unknown";
  /** HTTP status that upstream gave, where it gave one. */
  upstreamStatus: number | null;
  /** fal's machine name of the error, where it gave one: compatible surfaces repeat it. */
  upstreamType?: string;
}

/** What a tracker is started with: what was asked and what Team decided, each handed on as it was made. */
export interface StartInput {
  id: string;
  team: string;
  spec: RequestSpec;
  terms: AdmittedTerms;
  /** The model's input. */
  input: StoredText;
  /** Files inside the input that were stored in R2 under ids of this request (files/input-urls.ts), numbered from 0. */
  inlineFiles: number;
}

/** Who reads a request: a team key that sees every request of the team, or a viewer limited to one user or to what one key made. */
export interface Viewer {
  team: string;
  /** Null: every user's. */
  user: string | null;
  /** Null: made with any key. */
  keyId: string | null;
}

/** The viewer that sees every request of a team. */
export function wholeTeam(team: string): Viewer {
  return { team, user: null, keyId: null };
}

/** Whether the viewer sees all of its team, what concerns no request included. */
export function seesWholeTeam({ user, keyId }: Viewer): boolean {
  return user === null && keyId === null;
}

/** Whether this viewer may see the request; otherwise it is answered like an unknown id. */
export function isVisible(request: Pick<RequestState, "team" | "user" | "keyId">, viewer: Viewer): boolean {
  if (request.team !== viewer.team || (viewer.user !== null && request.user !== viewer.user)) return false;
  return viewer.keyId === null || request.keyId === viewer.keyId;
}

/** Whether a client token or a user's JWT made the request: its word is not the team's. */
export function isByClient({ chosenTags }: Pick<RequestSpec, "chosenTags">): boolean {
  return chosenTags !== undefined;
}

/** Why a held request waits. Times are epoch milliseconds; `startsAt` null: unknown. */
export interface Waiting {
  reason: "pace" | "slot" | "upstream_paused";
  /** Why upstream is paused and since when; null for the other reasons. */
  why: "locked" | "key_refused" | "failing" | "rate_limited" | null;
  since: number | null;
  startsAt: number | null;
}

/**
 * The whole state of one request, flat, as it is stored. The user is the one of the terms: Team has the last word on it. Times are
 * epoch milliseconds.
 */
export type RequestState = Pick<StartInput, "id" | "team"> & RequestSpec & AdmittedTerms & RequestProgress;

/** What events change. */
export interface RequestProgress {
  stage: Stage;
  /** Grows with every applied event; readers compare it. */
  revision: number;
  submittedAt: number | null;
  startedAt: number | null;
  outputAt: number | null;
  endedAt: number | null;
  /** The Maton connection that was used; saved before the call. */
  connection: string | null;
  upstreamId: string | null;
  /** An id from a callback with a valid token, while `uncertain`: believed only after an authenticated answer. */
  candidateId: string | null;
  /** A signed webhook's user id that is not pinned yet, with the fingerprint of what it claimed. */
  candidateUser: { userId: string; claim: string } | null;
  queuePosition: number | null;
  /** Only while held. */
  waiting: Waiting | null;
  /** Durations of the model's requests, as of the last grant request. */
  durations: Durations | null;
  /** How often its submit was the one that found the account locked. */
  lockedTries: number;
  cancelRequestedAt: number | null;
  /** When fal was last asked to cancel, or was to be. */
  cancelAskedAt: number | null;
  /** What the account said at the grant: whether webhooks arrive lately decides the rhythm of polls. */
  webhooks: "arriving" | "missing" | "off";
  /** User ids whose webhooks are believed, as the account knew them at the grant. */
  pinnedUsers: string[];
  polls: number;
  /** When an unverified callback last scheduled a check; limits how often they can. */
  unverifiedCallbackAt: number | null;
  /** Calls through the gateway that this request cost. */
  upstreamCalls: number;
  /** JSON text of fal's `metrics`. */
  metrics: string | null;
  /** fal's `x-fal-billable-units` when a result call showed it. */
  billableUnits: string | null;
  /** Names the content of the end that was applied: the same report again is a repeat, another one a conflict. */
  endFingerprint: string | null;
  /** Files that the output names beyond FILES_PER_REQUEST_MAX: left at their source. */
  filesSkipped: number;
  /** Content-Type of an output that is no JSON, whose text is stored as a JSON string; null: it is JSON. */
  textType: string | null;
  /** Which source reported the end. */
  endedBy: "webhook" | "poll" | "submit" | "cancel" | "expiry" | null;
  error: RequestError | null;
  settledAt: number | null;
  /** What it cost, in micro-USD, once the team's ledger has said so; null = not known. */
  chargedMicro: number | null;
  costSource: CostSource;
  /** Webhook deliveries of its ends, oldest first. */
  deliveries: RequestDelivery[];
  recoveredAt: number | null;
  deletion: Deletion | null;
}

/** That the record is to be deleted: once it has ended, and settled, if that is still to come. */
export interface Deletion {
  orderedAt: number;
  /** Deleted with its user or team: hidden at once, and the tombstone is anonymized. */
  anonymize: boolean;
}

/** Whether callers see it no more although its rows are still here. */
export function isHidden({ deletion, stage }: Pick<RequestState, "deletion" | "stage">): boolean {
  return deletion !== null && (deletion.anonymize || hasEnded(stage));
}

/** Deletion is requested and the request has ended: reports are ignored. */
export function isDone({ deletion, stage }: Pick<RequestState, "deletion" | "stage">): boolean {
  return deletion !== null && hasEnded(stage);
}

/** Delivery of one end to the request's `webhook_url` or to one of the team's endpoints. */
export interface RequestDelivery {
  /** `dlv_…`, given by the team. */
  id: string;
  /** "request": the caller's `webhook_url`; otherwise the endpoint's id. */
  target: string;
  /** `evt_…`, the team's as well: all deliveries of one end carry the same. */
  eventId: string;
  eventType: EndEventType;
  /** Which end it tells of: a recovered request ends twice. */
  endedAt: number;
  /**
   * `failing`: a try failed and another is planned. `parked`: no try is left. `gone`: the receiver wants no more, may not be
   * called, or the end was taken back.
   */
  status: "pending" | "failing" | "delivered" | "parked" | "gone";
  /** Finished attempts, replays included. */
  attempts: number;
  /** 0: the schedule's own tries. Each replay by hand begins the next group. */
  group: number;
  /** A replay that has not come to anything yet, and when the schedule goes on should it fail; null: nothing is planned. */
  replay: { resumeAt: number | null } | null;
}

/** A data URI (or the whole answer) that could not be stored: its bytes are nowhere else, so readers get them where they stood. */
export function isShownInPlace(file: RequestFile): boolean {
  return (file.status === "failed" || file.status === "pending") && file.source.kind !== "url";
}

/** Everything the tracker keeps in rows, as one value: what the pure rules work on. */
export interface RequestRecord {
  state: RequestState;
  files: RequestFile[];
  effects: Effect[];
}

export type Transition =
  | { kind: "applied"; state: RequestState; files: RequestFile[]; orders: EffectOrder[]; notes: TimelineNote[] }
  | { kind: "ignored"; reason: string; notes: TimelineNote[] };

/** A line of the timeline: what happened, for people. `detail` holds ids and numbers only. */
export interface TimelineNote {
  what: string;
  detail?: Record<string, string | number | boolean | null>;
}

/** A line of the timeline as it is kept. */
export interface TimelineEntry extends TimelineNote {
  seq: number;
  at: number;
  stage: Stage;
}

/** A request as its tracker returns it to readers. */
export interface RequestView {
  state: RequestState;
  files: RequestFile[];
  /** Only once completed: its text, with a place mark where each file's URL goes (requests/view/output.ts). */
  output: StoredText | null;
  /** The output as it came, while a file's bytes lie in it: being copied, or given up on and shown in place. */
  payload: StoredText | null;
  /** JSON text of upstream's log lines, as the polls saw them. */
  logs: string | null;
  timelineSeq: number;
}
