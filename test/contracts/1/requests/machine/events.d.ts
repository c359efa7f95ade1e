import type { CostSource } from "../../contracts/team-access.ts";
import type { FileSource, StoredFile } from "../../files/request-file.ts";
import type { Durations } from "../../models/durations.ts";
import type { ErrorCode } from "../../platform/errors.ts";
import type { AttemptSummary } from "../../webhooks/attempt.ts";
import type { DeletionTarget } from "./effect-types.ts";
import type { RequestDelivery, RequestError, RequestState, Waiting } from "./types.ts";
export type UpstreamEnd = {
    kind: "output";
    files: FileSource[];
    skipped: number;
    textType?: string | null;
} | {
    kind: "error";
    error: RequestError;
} | {
    kind: "canceled";
};
export type Watch = "none" | "waiting" | "following";
export interface Bill {
    chargedMicro: number | null;
    source: CostSource;
    charged: boolean | null;
}
export type RequestEvent = {
    type: "granted";
    connection: string | null;
    webhooks: RequestState["webhooks"];
    pinnedUsers: string[];
    durations: Durations | null;
} | {
    type: "wait_ordered";
    until: number;
    position: number | null;
    waiting: Waiting | null;
    durations: Durations | null;
} | {
    type: "submit_accepted";
    upstreamId: string;
    queuePosition: number | null;
} | {
    type: "submit_not_accepted";
    retryAt: number;
    reason: string;
    foundLocked?: boolean;
    waiting?: Waiting | null;
} | {
    type: "submit_refused";
    error: RequestError;
    turnedAway?: boolean;
} | {
    type: "submit_lost";
    reason: string;
    graceMs: number;
} | {
    type: "progress_seen";
    progress: "queued" | "running";
    queuePosition: number | null;
    watch: Watch;
} | {
    type: "completion_seen";
    metrics: string | null;
} | {
    type: "result_pending";
    watch: Watch;
    look?: boolean;
} | {
    type: "end_reported";
    source: "webhook" | "poll";
    upstreamId: string | null;
    end: UpstreamEnd;
    metrics: string | null;
    billableUnits: string | null;
    fingerprint: string;
} | {
    type: "end_announced";
    upstreamId: string | null;
} | {
    type: "unverified_callback_received";
    candidateId: string | null;
    reason: string;
} | {
    type: "unpinned_webhook_received";
    userId: string;
    claim: string;
    candidateId: string | null;
    waitMs: number;
} | {
    type: "upstream_not_found";
} | {
    type: "file_stored";
    n: number;
    stored: StoredFile;
} | {
    type: "file_failed";
    n: number;
    code: ErrorCode;
    message: string;
} | {
    type: "copy_requested";
    n: number | null;
} | {
    type: "file_hashed";
    n: number;
    sha256: string;
} | {
    type: "cancel_requested";
} | {
    type: "cancel_confirmed";
} | {
    type: "cancel_accepted";
} | {
    type: "cancel_too_late";
} | {
    type: "cancel_failed";
} | {
    type: "timed_out";
} | {
    type: "settled";
    deliveries: Pick<RequestDelivery, "id" | "target" | "eventId">[];
    bill: Bill;
} | {
    type: "charge_resolved";
    bill: Bill;
} | ({
    type: "delivered";
    delivery: string;
} & AttemptSummary) | ({
    type: "delivery_failed";
    delivery: string;
} & AttemptSummary) | ({
    type: "delivery_parked";
    delivery: string;
    gone: boolean;
} & AttemptSummary) | {
    type: "delivery_replayed";
    delivery: string;
    resumeAt: number | null;
} | {
    type: "replay_skipped";
    delivery: string;
} | {
    type: "deletion_requested";
    anonymize: boolean;
} | {
    type: "data_deleted";
    target: Exclude<DeletionTarget, "record">;
};
