// The RPC contract of RequestTracker. Types only.

import type { FileSource } from "../files/request-file.ts";
import type { Bill, UpstreamEnd } from "../requests/machine/events.ts";
import type { RequestView, StartInput, TimelineEntry, Viewer } from "../requests/machine/types.ts";
import type { DeliveryView } from "../webhooks/attempt.ts";
import type { Granted, RequestEnd } from "./account.ts";
import type { Answer } from "./rpc.ts";

export interface DescribedOutput {
  files: FileSource[];
  /** Files past FILES_PER_REQUEST_MAX, left at their source. */
  skipped: number;
  /** The output as JSON text, with a placeholder instead of each file's value. */
  outputText: string;
  /** Content-Type of an output that is no JSON: then `outputText` is its text as a JSON string. Null or absent: it is JSON. */
  textType?: string | null;
  /** The original output, kept while it contains files as data URIs that are still to be copied. */
  payloadText: string | null;
  fingerprint: string;
}

/** `gone`: the request was started and has been deleted. */
export type StartAnswer = { kind: "started"; view: RequestView } | { kind: "closed" | "gone" };

export type CancelAnswer =
  | { kind: "canceled" | "requested" | "already_ended"; view: RequestView }
  | { kind: "not_found" };

/** `deleted`: also when it already was. `ordered`: it is being cancelled and is deleted after its end. `open`: `cancel` is required. */
export type DeleteAnswer =
  | { kind: "deleted" }
  | { kind: "not_found" }
  | { kind: "ordered" | "open"; view: RequestView };

export type ShareAnswer =
  | { kind: "not_found" }
  | Exclude<ShareOutcome, { kind: "shared" }>
  | (Extract<ShareOutcome, { kind: "shared" }> & { view: RequestView });

/** `pending`: the request has not ended or bytes are left; the alarm continues. */
export type UserDeletionAnswer = { kind: "deleted" | "pending" };

/** `unstarted`: a tombstone was written, so the request can never start. */
export type CloseAnswer = { kind: "unstarted" | "started" };

/** A webhook with fal's signature and a valid token. The tracker checks whether its user id is pinned. */
export interface WebhookReport {
  userId: string;
  upstreamId: string;
  /** From fal's signature to its arrival. */
  delayMs: number;
  /** Null when it carried no usable payload and the result has to be fetched. */
  end: UpstreamEnd | null;
  fingerprint: string;
  /** The output's texts, saved when the report is applied. */
  described: DescribedOutput | null;
}

/** `awaits_proof`: the report's user is being proved by another request; report again once it is pinned for this connection. */
export type ReportAnswer = { kind: "received" | "not_found" } | { kind: "awaits_proof"; connection: string | null };

/** Times are epoch milliseconds; `endsAt` is a whole second, as in the link. */
export interface Share {
  id: string;
  createdAt: number;
  endsAt: number;
  /** File numbers. */
  files: number[];
}

export interface ShareRequest {
  /** Null: as long as usual, or as private links live where that is shorter. */
  expiresInS: number | null;
  /** Null: all stored files. */
  files: number[] | null;
}

export type ShareOutcome =
  | { kind: "shared"; share: Share }
  /** No file is stored, or file `n` is not. */
  | { kind: "not_stored"; n: number | null }
  | { kind: "too_many" }
  /** The request's files are private, and their links live at most `mostS` seconds. */
  | { kind: "too_long"; mostS: number };

/**
 * `replayed`: the delivery is due now, or an attempt is already in progress. `expired`: the event's body is no longer stored, so it
 * cannot be sent again.
 */
export type ReplayAnswer = { kind: "replayed"; view: DeliveryView } | { kind: "not_found" | "expired" };

export interface TrackerContract {
  /** Creates the request if absent and submits it. Returns when upstream answered or after SUBMIT_ANSWER_WAIT_MS. Idempotent. */
  start(start: StartInput): Answer<StartAnswer>;
  /** The request; null when it does not exist or this viewer may not see it. */
  read(viewer: Viewer): Answer<RequestView | null>;
  timeline(viewer: Viewer, afterSeq: number): Answer<TimelineEntry[] | null>;
  /** The input as it went upstream; its text is null once it was deleted. Null when this viewer may not see the request. */
  input(viewer: Viewer): Answer<{ text: RequestView["output"] } | null>;
  /** Retries the copies of failed files; `n` null: all of them. `asked` is false when there was no failed file. */
  copyAgain(viewer: Viewer, n: number | null): Answer<{ asked: boolean; view: RequestView } | null>;
  share(viewer: Viewer, wish: ShareRequest): Answer<ShareAnswer>;
  shares(viewer: Viewer): Answer<{ shares: Share[]; view: RequestView } | null>;
  /** `id` null: all shares. False when this viewer may not see the request. */
  revokeShares(viewer: Viewer, id: string | null): Answer<boolean>;
  /** Whether a share link still opens file `n`. */
  isShared(team: string, id: string, n: number): Answer<boolean>;
  cancel(viewer: Viewer): Answer<CancelAnswer>;
  /**
   * Deletes an ended request; an open one only with `cancel`. Files are deleted before it returns, except for thousands of files
   * or while R2 is unavailable: then the alarm deletes the rest. Idempotent.
   */
  delete(viewer: Viewer, cancel: boolean): Answer<DeleteAnswer>;
  /** Deletes the request with its user or team: hidden at once in any stage, and anonymized afterwards. */
  deleteForUser(): Answer<UserDeletionAnswer>;
  /** Whether the request was deleted and this viewer could see it before. */
  wasDeleted(viewer: Viewer): Answer<boolean>;
  /** Whether file `n` existed and was deleted. */
  isFileDeleted(team: string, n: number): Answer<boolean>;
  /** A verified webhook: applied in one transaction when its user id is pinned, otherwise confirmed with a result call. */
  report(report: WebhookReport): Answer<ReportAnswer>;
  /** A callback with a valid token that cannot be verified. `candidateId` is the upstream id in its body. */
  unverifiedCallback(reason: string, candidateId: string | null): Answer<ReportAnswer>;
  /** Deliveries with their attempts, oldest first; `delivery` selects one. Null when this viewer may not see the request. */
  deliveryLog(viewer: Viewer, delivery: string | null): Answer<DeliveryView[] | null>;
  /** Sends a delivery again now, with the same id and bytes. Idempotent while the attempt is pending. */
  replayDelivery(team: string, id: string): Answer<ReplayAnswer>;
  /**
   * The account notifies the tracker that this effect's call is granted. `used` false: the effect no longer exists or is running.
   * The call is made after this returns; if the object dies, the effect's lease expires.
   */
  callGranted(name: string, grant: Granted): Answer<{ used: boolean }>;
  /**
   * The account checks whether the request still uses its slot. `end`: how it left fal; null where there is nothing to count: it
   * waits to be submitted, or is deleted. Older code says none.
   */
  holdsSlot(): Answer<{ holds: boolean; end?: RequestEnd | "uncertain" | null }>;
  /** Applies a manual settlement of an unknown charge. Null when the request is not this team's. */
  resolveCharge(team: string, bill: Bill): Answer<RequestView | null>;
  /** Team found an unconfirmed reservation: returns whether the request started, or writes a tombstone so that it never will. */
  closeIfUnstarted(): Answer<CloseAnswer>;
}
