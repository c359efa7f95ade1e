import type { Durations } from "../models/durations.ts";
import type { RequestError, RequestState } from "../requests/machine/types.ts";
import type { ConnectionReply, ConnectionRequest } from "../upstream/client/connections.ts";
import type { CallTime } from "../upstream/pace.ts";
import type { Answer } from "./rpc.ts";
export type QueuedKind = "submit" | "cancel" | "result" | "status";
export interface WaitingCall {
    requestId: string;
    effect: string;
    kind: QueuedKind;
    user: string;
    connection: string;
    model: string;
    since: number;
    expectedBy: number;
}
export type PauseReason = "locked" | "key_refused" | "failing";
export interface Closure {
    why: PauseReason;
    since: number;
    probeAt: number;
    probes: number;
}
export interface QueuePosition {
    reason: "pace" | "slot" | "upstream_paused";
    why: PauseReason | "rate_limited" | null;
    since: number | null;
    position: number;
    etaMs: number | null;
}
export interface Pause {
    why: PauseReason | "rate_limited";
    since: number;
    until: number;
}
export interface CallGrant {
    call: WaitingCall;
    callTime: CallTime;
    probe: boolean;
    tookSlot: boolean;
}
export type ConnectionSignal = "ok" | "failed" | "rate_limited" | Extract<PauseReason, "locked" | "key_refused">;
export interface LastFailure {
    at: number;
    signal: ConnectionSignal;
    requestId: string;
}
export interface CallRequest {
    kind: QueuedKind;
    requestId: string;
    effect: string;
    user: string;
    model: string;
    since: number;
    connection: string | null;
    isNew?: boolean;
}
export interface Granted {
    granted: true;
    notBefore: number;
    notAfter: number;
    connection: string;
    webhooks: RequestState["webhooks"];
    pinnedUsers: string[];
    durations: Durations | null;
    probe: boolean;
    callGrant: CallGrant;
}
export type Grant = Granted | {
    granted: false;
    reason: "wait";
    retryAt: number;
    queuePosition: QueuePosition | null;
    durations: Durations | null;
} | {
    granted: false;
    reason: "refused";
    error: RequestError;
} | {
    granted: false;
    reason: "queue_full";
    of: "team" | "account";
};
export interface AccountHealth {
    at: number;
    pause: Pause | null;
    rps: number;
    callsLastSecond: number;
    slots: {
        used: number;
        limit: number;
    };
    callsWaiting: number;
}
export interface AccountOverview extends AccountHealth {
    connection: string | null;
    pausedUntil: number | null;
    closure: Closure | null;
    failuresInARow: number;
    waiting: Record<QueuedKind, number>;
    waitingByUser: {
        user: string;
        calls: number;
    }[];
    lastFailures: LastFailure[];
    webhooks: {
        state: RequestState["webhooks"];
        lastDelayMs: number | null;
    };
    durations: {
        model: string;
        durations: Durations | null;
    }[];
    figures: AccountFigures;
}
export interface UnlistedHosts {
    requestId: string;
    hosts: string[];
}
export interface RequestEnd {
    outcome: "completed" | "failed" | "canceled";
    at: number;
    byWebhook: boolean;
}
export interface SlotRelease {
    requestId: string;
    model: string;
    ms: number | null;
    webhookDelayMs: number | null;
    end?: RequestEnd | "uncertain";
}
export interface AccountFigures {
    submitted: number;
    ended: Record<RequestEnd["outcome"], number>;
    webhooks: number;
    webhookP95Ms: number | null;
    deliveriesGivenUp: number;
    overdue: number;
    uncertain: number;
}
export type UserStanding = "pinned" | "prove" | "wait";
export type KeySet = {
    kind: "keys";
    keys: string[];
    fetchedAt: number;
} | {
    kind: "unavailable";
};
export type ConnectionCallAnswer = {
    kind: "replied";
    reply: ConnectionReply;
    inUse: string | null;
} | {
    kind: "wait";
    retryAt: number;
};
export interface AccountContract {
    requestGrant(request: CallRequest, leadMs?: number): Answer<Grant>;
    returnGrant(callGrant: CallGrant): Answer<void>;
    callFinished(callGrant: CallGrant, signal: ConnectionSignal): Answer<Pause | null>;
    releaseSlot(release: SlotRelease): Answer<void>;
    queuePositionOf(requestId: string): Answer<QueuePosition | null>;
    durationsOf(models: string[]): Answer<(Durations | null)[]>;
    currentPause(): Answer<Pause | null>;
    accountHealth(): Answer<AccountHealth>;
    accountOverview(): Answer<AccountOverview>;
    pauseAfterRateLimit(retryAfterMs: number | null): Answer<{
        until: number;
    }>;
    discardConnection(connection: string | null): Answer<void>;
    callConnections(request: ConnectionRequest): Answer<ConnectionCallAnswer>;
    webhookArrived(): Answer<void>;
    webhookMissed(): Answer<void>;
    introduceUser(connection: string | null, userId: string, requestId: string | null): Answer<UserStanding>;
    userPinned(connection: string | null, userId: string): Answer<boolean>;
    proofFailed(connection: string | null, userId: string): Answer<void>;
    pinUser(connection: string | null, userId: string): Answer<void>;
    deliveryGivenUp(deliveryId: string): Answer<void>;
    reportUnlistedHosts(found: UnlistedHosts): Answer<void>;
    webhookKeys(look: {
        force: boolean;
    }): Answer<KeySet>;
}
