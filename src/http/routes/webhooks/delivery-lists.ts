// Lists of deliveries (scope `admin`), per team and per endpoint, and bulk replays by filter. Single deliveries are in deliveries.ts.

import type * as z from "zod";
import type { Delivery, DeliveryListInput, ReplayFilter, ReplayJob } from "../../../contracts/team-webhooks.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, teamFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { EVENT_TYPES, TEST_EVENT_TYPE } from "../../../webhooks/event-types.ts";
import { actorOf } from "../../audit-actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, listBody, momentSchema } from "../../schemas.ts";
import { deliveryFields } from "./deliveries.ts";

const state = lazy((z) =>
  z
    .enum(["pending", "failing", "delivered", "parked", "gone", "undelivered"])
    .describe("`undelivered` is failing, parked or gone."),
);
const type = lazy((z) => z.enum([...EVENT_TYPES, TEST_EVENT_TYPE]));
const instant = lazy((z) => z.iso.datetime({ offset: true }));

export const listedDelivery = lazy((z) =>
  deliveryFields().extend({
    last_status: z
      .int()
      .nullable()
      .describe("HTTP status of the first failure, or of the final outcome once there is one."),
    last_category: z.string().nullable(),
    replay: z.string().nullable().describe("Id of the bulk replay that sent it again."),
    created_at: instant(),
    updated_at: instant(),
  }),
);

const pageQuery = lazy((z) =>
  z.looseObject({
    state: state().optional(),
    type: type().optional(),
    from: momentSchema("first").optional(),
    to: momentSchema("last").optional(),
    cursor: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
  }),
);

const list = defineRoute({
  method: "GET",
  path: "/v1/deliveries",
  summary: "List deliveries, newest first",
  access: "admin",
  query: (z) => pageQuery().extend({ endpoint: z.string().optional(), request: z.string().optional() }),
  answers: { 200: { description: "A page of deliveries.", schema: () => listBody(listedDelivery()) } },
  errors: ["invalid_request"],
  async handle({ env, caller, query }) {
    const { endpoint, request, ...rest } = query;
    const page = await askTeam(env, caller.team, (team) =>
      team.deliveries.list({ ...listInput(rest), endpointId: endpoint, requestId: request }),
    );
    if (page.kind === "refused") return { refusal: page.refusal };
    return { status: 200, body: { data: page.data.map(deliveryWire), next_cursor: page.nextCursor } };
  },
});

const listOfEndpoint = defineRoute({
  method: "GET",
  path: "/v1/webhooks/:id/deliveries",
  summary: "List an endpoint's deliveries, newest first",
  access: "admin",
  params: (z) => z.object({ id: z.string() }),
  query: pageQuery,
  answers: { 200: { description: "A page of deliveries.", schema: () => listBody(listedDelivery()) } },
  errors: ["invalid_request", "not_found"],
  async handle({ env, caller, params, query }) {
    const known = await askTeam(env, caller.team, (team) => team.endpoints.read(params.id));
    if (known.kind === "refused") return { refusal: known.refusal };
    const page = await askTeam(env, caller.team, (team) =>
      team.deliveries.list({ ...listInput(query), endpointId: params.id }),
    );
    if (page.kind === "refused") return { refusal: page.refusal };
    return { status: 200, body: { data: page.data.map(deliveryWire), next_cursor: page.nextCursor } };
  },
});

export const replayBody = lazy((z) =>
  z.object({
    id: z.string(),
    state: z.enum(["running", "done", "canceled"]),
    replayed: z.int(),
    expired: z.int().describe("Deliveries whose payload has expired."),
    refused: z.int().describe("Deliveries whose endpoint is deleted or disabled."),
    created_at: instant(),
    updated_at: instant(),
  }),
);

const replay = defineRoute({
  method: "POST",
  path: "/v1/deliveries/replay",
  summary: "Replay deliveries by filter",
  access: "admin",
  body: (z) =>
    z.strictObject({
      filter: z.strictObject({
        endpoint: z.string().optional(),
        type: type().optional(),
        state: state().default("undelivered"),
        from: momentSchema("first").optional(),
        to: momentSchema("last").optional(),
      }),
    }),
  answers: {
    202: {
      description: "The replay has started, at ten deliveries per second. Deliveries keep their ids.",
      schema: replayBody,
    },
    200: { description: "A replay with the same filter is already running.", schema: replayBody },
  },
  errors: ["invalid_request"],
  async handle(call) {
    const { env, caller, body } = call;
    const { endpoint, type: eventType, state: wanted, from, to } = body.filter;
    const filter: ReplayFilter = {
      endpointId: endpoint,
      eventType,
      state: wanted,
      from,
      to,
    };
    const begun = await teamFor(env, caller.team).replayJobs.begin(filter, actorOf(call));
    if (begun.kind === "refused") return { refusal: begun.refusal };
    return { status: begun.isNew ? 202 : 200, body: replayWire(begun.job) };
  },
});

const jobId = lazy((z) => z.object({ id: z.string() }));

const replayRead = defineRoute({
  method: "GET",
  path: "/v1/deliveries/replay/:id",
  summary: "Retrieve a bulk replay",
  access: "admin",
  params: jobId,
  answers: { 200: { description: "The replay.", schema: replayBody } },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.replayJobs.read(params.id));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: replayWire(answer.job) };
  },
});

const replayCancel = defineRoute({
  method: "POST",
  path: "/v1/deliveries/replay/:id/cancel",
  summary: "Cancel a bulk replay",
  access: "admin",
  params: jobId,
  answers: { 200: { description: "The replay. Deliveries already sent are not affected.", schema: replayBody } },
  errors: ["not_found"],
  async handle(call) {
    const { env, caller, params } = call;
    const answer = await askTeam(env, caller.team, (team) => team.replayJobs.cancel(params.id, actorOf(call)));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: replayWire(answer.job) };
  },
});

export const deliveryListRoutes: readonly Route[] = [list, listOfEndpoint, replay, replayRead, replayCancel];

function listInput({
  state,
  type,
  from,
  to,
  cursor,
  limit,
}: z.output<ReturnType<typeof pageQuery>>): DeliveryListInput {
  return { state, eventType: type, from, to, cursor, limit };
}

function deliveryWire(delivery: Delivery): z.input<ReturnType<typeof listedDelivery>> {
  const { id, endpointId, requestId, eventId, eventType, state, attempts, status, category, replayId } = delivery;
  return {
    id,
    endpoint: endpointId,
    request: requestId,
    event_id: eventId,
    event_type: eventType,
    state,
    attempts,
    last_status: status,
    last_category: category,
    replay: replayId,
    created_at: isoTime(delivery.createdAt),
    updated_at: isoTime(delivery.updatedAt),
  };
}

export function replayWire({
  id,
  state,
  counts,
  createdAt,
  updatedAt,
}: ReplayJob): z.input<ReturnType<typeof replayBody>> {
  return { id, state, ...counts, created_at: isoTime(createdAt), updated_at: isoTime(updatedAt) };
}
