// The types of events by who hears them: the ends of requests, what else a team is told, and a test.

import { END_EVENT_TYPES, type EndEventType, TEAM_EVENT_TYPES, type TeamEventType } from "./events.ts";

export type { EndEventType, TeamEventType } from "./events.ts";

/** What an endpoint may ask to hear of. */
export const EVENT_TYPES = [...END_EVENT_TYPES, ...TEAM_EVENT_TYPES] as const;
export type EventType = EndEventType | TeamEventType;

/** Sent on demand to one endpoint, whatever it asks to hear of; never in the feed. */
export const TEST_EVENT_TYPE = "webhook.test";

/** The type of a request's end. */
export function endEventType(outcome: "completed" | "failed" | "canceled", recovered: boolean): EndEventType {
  return recovered ? "request.recovered" : `request.${outcome}`;
}
