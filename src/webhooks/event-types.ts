// Event types by audience: the ends of requests, team events and tests.

import { END_EVENT_TYPES, type EndEventType, TEAM_EVENT_TYPES, type TeamEventType } from "./events.ts";

export type { EndEventType, TeamEventType } from "./events.ts";

/** Event types that an endpoint can subscribe to. */
export const EVENT_TYPES = [...END_EVENT_TYPES, ...TEAM_EVENT_TYPES] as const;
export type EventType = EndEventType | TeamEventType;

/** Sent on request to one endpoint, regardless of its subscriptions; never in the feed. */
export const TEST_EVENT_TYPE = "webhook.test";

/** Event type for the end of a request. */
export function endEventType(outcome: "completed" | "failed" | "canceled", recovered: boolean): EndEventType {
  return recovered ? "request.recovered" : `request.${outcome}`;
}
