import type { AnyEventType, TypedEvent } from "./events.ts";
export declare const EVENT_BODY_MAX_BYTES: number;
export type EventFormat = "standard" | "fal";
export declare function eventBody({ type, at, data }: {
    at: number;
} & TypedEvent<AnyEventType>): string;
export interface EndEventInput {
    outcome: "completed" | "failed" | "canceled";
    recovered: boolean;
    endedAt: number;
    requestText: string;
    outputOmitted: boolean;
}
export declare function endEvent({ outcome, recovered, endedAt, requestText, outputOmitted }: EndEventInput): string;
export type FalEnd = {
    kind: "ok";
    output: string | null;
} | {
    kind: "error";
    status: number;
    detail: string;
};
export declare function falEvent(requestId: string, end: FalEnd): string;
