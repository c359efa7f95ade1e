// Publishes events: adds them to the feed and creates a delivery for every subscribed endpoint, in the transaction of the
// cause.

import type { SettleInput } from "../contracts/team-access.ts";
import type { Delivery, Endpoint, OwedDelivery } from "../contracts/team-webhooks.ts";
import { newId } from "../platform/ids.ts";
import { eventBody } from "../webhooks/event-body.ts";
import type { AnyEventType, FeedData, TeamEventType, TypedEvent } from "../webhooks/events.ts";
import { DELIVERY_KEEP_MS } from "../webhooks/retry-schedule.ts";
import { subscribesTo } from "./endpoints/endpoint-rules.ts";
import type { TeamRequest } from "./requests/request-row.ts";
import type { TeamStores } from "./stores.ts";

export type EventStores = Pick<TeamStores, "deliveries" | "endpoints" | "events" | "outbox">;

/** Target of the request's own `webhook_url`. */
const REQUEST_TARGET = "request";

/** A published end: its event, and the deliveries that its tracker sends. */
export interface PublishedEnd {
  eventId: string | null;
  deliveries: OwedDelivery[];
}

export const NOTHING_PUBLISHED: PublishedEnd = { eventId: null, deliveries: [] };

/**
 * Publishes the end of a request once, however often it is settled; a recovered request has a second end. `settles`: the charge
 * is settled in the same transaction, which the event of a new end notes for the roll-up of usage.
 */
export function publishEnd(
  stores: Omit<EventStores, "outbox">,
  { id, model, tags, published }: TeamRequest,
  { eventType, endedAt, outcome, hasWebhook, chosenTags }: SettleInput,
  settles: boolean,
  now: number,
): PublishedEnd {
  if (published?.endedAt === endedAt) {
    const deliveries = stores.deliveries.deliveriesOfEnd(id, published.eventId).map(owedOf);
    return { eventId: published.eventId, deliveries };
  }
  const eventId = newId("evt");
  const data: FeedData<typeof eventType> = { request_id: id, model, status: outcome };
  stores.events.insertEvent({ id: eventId, type: eventType, at: endedAt, data }, settles ? id : null);
  const fixed = Object.fromEntries(Object.entries(tags).filter(([name]) => !chosenTags.includes(name)));
  const places = stores.endpoints.all().filter((endpoint) => {
    return receivesDeliveries(endpoint, now) && subscribesTo(endpoint, eventType, fixed);
  });
  const targets = [...(hasWebhook ? [null] : []), ...places.map((endpoint) => endpoint.id)];
  const deliveries = targets.map((endpointId) => {
    const delivery = newDelivery({ endpointId, requestId: id, eventId, eventType }, now);
    stores.deliveries.insert(delivery);
    return owedOf(delivery);
  });
  return { eventId, deliveries };
}

/** A team event. `tags`: tags of the event; `about`: the endpoint that does not receive it, because it is the subject. */
export type NewEvent = TypedEvent<TeamEventType> & { tags?: Readonly<Record<string, string>>; about?: string };

/** Publishes a team event. The caller sets the alarm, which sends it. */
export function publishEvent(stores: EventStores, { tags = {}, about, ...news }: NewEvent, now: number): void {
  const event = { id: newId("evt"), at: now, ...news };
  stores.events.insertEvent(event, null);
  for (const endpoint of stores.endpoints.all()) {
    const asks = endpoint.id !== about && endpoint.disabled === null && subscribesTo(endpoint, event.type, tags);
    if (asks) sendToEndpoint(stores, endpoint, event, now);
  }
}

/** Creates a delivery for one endpoint, regardless of its subscriptions; returns its id. */
export function sendToEndpoint(
  stores: Pick<TeamStores, "deliveries" | "outbox">,
  { id: endpointId }: Endpoint,
  event: { id: string; at: number } & TypedEvent<AnyEventType>,
  now: number,
): string {
  const delivery = newDelivery({ endpointId, requestId: null, eventId: event.id, eventType: event.type }, now);
  stores.deliveries.insert(delivery);
  const body = eventBody(event);
  const owed = { dueAt: now, failures: 0, replay: false, leaseUntil: null };
  stores.outbox.put({ deliveryId: delivery.id, endpointId, eventId: event.id, body, ...owed });
  return delivery.id;
}

/** Whether an endpoint gets deliveries. Deliveries to a disabled endpoint form its backlog, up to the retention. */
function receivesDeliveries({ disabled }: Endpoint, now: number): boolean {
  return disabled === null || now - disabled.at < DELIVERY_KEEP_MS;
}

function newDelivery(
  what: Pick<Delivery, "endpointId" | "requestId" | "eventId" | "eventType">,
  now: number,
): Delivery {
  const untried = { state: "pending", attempts: 0, status: null, category: null, replayId: null } as const;
  return { id: newId("dlv"), ...what, ...untried, createdAt: now, updatedAt: now };
}

function owedOf({ id, endpointId }: Delivery): OwedDelivery {
  return { id, target: endpointId ?? REQUEST_TARGET };
}
