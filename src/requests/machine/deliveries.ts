// The deliveries of a request's ends, as the machine sees them: owed at the settle, tried, parked, replayed by hand, overtaken
// by a later end. When a row is due again is effect-schedule.ts's to say.

import type { AttemptSummary } from "../../webhooks/attempt.ts";
import { endEventType } from "../../webhooks/event-types.ts";
import type { RequestEvent } from "./events.ts";
import { ignored, type TransitionBuilder } from "./transition.ts";
import type { RequestDelivery, TimelineNote, Transition } from "./types.ts";

/** The target that stands for the request's own `webhook_url`. */
export const REQUEST_TARGET = "request";

/** What the team wants told of this end: each is a delivery with its own tries. */
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

/** Nobody hears any more of an end that was taken back; the team is told that these came to nothing. */
export function dropDeliveries(builder: TransitionBuilder): TransitionBuilder {
  for (const delivery of builder.state.deliveries) {
    if (!isOwed(delivery)) continue;
    change(builder, delivery, { status: "gone", replay: null });
    builder.drop(["deliver", delivery.id]).owe(["report", delivery.id], builder.now);
  }
  return builder;
}

/** A try was answered with a yes. */
export function delivered(builder: TransitionBuilder, event: Extract<RequestEvent, { type: "delivered" }>): Transition {
  const delivery = find(builder, event.delivery);
  if (delivery === null) return ignored("delivery not found");
  const attempts = delivery.attempts + 1;
  change(builder, delivery, { status: "delivered", attempts, replay: null });
  if (delivery.status !== "delivered" || delivery.replay !== null) builder.owe(["report", delivery.id], builder.now);
  return builder.drop(["deliver", delivery.id]).note("delivered", noteOf(delivery, attempts, event));
}

/**
 * A try came to nothing and another one is planned. The team hears of the first such, of what a replay came to, and of the
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

/** A try came to nothing and no other is planned. A replay that failed leaves what it found: what was taken once, was. */
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
 * Somebody wants it sent again now, with the same id: one try, in a group of its own. If it fails, the schedule goes on as it was
 * planned (`resumeAt`), or nothing does. A replay that is still to come is the same replay.
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

/** Nothing is sent because of the wish: what was sent is no longer kept, or a try is under way that does as well. */
export function replaySkipped(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "replay_skipped" }>,
): Transition {
  return find(builder, event.delivery) === null
    ? ignored("delivery not found")
    : builder.owe(["report", event.delivery], builder.now);
}

/** Whether a try is still to come. */
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
