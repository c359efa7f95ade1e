// The events of a request. Types only.

import type { CostSource } from "../../contracts/team-access.ts";
import type { FileSource, StoredFile } from "../../files/request-file.ts";
import type { Durations } from "../../models/durations.ts";
import type { ErrorCode } from "../../platform/errors.ts";
import type { AttemptSummary } from "../../webhooks/attempt.ts";
import type { DeletionTarget } from "./effect-types.ts";
import type { RequestDelivery, RequestError, RequestState, Waiting } from "./types.ts";
/** The end as upstream reported it. */
export type UpstreamEnd =
  /** `textType`: the Content-Type of an output that is no JSON. */
  | { kind: "output"; files: FileSource[]; skipped: number; textType?: string | null }
  | { kind: "error"; error: RequestError }
  | { kind: "canceled" };

/** Whether clients watch the request: none, one waits for its end, one follows its progress. */
export type Watch = "none" | "waiting" | "following";

/** The request's cost in the team's ledger. `charged` null: unchanged. */
export interface Bill {
  chargedMicro: number | null;
  source: CostSource;
  charged: boolean | null;
}

/** Every event of a request, in the past tense. */
export type RequestEvent =
  /** The account granted the submit; the call is about to be made. */
  | {
      type: "granted";
      connection: string | null;
      webhooks: RequestState["webhooks"];
      pinnedUsers: string[];
      durations: Durations | null;
    }
  /** The submit is queued: the account notifies the tracker; at `until` it asks again. */
  | {
      type: "wait_ordered";
      until: number;
      position: number | null;
      waiting: Waiting | null;
      durations: Durations | null;
    }
  | { type: "submit_accepted"; upstreamId: string; queuePosition: number | null }
  /** Certainly not accepted (429 and the like): the request is held again. */
  | { type: "submit_not_accepted"; retryAt: number; reason: string; foundLocked?: boolean; waiting?: Waiting | null }
  /** Upstream refused the submit. `turnedAway`: the account's queue is full, and the request goes as if it had never been. */
  | { type: "submit_refused"; error: RequestError; turnedAway?: boolean }
  /** No clear answer, or the attempt was interrupted. */
  | { type: "submit_lost"; reason: string; graceMs: number }
  | { type: "progress_seen"; progress: "queued" | "running"; queuePosition: number | null; watch: Watch }
  /** fal says COMPLETED; the result has to be fetched. */
  | { type: "completion_seen"; metrics: string | null }
  /** `look`: the result was requested in place of a poll. */
  | { type: "result_pending"; watch: Watch; look?: boolean }
  /** A trusted terminal report: a verified webhook, or an authenticated result call. */
  | {
      type: "end_reported";
      source: "webhook" | "poll";
      upstreamId: string | null;
      end: UpstreamEnd;
      metrics: string | null;
      billableUnits: string | null;
      /** Names the report's content; the same twice is a repeat, another one a conflict. */
      fingerprint: string;
    }
  /** A verified webhook without a usable payload: the result has to be fetched. */
  | { type: "end_announced"; upstreamId: string | null }
  /** A callback with a valid token that cannot be verified. */
  | { type: "unverified_callback_received"; candidateId: string | null; reason: string }
  /** Signed by fal, but by a user id that is not pinned. `waitMs`: before the result is fetched to check it. */
  | { type: "unpinned_webhook_received"; userId: string; claim: string; candidateId: string | null; waitMs: number }
  /** fal does not know the id. */
  | { type: "upstream_not_found" }
  | { type: "file_stored"; n: number; stored: StoredFile }
  | { type: "file_failed"; n: number; code: ErrorCode; message: string }
  /** A retry of failed file copies was requested; null: every failed file. */
  | { type: "copy_requested"; n: number | null }
  | { type: "file_hashed"; n: number; sha256: string }
  | { type: "cancel_requested" }
  /** fal's 200: taken out of the queue. */
  | { type: "cancel_confirmed" }
  /** fal's 202: cancellation requested; the run may still finish. */
  | { type: "cancel_accepted" }
  /** fal's 400: it had finished. */
  | { type: "cancel_too_late" }
  | { type: "cancel_failed" }
  /** The expire row came due: start time-out while held, or the grace of an uncertain submit. */
  | { type: "timed_out" }
  | { type: "settled"; deliveries: Pick<RequestDelivery, "id" | "target" | "eventId">[]; bill: Bill }
  /** An unknown charge was settled manually. */
  | { type: "charge_resolved"; bill: Bill }
  | ({ type: "delivered"; delivery: string } & AttemptSummary)
  /** Another attempt is planned. */
  | ({ type: "delivery_failed"; delivery: string } & AttemptSummary)
  /** No attempt is left. `gone`: retrying is pointless. */
  | ({ type: "delivery_parked"; delivery: string; gone: boolean } & AttemptSummary)
  /** A replay was requested. `resumeAt`: the next planned attempt. */
  | { type: "delivery_replayed"; delivery: string; resumeAt: number | null }
  /** The replay adds no attempt: the team gets the delivery's current state. */
  | { type: "replay_skipped"; delivery: string }
  /** Deletion by a caller or by `records_days`; `anonymize`: with its user or team. */
  | { type: "deletion_requested"; anonymize: boolean }
  /** Their bytes are gone. */
  | { type: "data_deleted"; target: Exclude<DeletionTarget, "record"> };
