// The closed list of what webhooks and the event feed tell of. Pure; imports nothing.

/** The ends of requests. */
export const END_EVENT_TYPES = [
  "request.completed",
  "request.failed",
  "request.canceled",
  /** It had been told as failed (submit_uncertain) and was proven afterwards. */
  "request.recovered",
] as const;
export type EndEventType = (typeof END_EVENT_TYPES)[number];

/** What a team is told beside its requests. */
export const TEAM_EVENT_TYPES = [
  /** A limit in USD came to one of the team's percentages. */
  "limit.reached",
  /** The upstream account was paused, or goes on. */
  "upstream.paused",
  /** A webhook endpoint has failed for a while, is about to be disabled, or was. */
  "endpoint.failing",
] as const;
export type TeamEventType = (typeof TEAM_EVENT_TYPES)[number];

/** What an endpoint may ask to hear of. */
export const EVENT_TYPES = [...END_EVENT_TYPES, ...TEAM_EVENT_TYPES] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Sent on demand to one endpoint, whatever it asks to hear of; never in the feed. */
export const TEST_EVENT_TYPE = "webhook.test";

/** The type of a request's end. */
export function endEventType(outcome: "completed" | "failed" | "canceled", recovered: boolean): EndEventType {
  return recovered ? "request.recovered" : `request.${outcome}`;
}
