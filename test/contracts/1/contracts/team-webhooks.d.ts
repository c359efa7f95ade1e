import type { Refused } from "../platform/errors.ts";
import type { IfMatch } from "../platform/version-tag.ts";
import type { ListPosition } from "../team/cursor.ts";
import type { Attempt, DeliveryState } from "../webhooks/attempt.ts";
import type { EventType } from "../webhooks/event-types.ts";
import type { TypedEvent } from "../webhooks/events.ts";
import type { Answer } from "./rpc.ts";
import type { TeamEvent } from "./team-admin.ts";
import type { Actor } from "./team-keys.ts";
export interface EndpointTerms {
    url: string;
    events: EventType[] | null;
    tags: Record<string, string>;
    description: string;
    headers: Record<string, string>;
}
export interface EndpointSecret {
    secret: string;
    validUntil: number | null;
}
export interface EndpointHealth {
    failingSince: number | null;
    lastFailureAt: number | null;
    lastSuccessAt: number | null;
    failures: number;
    notified: "nothing" | "failing" | "disabling_soon";
    recoveredAt: number | null;
}
export type DisabledReason = "by_hand" | "failing" | "gone";
export interface Endpoint extends EndpointTerms {
    id: string;
    secrets: EndpointSecret[];
    health: EndpointHealth;
    disabled: {
        at: number;
        reason: DisabledReason;
    } | null;
    origin: string;
    createdAt: number;
}
export interface EndpointSummary extends Omit<Endpoint, "secrets" | "headers" | "origin"> {
    headerNames: string[];
    tag: string;
}
export type HeadersChange = {
    kind: "keep";
} | {
    kind: "set";
    headers: Record<string, string>;
} | {
    kind: "merge";
    patch: Record<string, string | null>;
};
export interface EndpointChange extends Omit<EndpointTerms, "headers"> {
    headers: HeadersChange;
}
export type EndpointAnswer = {
    kind: "known";
    endpoint: EndpointSummary;
} | Refused;
export interface Delivery {
    id: string;
    endpointId: string | null;
    requestId: string | null;
    eventId: string;
    eventType: string;
    state: DeliveryState;
    createdAt: number;
    updatedAt: number;
    attempts: number;
    status: number | null;
    category: string | null;
    replayId: string | null;
}
export interface OwedDelivery {
    id: string;
    target: string;
}
export type DeliveryTarget = {
    kind: "known";
    url: string | null;
    secrets: string[];
    headers: Record<string, string>;
    endpointId: string | null;
    notBefore: number | null;
} | {
    kind: "gone";
    reason: "deleted" | "disabled" | "skipped" | "unknown";
};
export interface DeliveryReport {
    deliveryId: string;
    requestId: string | null;
    outcome: Exclude<DeliveryState, "pending">;
    status: number | null;
    category: string | null;
    attempts: number;
    failedReplay: boolean;
    at: number;
}
export type ReplayRoute = {
    kind: "tracker";
    requestId: string;
} | {
    kind: "sent";
} | Refused;
export interface TeamDeliveryLog {
    body: string | null;
    nextAt: number | null;
    tries: Attempt[];
}
export type FeedEvent = TeamEvent & {
    seq: number;
};
export interface FeedQuery {
    after: number | "latest" | null;
    types: EventType[] | null;
    limit: number;
}
export type FeedAnswer = {
    kind: "page";
    data: FeedEvent[];
    next: number;
    hasMore: boolean;
} | Refused;
export interface DeliveryFilter {
    endpointId?: string | undefined;
    requestId?: string | undefined;
    eventType?: string | undefined;
    state?: DeliveryState | "undelivered" | undefined;
    from?: number | undefined;
    to?: number | undefined;
}
export interface DeliveryListInput extends DeliveryFilter {
    cursor?: string | undefined;
    limit: number;
}
export type DeliveryListAnswer = {
    kind: "page";
    data: Delivery[];
    nextCursor: string | null;
} | Refused;
export type ReplayFilter = Omit<DeliveryFilter, "requestId"> & {
    state: DeliveryState | "undelivered";
};
export interface ReplayJob {
    id: string;
    filter: ReplayFilter;
    state: "running" | "done" | "canceled";
    position: ListPosition | null;
    counts: {
        replayed: number;
        expired: number;
        refused: number;
    };
    by: Actor;
    createdAt: number;
    updatedAt: number;
    dueAt: number | null;
}
export type ReplayJobAnswer = {
    kind: "job";
    job: ReplayJob;
    isNew: boolean;
} | Refused;
export type CreateEndpointAnswer = {
    kind: "created";
    endpoint: EndpointSummary;
    secret: string;
} | Refused;
export type EnableEndpointAnswer = {
    kind: "enabled";
    endpoint: EndpointSummary;
    job: ReplayJob | null;
} | Refused;
export type SecretAnswer = {
    kind: "secrets";
    secret: string;
    previousUntil: number | null;
} | Refused;
export interface TeamEndpoints {
    create(terms: EndpointTerms, origin: string, by: Actor): Answer<CreateEndpointAnswer>;
    list(): Answer<EndpointSummary[]>;
    read(id: string): Answer<EndpointAnswer>;
    change(id: string, terms: EndpointChange, origin: string, by: Actor, ifMatch?: IfMatch): Answer<EndpointAnswer>;
    remove(id: string, by: Actor, ifMatch?: IfMatch): Answer<{
        kind: "removed";
    } | Refused>;
    secrets(id: string): Answer<SecretAnswer>;
    rotateSecret(id: string, overlapS: number, by: Actor): Answer<SecretAnswer>;
    teamSecrets(): Answer<SecretAnswer>;
    rotateTeamSecret(overlapS: number, by: Actor): Answer<SecretAnswer>;
    disable(id: string, by: Actor): Answer<EndpointAnswer>;
    enable(id: string, backlog: "skip" | "send", by: Actor): Answer<EnableEndpointAnswer>;
    test(id: string, by: Actor): Answer<{
        kind: "sent";
        deliveryId: string;
        eventId: string;
    } | Refused>;
}
export interface TeamDeliveries {
    target(delivery: {
        deliveryId: string;
    }): Answer<DeliveryTarget>;
    report(report: DeliveryReport): Answer<void>;
    read(delivery: {
        deliveryId: string;
    }): Answer<Delivery | null>;
    list(input: DeliveryListInput): Answer<DeliveryListAnswer>;
    log(deliveryId: string): Answer<TeamDeliveryLog>;
    beginReplay(replay: {
        deliveryId: string;
        replayId: string | null;
        by: Actor;
    }): Answer<ReplayRoute>;
}
export interface TeamReplayJobs {
    begin(filter: ReplayFilter, by: Actor): Answer<ReplayJobAnswer>;
    read(id: string): Answer<ReplayJobAnswer>;
    cancel(id: string, by: Actor): Answer<ReplayJobAnswer>;
}
export interface TeamEvents {
    publish(event: TypedEvent<"upstream.paused">): Answer<void>;
    feed(query: FeedQuery): Answer<FeedAnswer>;
}
