// The RPC contract of UpstreamAccount. Types only.

import type { Durations } from "../models/durations.ts";
import type { RequestError, RequestState } from "../requests/machine/types.ts";
import type { ConnectionReply, ConnectionRequest } from "../upstream/client/connections.ts";
import type { CallTime } from "../upstream/pace.ts";
import type { Answer } from "./rpc.ts";

/** The kinds of calls that are queued for a grant. */
export type QueuedKind = "submit" | "cancel" | "result" | "status";

/** A call in the queue. Times are epoch milliseconds. */
export interface WaitingCall {
  requestId: string;
  /** Name of the tracker's effect row that makes the call. */
  effect: string;
  kind: QueuedKind;
  /** The user that the call is counted on: "team/user", or "team/key". */
  user: string;
  connection: string;
  model: string;
  /** Calls of one user and kind are served in this order. */
  since: number;
  /** When its tracker asks again without being notified. A call that is long overdue is removed. */
  expectedBy: number;
}

/** Why upstream is paused. `locked`: fal rejects submits while reads still work; the others stop every call. */
export type PauseReason = "locked" | "key_refused" | "failing";

export interface Closure {
  why: PauseReason;
  /** Epoch ms, as is `probeAt`, the time of the next probe. */
  since: number;
  probeAt: number;
  /** Probes that failed. */
  probes: number;
}

/** Why a call waits and where it stands. `etaMs` is null when no estimate is possible. */
export interface QueuePosition {
  reason: "pace" | "slot" | "upstream_paused";
  /** Why upstream is paused, and since when; null for the other reasons. */
  why: PauseReason | "rate_limited" | null;
  since: number | null;
  /** Position among the waiting calls of its kind, from 1. */
  position: number;
  etaMs: number | null;
}

/** A pause of all submits. Times are epoch ms; `until` is the time of the next attempt. */
export interface Pause {
  why: PauseReason | "rate_limited";
  since: number;
  until: number;
}

/** The right to make one call at its call time. `probe`: the result decides whether a closed connection reopens. */
export interface CallGrant {
  call: WaitingCall;
  callTime: CallTime;
  probe: boolean;
  /** False when the request already had a slot. */
  tookSlot: boolean;
}

/** What a call's result says about its connection. `failed`: no answer from fal or Maton; `rate_limited`: a 429. */
export type ConnectionSignal = "ok" | "failed" | "rate_limited" | Extract<PauseReason, "locked" | "key_refused">;

/** `at`: epoch ms. */
export interface LastFailure {
  at: number;
  signal: ConnectionSignal;
  requestId: string;
}

/** A request for a grant. `since` (epoch ms) orders it among its user's calls of the kind. */
export interface CallRequest {
  kind: QueuedKind;
  requestId: string;
  /** Name of the tracker's effect row, which is notified when the call is granted. */
  effect: string;
  /** The user that the call is counted on. */
  user: string;
  model: string;
  since: number;
  /** The connection that the request went over or that its caller named; null: the account's own. */
  connection: string | null;
  /** Its caller still waits to hear whether the request is taken: a full queue may turn it away. */
  isNew?: boolean;
}

/** Times are epoch milliseconds. The call starts between `notBefore` and `notAfter`, or the grant is returned. */
export interface Granted {
  granted: true;
  notBefore: number;
  notAfter: number;
  connection: string;
  webhooks: RequestState["webhooks"];
  pinnedUsers: string[];
  durations: Durations | null;
  /** The connection is closed and this call probes it: report the result in any case. */
  probe: boolean;
  /** Passed to `returnGrant` or `callFinished`. */
  callGrant: CallGrant;
}

export type Grant =
  | Granted
  /** The tracker is notified when the call is granted; it asks again at `retryAt` if no notification arrived. */
  | {
      granted: false;
      reason: "wait";
      retryAt: number;
      queuePosition: QueuePosition | null;
      durations: Durations | null;
    }
  | { granted: false; reason: "refused"; error: RequestError }
  /** Too many submits wait, of the team or of all: a new one is turned away before anything of it is kept. */
  | { granted: false; reason: "queue_full"; of: "team" | "account" };

/** The account's public health: numbers, no names. `at` is epoch ms. */
export interface AccountHealth {
  at: number;
  pause: Pause | null;
  rps: number;
  callsLastSecond: number;
  slots: { used: number; limit: number };
  callsWaiting: number;
}

/** Times are epoch milliseconds. */
export interface AccountOverview extends AccountHealth {
  connection: string | null;
  /** The end of a pause after a 429. */
  pausedUntil: number | null;
  closure: Closure | null;
  failuresInARow: number;
  waiting: Record<QueuedKind, number>;
  /** Sorted by calls, most first. A user is "team/user", or "team/key". */
  waitingByUser: { user: string; calls: number }[];
  lastFailures: LastFailure[];
  webhooks: { state: RequestState["webhooks"]; lastDelayMs: number | null };
  durations: { model: string; durations: Durations | null }[];
  figures: AccountFigures;
}

/** Hosts of media in one request's output that FAL_MEDIA_HOSTS lacks; an origin where it is not https. */
export interface UnlistedHosts {
  requestId: string;
  hosts: string[];
}

/** How a request that was at fal has ended. An output whose files are still being copied is an end: it completes. `at`: epoch ms. */
export interface RequestEnd {
  outcome: "completed" | "failed" | "canceled";
  at: number;
  /** A verified webhook reported it. */
  byWebhook: boolean;
}

/** A request that is no longer at fal. `ms`: from submit to output, null when fal did not complete the run. */
export interface SlotRelease {
  requestId: string;
  model: string;
  ms: number | null;
  /** From fal's signature to the webhook's arrival; null when no webhook reported the end. */
  webhookDelayMs: number | null;
  /** `uncertain`: nobody knows whether fal took it, and its end is told later. Absent: older code told of it. */
  end?: RequestEnd | "uncertain";
}

/** Counts of the last 24 hours (the running hour and the 23 before it) of requests that were submitted, and what is open now. */
export interface AccountFigures {
  submitted: number;
  ended: Record<RequestEnd["outcome"], number>;
  /** Ends that a verified webhook reported. */
  webhooks: number;
  /** The delay that 95 of 100 of them did not exceed; null without one. */
  webhookP95Ms: number | null;
  /** Deliveries that are tried no more. */
  deliveriesGivenUp: number;
  /** Requests at fal for longer than 10 minutes and three times what nearly all of their model take. */
  overdue: number;
  /** Requests of which nobody knows yet whether fal took them. */
  uncertain: number;
}

/**
 * Of a fal user who signs webhooks. `pinned`: its reports are trusted. `prove`: the request's own authenticated call has to confirm
 * the report, which pins the user. `wait`: another request's call does so now; one's own is due after PROOF_WAIT_MS.
 */
export type UserStanding = "pinned" | "prove" | "wait";

/** JWK `x` values. `unavailable`: there is no trusted key set, so webhooks cannot be verified. */
export type KeySet = { kind: "keys"; keys: string[]; fetchedAt: number } | { kind: "unavailable" };

/** The reply to a connection call, or `wait` when the rate limit allows no call yet. `retryAt` is epoch ms. */
export type ConnectionCallAnswer =
  | { kind: "replied"; reply: ConnectionReply; inUse: string | null }
  | { kind: "wait"; retryAt: number };

export interface AccountContract {
  /**
   * Grants one call through the gateway, now or up to GRANT_WAIT_IN_PLACE_MS ahead, while no other call waits; otherwise queues it.
   * `leadMs` above 0: the call missed its last grant and needs this much notice.
   */
  requestGrant(request: CallRequest, leadMs?: number): Answer<Grant>;
  /** Returns a grant that was not used. */
  returnGrant(callGrant: CallGrant): Answer<void>;
  /** Reports that a granted call finished, and what it says about the connection. Returns the resulting pause, if any. */
  callFinished(callGrant: CallGrant, signal: ConnectionSignal): Answer<Pause | null>;
  /** The request is no longer at fal: frees its slot. Safe to repeat; its duration and its end are counted once. */
  releaseSlot(release: SlotRelease): Answer<void>;
  /** Position of a request's submit in the queue; null when it is not queued. */
  queuePositionOf(requestId: string): Answer<QueuePosition | null>;
  /** Durations of these models' requests, in the same order; null where unknown. */
  durationsOf(models: string[]): Answer<(Durations | null)[]>;
  /** The pause in effect; null while submits are possible or a probe is due. */
  currentPause(): Answer<Pause | null>;
  accountHealth(): Answer<AccountHealth>;
  /** The account as the operator sees it. */
  accountOverview(): Answer<AccountOverview>;
  /** Upstream answered 429: pauses the account for Retry-After, or for a default pause. `until` is epoch ms. */
  pauseAfterRateLimit(retryAfterMs: number | null): Answer<{ until: number }>;
  /** Maton does not know this connection: the next grant looks up another. A configured connection stays. */
  discardConnection(connection: string | null): Answer<void>;
  /**
   * One call of Maton's connection API on an admin's behalf, within the rate limit. A deleted connection is no longer used; the
   * next grant looks up another.
   */
  callConnections(request: ConnectionRequest): Answer<ConnectionCallAnswer>;
  /** A verified webhook arrived. */
  webhookArrived(): Answer<void>;
  /** A poll found an end that no webhook had reported. */
  webhookMissed(): Answer<void>;
  /** Whether a report signed for this fal user is trusted, and if not, whether its request proves the user; null: it cannot. */
  introduceUser(connection: string | null, userId: string, requestId: string | null): Answer<UserStanding>;
  /** Waits until the user is pinned, PROOF_HOLD_MS at most; false when it is not. */
  userPinned(connection: string | null, userId: string): Answer<boolean>;
  /** The call that was to prove this fal user contradicted its webhook: whoever waits for the proof goes on without it. */
  proofFailed(connection: string | null, userId: string): Answer<void>;
  /** From now on, webhooks signed for this fal user are trusted for this connection. */
  pinUser(connection: string | null, userId: string): Answer<void>;
  /** A delivery is tried no more. Counted once while the account stays in memory; a call that is lost is not repeated. */
  deliveryGivenUp(deliveryId: string): Answer<void>;
  /** The operator is told of each host once a day. */
  reportUnlistedHosts(found: UnlistedHosts): Answer<void>;
  /** fal's webhook keys. `force`: a signature matched none of them. Concurrent calls share one fetch. */
  webhookKeys(look: { force: boolean }): Answer<KeySet>;
}
