import type { RequestSpec } from "../../contracts/request-spec.ts";
import type { AdmittedTerms, CostSource } from "../../contracts/team-access.ts";
import type { RequestFile } from "../../files/request-file.ts";
import type { StoredText } from "../../files/stored-text.ts";
import type { Durations } from "../../models/durations.ts";
import type { ErrorCode } from "../../platform/errors.ts";
import type { EndEventType } from "../../webhooks/event-types.ts";
import type { Effect, EffectOrder } from "./effect-types.ts";
export type Stage = "held" | "submitting" | "uncertain" | "queued" | "running" | "storing" | "completed" | "failed" | "canceled";
export type Status = "IN_QUEUE" | "IN_PROGRESS" | "COMPLETED" | "FAILED" | "CANCELED";
export declare function statusOf(stage: Stage): Status;
export declare function isAtFal(stage: Stage): boolean;
export declare function hasEnded(stage: Stage): boolean;
export interface RequestError {
    code: ErrorCode;
    message: string;
    detail: string | null;
    retryable: boolean;
    charged: boolean | "unknown";
    upstreamStatus: number | null;
    upstreamType?: string;
}
export interface StartInput {
    id: string;
    team: string;
    spec: RequestSpec;
    terms: AdmittedTerms;
    input: StoredText;
    inlineFiles: number;
}
export interface Viewer {
    team: string;
    user: string | null;
    keyId: string | null;
}
export declare function wholeTeam(team: string): Viewer;
export declare function seesWholeTeam({ user, keyId }: Viewer): boolean;
export declare function isVisible(request: Pick<RequestState, "team" | "user" | "keyId">, viewer: Viewer): boolean;
export declare function isByClient({ chosenTags }: Pick<RequestSpec, "chosenTags">): boolean;
export interface Waiting {
    reason: "pace" | "slot" | "upstream_paused";
    why: "locked" | "key_refused" | "failing" | "rate_limited" | null;
    since: number | null;
    startsAt: number | null;
}
export type RequestState = Pick<StartInput, "id" | "team"> & RequestSpec & AdmittedTerms & RequestProgress;
export interface RequestProgress {
    stage: Stage;
    revision: number;
    submittedAt: number | null;
    startedAt: number | null;
    outputAt: number | null;
    endedAt: number | null;
    connection: string | null;
    upstreamId: string | null;
    candidateId: string | null;
    candidateUser: {
        userId: string;
        claim: string;
    } | null;
    queuePosition: number | null;
    waiting: Waiting | null;
    durations: Durations | null;
    lockedTries: number;
    cancelRequestedAt: number | null;
    cancelAskedAt: number | null;
    webhooks: "arriving" | "missing" | "off";
    pinnedUsers: string[];
    polls: number;
    unverifiedCallbackAt: number | null;
    upstreamCalls: number;
    metrics: string | null;
    billableUnits: string | null;
    endFingerprint: string | null;
    filesSkipped: number;
    textType: string | null;
    endedBy: "webhook" | "poll" | "submit" | "cancel" | "expiry" | null;
    error: RequestError | null;
    settledAt: number | null;
    chargedMicro: number | null;
    costSource: CostSource;
    deliveries: RequestDelivery[];
    recoveredAt: number | null;
    deletion: Deletion | null;
}
export interface Deletion {
    orderedAt: number;
    anonymize: boolean;
}
export declare function isHidden({ deletion, stage }: Pick<RequestState, "deletion" | "stage">): boolean;
export declare function isDone({ deletion, stage }: Pick<RequestState, "deletion" | "stage">): boolean;
export interface RequestDelivery {
    id: string;
    target: string;
    eventId: string;
    eventType: EndEventType;
    endedAt: number;
    status: "pending" | "failing" | "delivered" | "parked" | "gone";
    attempts: number;
    group: number;
    replay: {
        resumeAt: number | null;
    } | null;
}
export declare function isShownInPlace(file: RequestFile): boolean;
export interface RequestRecord {
    state: RequestState;
    files: RequestFile[];
    effects: Effect[];
}
export type Transition = {
    kind: "applied";
    state: RequestState;
    files: RequestFile[];
    orders: EffectOrder[];
    notes: TimelineNote[];
} | {
    kind: "ignored";
    reason: string;
    notes: TimelineNote[];
};
export interface TimelineNote {
    what: string;
    detail?: Record<string, string | number | boolean | null>;
}
export interface TimelineEntry extends TimelineNote {
    seq: number;
    at: number;
    stage: Stage;
}
export interface RequestView {
    state: RequestState;
    files: RequestFile[];
    output: StoredText | null;
    payload: StoredText | null;
    logs: string | null;
    timelineSeq: number;
}
