// Every event that Sluice tells: its type and its exact payload, as one zod union. Types, the list of what endpoints may ask
// for, and the feed's answer are derived from it.

import * as z from "zod";

const instant = z.iso.datetime();
const usd = z.string().describe("USD as decimal text.");

const requestEnd = z.enum(["completed", "failed", "canceled"]);
const links = z.record(z.string(), z.string());

/**
 * The request object, as far as this file knows it. Requests are built above this file, so the fields that no receiver needs
 * to tell events apart are left open here: they are those of GET /v1/requests/{id}.
 */
const requestPayload = z.looseObject({
  id: z.string(),
  model: z.string(),
  status: z.enum(["IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED"]),
  links,
});
export type RequestPayload = z.output<typeof requestPayload>;

/** What is sent of a request whose object is larger than an event may be. */
const thinRequest = z.strictObject({ id: z.string(), status: requestPayload.shape.status, links });

function ended<S extends "COMPLETED" | "FAILED" | "CANCELED">(...statuses: S[]) {
  const status = z.enum(statuses);
  return z.union([requestPayload.extend({ status }), thinRequest.extend({ status })]);
}

/** What the feed says of the end of a request: ids and short facts. */
const requestFacts = z.strictObject({ request_id: z.string(), model: z.string(), status: requestEnd });

export const limitAlert = z.strictObject({
  limit_name: z.string(),
  scope: z.string().describe("Whose requests the limit counts together, as its plan says it."),
  subject: z.string().describe("Whom the limit counts: team, a key's id, a user, tag=value."),
  percent: z.int(),
  limit_usd: usd,
  used_usd: usd,
  reset: instant.nullable(),
});

const closure = z.strictObject({ why: z.enum(["locked", "key_refused", "failing"]), since: instant });

const endpointNotice = z.strictObject({
  endpoint_id: z.string(),
  url: z.string().describe("Without what may be a secret in it."),
  description: z.string(),
  state: z.enum(["failing", "disabling_soon", "disabled"]),
  reason: z.enum(["only failures", "it answered 410"]),
  failing_since: instant.nullable(),
  last_success_at: instant.nullable(),
  failed_deliveries: z.int().describe("In this run of failures."),
  disables_at: instant.nullable().describe("Null: it is disabled already."),
});

const test = z.union([
  z.strictObject({ test: z.literal(true), endpoint_id: z.string(), message: z.string() }).describe("To an endpoint."),
  z.strictObject({ test: z.literal(true) }).describe("To the operator."),
]);

/** An event as its receivers read it, in the standard format. */
function body<T extends string, D extends z.ZodType>(type: T, meaning: string, data: D) {
  return z.strictObject({ type: z.literal(type), timestamp: instant, data }).describe(meaning);
}

/** An event that stands in the feed too, where less may be said of it. */
function event<T extends string, D extends z.ZodType, F extends z.ZodType>(
  type: T,
  meaning: string,
  data: D,
  feedData: F,
) {
  const line = z.strictObject({
    cursor: z.string().describe("Its place in the feed."),
    id: z.string().describe("The `webhook-id` of its deliveries."),
    type: z.literal(type),
    timestamp: instant,
    data: feedData,
  });
  return { type, body: body(type, meaning, data), line: line.describe(meaning) };
}

const requestCompleted = event(
  "request.completed",
  "A request completed and its files are stored.",
  ended("COMPLETED"),
  requestFacts,
);
const requestFailed = event(
  "request.failed",
  "A request failed, and its error says why.",
  ended("FAILED"),
  requestFacts,
);
const requestCanceled = event(
  "request.canceled",
  "A request was canceled before it completed.",
  ended("CANCELED"),
  requestFacts,
);
const requestRecovered = event(
  "request.recovered",
  "A request that was told as failed for want of an answer turned out to have ended in the way that is told now.",
  ended("COMPLETED", "FAILED", "CANCELED"),
  requestFacts,
);
const limitReached = event(
  "limit.reached",
  "A limit in USD came to one of the team's percentages.",
  limitAlert,
  limitAlert,
);
const upstreamPaused = event(
  "upstream.paused",
  "The upstream account is paused; told to the operator and to the teams whose requests wait for it.",
  closure,
  closure,
);
const endpointFailing = event(
  "endpoint.failing",
  "A webhook endpoint has failed for a while, is about to be disabled, or was.",
  endpointNotice,
  endpointNotice,
);
const upstreamResumed = body("upstream.resumed", "The upstream account goes on; told to the operator alone.", closure);
const webhookTest = body("webhook.test", "Somebody asked for a test of this receiver; told to it alone.", test);

/** Every event, as its receivers read it. */
export const anyEvent = z.discriminatedUnion("type", [
  requestCompleted.body,
  requestFailed.body,
  requestCanceled.body,
  requestRecovered.body,
  limitReached.body,
  upstreamPaused.body,
  endpointFailing.body,
  upstreamResumed,
  webhookTest,
]);

/** A line of the event feed. */
export const feedLine = z.discriminatedUnion("type", [
  requestCompleted.line,
  requestFailed.line,
  requestCanceled.line,
  requestRecovered.line,
  limitReached.line,
  upstreamPaused.line,
  endpointFailing.line,
]);

/** The ends of requests. */
export const END_EVENT_TYPES = [
  requestCompleted.type,
  requestFailed.type,
  requestCanceled.type,
  requestRecovered.type,
] as const;
export type EndEventType = (typeof END_EVENT_TYPES)[number];

/** What a team is told beside its requests. */
export const TEAM_EVENT_TYPES = [limitReached.type, upstreamPaused.type, endpointFailing.type] as const;
export type TeamEventType = (typeof TEAM_EVENT_TYPES)[number];

type AnyEvent = z.output<typeof anyEvent>;
export type AnyEventType = AnyEvent["type"];
/** The payload that the receivers of an event read. */
export type EventData<T extends AnyEventType> = Extract<AnyEvent, { type: T }>["data"];

type FeedLine = z.output<typeof feedLine>;
/** The payload that the feed holds of an event. */
export type FeedData<T extends FeedLine["type"]> = Extract<FeedLine, { type: T }>["data"];

/** A type with the payload that belongs to it: what whoever tells something hands on. */
export type TypedEvent<T extends AnyEventType> = T extends AnyEventType ? { type: T; data: EventData<T> } : never;
