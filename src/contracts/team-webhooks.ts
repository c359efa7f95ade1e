// Webhook endpoints, deliveries and events: what their parts of Team are asked and what they answer. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { ListPosition } from "../team/cursor.ts";
import type { Attempt, DeliveryState } from "../webhooks/attempt.ts";
import type { EventType } from "../webhooks/event-types.ts";
import type { TypedEvent } from "../webhooks/events.ts";
import type { Answer } from "./rpc.ts";
import type { TeamEvent } from "./team-admin.ts";
import type { Actor } from "./team-keys.ts";

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
export type ReplayRoute = { kind: "tracker"; requestId: string } | { kind: "sent" } | Refused;

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

export type ReplayJobAnswer = { kind: "job"; job: ReplayJob; isNew: boolean } | Refused;

export type CreateEndpointAnswer = { kind: "created"; endpoint: EndpointSummary; secret: string } | Refused;
export type EnableEndpointAnswer = { kind: "enabled"; endpoint: EndpointSummary; job: ReplayJob | null } | Refused;
/** The secret that signs now, and until when the one before it signs too. */
export type SecretAnswer = { kind: "secrets"; secret: string; previousUntil: number | null } | Refused;

export interface TeamEndpoints {
  /** Makes an endpoint. Its secret is told once here, and again by `secrets`. */
  create(terms: EndpointTerms, origin: string, by: Actor): Answer<CreateEndpointAnswer>;
  /** Oldest first. */
  list(): Answer<EndpointSummary[]>;
  read(id: string): Answer<EndpointAnswer>;
  /** Changes what is named. The next try of every delivery goes by it, those under way included. */
  change(id: string, changes: Partial<EndpointTerms>, origin: string, by: Actor): Answer<EndpointAnswer>;
  /** Ends an endpoint. What is still on its way to it is told of as gone. */
  remove(id: string, by: Actor): Answer<{ kind: "removed" } | Refused>;
  secrets(id: string): Answer<SecretAnswer>;
  /** Gives an endpoint another secret. With no overlap every try from now on is signed with the new one alone. */
  rotateSecret(id: string, overlapS: number, by: Actor): Answer<SecretAnswer>;
  /** What signs deliveries to requests' own URLs. */
  teamSecrets(): Answer<SecretAnswer>;
  rotateTeamSecret(overlapS: number, by: Actor): Answer<SecretAnswer>;
  /** Stops deliveries to an endpoint; what comes meanwhile is its backlog. Again: the same answer. */
  disable(id: string, by: Actor): Answer<EndpointAnswer>;
  /**
   * Lets deliveries go on, slowly at first, as after an outage. Its backlog is sent again by a job (`send`) or stays where it is
   * (`skip`: not even what was still on its way is tried again). Again: the same answer.
   */
  enable(id: string, backlog: "skip" | "send", by: Actor): Answer<EnableEndpointAnswer>;
  /** Sends a test event the way all events go; also to a disabled endpoint, before it is enabled. */
  test(id: string, by: Actor): Answer<{ kind: "sent"; deliveryId: string; eventId: string } | Refused>;
}

export interface TeamDeliveries {
  /** Where a delivery goes now. Asked at every try. */
  target(delivery: { deliveryId: string }): Answer<DeliveryTarget>;
  /** A delivery's first failure, or its outcome. */
  report(report: DeliveryReport): Answer<void>;
  /** A line of the delivery index. */
  read(delivery: { deliveryId: string }): Answer<Delivery | null>;
  /** `limit` is at least 1. */
  list(input: DeliveryListInput): Answer<DeliveryListAnswer>;
  /** What Team has sent itself of a delivery; that of a request's end is with its tracker. */
  log(deliveryId: string): Answer<TeamDeliveryLog>;
  /** Puts a delivery on its way once more, and says who sends it. `replayId`: the job that does. */
  beginReplay(replay: { deliveryId: string; replayId: string | null; by: Actor }): Answer<ReplayRoute>;
}

export interface TeamReplayJobs {
  /** Begins a job, or answers the one that runs over the same filter: a second click starts nothing. */
  begin(filter: ReplayFilter, by: Actor): Answer<ReplayJobAnswer>;
  read(id: string): Answer<ReplayJobAnswer>;
  /** Stops a job; what it has sent stays sent. Again: the same answer. */
  cancel(id: string, by: Actor): Answer<ReplayJobAnswer>;
}

export interface TeamEvents {
  /** Tells the team of something that happened outside of it. */
  publish(event: TypedEvent<"upstream.paused">): Answer<void>;
  /** The events after a place in the feed, oldest first. Who was away longer than events are kept is told so, once. */
  feed(query: FeedQuery): Answer<FeedAnswer>;
}
