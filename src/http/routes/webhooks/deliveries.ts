// The attempts of a delivery, and its replay: GET /v1/requests/{id}/deliveries, GET /v1/deliveries/{id}, POST
// /v1/deliveries/{id}/replay. Team has the index of deliveries, the tracker of the request their attempts.

import type * as z from "zod";
import type { Env } from "../../../platform/bindings.ts";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam, askTracker } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { seesWholeTeam } from "../../../requests/machine/types.ts";
import type { Attempt, DeliveryView } from "../../../webhooks/attempt.ts";
import { DELIVER_REPLY_KEPT_MAX_CHARS } from "../../../webhooks/receiver-reply.ts";
import { actorOf } from "../../audit-actor.ts";
import { viewerOf } from "../../auth.ts";
import { noSuchRequest } from "../../no-such-request.ts";
import { defineRoute, type Route } from "../../route.ts";
import { requestId } from "../requests/schemas.ts";

const instant = lazy((z) => z.iso.datetime());

export const deliveryId = lazy((z) =>
  z.object({ id: z.string().regex(/^dlv_[0-9A-Za-z]{20}$/, "is not a delivery id") }),
);

/** The fields of every representation of a delivery. */
export const deliveryFields = lazy((z) =>
  z.object({
    id: z.string(),
    endpoint: z.string().nullable().describe("Null for the request's own `webhook_url`."),
    request: z.string().nullable().describe("Null for an event without a request."),
    event_id: z.string().describe("`webhook-id` of every attempt."),
    event_type: z.string(),
    state: z
      .enum(["pending", "failing", "delivered", "parked", "gone"])
      .describe(
        "`parked`: no attempts are left. `gone`: retrying cannot succeed (410, endpoint disabled, URL not allowed).",
      ),
    attempts: z.int(),
  }),
);

export const trackedDelivery = lazy(() =>
  deliveryFields().extend({
    next_attempt_at: instant().nullable().describe("Null if no attempt is scheduled, or one is in progress."),
  }),
);

const attemptBody = lazy((z) =>
  z.object({
    at: instant(),
    duration_ms: z.int(),
    group: z.int().describe("0 for the regular schedule; each replay starts a new group."),
    replay: z.boolean(),
    url: z.string().describe("Without query and credentials; empty if nothing was sent."),
    status: z.int().nullable(),
    category: z.string(),
    reason: z.string(),
    response: z.object({ body: z.string(), end: z.enum(["whole", "cut", "broken"]) }).nullable(),
    location: z.string().nullable().describe("Target of a redirect, which is not followed."),
    cut_off_before: z
      .int()
      .nullable()
      .describe("Interrupted attempts before this one, each of which may have been sent; null if not counted."),
    next: z.object({ at: instant().nullable(), why: z.string() }),
  }),
);

export const deliveryBody = lazy((z) =>
  trackedDelivery().extend({
    sent: z
      .object({ body: z.string(), end: z.enum(["whole", "cut"]) })
      .nullable()
      .describe("Beginning of the request body; null before the first attempt and after 30 days."),
    log: z.array(attemptBody()).describe("Oldest first."),
  }),
);

const NO_SUCH_DELIVERY = refusal("not_found", "No delivery found with this id.", {
  hint: "GET /v1/deliveries lists them; they are kept for 30 days.",
});

const list = defineRoute({
  method: "GET",
  path: "/v1/requests/:id/deliveries",
  summary: "List a request's deliveries",
  access: "view",
  params: requestId,
  answers: { 200: { description: "Oldest first.", schema: (z) => z.object({ data: z.array(trackedDelivery()) }) } },
  errors: ["not_found", "gone"],
  async handle({ params, caller, env }) {
    const viewer = viewerOf(caller);
    const views = await askTracker(env, params.id, (tracker) => tracker.deliveryLog(viewer, null));
    if (views === null) return { refusal: await noSuchRequest(env, params.id, viewer) };
    return { status: 200, body: { data: views.map(summaryWire) } };
  },
});

const read = defineRoute({
  method: "GET",
  path: "/v1/deliveries/:id",
  summary: "Retrieve a delivery and its attempts",
  access: "view",
  params: deliveryId,
  answers: { 200: { description: "The delivery and its attempts.", schema: deliveryBody } },
  errors: ["not_found"],
  async handle({ params, caller, env }) {
    const viewer = viewerOf(caller);
    const known = await askTeam(env, caller.team, (team) => team.deliveries.read({ deliveryId: params.id }));
    const request = known?.requestId ?? null;
    if (request === null) {
      const view = seesWholeTeam(viewer) ? await teamDelivery(env, caller.team, params.id) : null;
      return view === null ? { refusal: NO_SUCH_DELIVERY } : { status: 200, body: deliveryWire(view) };
    }
    const views = await askTracker(env, request, (tracker) => tracker.deliveryLog(viewer, params.id));
    const [view] = views ?? [];
    return view === undefined ? { refusal: NO_SUCH_DELIVERY } : { status: 200, body: deliveryWire(view) };
  },
});

const replay = defineRoute({
  method: "POST",
  path: "/v1/deliveries/:id/replay",
  summary: "Replay a delivery",
  access: "admin",
  params: deliveryId,
  answers: {
    202: {
      description:
        "The delivery is being sent, with the same event id. An attempt already scheduled counts as the replay.",
      schema: deliveryBody,
    },
  },
  errors: ["not_found", "conflict", "gone"],
  async handle(call) {
    const { params, caller, env } = call;
    const order = { deliveryId: params.id, replayId: null, by: actorOf(call) };
    const begun = await askTeam(env, caller.team, (team) => team.deliveries.beginReplay(order));
    if (begun.kind === "refused") return { refusal: begun.refusal };
    if (begun.kind === "sent") {
      const view = await teamDelivery(env, caller.team, params.id);
      return view === null ? { refusal: NO_SUCH_DELIVERY } : { status: 202, body: deliveryWire(view) };
    }
    const answer = await askTracker(env, begun.requestId, (tracker) => {
      return tracker.replayDelivery(caller.team, params.id);
    });
    if (answer?.kind === "replayed") return { status: 202, body: deliveryWire(answer.view) };
    return { refusal: answer?.kind === "expired" ? noLongerKept(params.id) : NO_SUCH_DELIVERY };
  },
});

export const deliveryRoutes: readonly Route[] = [list, read, replay];

function noLongerKept(id: string): Refusal {
  return refusal("gone", "The payload of this delivery has expired, so it cannot be replayed.", {
    hint: `Read the request instead; GET /v1/deliveries/${id} has its id.`,
  });
}

/** A delivery of a team event, which Team sends and records. Null for an unknown id. */
async function teamDelivery(env: Env, team: string, deliveryId: string): Promise<DeliveryView | null> {
  const line = await askTeam(env, team, (stub) => stub.deliveries.read({ deliveryId }));
  if (line === null) return null;
  const { id, endpointId, eventId, eventType, state, attempts } = line;
  const sent = await askTeam(env, team, (stub) => stub.deliveries.log(deliveryId));
  return { id, endpointId, requestId: null, eventId, eventType, state, attempts, ...sent };
}

function summaryWire(view: DeliveryView): z.input<ReturnType<typeof trackedDelivery>> {
  return {
    id: view.id,
    endpoint: view.endpointId,
    request: view.requestId,
    event_id: view.eventId,
    event_type: view.eventType,
    state: view.state,
    attempts: view.attempts,
    next_attempt_at: isoTime(view.nextAt),
  };
}

function deliveryWire(view: DeliveryView): z.input<ReturnType<typeof deliveryBody>> {
  return { ...summaryWire(view), sent: snippetOf(view.body), log: view.tries.map(attemptWire) };
}

function snippetOf(body: string | null): z.input<ReturnType<typeof deliveryBody>>["sent"] {
  if (body === null) return null;
  const start = body.slice(0, DELIVER_REPLY_KEPT_MAX_CHARS);
  return { body: start, end: start === body ? "whole" : "cut" };
}

function attemptWire(attempt: Attempt): z.input<ReturnType<typeof attemptBody>> {
  const { reply, next } = attempt;
  return {
    at: isoTime(attempt.at),
    duration_ms: attempt.ms,
    group: attempt.group,
    replay: attempt.replay,
    url: attempt.url,
    status: attempt.status,
    category: attempt.category,
    reason: attempt.reason,
    response: reply === null ? null : { body: reply.text, end: reply.end },
    location: attempt.location,
    cut_off_before: attempt.cutOff,
    next: { at: isoTime(next.at), why: next.why },
  };
}
