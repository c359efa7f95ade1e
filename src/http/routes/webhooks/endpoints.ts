// /v1/webhooks: a team's webhook endpoints (scope `admin`): create, retrieve, update, rotate, test, disable, enable, delete. Values of
// an endpoint's headers are never returned: they may be credentials.

import type * as z from "zod";
import type { EndpointSummary, HeadersChange, SecretAnswer } from "../../../contracts/team-webhooks.ts";
import { mergePatch } from "../../../platform/merge-patch.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, teamFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { actorOf } from "../../audit-actor.ts";
import { bodyFields, changeWhole } from "../../changes/change-whole.ts";
import { etagHeader, ifMatchOf, writeHeaders } from "../../changes/if-match.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody } from "../../schemas.ts";
import { replayBody, replayWire } from "./delivery-lists.ts";
import {
  endpointBody,
  endpointSettings,
  endpointWire,
  newEndpoint,
  patchedEndpoint,
  termsFault,
} from "./endpoint-schemas.ts";

/** How long the previous secret of a rotation signs beside the new one. */
const SECRET_OVERLAP_DEFAULT_S = 24 * 3_600;
/** A rotated webhook secret signs beside the new one at most this long. */
const SECRET_OVERLAP_MAX_S = 7 * 24 * 3_600;

const endpointId = lazy((z) => z.object({ id: z.string() }));
const secretBody = lazy((z) =>
  z.object({
    secret: z.string().describe("A Standard Webhooks secret."),
    previous_valid_until: z.iso.datetime().nullable().describe("Until then, the previous secret signs too."),
  }),
);

const create = defineRoute({
  method: "POST",
  path: "/v1/webhooks",
  summary: "Create a webhook endpoint",
  access: "admin",
  body: newEndpoint,
  answers: {
    201: {
      description: "The endpoint and its signing secret.",
      schema: () => endpointBody().extend(secretBody().shape),
    },
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
  answers: { 200: { description: "All endpoints, oldest first.", schema: () => listBody(endpointBody()) } },
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
  answers: {
    200: {
      description: "The endpoint, with the version of its settings as ETag.",
      schema: endpointBody,
      headers: ["ETag"],
    },
  },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.read(params.id));
    return answer.kind === "refused" ? { refusal: answer.refusal } : shown(answer.endpoint);
  },
});

/** Fields of an endpoint that no change may name otherwise than they are, and those that change by themselves or by other fields. */
const FIXED = ["id", "created_at"] as const;
const MOVING = ["header_names", "status", "disabled_at", "disabled_reason", "health"] as const;

function changing(method: "PUT" | "PATCH"): Route {
  const isPatch = method === "PATCH";
  return defineRoute({
    method,
    path: "/v1/webhooks/:id",
    summary: isPatch ? "Change settings of a webhook endpoint" : "Replace the settings of a webhook endpoint",
    description: `The fields that can be changed are \`url\`, \`events\`, \`tags\`, \`description\` and \`headers\`; the others of the endpoint may be sent as GET answered them. ${
      isPatch
        ? "The body is a JSON merge patch (RFC 7386): objects are merged name by name, so that one header or tag is set alone and null removes it; a list replaces the list that was there."
        : "What is left out gets its default; only `headers`, which GET does not answer, stay as they are."
    }`,
    access: "admin",
    params: endpointId,
    headers: writeHeaders,
    body: () =>
      bodyFields<object>(endpointBody().shape, newEndpoint().shape).describe(
        "The settings, in the shape of the endpoint.",
      ),
    answers: {
      200: {
        description: "The endpoint. The change also applies to pending deliveries.",
        schema: endpointBody,
        headers: ["ETag"],
      },
    },
    errors: ["invalid_request", "not_found", "precondition_failed"],
    async handle(call) {
      const { env, caller, params, url: calledAt } = call;
      const { headers: sentHeaders, ...sent } = call.body as Record<string, unknown>;
      const withHeaders = (wire: object) => (sentHeaders === undefined ? wire : { ...wire, headers: sentHeaders });
      const answer = await changeWhole({
        what: "The endpoint",
        ifMatch: ifMatchOf(call.headers),
        settings: isPatch ? patchedEndpoint() : endpointSettings(),
        readOnly: { fixed: FIXED, moving: MOVING, isPatch },
        async read() {
          const known = await askTeam(env, caller.team, (team) => team.endpoints.read(params.id));
          if (known.kind === "refused") return known;
          return { kind: "current" as const, wire: endpointWire(known.endpoint), tag: known.endpoint.tag };
        },
        change: (wire) => withHeaders(isPatch ? (mergePatch(wire, sent) as object) : sent),
        fault: (settings) => termsFault(settings, call.config(), calledAt.origin),
        async write({ headers, ...terms }, ifMatch) {
          const change = { ...terms, headers: headersChange(headers, isPatch) };
          return await askTeam(env, caller.team, (team) =>
            team.endpoints.change(params.id, change, calledAt.origin, actorOf(call), ifMatch),
          );
        },
      });
      return answer.kind === "refused" ? { refusal: answer.refusal } : shown(answer.endpoint);
    },
  });
}

function headersChange(sent: Record<string, string | null> | null | undefined, isPatch: boolean): HeadersChange {
  if (sent === undefined) return { kind: "keep" };
  if (sent === null) return { kind: "set", headers: {} };
  return isPatch ? { kind: "merge", patch: sent } : { kind: "set", headers: sent as Record<string, string> };
}

function shown(endpoint: EndpointSummary) {
  return { status: 200 as const, headers: etagHeader(endpoint.tag), body: endpointWire(endpoint) };
}

const remove = defineRoute({
  method: "DELETE",
  path: "/v1/webhooks/:id",
  summary: "Delete a webhook endpoint",
  access: "admin",
  params: endpointId,
  headers: writeHeaders,
  answers: { 204: { description: "Deleted. Pending deliveries are not sent." } },
  errors: ["not_found", "precondition_failed"],
  async handle(call) {
    const { env, caller, params } = call;
    const ifMatch = ifMatchOf(call.headers);
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.remove(params.id, actorOf(call), ifMatch));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 204 };
  },
});

const secret = defineRoute({
  method: "GET",
  path: "/v1/webhooks/:id/secret",
  summary: "Retrieve an endpoint's signing secret",
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

const overlapBody = lazy((z) =>
  z.strictObject({
    overlap_s: z
      .int()
      .min(0)
      .max(SECRET_OVERLAP_MAX_S)
      .default(SECRET_OVERLAP_DEFAULT_S)
      .describe("Seconds for which the previous secret signs too. Use 0 after a leak: it stops with the next attempt."),
  }),
);

const rotate = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/rotate",
  summary: "Rotate an endpoint's signing secret",
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
  summary: "Retrieve the signing secret for requests' own `webhook_url`",
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
  summary: "Rotate the signing secret for requests' own `webhook_url`",
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
  summary: "Send a test event to an endpoint",
  access: "admin",
  params: endpointId,
  answers: {
    202: {
      description:
        "The event is delivered like any other, with signature, retries and log. GET /v1/deliveries/{id} shows it.",
      schema: (z) => z.object({ delivery_id: z.string(), event_id: z.string() }),
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
  body: (z) =>
    z.strictObject({
      backlog: z.enum(["skip", "send"]).describe("Whether missed events are skipped, or sent at a limited rate."),
    }),
  answers: {
    200: {
      description: "The endpoint, and the replay that sends its backlog.",
      schema: () => endpointBody().extend({ replay: replayBody().nullable() }),
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
  changing("PUT"),
  changing("PATCH"),
  remove,
  secret,
  rotate,
  test,
  disable,
  enable,
  teamSecret,
  rotateTeamSecret,
];

function secretWire({
  secret,
  previousUntil,
}: Extract<SecretAnswer, { kind: "secrets" }>): z.input<ReturnType<typeof secretBody>> {
  return { secret, previous_valid_until: isoTime(previousUntil) };
}
