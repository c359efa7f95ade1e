import type { FileSource } from "../files/request-file.ts";
import type { Bill, UpstreamEnd } from "../requests/machine/events.ts";
import type { RequestView, StartInput, TimelineEntry, Viewer } from "../requests/machine/types.ts";
import type { DeliveryView } from "../webhooks/attempt.ts";
import type { Granted, RequestEnd } from "./account.ts";
import type { Answer } from "./rpc.ts";
export interface DescribedOutput {
    files: FileSource[];
    skipped: number;
    outputText: string;
    textType?: string | null;
    payloadText: string | null;
    fingerprint: string;
}
export type StartAnswer = {
    kind: "started";
    view: RequestView;
} | {
    kind: "closed" | "gone";
};
export type CancelAnswer = {
    kind: "canceled" | "requested" | "already_ended";
    view: RequestView;
} | {
    kind: "not_found";
};
export type DeleteAnswer = {
    kind: "deleted";
} | {
    kind: "not_found";
} | {
    kind: "ordered" | "open";
    view: RequestView;
};
export type ShareAnswer = {
    kind: "not_found";
} | Exclude<ShareOutcome, {
    kind: "shared";
}> | (Extract<ShareOutcome, {
    kind: "shared";
}> & {
    view: RequestView;
});
export type UserDeletionAnswer = {
    kind: "deleted" | "pending";
};
export type CloseAnswer = {
    kind: "unstarted" | "started";
};
export interface WebhookReport {
    userId: string;
    upstreamId: string;
    delayMs: number;
    end: UpstreamEnd | null;
    fingerprint: string;
    described: DescribedOutput | null;
}
export type ReportAnswer = {
    kind: "received" | "not_found";
} | {
    kind: "awaits_proof";
    connection: string | null;
};
export interface Share {
    id: string;
    createdAt: number;
    endsAt: number;
    files: number[];
}
export interface ShareRequest {
    expiresInS: number | null;
    files: number[] | null;
}
export type ShareOutcome = {
    kind: "shared";
    share: Share;
} | {
    kind: "not_stored";
    n: number | null;
} | {
    kind: "too_many";
} | {
    kind: "too_long";
    mostS: number;
};
export type ReplayAnswer = {
    kind: "replayed";
    view: DeliveryView;
} | {
    kind: "not_found" | "expired";
};
export interface TrackerContract {
    start(start: StartInput): Answer<StartAnswer>;
    read(viewer: Viewer): Answer<RequestView | null>;
    timeline(viewer: Viewer, afterSeq: number): Answer<TimelineEntry[] | null>;
    input(viewer: Viewer): Answer<{
        text: RequestView["output"];
    } | null>;
    copyAgain(viewer: Viewer, n: number | null): Answer<{
        asked: boolean;
        view: RequestView;
    } | null>;
    share(viewer: Viewer, wish: ShareRequest): Answer<ShareAnswer>;
    shares(viewer: Viewer): Answer<{
        shares: Share[];
        view: RequestView;
    } | null>;
    revokeShares(viewer: Viewer, id: string | null): Answer<boolean>;
    isShared(team: string, id: string, n: number): Answer<boolean>;
    cancel(viewer: Viewer): Answer<CancelAnswer>;
    delete(viewer: Viewer, cancel: boolean): Answer<DeleteAnswer>;
    deleteForUser(): Answer<UserDeletionAnswer>;
    wasDeleted(viewer: Viewer): Answer<boolean>;
    isFileDeleted(team: string, n: number): Answer<boolean>;
    report(report: WebhookReport): Answer<ReportAnswer>;
    unverifiedCallback(reason: string, candidateId: string | null): Answer<ReportAnswer>;
    deliveryLog(viewer: Viewer, delivery: string | null): Answer<DeliveryView[] | null>;
    replayDelivery(team: string, id: string): Answer<ReplayAnswer>;
    callGranted(name: string, grant: Granted): Answer<{
        used: boolean;
    }>;
    holdsSlot(): Answer<{
        holds: boolean;
        end?: RequestEnd | "uncertain" | null;
    }>;
    resolveCharge(team: string, bill: Bill): Answer<RequestView | null>;
    closeIfUnstarted(): Answer<CloseAnswer>;
}
