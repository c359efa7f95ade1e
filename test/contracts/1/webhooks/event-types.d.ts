import { type EndEventType, type TeamEventType } from "./events.ts";
export type { EndEventType, TeamEventType } from "./events.ts";
export declare const EVENT_TYPES: readonly ["request.completed", "request.failed", "request.canceled", "request.recovered", "limit.reached", "upstream.paused", "endpoint.failing"];
export type EventType = EndEventType | TeamEventType;
export declare const TEST_EVENT_TYPE = "webhook.test";
export declare function endEventType(outcome: "completed" | "failed" | "canceled", recovered: boolean): EndEventType;
