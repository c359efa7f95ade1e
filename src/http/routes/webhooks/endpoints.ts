// /v1/webhooks: a team's webhook endpoints (scope `admin`): make, read, change, rotate, test, disable, enable, delete. Values of
// an endpoint's own headers are never shown: they may be credentials.

import * as z from "zod";
import type { EndpointSummary, EndpointTerms, SecretAnswer } from "../../../contracts/team-webhooks.ts";
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

/** A rotated secret signs beside the new one this long by default, and at most (a week, as others in the field have it). */
const SECRET_OVERLAP_DEFAULT_S = 24 * 3_600;
/** A rotated webhook secret signs beside the new one at most this long. */
const SECRET_OVERLAP_MAX_S = 7 * 24 * 3_600;

/** Headers of a team's own on an endpoint: a credential or two. */
const ENDPOINT_HEADERS_MAX = 10;
const ENDPOINT_DESCRIPTION_MAX_CHARS = 200;

const eventType = z.enum(EVENT_TYPES);

const endpointBody = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(eventType).nullable().describe("What it hears of; null: everything."),
  tags: z.record(z.string(), z.string()).describe("Tags that an event must carry, all of them."),
  description: z.string(),
  header_names: z.array(z.string()).describe("Its own headers. Their values are not shown."),
  status: z.enum(["enabled", "disabled"]),
  disabled_at: z.iso.datetime().nullable(),
  disabled_reason: z.enum(["by_hand", "failing", "gone"]).nullable(),
  health: z.object({
    failing_since: z.iso.datetime().nullable().describe("Since then every delivery failed."),
    last_failure_at: z.iso.datetime().nullable(),
    last_success_at: z.iso.datetime().nullable(),
    failed_deliveries: z.int().describe("In this run of failures."),
  }),
  created_at: z.iso.datetime(),
});

const url = z.string().min(1).max(URL_MAX_CHARS);
const events = z.array(eventType).min(1).max(EVENT_TYPES.length).nullable().describe("Null: everything.");
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
  headers: headers.optional().describe("Takes the place of all that there are."),
});

const endpointId = z.object({ id: z.string() });
const secretBody = z.object({
  secret: z.string().describe("A Standard Webhooks secret."),
  previous_valid_until: z.iso.datetime().nullable().describe("Until then the one before it signs too."),
});

const create = defineRoute({
  method: "POST",
  path: "/v1/webhooks",
  summary: "Make a webhook endpoint",
  access: "admin",
  body: newEndpoint,
  answers: {
    201: { description: "The endpoint, and what signs its deliveries.", schema: endpointBody.extend(secretBody.shape) },
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
  summary: "The team's webhook endpoints",
  access: "admin",
  answers: { 200: { description: "All of them, oldest first.", schema: listBody(endpointBody) } },
  errors: [],
  async handle({ env, caller }) {
    const endpoints = await askTeam(env, caller.team, (team) => team.endpoints.list());
    return { status: 200, body: { data: endpoints.map(endpointWire), next_cursor: null } };
  },
});

const read = defineRoute({
  method: "GET",
  path: "/v1/webhooks/:id",
  summary: "One webhook endpoint, and how it has answered lately",
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
  summary: "Change a webhook endpoint",
  access: "admin",
  params: endpointId,
  body: changes,
  answers: { 200: { description: "As it is now; deliveries under way go by it too.", schema: endpointBody } },
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
  answers: { 204: { description: "Nothing more is sent to it, what is on its way included." } },
  errors: ["not_found"],
  async handle(call) {
    const { env, caller, params } = call;
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.remove(params.id, actorOf(call)));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

const secret = defineRoute({
  method: "GET",
  path: "/v1/webhooks/:id/secret",
  summary: "What signs an endpoint's deliveries",
  access: "admin",
  params: endpointId,
  answers: { 200: { description: "The secret.", schema: secretBody } },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.secrets(params.id));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: secretWire(answer) };
  },
});

const overlapBody = z.strictObject({
  overlap_s: z
    .int()
    .min(0)
    .max(SECRET_OVERLAP_MAX_S)
    .default(SECRET_OVERLAP_DEFAULT_S)
    .describe("How long the old secret signs beside the new one. 0, after a leak, ends it with the next try."),
});

const rotate = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/rotate",
  summary: "Give an endpoint another secret",
  access: "admin",
  params: endpointId,
  body: overlapBody,
  answers: { 200: { description: "The new secret.", schema: secretBody } },
  errors: ["not_found", "conflict"],
  async handle(call) {
    const { env, caller, params, body } = call;
    const answer = await teamFor(env, caller.team).endpoints.rotateSecret(params.id, body.overlap_s, actorOf(call));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: secretWire(answer) };
  },
});

const teamSecret = defineRoute({
  method: "GET",
  path: "/v1/team/webhook_secret",
  summary: "What signs deliveries to a request's own webhook_url",
  access: "admin",
  answers: { 200: { description: "The secret.", schema: secretBody } },
  errors: [],
  async handle({ env, caller }) {
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.teamSecrets());
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: secretWire(answer) };
  },
});

const rotateTeamSecret = defineRoute({
  method: "POST",
  path: "/v1/team/webhook_secret/rotate",
  summary: "Give the team another secret for requests' own webhook_url",
  access: "admin",
  body: overlapBody,
  answers: { 200: { description: "The new secret.", schema: secretBody } },
  errors: ["conflict"],
  async handle(call) {
    const { env, caller, body } = call;
    const answer = await teamFor(env, caller.team).endpoints.rotateTeamSecret(body.overlap_s, actorOf(call));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: secretWire(answer) };
  },
});

const test = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/test",
  summary: "Send an endpoint a test event",
  access: "admin",
  params: endpointId,
  answers: {
    202: {
      description: "It goes out as all events do: same signature, retries and log. GET /v1/deliveries/{id} shows it.",
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
  summary: "Stop deliveries to an endpoint for now",
  access: "admin",
  params: endpointId,
  answers: { 200: { description: "The endpoint. What comes meanwhile is its backlog.", schema: endpointBody } },
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
  summary: "Let deliveries to an endpoint go on",
  access: "admin",
  params: endpointId,
  body: z.strictObject({
    backlog: z.enum(["skip", "send"]).describe("What becomes of that which it missed: left, or sent again, slowly."),
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

export const webhookRoutes: readonly Route[] = [
  create,
  list,
  read,
  change,
  remove,
  secret,
  rotate,
  test,
  disable,
  enable,
  teamSecret,
  rotateTeamSecret,
];

function secretWire({ secret, previousUntil }: Extract<SecretAnswer, { kind: "secrets" }>): z.input<typeof secretBody> {
  return { secret, previous_valid_until: isoTime(previousUntil) };
}

/** Why these terms cannot be saved: the same rules that judge every try. */
function termsFault(
  { url, headers }: { url?: string | undefined; headers?: Record<string, string> | undefined },
  config: Config,
  origin: string,
): Refusal | null {
  if (url !== undefined) {
    const guarded = mayCall(url, guardRules(config, origin));
    if (!guarded.ok) return refusal("invalid_request", `\`url\` may not be called: ${guarded.reason}.`);
  }
  const names = Object.keys(headers ?? {}).map((name) => name.toLowerCase());
  if (new Set(names).size < names.length) return refusal("invalid_request", "`headers` names one header twice.");
  for (const [name, value] of Object.entries(headers ?? {})) {
    const fault = headerFault(name, value);
    if (fault !== null) return refusal("invalid_request", `One of \`headers\` is refused: ${fault}.`);
  }
  return null;
}

function endpointWire(endpoint: EndpointSummary): z.input<typeof endpointBody> {
  const { id, url, events, tags, description, headerNames, disabled, health } = endpoint;
  return {
    ...{ id, url, events, tags, description, header_names: headerNames },
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
