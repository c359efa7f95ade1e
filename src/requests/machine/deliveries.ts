// Webhook deliveries of a request's ends: created when it settles, attempted, parked, replayed, or superseded by a later end.
// effect-schedule.ts decides when they are retried.

import type { AttemptSummary } from "../../webhooks/attempt.ts";
import { endEventType } from "../../webhooks/event-types.ts";
import type { RequestEvent } from "./events.ts";
import { ignored, type TransitionBuilder } from "./transition.ts";
import type { RequestDelivery, TimelineNote, Transition } from "./types.ts";

/** The target that stands for the request's own `webhook_url`. */
export const REQUEST_TARGET = "request";

/** Creates a delivery per subscribed target for this end. */
export function oweDeliveries(
  builder: TransitionBuilder,
  wanted: readonly Pick<RequestDelivery, "id" | "target" | "eventId">[],
): TransitionBuilder {
  const { state, now } = builder;
  const { stage, endedAt } = state;
  const isEnd = stage === "completed" || stage === "failed" || stage === "canceled";
  if (wanted.length === 0 || !isEnd || endedAt === null) return builder;
  const eventType = endEventType(stage, state.recoveredAt !== null);
  const fresh = wanted.map(({ id, target, eventId }): RequestDelivery => {
    return { id, target, eventId, eventType, endedAt, status: "pending", attempts: 0, group: 0, replay: null };
  });
  for (const { id } of fresh) builder.owe(["deliver", id], now);
  return builder.change({ deliveries: [...state.deliveries, ...fresh] });
}

/** Drops deliveries of a reopened end and reports them to the team as gone. */
export function dropDeliveries(builder: TransitionBuilder): TransitionBuilder {
  for (const delivery of builder.state.deliveries) {
    if (!isOwed(delivery)) continue;
    change(builder, delivery, { status: "gone", replay: null });
    builder.drop(["deliver", delivery.id]).owe(["report", delivery.id], builder.now);
  }
  return builder;
}

/** An attempt was accepted. */
export function delivered(builder: TransitionBuilder, event: Extract<RequestEvent, { type: "delivered" }>): Transition {
  const delivery = find(builder, event.delivery);
  if (delivery === null) return ignored("delivery not found");
  const attempts = delivery.attempts + 1;
  change(builder, delivery, { status: "delivered", attempts, replay: null });
  if (delivery.status !== "delivered" || delivery.replay !== null) builder.owe(["report", delivery.id], builder.now);
  return builder.drop(["deliver", delivery.id]).note("delivered", noteOf(delivery, attempts, event));
}

/**
 * An attempt failed and another is planned. The team is notified of the first failure, of a replay's result and of the final
 * outcome.
 */
export function deliveryFailed(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "delivery_failed" }>,
): Transition {
  const delivery = find(builder, event.delivery);
  if (delivery === null) return ignored("delivery not found");
  const attempts = delivery.attempts + 1;
  change(builder, delivery, { status: "failing", attempts, replay: null });
  if (delivery.status === "pending" || delivery.replay !== null) builder.owe(["report", delivery.id], builder.now);
  return builder.note("delivery_failed", noteOf(delivery, attempts, event));
}

/** An attempt failed and no other is planned. A failed replay of a delivered event leaves it delivered. */
export function deliveryParked(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "delivery_parked" }>,
): Transition {
  const delivery = find(builder, event.delivery);
  if (delivery === null) return ignored("delivery not found");
  const attempts = delivery.attempts + 1;
  const note = noteOf(delivery, attempts, event);
  if (delivery.status === "delivered") {
    change(builder, delivery, { attempts, replay: null });
    return builder
      .drop(["deliver", delivery.id])
      .owe(["report", delivery.id], builder.now)
      .note("delivery_failed", note);
  }
  const status = event.gone ? "gone" : "parked";
  change(builder, delivery, { status, attempts, replay: null });
  if (delivery.status !== status || delivery.replay !== null) builder.owe(["report", delivery.id], builder.now);
  return builder.note(event.gone ? "delivery_gone" : "delivery_parked", note);
}

/**
 * A replay was requested: one attempt with the same id, in a group of its own. If it fails, the schedule continues at `resumeAt`, if
 * set. A pending replay is not repeated.
 */
export function deliveryReplayed(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "delivery_replayed" }>,
): Transition {
  const delivery = find(builder, event.delivery);
  if (delivery === null) return ignored("delivery not found");
  if (delivery.replay !== null) return ignored("delivery is already being replayed");
  const group = delivery.group + 1;
  change(builder, delivery, { group, replay: { resumeAt: event.resumeAt } });
  return builder
    .owe(["deliver", delivery.id], builder.now)
    .note("delivery_replayed", { delivery: delivery.id, endpoint: delivery.target, group });
}

/** The replay was skipped: the event's body has expired, or an attempt is in progress. */
export function replaySkipped(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "replay_skipped" }>,
): Transition {
  return find(builder, event.delivery) === null
    ? ignored("delivery not found")
    : builder.owe(["report", event.delivery], builder.now);
}

/** Whether an attempt is still planned. */
export function isOwed({ status, replay }: RequestDelivery): boolean {
  return status === "pending" || status === "failing" || replay !== null;
}

function find(builder: TransitionBuilder, id: string): RequestDelivery | null {
  return builder.state.deliveries.find((delivery) => delivery.id === id) ?? null;
}

function change(builder: TransitionBuilder, delivery: RequestDelivery, fields: Partial<RequestDelivery>): void {
  const deliveries = builder.state.deliveries.map((each) => (each.id === delivery.id ? { ...each, ...fields } : each));
  builder.change({ deliveries });
}

function noteOf({ id, target }: RequestDelivery, attempt: number, summary: AttemptSummary): TimelineNote["detail"] {
  return { delivery: id, endpoint: target, attempt, status: summary.status, category: summary.category };
}
