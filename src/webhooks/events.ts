// All event types and payloads as one zod union. Types, subscribable event types and the feed's response derive from it.

import type * as z from "zod";
import { lazy, zod } from "../platform/schema.ts";

/** Events for the end of a request. */
export const END_EVENT_TYPES = [
  "request.completed",
  "request.failed",
  "request.canceled",
  "request.recovered",
] as const;
export type EndEventType = (typeof END_EVENT_TYPES)[number];

/** Events of a team that are not about one request. */
export const TEAM_EVENT_TYPES = ["limit.reached", "upstream.paused", "endpoint.failing"] as const;
export type TeamEventType = (typeof TEAM_EVENT_TYPES)[number];

const instant = lazy((z) => z.iso.datetime());
const usd = lazy((z) => z.string().describe("USD amount as a decimal string."));

const requestEnd = lazy((z) => z.enum(["completed", "failed", "canceled"]));
const links = lazy((z) => z.record(z.string(), z.string()));

/**
 * The fields of the request object that identify an event. Further fields are those of GET /v1/requests/{id}, whose schema is
 * defined in http.
 */
const requestPayload = lazy((z) =>
  z.looseObject({
    id: z.string(),
    model: z.string(),
    status: z.enum(["IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED"]),
    links: links(),
    caller: z
      .object({ tags: z.record(z.string(), z.string()), metadata: z.unknown() })
      .optional()
      .describe(
        "What the holder of a client token or a user's JWT chose: then `tags` has only those that its key, token or issuer fixed, and `metadata` is null. Absent for requests of secret keys.",
      ),
  }),
);
export type RequestPayload = z.output<ReturnType<typeof requestPayload>>;

/** Payload of a request event whose object exceeds the size limit. */
const thinRequest = lazy((z) =>
  z.strictObject({ id: z.string(), status: requestPayload().shape.status, links: links() }),
);

function ended<S extends "COMPLETED" | "FAILED" | "CANCELED">(...statuses: S[]) {
  const status = zod().enum(statuses);
  return zod().union([requestPayload().extend({ status }), thinRequest().extend({ status })]);
}

/** Feed payload of a request event: ids and status. */
const requestFacts = lazy((z) => z.strictObject({ request_id: z.string(), model: z.string(), status: requestEnd() }));

export const limitAlert = lazy((z) =>
  z.strictObject({
    limit_name: z.string(),
    scope: z.string().describe("Scope of the limit, as in the plan."),
    subject: z.string().describe("Subject of the limit: `team`, a key id, a user id or `tag=value`."),
    percent: z.int(),
    limit_usd: usd(),
    used_usd: usd(),
    reset: instant().nullable(),
  }),
);

const closure = lazy((z) => z.strictObject({ why: z.enum(["locked", "key_refused", "failing"]), since: instant() }));

const fullness = lazy((z) =>
  z.strictObject({ team: z.string(), percent: z.int(), bytes: z.int(), limit_bytes: z.int() }),
);

const unlistedHost = lazy((z) =>
  z.strictObject({
    host: z.string().describe("The host, or the origin where it is not https."),
    request_id: z.string().describe("The request whose output named it first."),
  }),
);

const endpointNotice = lazy((z) =>
  z.strictObject({
    endpoint_id: z.string(),
    url: z.string().describe("URL of the endpoint without credentials, query and fragment."),
    description: z.string(),
    state: z.enum(["failing", "disabling_soon", "disabled"]),
    reason: z.enum(["only failures", "it answered 410"]),
    failing_since: instant().nullable(),
    last_success_at: instant().nullable(),
    failed_deliveries: z.int().describe("Number of failed deliveries since the last success."),
    disables_at: instant().nullable().describe("When the endpoint will be disabled; null if it is already disabled."),
  }),
);

const test = lazy((z) =>
  z.union([
    z
      .strictObject({ test: z.literal(true), endpoint_id: z.string(), message: z.string() })
      .describe("Sent to an endpoint."),
    z.strictObject({ test: z.literal(true) }).describe("Sent to the operator webhook."),
  ]),
);

/** Body schema of an event in the standard format. */
function body<T extends string, D extends z.ZodType>(type: T, meaning: string, data: D) {
  return zod()
    .strictObject({ type: zod().literal(type), timestamp: instant(), data })
    .describe(meaning);
}

/** Body and feed schema of a listed event; the feed payload may hold less. */
function event<T extends EndEventType | TeamEventType, D extends z.ZodType, F extends z.ZodType>(
  type: T,
  meaning: string,
  data: D,
  feedData: F,
) {
  const line = zod().strictObject({
    cursor: zod().string().describe("Position in the feed."),
    id: zod().string().describe("Event id, sent as `webhook-id` with each delivery."),
    type: zod().literal(type),
    timestamp: instant(),
    data: feedData,
  });
  return { type, body: body(type, meaning, data), line: line.describe(meaning) };
}

const requestCompleted = lazy(() =>
  event(
    "request.completed",
    "Sent when a request completes and its files are stored.",
    ended("COMPLETED"),
    requestFacts(),
  ),
);
const requestFailed = lazy(() =>
  event("request.failed", "Sent when a request fails.", ended("FAILED"), requestFacts()),
);
const requestCanceled = lazy(() =>
  event("request.canceled", "Sent when a request is canceled.", ended("CANCELED"), requestFacts()),
);
const requestRecovered = lazy(() =>
  event(
    "request.recovered",
    "Sent when a request that failed with `submit_uncertain` is found to have ended with another status.",
    ended("COMPLETED", "FAILED", "CANCELED"),
    requestFacts(),
  ),
);
const limitReached = lazy(() =>
  event(
    "limit.reached",
    "Sent when usage of a USD limit reaches one of the team's alert percentages.",
    limitAlert(),
    limitAlert(),
  ),
);
const upstreamPaused = lazy(() =>
  event(
    "upstream.paused",
    "Sent to the operator and to teams with waiting requests when the upstream account is paused.",
    closure(),
    closure(),
  ),
);
const endpointFailing = lazy(() =>
  event(
    "endpoint.failing",
    "Sent when deliveries to a webhook endpoint keep failing, a day before it is disabled, and when it is disabled.",
    endpointNotice(),
    endpointNotice(),
  ),
);
const upstreamResumed = lazy(() =>
  body("upstream.resumed", "Sent to the operator when the upstream account resumes.", closure()),
);
const teamNearlyFull = lazy(() =>
  body(
    "team.nearly_full",
    "Sent to the operator when a team's stored records reach 80 % of OBJECT_SIZE_LIMIT_MB. At 95 % its submits and new uploads are refused with `team_full`.",
    fullness(),
  ),
);
const mediaHostUnlisted = lazy(() =>
  body(
    "media_host.unlisted",
    "Sent to the operator, once a day for each host, when a model's output names media on a host that FAL_MEDIA_HOSTS does not list. Such files are `not_copied`.",
    unlistedHost(),
  ),
);
const webhookTest = lazy(() => body("webhook.test", "Sent to one receiver when a test is requested.", test()));

/** Every event body. */
export const anyEvent = lazy((z) =>
  z.discriminatedUnion("type", [
    requestCompleted().body,
    requestFailed().body,
    requestCanceled().body,
    requestRecovered().body,
    limitReached().body,
    upstreamPaused().body,
    endpointFailing().body,
    upstreamResumed(),
    teamNearlyFull(),
    mediaHostUnlisted(),
    webhookTest(),
  ]),
);

/** An entry of the event feed. */
export const feedLine = lazy((z) =>
  z.discriminatedUnion("type", [
    requestCompleted().line,
    requestFailed().line,
    requestCanceled().line,
    requestRecovered().line,
    limitReached().line,
    upstreamPaused().line,
    endpointFailing().line,
  ]),
);

type AnyEvent = z.output<ReturnType<typeof anyEvent>>;
export type AnyEventType = AnyEvent["type"];
/** Payload of an event body. */
export type EventData<T extends AnyEventType> = Extract<AnyEvent, { type: T }>["data"];

type FeedLine = z.output<ReturnType<typeof feedLine>>;
/** Payload of a feed entry. */
export type FeedData<T extends FeedLine["type"]> = Extract<FeedLine, { type: T }>["data"];

/** An event type with its payload. */
export type TypedEvent<T extends AnyEventType> = T extends AnyEventType ? { type: T; data: EventData<T> } : never;
