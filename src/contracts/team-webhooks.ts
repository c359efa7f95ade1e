// Webhook endpoints and deliveries as Team is asked about them and answers, over RPC. Times are epoch milliseconds.
// Types only; imports types.

import type { ListPosition } from "../team/request-index.ts";
import type { Attempt, DeliveryState } from "../webhooks/attempt.ts";
import type { EventType } from "../webhooks/event-types.ts";
import type { Refused } from "./team-access.ts";
import type { Actor, TeamEvent } from "./team-admin.ts";

/** What a team chose for an endpoint. */
export interface EndpointTerms {
  url: string;
  /** What it wants to hear of; null: everything. */
  events: EventType[] | null;
  /** Tags that an event must carry, all of them. Events that are about no request carry none. */
  tags: Record<string, string>;
  description: string;
  /** Of the team's own, beside those of a delivery. Their values may be credentials and are never shown. */
  headers: Record<string, string>;
}

/** A secret that signs, and until when; null: until it is rotated. */
export interface EndpointSecret {
  secret: string;
  validUntil: number | null;
}

/** How an endpoint has answered lately. */
export interface EndpointHealth {
  /** The first failure since the last success; null: the last thing that was heard is a success. */
  failingSince: number | null;
  lastFailureAt: number | null;
  lastSuccessAt: number | null;
  /** Deliveries that failed since the last success. */
  failures: number;
  /** What the team has been told of this run of failures. */
  told: "nothing" | "failing" | "disabling_soon";
  /** When a run of failures that was an outage ended. */
  recoveredAt: number | null;
}

export type DisabledReason = "by_hand" | "failing" | "gone";

export interface Endpoint extends EndpointTerms {
  id: string;
  /** Newest first. */
  secrets: EndpointSecret[];
  health: EndpointHealth;
  disabled: { at: number; reason: DisabledReason } | null;
  /** Where it was saved from: leads back to us, as does the configuration's own. */
  origin: string;
  createdAt: number;
}

/** An endpoint as lists show it: neither secrets nor header values. */
export interface EndpointSummary extends Omit<Endpoint, "secrets" | "headers" | "origin"> {
  headerNames: string[];
}

export type EndpointAnswer = { kind: "known"; endpoint: EndpointSummary } | Refused;

/** A line of the delivery index: one event on its way to one place. */
export interface Delivery {
  id: string;
  /** Null: the request's own `webhook_url`. */
  endpointId: string | null;
  /** Null: an event of the team, which Team sends itself. */
  requestId: string | null;
  /** The `webhook-id` of every try. */
  eventId: string;
  eventType: string;
  state: DeliveryState;
  createdAt: number;
  updatedAt: number;
  attempts: number;
  /** HTTP status of the last try that was told of; null: none came. */
  status: number | null;
  category: string | null;
  /** The job that sent it again, where one did. */
  replayId: string | null;
}

/** A delivery that a tracker owes: `target` is "request" or an endpoint's id. */
export interface OwedDelivery {
  id: string;
  target: string;
}

/** Where a delivery goes now. Asked at every try, so that a changed URL, a rotated secret, a pause hold from the next try on. */
export type DeliveryTarget =
  | {
      kind: "known";
      /** Null: the request's own. */
      url: string | null;
      /** `whsec_…`, newest first: all that are valid now. */
      secrets: string[];
      headers: Record<string, string>;
      endpointId: string | null;
      /** Not to be tried before: the endpoint gets its backlog slowly. Ask again then. */
      notBefore: number | null;
    }
  /** There is nowhere to go: the endpoint was deleted, is disabled or was enabled without its backlog; or nobody knows it. */
  | { kind: "gone"; reason: "deleted" | "disabled" | "skipped" | "unknown" };

/** What became of a delivery: told at its first failure (`failing`) and at its outcome. The same again changes nothing. */
export interface DeliveryReport {
  deliveryId: string;
  /** Null: an event of the team. */
  requestId: string | null;
  outcome: Exclude<DeliveryState, "pending">;
  status: number | null;
  category: string | null;
  attempts: number;
  /** The last of these tries was a replay, and came to nothing. */
  failedReplay: boolean;
  at: number;
}

/**
 * Whose turn it is to send a delivery again: its request's tracker (`replayDelivery`), or nobody's any more, because Team has
 * put an event of its own on its way.
 */
export type ReplayRoad = { kind: "tracker"; requestId: string } | { kind: "sent" } | Refused;

/** What was sent of an event of the team, and each attempt, oldest first. */
export interface TeamDeliveryLog {
  /** Null: it is no longer kept, or this is the delivery of a request's end. */
  body: string | null;
  /** When the next try is due; null when none is planned, or one is under way. */
  nextAt: number | null;
  tries: Attempt[];
}

/** An event of the feed; `seq` is its place. */
export type FeedEvent = TeamEvent & { seq: number };

export interface FeedQuery {
  /** A place in the feed; null: before the oldest event; "latest": after the newest. */
  after: number | "latest" | null;
  types: EventType[] | null;
  limit: number;
}

/** `next` is where to go on, also when nothing was found. */
export type FeedAnswer = { kind: "page"; data: FeedEvent[]; next: number; hasMore: boolean } | Refused;

/** Which deliveries: `undelivered` are those that failed, were given up or have nowhere to go. */
export interface DeliveryFilter {
  endpointId?: string | undefined;
  requestId?: string | undefined;
  eventType?: string | undefined;
  state?: DeliveryState | "undelivered" | undefined;
  /** Made at or after. */
  from?: number | undefined;
  /** Made before. */
  to?: number | undefined;
}

export interface DeliveryListInput extends DeliveryFilter {
  cursor?: string | undefined;
  limit: number;
}

export type DeliveryListAnswer = { kind: "page"; data: Delivery[]; nextCursor: string | null } | Refused;

/** What a bulk replay sends again. */
export type ReplayFilter = Omit<DeliveryFilter, "requestId"> & { state: DeliveryState | "undelivered" };

export interface ReplayJob {
  id: string;
  filter: ReplayFilter;
  state: "running" | "done" | "canceled";
  /** The last delivery that it has dealt with; null: none yet. */
  position: ListPosition | null;
  /** `expired`: what was sent is no longer kept. `refused`: its endpoint is deleted or disabled. */
  counts: { replayed: number; expired: number; refused: number };
  by: Actor;
  createdAt: number;
  updatedAt: number;
  /** When its next piece is due; null once it is over. */
  dueAt: number | null;
}
