// What UpstreamAccount is asked and what it answers. Types only.

import type { Durations } from "../models/durations.ts";
import type { RequestError, RequestState } from "../requests/machine/types.ts";
import type { ConnectionReply, ConnectionRequest } from "../upstream/client/connections.ts";
import type { Turn } from "../upstream/pace.ts";
import type { Answer } from "./rpc.ts";

/** The calls that wait for turns. */
export type QueuedKind = "submit" | "cancel" | "result" | "status";

/** A call that waits. Times are epoch milliseconds. */
export interface WaitingCall {
  requestId: string;
  /** Name of the tracker's row that wants the call. */
  effect: string;
  kind: QueuedKind;
  /** Whose share it counts on: a team's user, or its key. */
  user: string;
  connection: string;
  model: string;
  /** What it is ordered by within its user and kind. */
  since: number;
  /** Its tracker comes by itself about then; one that is long past it has gone. */
  expectedBy: number;
}

/** Why nothing leaves. `locked`: fal takes no submits, while reads still work; the others stop every call. */
export type PauseReason = "locked" | "key_refused" | "failing";

export interface Closure {
  why: PauseReason;
  /** Epoch ms, as is `probeAt`: when it is tried again. */
  since: number;
  probeAt: number;
  /** Probes that failed. */
  probes: number;
}

/** What a call waits for. Times are epoch milliseconds; `etaMs` null: nobody can know. */
export interface QueuePosition {
  reason: "pace" | "slot" | "upstream_paused";
  /** Why upstream is paused, and since when; null for the other reasons. */
  why: PauseReason | "rate_limited" | null;
  since: number | null;
  /** Place among the waiting calls of its kind, from 1. */
  position: number;
  etaMs: number | null;
}

/** Submits do not leave. Times are epoch ms; `until`: when it is tried again. */
export interface Pause {
  why: PauseReason | "rate_limited";
  since: number;
  until: number;
}

/** A turn and whom it is for. `probe`: its answer opens the connection again, or not. */
export interface CallGrant {
  waiter: WaitingCall;
  turn: Turn;
  probe: boolean;
  /** False when the request had its slot already. */
  tookSlot: boolean;
}

/** What a call showed of its connection. `failed`: nothing came back that upstream would have said; `rate_limited`: a 429. */
export type ConnectionSignal = "ok" | "failed" | "rate_limited" | Extract<PauseReason, "locked" | "key_refused">;

/** `at`: epoch ms. */
export interface LastFailure {
  at: number;
  sign: ConnectionSignal;
  requestId: string;
}

/** A call that wants a turn. `since` (epoch ms) orders it among its user's calls of the kind. */
export interface CallRequest {
  kind: QueuedKind;
  requestId: string;
  /** Name of the tracker's row that wants it: what is woken when its turn comes. */
  effect: string;
  /** Whose share of the account it counts on. */
  user: string;
  model: string;
  since: number;
  /** The connection that the request went over or that its caller named; null: the account's own. */
  connection: string | null;
}

/** Times are epoch milliseconds. A granted turn is used between its two times, or handed back. */
export interface Granted {
  granted: true;
  notBefore: number;
  notAfter: number;
  connection: string;
  webhooks: RequestState["webhooks"];
  pinnedUsers: string[];
  durations: Durations | null;
  /** The connection is closed, and this call tries it: what it came to is told in any case. */
  probe: boolean;
  /** What is handed back when it is not used. */
  callGrant: CallGrant;
}

export type Grant =
  | Granted
  /** The tracker is woken when its turn comes; at `retryAt` it asks again, should nobody have called. */
  | { granted: false; reason: "wait"; retryAt: number; place: QueuePosition | null; durations: Durations | null }
  | { granted: false; reason: "refused"; error: RequestError };

/** What anybody may see of the account: numbers, no names. `at` is epoch ms. */
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
  /** Those with most first. A user is "team/user", or "team/key". */
  waitingByUser: { user: string; calls: number }[];
  lastFailures: LastFailure[];
  webhooks: { state: RequestState["webhooks"]; lastDelayMs: number | null };
  durations: { model: string; durations: Durations | null }[];
}

/** A request that is no longer at fal. `ms`: from submit to end, where it ran to an end of its own. */
export interface SlotRelease {
  requestId: string;
  model: string;
  ms: number | null;
  /** From fal's signature of the webhook that told the end to its arrival; null where none did. */
  webhookDelayMs: number | null;
}

/** JWK `x` values. `unavailable`: no set that may be trusted, so nothing can be verified now. */
export type KeySet = { kind: "keys"; keys: string[]; fetchedAt: number } | { kind: "unavailable" };

/** The same from the account, or its word that it is not this caller's turn yet. `retryAt`: epoch milliseconds. */
export type ConnectionTurn =
  | { kind: "replied"; reply: ConnectionReply; inUse: string | null }
  | { kind: "away"; retryAt: number };

export interface AccountContract {
  /**
   * A turn for one call through the gateway: at once, or up to GRANT_WAIT_IN_PLACE_MS ahead, while nobody waits; else a place in
   * the queue. `leadMs` above 0: the call has just missed a turn and needs so much notice.
   */
  take(wish: CallRequest, leadMs?: number): Answer<Grant>;
  /** A turn that was not used. */
  returnGrant(callGrant: CallGrant): Answer<void>;
  /** The answer to the call of this turn is here, or none will come; and what that shows of its connection. Answers its pause. */
  callFinished(callGrant: CallGrant, sign: ConnectionSignal): Answer<Pause | null>;
  /** The request is no longer at fal: its slot is free. Its time counts once, however often it is told. */
  releaseSlot(leaving: SlotRelease): Answer<void>;
  /** Where a request's submit stands in the queue; null when it does not wait there. */
  queuePositionOf(requestId: string): Answer<QueuePosition | null>;
  /** How long requests of these models take, in their order; null where it is not known yet. */
  durationsOf(models: string[]): Answer<(Durations | null)[]>;
  /** Why submits cannot leave now; null while they can, and when one may try. */
  paused(): Answer<Pause | null>;
  health(): Answer<AccountHealth>;
  /** What the operator sees of the account. */
  overview(): Answer<AccountOverview>;
  /** Upstream answered 429: closes the account for Retry-After, or for a pause of ours. `until` is epoch ms. */
  rateLimited(retryAfterMs: number | null): Answer<{ until: number }>;
  /** Maton does not know this connection (any more): the next turn looks for another. A configured one stays. */
  connectionRefused(connection: string | null): Answer<void>;
  /**
   * One call of Maton's connection API, for an admin, when its turn has come. A deleted connection is used no longer; who asks
   * for the next turn finds another.
   */
  askConnections(wish: ConnectionRequest): Answer<ConnectionTurn>;
  /** A verified webhook came. */
  webhookSeen(): Answer<void>;
  /** A poll found an end that no webhook had told. */
  webhookMissed(): Answer<void>;
  isPinned(connection: string | null, userId: string): Answer<boolean>;
  /** Webhooks of this fal user are believed for this connection from now on. */
  pin(connection: string | null, userId: string): Answer<void>;
  /** fal's webhook keys. `force`: a signature fitted none of them. One fetch at a time, whoever asks. */
  keySet(look: { force: boolean }): Answer<KeySet>;
}
