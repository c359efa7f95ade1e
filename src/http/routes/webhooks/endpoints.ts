// /v1/webhooks: a team's webhook endpoints (scope `admin`): create, retrieve, update, test, disable, enable, delete. Values of
// an endpoint's headers are never returned: they may be credentials.

import * as z from "zod";
import type { EndpointSummary, EndpointTerms } from "../../../contracts/team-webhooks.ts";
import { mayCall } from "../../../net/guard.ts";
import type { Config } from "../../../platform/config.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { askTeam, teamFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { URL_MAX_CHARS } from "../../../platform/validate.ts";
import { EVENT_TYPES } from "../../../webhooks/event-types.ts";
import { guardRules } from "../../../webhooks/guard-rules.ts";
import { headerFault } from "../../../webhooks/headers.ts";
import { actorOf } from "../../actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody, tagsSchema } from "../../schemas.ts";
import { replayBody, replayWire } from "./delivery-lists.ts";
import { secretBody } from "./endpoint-secrets.ts";

/** Custom headers of an endpoint. */
const ENDPOINT_HEADERS_MAX = 10;
const ENDPOINT_DESCRIPTION_MAX_CHARS = 200;

const eventType = z.enum(EVENT_TYPES);

const endpointBody = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(eventType).nullable().describe("Event types it receives; null for all."),
  tags: z.record(z.string(), z.string()).describe("Tags that an event must have, all of them."),
  description: z.string(),
  header_names: z.array(z.string()).describe("Names of its custom headers. Their values are not returned."),
  status: z.enum(["enabled", "disabled"]),
  disabled_at: z.iso.datetime().nullable(),
  disabled_reason: z.enum(["by_hand", "failing", "gone"]).nullable(),
  health: z.object({
    failing_since: z.iso.datetime().nullable().describe("Every delivery since then has failed."),
    last_failure_at: z.iso.datetime().nullable(),
    last_success_at: z.iso.datetime().nullable(),
    failed_deliveries: z.int().describe("Failed deliveries since `failing_since`."),
  }),
  created_at: z.iso.datetime(),
});

const url = z.string().min(1).max(URL_MAX_CHARS);
const events = z
  .array(eventType)
  .min(1)
  .max(EVENT_TYPES.length)
  .nullable()
  .describe("Event types to receive; null for all.");
const headers = z
  .record(z.string(), z.string())
  .refine((given) => Object.keys(given).length <= ENDPOINT_HEADERS_MAX, `must have at most ${ENDPOINT_HEADERS_MAX}`);
const description = z.string().max(ENDPOINT_DESCRIPTION_MAX_CHARS);

const newEndpoint = z.strictObject({
  url,
  events: events.default(null),
  tags: tagsSchema.default({}),
  description: description.default(""),
  headers: headers.default({}),
});

const changes = z.strictObject({
  url: url.optional(),
  events: events.optional(),
  tags: tagsSchema.optional(),
  description: description.optional(),
  headers: headers.optional().describe("Replaces all custom headers."),
});

const endpointId = z.object({ id: z.string() });
const create = defineRoute({
  method: "POST",
  path: "/v1/webhooks",
  summary: "Create a webhook endpoint",
  access: "admin",
  body: newEndpoint,
  answers: {
    201: { description: "The endpoint and its signing secret.", schema: endpointBody.extend(secretBody.shape) },
  },
  errors: ["invalid_request", "conflict"],
  async handle(call) {
    const { env, caller, body, url: calledAt } = call;
    const fault = termsFault(body, call.config(), calledAt.origin);
    if (fault !== null) return { refusal: fault };
    const made = await teamFor(env, caller.team).endpoints.create(body, calledAt.origin, actorOf(call));
    if (made.kind === "refused") return { refusal: made.refusal };
    const secret = { secret: made.secret, previous_valid_until: null };
    return { status: 201, body: { ...endpointWire(made.endpoint), ...secret } };
  },
});

const list = defineRoute({
  method: "GET",
  path: "/v1/webhooks",
  summary: "List webhook endpoints",
  access: "admin",
  answers: { 200: { description: "All endpoints, oldest first.", schema: listBody(endpointBody) } },
  errors: [],
  async handle({ env, caller }) {
    const endpoints = await askTeam(env, caller.team, (team) => team.endpoints.list());
    return { status: 200, body: { data: endpoints.map(endpointWire), next_cursor: null } };
  },
});

const read = defineRoute({
  method: "GET",
  path: "/v1/webhooks/:id",
  summary: "Retrieve a webhook endpoint",
  access: "admin",
  params: endpointId,
  answers: { 200: { description: "The endpoint.", schema: endpointBody } },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.read(params.id));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: endpointWire(answer.endpoint) };
  },
});

const change = defineRoute({
  method: "PATCH",
  path: "/v1/webhooks/:id",
  summary: "Update a webhook endpoint",
  access: "admin",
  params: endpointId,
  body: changes,
  answers: {
    200: { description: "The endpoint. The change also applies to pending deliveries.", schema: endpointBody },
  },
  errors: ["invalid_request", "not_found"],
  async handle(call) {
    const { env, caller, params, body, url: calledAt } = call;
    const fault = termsFault(body, call.config(), calledAt.origin);
    if (fault !== null) return { refusal: fault };
    const named = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
    const answer = await askTeam(env, caller.team, (team) =>
      team.endpoints.change(params.id, named as Partial<EndpointTerms>, calledAt.origin, actorOf(call)),
    );
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: endpointWire(answer.endpoint) };
  },
});

const remove = defineRoute({
  method: "DELETE",
  path: "/v1/webhooks/:id",
  summary: "Delete a webhook endpoint",
  access: "admin",
  params: endpointId,
  answers: { 204: { description: "Deleted. Pending deliveries are not sent." } },
  errors: ["not_found"],
  async handle(call) {
    const { env, caller, params } = call;
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.remove(params.id, actorOf(call)));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

const test = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/test",
  summary: "Send a test event to an endpoint",
  access: "admin",
  params: endpointId,
  answers: {
    202: {
      description:
        "The event is delivered like any other, with signature, retries and log. GET /v1/deliveries/{id} shows it.",
      schema: z.object({ delivery_id: z.string(), event_id: z.string() }),
    },
  },
  errors: ["not_found"],
  async handle(call) {
    const { env, caller, params } = call;
    const answer = await teamFor(env, caller.team).endpoints.test(params.id, actorOf(call));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 202, body: { delivery_id: answer.deliveryId, event_id: answer.eventId } };
  },
});

const disable = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/disable",
  summary: "Disable an endpoint",
  access: "admin",
  params: endpointId,
  answers: {
    200: {
      description: "The endpoint. Events are collected in its backlog until it is enabled.",
      schema: endpointBody,
    },
  },
  errors: ["not_found"],
  async handle(call) {
    const { env, caller, params } = call;
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.disable(params.id, actorOf(call)));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: endpointWire(answer.endpoint) };
  },
});

const enable = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/enable",
  summary: "Enable an endpoint",
  access: "admin",
  params: endpointId,
  body: z.strictObject({
    backlog: z.enum(["skip", "send"]).describe("Whether missed events are skipped, or sent at a limited rate."),
  }),
  answers: {
    200: {
      description: "The endpoint, and the replay that sends its backlog.",
      schema: endpointBody.extend({ replay: replayBody.nullable() }),
    },
  },
  errors: ["invalid_request", "not_found"],
  async handle(call) {
    const { env, caller, params, body } = call;
    const answer = await askTeam(env, caller.team, (team) =>
      team.endpoints.enable(params.id, body.backlog, actorOf(call)),
    );
    if (answer.kind === "refused") return { refusal: answer.refusal };
    const replay = answer.job === null ? null : replayWire(answer.job);
    return { status: 200, body: { ...endpointWire(answer.endpoint), replay } };
  },
});

export const webhookRoutes: readonly Route[] = [create, list, read, change, remove, test, disable, enable];

/** Why these terms are refused; the same rules apply to every attempt. */
function termsFault(
  { url, headers }: { url?: string | undefined; headers?: Record<string, string> | undefined },
  config: Config,
  origin: string,
): Refusal | null {
  if (url !== undefined) {
    const guarded = mayCall(url, guardRules(config, origin));
    if (!guarded.ok) return refusal("invalid_request", `\`url\` is not allowed: ${guarded.reason}.`);
  }
  const names = Object.keys(headers ?? {}).map((name) => name.toLowerCase());
  if (new Set(names).size < names.length) return refusal("invalid_request", "`headers` has a duplicate name.");
  for (const [name, value] of Object.entries(headers ?? {})) {
    const fault = headerFault(name, value);
    if (fault !== null) return refusal("invalid_request", `Invalid \`headers\`: ${fault}.`);
  }
  return null;
}

function endpointWire(endpoint: EndpointSummary): z.input<typeof endpointBody> {
  const { id, url, events, tags, description, headerNames, disabled, health } = endpoint;
  return {
    id,
    url,
    events,
    tags,
    description,
    header_names: headerNames,
    status: disabled === null ? "enabled" : "disabled",
    disabled_at: isoTime(disabled?.at ?? null),
    disabled_reason: disabled?.reason ?? null,
    health: {
      failing_since: isoTime(health.failingSince),
      last_failure_at: isoTime(health.lastFailureAt),
      last_success_at: isoTime(health.lastSuccessAt),
      failed_deliveries: health.failures,
    },
    created_at: isoTime(endpoint.createdAt),
  };
}
