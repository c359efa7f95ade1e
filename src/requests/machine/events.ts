// What can happen to a request, in the past tense, one sentence on each case. Types only.

import type { CostSource } from "../../contracts/team-access.ts";
import type { FileSource, StoredFile } from "../../files/request-file.ts";
import type { Durations } from "../../models/durations.ts";
import type { ErrorCode } from "../../platform/errors.ts";
import type { AttemptSummary } from "../../webhooks/attempt.ts";
import type { PurgeTarget } from "./effect-types.ts";
import type { RequestDelivery, RequestError, RequestState, Waiting } from "./types.ts";
/** The end as upstream told it. */
export type UpstreamEnd =
  | { kind: "output"; files: FileSource[]; skipped: number }
  | { kind: "error"; error: RequestError }
  | { kind: "canceled" };

/** Who looks at a request right now: nobody, somebody who waits for its end, somebody who follows its progress. */
export type Watch = "none" | "waiting" | "following";

/** What the team's ledger says that a request cost. `charged` null: as its error said before. */
export interface Bill {
  chargedMicro: number | null;
  source: CostSource;
  charged: boolean | null;
}

/** Everything that can happen to a request, in the past tense. */
export type RequestEvent =
  /** The account gave the turn; connection known, call about to be made. */
  | {
      type: "granted";
      connection: string | null;
      webhooks: RequestState["webhooks"];
      pinnedUsers: string[];
      durations: Durations | null;
    }
  /** The account wakes it when its turn comes; at `until` it asks again. */
  | {
      type: "wait_ordered";
      until: number;
      position: number | null;
      waiting: Waiting | null;
      durations: Durations | null;
    }
  | { type: "submit_accepted"; upstreamId: string; queuePosition: number | null }
  /** Known not to have been taken (429 and the like): the row goes back. */
  | { type: "submit_not_accepted"; retryAt: number; reason: string; foundLocked?: boolean; waiting?: Waiting | null }
  /** A clear no. */
  | { type: "submit_refused"; error: RequestError }
  /** No clear answer, or the try was cut off. */
  | { type: "submit_lost"; reason: string; graceMs: number }
  | { type: "progress_seen"; progress: "queued" | "running"; queuePosition: number | null; watch: Watch }
  /** fal says COMPLETED; the result has to be fetched. */
  | { type: "completion_seen"; metrics: string | null }
  /** `look`: the result was asked for in place of a poll. */
  | { type: "result_pending"; watch: Watch; look?: boolean }
  /** A terminal report that may be believed: a verified webhook, or an authenticated result call. */
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
  /** Somebody rang with the right token, but cannot be believed. */
  | { type: "unverified_callback_received"; candidateId: string | null; reason: string }
  /** Signed by fal, but by a user id that is not pinned. */
  | { type: "unpinned_webhook_received"; userId: string; claim: string; candidateId: string | null }
  /** fal does not know the id. */
  | { type: "upstream_not_found" }
  | { type: "file_stored"; n: number; stored: StoredFile }
  | { type: "file_failed"; n: number; code: ErrorCode; message: string }
  /** Its owner wants what was given up copied again; null: every such file. */
  | { type: "copy_requested"; n: number | null }
  | { type: "file_hashed"; n: number; sha256: string }
  | { type: "cancel_requested" }
  /** fal's 200: taken out of the queue. */
  | { type: "cancel_confirmed" }
  /** fal's 202: a wish; it may still finish. */
  | { type: "cancel_accepted" }
  /** fal's 400: it had finished. */
  | { type: "cancel_too_late" }
  | { type: "cancel_failed" }
  /** The expire row came due: start time-out while held, or the grace of an uncertain submit. */
  | { type: "timed_out" }
  | { type: "settled"; deliveries: Pick<RequestDelivery, "id" | "target" | "eventId">[]; bill: Bill }
  /** A person said what nobody could know: whether an uncertain request was charged. */
  | { type: "charge_resolved"; bill: Bill }
  | ({ type: "delivered"; delivery: string } & AttemptSummary)
  /** Another try is planned. */
  | ({ type: "delivery_failed"; delivery: string } & AttemptSummary)
  /** None is. `gone`: none could do better. */
  | ({ type: "delivery_parked"; delivery: string; gone: boolean } & AttemptSummary)
  /** Somebody wants it sent once more, now. `resumeAt`: what was planned. */
  | { type: "delivery_replayed"; delivery: string; resumeAt: number | null }
  /** That adds no try: the team, which believes that it will, is told how it stands. */
  | { type: "replay_skipped"; delivery: string }
  /** A caller, the plan's `records_days` (`forget` false), or the forgetting of its user or team. */
  | { type: "deletion_requested"; forget: boolean }
  /** Their bytes are gone. */
  | { type: "data_deleted"; target: Exclude<PurgeTarget, "record"> };
