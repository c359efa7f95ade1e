// What happens when something is told: the event joins the feed, and every endpoint that asks for it gets a delivery, in the
// transaction of whatever it tells of. Synchronous over the stores, with the clock passed in.

import type { SettleInput } from "../../contracts/team-access.ts";
import type { Delivery, Endpoint, OwedDelivery } from "../../contracts/team-webhooks.ts";
import { newId } from "../../platform/ids.ts";
import { DELIVERY_KEEP_MS } from "../../platform/limits.ts";
import { eventBody } from "../../webhooks/event-body.ts";
import type { AnyEventType, FeedData, News, TeamEventType } from "../../webhooks/events.ts";
import type { IndexedRequest } from "../request-index.ts";
import type { Books } from "../stores.ts";
import { wants } from "./endpoint-rules.ts";

/** The target that stands for the request's own `webhook_url`. */
const REQUEST_TARGET = "request";

/** The end of a request as it was told: its event, and the deliveries that its tracker owes. */
export interface ToldEnd {
  eventId: string | null;
  deliveries: OwedDelivery[];
}

export const NOTHING_TOLD: ToldEnd = { eventId: null, deliveries: [] };

/** Tells the end of a request once, however often it is settled; a recovered request has a second end, told anew. */
export function tellEnd(books: Books, request: IndexedRequest, input: SettleInput, now: number): ToldEnd {
  const told = books.index.toldEnd(request.id);
  if (told?.endedAt === input.endedAt) {
    const deliveries = books.deliveries.ofEnd(request.id, told.eventId).map(owedOf);
    return { eventId: told.eventId, deliveries };
  }
  const eventId = newId("evt");
  const { eventType, endedAt, outcome } = input;
  const data: FeedData<typeof eventType> = { request_id: request.id, model: request.model, status: outcome };
  books.events.add({ id: eventId, type: eventType, at: endedAt, data });
  books.index.setToldEnd(request.id, endedAt, eventId);
  const places = books.endpoints.all().filter((endpoint) => {
    return isHeard(endpoint, now) && wants(endpoint, eventType, request.tags);
  });
  const targets = [...(input.hasWebhook ? [null] : []), ...places.map(({ id }) => id)];
  const deliveries = targets.map((endpointId) => {
    const delivery = newDelivery({ endpointId, requestId: request.id, eventId, eventType }, now);
    books.deliveries.insert(delivery);
    return owedOf(delivery);
  });
  return { eventId, deliveries };
}

/** An event of the team: what is told of, which tags it carries, which endpoint is not told because it is the subject. */
export type TeamNews = News<TeamEventType> & { tags?: Readonly<Record<string, string>>; about?: string };

/** Tells an event of the team itself. Team's alarm sends it: whoever calls this arms it. */
export function tellTeam(books: Books, { tags = {}, about, ...news }: TeamNews, now: number): void {
  const event = { id: newId("evt"), at: now, ...news };
  books.events.add(event);
  for (const endpoint of books.endpoints.all()) {
    const asks = endpoint.id !== about && endpoint.disabled === null && wants(endpoint, event.type, tags);
    if (asks) sendToOne(books, endpoint, event, now);
  }
}

/** Puts one event on its way to one endpoint, whatever that asks to hear of; answers the delivery's id. */
export function sendToOne(
  books: Books,
  { id: endpointId }: Endpoint,
  event: { id: string; at: number } & News<AnyEventType>,
  now: number,
): string {
  const delivery = newDelivery({ endpointId, requestId: null, eventId: event.id, eventType: event.type }, now);
  books.deliveries.insert(delivery);
  const body = eventBody(event);
  const owed = { dueAt: now, failures: 0, replay: false, leaseUntil: null };
  books.outbox.put({ deliveryId: delivery.id, endpointId, eventId: event.id, body, ...owed });
  return delivery.id;
}

/**
 * Whether an endpoint gets deliveries at all. A disabled one gets them too: none is tried, but they are its backlog, which
 * whoever enables it may want. After as long as deliveries are kept there would be no end to it.
 */
function isHeard({ disabled }: Endpoint, now: number): boolean {
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
