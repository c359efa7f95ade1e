import { type Classification } from "./classify.ts";
import type { EventFormat } from "./event-body.ts";
import type { EndEventType } from "./event-types.ts";
import type { Reply } from "./receiver-reply.ts";
import { type DueAttempt } from "./retry-schedule.ts";
export interface AttemptAnswer extends Classification {
    at: number;
    ms: number;
    url: string;
    status: number | null;
    reply: Reply | null;
    location: string | null;
}
export interface AttemptSummary {
    status: number | null;
    category: string;
}
export type NextAttempt = DueAttempt | {
    at: null;
    why: "delivered" | "no_tries_left" | "gone" | "replay_failed" | "overtaken";
};
export interface Attempt extends AttemptAnswer {
    delivery: string;
    group: number;
    replay: boolean;
    cutOff: number | null;
    next: NextAttempt;
}
export type DeliveryState = "pending" | "failing" | "delivered" | "parked" | "gone";
export interface DeliveryView {
    id: string;
    endpointId: string | null;
    requestId: string | null;
    eventId: string;
    eventType: string;
    state: DeliveryState;
    attempts: number;
    nextAt: number | null;
    body: string | null;
    tries: Attempt[];
}
export interface AttemptRow {
    failures: number;
    replay: {
        resumeAt: number | null;
    } | null;
    wasDelivered: boolean;
}
export interface AfterAttempt {
    outcome: Exclude<DeliveryState, "pending">;
    state: Exclude<DeliveryState, "pending">;
    failures: number;
    next: NextAttempt;
}
export declare function afterAttempt(row: AttemptRow, answer: Pick<AttemptAnswer, "kind" | "retryAfterMs">, now: number, random: number): AfterAttempt;
export declare function notSent(reason: string, at: number): AttemptAnswer;
export declare function disablesEndpoint({ status }: Pick<AttemptAnswer, "status">): boolean;
export interface StoredEvent {
    id: string;
    type: EndEventType;
    format: EventFormat;
    body: string;
}
