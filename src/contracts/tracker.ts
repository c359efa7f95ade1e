// What RequestTracker is asked and what it answers. Types only.

import type { FileSource } from "../files/request-file.ts";
import type { Bill, UpstreamEnd } from "../requests/machine/events.ts";
import type { RequestView, StartInput, TimelineEntry, Viewer } from "../requests/machine/types.ts";
import type { DeliveryView } from "../webhooks/attempt.ts";
import type { Granted } from "./account.ts";
import type { Answer } from "./rpc.ts";

export interface DescribedOutput {
  files: FileSource[];
  /** Files past FILES_PER_REQUEST_MAX, left at their source. */
  skipped: number;
  /** The output with a place mark instead of each file's value. */
  outputText: string;
  /** The output as it came, when bytes of files lie in it (data URIs) and have to be read again. */
  payloadText: string | null;
  fingerprint: string;
}

/** `gone`: it was started once and is deleted. */
export type StartAnswer = { kind: "started"; view: RequestView } | { kind: "closed" | "gone" };

export type CancelAnswer =
  | { kind: "canceled" | "requested" | "already_ended"; view: RequestView }
  | { kind: "not_found" };

/** `deleted`: also when it was before. `ordered`: it was asked to stop and is deleted after its end. `open`: only with `cancel`. */
export type DeleteAnswer =
  | { kind: "deleted" }
  | { kind: "not_found" }
  | { kind: "ordered" | "open"; view: RequestView };

export type ShareAnswer =
  | { kind: "not_found" }
  | Exclude<ShareOutcome, { kind: "shared" }>
  | (Extract<ShareOutcome, { kind: "shared" }> & { view: RequestView });

/** `pending`: it has not ended, or bytes are left; it goes on by itself. */
export type UserDeletionAnswer = { kind: "forgotten" | "pending" };

/** `unstarted`: a tombstone was written and no start can follow. */
export type CloseAnswer = { kind: "unstarted" | "started" };

/** A verified webhook: fal signed it, our token was right. Whether its user id is ours is found out here. */
export interface WebhookReport {
  userId: string;
  upstreamId: string;
  /** From fal's signature to its arrival. */
  delayMs: number;
  /** Null when it carried no usable payload and the result has to be fetched. */
  end: UpstreamEnd | null;
  fingerprint: string;
  /** With an output: its texts, to be kept when the report is applied. */
  described: DescribedOutput | null;
}

export type ReportAnswer = { kind: "heard" | "not_found" };

/** Times are epoch milliseconds; `endsAt` is a whole second, as the link spells it. */
export interface Share {
  id: string;
  createdAt: number;
  endsAt: number;
  /** File numbers. */
  files: number[];
}

export interface ShareRequest {
  expiresInS: number;
  /** Null: all that are stored. */
  files: number[] | null;
}

export type ShareOutcome =
  | { kind: "shared"; share: Share }
  /** Nothing is stored, or this file is not. */
  | { kind: "not_stored"; n: number | null }
  | { kind: "too_many" };

/**
 * `replayed`: it is due now, or a try that was due anyway is under way. `expired`: what was sent is no longer kept, so it cannot be
 * sent again as it was.
 */
export type ReplayAnswer = { kind: "replayed"; view: DeliveryView } | { kind: "not_found" | "expired" };

export interface TrackerContract {
  /** Create if absent, then submit; answers when upstream answered or SUBMIT_ANSWER_WAIT_MS passed. Safe to repeat. */
  start(start: StartInput): Answer<StartAnswer>;
  /** The state; null for a request that this viewer cannot see, an unknown or a closed one. */
  read(viewer: Viewer): Answer<RequestView | null>;
  timeline(viewer: Viewer, afterSeq: number): Answer<TimelineEntry[] | null>;
  /** Owes the copies of files that were given up anew; null: of all of them. `asked` is false where there was nothing to copy. */
  copyAgain(viewer: Viewer, n: number | null): Answer<{ asked: boolean; view: RequestView } | null>;
  share(viewer: Viewer, wish: ShareRequest): Answer<ShareAnswer>;
  shares(viewer: Viewer): Answer<{ shares: Share[]; view: RequestView } | null>;
  /** Null: all of them. False for a request that this viewer cannot see. */
  revokeShares(viewer: Viewer, id: string | null): Answer<boolean>;
  /** Whether a share link still opens file `n`. */
  isShared(team: string, id: string, n: number): Answer<boolean>;
  cancel(viewer: Viewer): Answer<CancelAnswer>;
  /**
   * Deletes an ended request, an open one only with `cancel`. The bytes are gone when it answers `deleted`, but for thousands
   * of files or while R2 cannot be asked: then the rest goes by alarm. Safe to repeat.
   */
  delete(viewer: Viewer, cancel: boolean): Answer<DeleteAnswer>;
  /** The same because its user is forgotten or its team removed: hidden at once, whatever its stage, and nobody's afterwards. */
  deleteForUser(): Answer<UserDeletionAnswer>;
  /** Whether this viewer could see the request until it was deleted. */
  wasDeleted(viewer: Viewer): Answer<boolean>;
  /** Whether a file of this request is there no more because it was let go. */
  isFileDeleted(team: string, n: number): Answer<boolean>;
  /** A verified webhook, applied in one transaction when its user id is pinned; otherwise a claim to be proven. */
  report(report: WebhookReport): Answer<ReportAnswer>;
  /** Somebody called with the right token whom we cannot believe. `candidateId` is what the body said, unproven. */
  unverifiedCallback(reason: string, candidateId: string | null): Answer<ReportAnswer>;
  /** The deliveries of the request's ends, oldest first, with their tries; only one of them if asked so. Null: not seen by this viewer. */
  deliveryLog(viewer: Viewer, delivery: string | null): Answer<DeliveryView[] | null>;
  /** Sends a delivery once more, now, with the id and bytes that it had. Safe to repeat while that try is still to come. */
  replayDelivery(team: string, id: string): Answer<ReplayAnswer>;
  /**
   * The account calls: the turn of this row's call has come. `used` false: nothing wants it any more, or its try is under way.
   * The call itself is made after the answer; should the object die meanwhile, the row's lease tells.
   */
  turnGranted(name: string, grant: Granted): Answer<{ used: boolean }>;
  /** The account asks whether a slot that it has not heard of for long is still in use. */
  holdsSlot(): Answer<{ holds: boolean }>;
  /** What a person said about a charge that nobody could know, as the team's ledger booked it. Null for a request not this team's. */
  resolveCharge(team: string, bill: Bill): Answer<RequestView | null>;
  /** Team's question about a reservation nobody acked: what became of it, or a tombstone so that nothing can any more. */
  closeIfUnstarted(): Answer<CloseAnswer>;
}
