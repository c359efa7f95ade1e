// The deliveries of a request's ends, as the machine sees them: owed at the settle, tried, parked, replayed by hand, overtaken
// by a later end. When a row is due again is effect-schedule.ts's to say. Pure:

import type { AttemptSummary } from "../../webhooks/attempt.ts";
import { endEventType } from "../../webhooks/event-types.ts";
import type { RequestEvent } from "./events.ts";
import { ignored, type Move } from "./transition.ts";
import type { RequestDelivery, TimelineNote, Transition } from "./types.ts";

/** The target that stands for the request's own `webhook_url`. */
export const REQUEST_TARGET = "request";

/** What the team wants told of this end: each is a delivery with its own tries. */
export function oweDeliveries(move: Move, wanted: readonly Pick<RequestDelivery, "id" | "target" | "eventId">[]): Move {
  const { state, now } = move;
  const { stage, endedAt } = state;
  const isEnd = stage === "completed" || stage === "failed" || stage === "canceled";
  if (wanted.length === 0 || !isEnd || endedAt === null) return move;
  const eventType = endEventType(stage, state.recoveredAt !== null);
  const fresh = wanted.map(({ id, target, eventId }): RequestDelivery => {
    return { id, target, eventId, eventType, endedAt, status: "pending", attempts: 0, group: 0, replay: null };
  });
  for (const { id } of fresh) move.owe(["deliver", id], now);
  return move.change({ deliveries: [...state.deliveries, ...fresh] });
}

/** Nobody hears any more of an end that was taken back; the team is told that these came to nothing. */
export function dropDeliveries(move: Move): Move {
  for (const delivery of move.state.deliveries) {
    if (!isOwed(delivery)) continue;
    change(move, delivery, { status: "gone", replay: null });
    move.drop(["deliver", delivery.id]).owe(["report", delivery.id], move.now);
  }
  return move;
}

/** A try was answered with a yes. */
export function delivered(move: Move, event: Extract<RequestEvent, { type: "delivered" }>): Transition {
  const delivery = find(move, event.delivery);
  if (delivery === null) return ignored("no such delivery");
  const attempts = delivery.attempts + 1;
  change(move, delivery, { status: "delivered", attempts, replay: null });
  if (delivery.status !== "delivered" || delivery.replay !== null) move.owe(["report", delivery.id], move.now);
  return move.drop(["deliver", delivery.id]).note("delivered", noteOf(delivery, attempts, event));
}

/**
 * A try came to nothing and another one is planned. The team hears of the first such, of what a replay came to, and of the
 * outcome.
 */
export function deliveryFailed(move: Move, event: Extract<RequestEvent, { type: "delivery_failed" }>): Transition {
  const delivery = find(move, event.delivery);
  if (delivery === null) return ignored("no such delivery");
  const attempts = delivery.attempts + 1;
  change(move, delivery, { status: "failing", attempts, replay: null });
  if (delivery.status === "pending" || delivery.replay !== null) move.owe(["report", delivery.id], move.now);
  return move.note("delivery_failed", noteOf(delivery, attempts, event));
}

/** A try came to nothing and no other is planned. A replay that failed leaves what it found: what was taken once, was. */
export function deliveryParked(move: Move, event: Extract<RequestEvent, { type: "delivery_parked" }>): Transition {
  const delivery = find(move, event.delivery);
  if (delivery === null) return ignored("no such delivery");
  const attempts = delivery.attempts + 1;
  const note = noteOf(delivery, attempts, event);
  if (delivery.status === "delivered") {
    change(move, delivery, { attempts, replay: null });
    return move.drop(["deliver", delivery.id]).owe(["report", delivery.id], move.now).note("delivery_failed", note);
  }
  const status = event.gone ? "gone" : "parked";
  change(move, delivery, { status, attempts, replay: null });
  if (delivery.status !== status || delivery.replay !== null) move.owe(["report", delivery.id], move.now);
  return move.note(event.gone ? "delivery_gone" : "delivery_parked", note);
}

/**
 * Somebody wants it sent again now, with the same id: one try, in a group of its own. If it fails, the schedule goes on as it was
 * planned (`resumeAt`), or nothing does. A replay that is still to come is the same replay.
 */
export function deliveryReplayed(move: Move, event: Extract<RequestEvent, { type: "delivery_replayed" }>): Transition {
  const delivery = find(move, event.delivery);
  if (delivery === null) return ignored("no such delivery");
  if (delivery.replay !== null) return ignored("being replayed");
  const group = delivery.group + 1;
  change(move, delivery, { group, replay: { resumeAt: event.resumeAt } });
  return move
    .owe(["deliver", delivery.id], move.now)
    .note("delivery_replayed", { delivery: delivery.id, endpoint: delivery.target, group });
}

/** Nothing is sent because of the wish: what was sent is no longer kept, or a try is under way that does as well. */
export function replayMoot(move: Move, event: Extract<RequestEvent, { type: "replay_moot" }>): Transition {
  return find(move, event.delivery) === null
    ? ignored("no such delivery")
    : move.owe(["report", event.delivery], move.now);
}

/** Whether a try is still to come. */
export function isOwed({ status, replay }: RequestDelivery): boolean {
  return status === "pending" || status === "failing" || replay !== null;
}

function find(move: Move, id: string): RequestDelivery | null {
  return move.state.deliveries.find((delivery) => delivery.id === id) ?? null;
}

function change(move: Move, delivery: RequestDelivery, fields: Partial<RequestDelivery>): void {
  const deliveries = move.state.deliveries.map((each) => (each.id === delivery.id ? { ...each, ...fields } : each));
  move.change({ deliveries });
}

function noteOf({ id, target }: RequestDelivery, attempt: number, summary: AttemptSummary): TimelineNote["detail"] {
  return { delivery: id, endpoint: target, attempt, status: summary.status, category: summary.category };
}
