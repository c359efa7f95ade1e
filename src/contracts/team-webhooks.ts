// Webhook endpoints, deliveries and events. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { IfMatch } from "../platform/version-tag.ts";
import type { ListPosition } from "../team/cursor.ts";
import type { Attempt, DeliveryState } from "../webhooks/attempt.ts";
import type { EventType } from "../webhooks/event-types.ts";
import type { TypedEvent } from "../webhooks/events.ts";
import type { Answer } from "./rpc.ts";
import type { TeamEvent } from "./team-admin.ts";
import type { Actor } from "./team-keys.ts";

/** Settings of an endpoint. */
export interface EndpointTerms {
  url: string;
  /** Subscribed event types; null: all. */
  events: EventType[] | null;
  /** Tags that an event must carry. Events that are not about a request carry none. */
  tags: Record<string, string>;
  description: string;
  /** Custom headers. Values may be credentials and are never returned. */
  headers: Record<string, string>;
}

/** A signing secret and its expiry; null: valid until rotated. */
export interface EndpointSecret {
  secret: string;
  validUntil: number | null;
}

/** Recent results of an endpoint. */
export interface EndpointHealth {
  /** First failure since the last success; null if the last result is a success. */
  failingSince: number | null;
  lastFailureAt: number | null;
  lastSuccessAt: number | null;
  /** Deliveries that failed since the last success. */
  failures: number;
  /** Last notice sent about this run of failures. A stored key. */
  notified: "nothing" | "failing" | "disabling_soon";
  /** End of the last outage. */
  recoveredAt: number | null;
}

export type DisabledReason = "by_hand" | "failing" | "gone";

export interface Endpoint extends EndpointTerms {
  id: string;
  /** Newest first. */
  secrets: EndpointSecret[];
  health: EndpointHealth;
  disabled: { at: number; reason: DisabledReason } | null;
  /** Origin of the call that saved it: an address of this gateway, like those of the configuration. */
  origin: string;
  createdAt: number;
}

/** An endpoint without secrets and header values. */
export interface EndpointSummary extends Omit<Endpoint, "secrets" | "headers" | "origin"> {
  headerNames: string[];
  /** Version of its settings, header values included. */
  tag: string;
}

/** What becomes of the custom headers: `merge` sets and, with null, removes single ones. */
export type HeadersChange =
  | { kind: "keep" }
  | { kind: "set"; headers: Record<string, string> }
  | { kind: "merge"; patch: Record<string, string | null> };

export interface EndpointChange extends Omit<EndpointTerms, "headers"> {
  headers: HeadersChange;
}

export type EndpointAnswer = { kind: "known"; endpoint: EndpointSummary } | Refused;

/** A delivery: one event for one target. */
export interface Delivery {
  id: string;
  /** Null: the request's own `webhook_url`. */
  endpointId: string | null;
  /** Null: a team event, which Team sends. */
  requestId: string | null;
  /** `webhook-id` of every attempt. */
  eventId: string;
  eventType: string;
  state: DeliveryState;
  createdAt: number;
  updatedAt: number;
  attempts: number;
  /** HTTP status of the last reported attempt; null: no response. */
  status: number | null;
  category: string | null;
  /** Replay job that sent it again, if any. */
  replayId: string | null;
}

/** A delivery that a tracker sends: `target` is "request" or an endpoint id. */
export interface OwedDelivery {
  id: string;
  target: string;
}

/** Current target of a delivery, resolved at every attempt, so that URL changes, rotations and pauses apply at once. */
export type DeliveryTarget =
  | {
      kind: "known";
      /** Null: the request's `webhook_url`. */
      url: string | null;
      /** `whsec_…`, newest first: all valid secrets. */
      secrets: string[];
      headers: Record<string, string>;
      endpointId: string | null;
      /** Earliest time of the attempt: a recovering endpoint gets its backlog slowly. */
      notBefore: number | null;
    }
  /** No target: the endpoint is deleted, disabled, was enabled without its backlog, or is unknown. */
  | { kind: "gone"; reason: "deleted" | "disabled" | "skipped" | "unknown" };

/** Reported at the first failure (`failing`) and at the outcome. Idempotent. */
export interface DeliveryReport {
  deliveryId: string;
  /** Null: an event of the team. */
  requestId: string | null;
  outcome: Exclude<DeliveryState, "pending">;
  status: number | null;
  category: string | null;
  attempts: number;
  /** The last attempt was a failed replay. */
  failedReplay: boolean;
  at: number;
}

/** Who sends a replay: the tracker of its request (`replayDelivery`), or Team, which has already scheduled it. */
export type ReplayRoute = { kind: "tracker"; requestId: string } | { kind: "sent" } | Refused;

/** Body and attempts of a team event, oldest first. */
export interface TeamDeliveryLog {
  /** Null: deleted, or the delivery of a request event. */
  body: string | null;
  /** When the next attempt is due; null if none is planned or one is in progress. */
  nextAt: number | null;
  tries: Attempt[];
}

/** A feed entry; `seq` is its position. */
export type FeedEvent = TeamEvent & { seq: number };

export interface FeedQuery {
  /** A position; null: before the oldest event; "latest": after the newest. */
  after: number | "latest" | null;
  types: EventType[] | null;
  limit: number;
}

/** `next`: position of the next call, also for an empty page. */
export type FeedAnswer = { kind: "page"; data: FeedEvent[]; next: number; hasMore: boolean } | Refused;

/** `undelivered`: failing, parked or gone. */
export interface DeliveryFilter {
  endpointId?: string | undefined;
  requestId?: string | undefined;
  eventType?: string | undefined;
  state?: DeliveryState | "undelivered" | undefined;
  /** Created at or after. */
  from?: number | undefined;
  /** Created before. */
  to?: number | undefined;
}

export interface DeliveryListInput extends DeliveryFilter {
  cursor?: string | undefined;
  limit: number;
}

export type DeliveryListAnswer = { kind: "page"; data: Delivery[]; nextCursor: string | null } | Refused;

/** Filter of a bulk replay. */
export type ReplayFilter = Omit<DeliveryFilter, "requestId"> & { state: DeliveryState | "undelivered" };

export interface ReplayJob {
  id: string;
  filter: ReplayFilter;
  state: "running" | "done" | "canceled";
  /** Last processed delivery; null: none yet. */
  position: ListPosition | null;
  /** `expired`: the body is deleted. `refused`: the endpoint is deleted or disabled. */
  counts: { replayed: number; expired: number; refused: number };
  by: Actor;
  createdAt: number;
  updatedAt: number;
  /** When its next batch is due; null once it ended. */
  dueAt: number | null;
}

export type ReplayJobAnswer = { kind: "job"; job: ReplayJob; isNew: boolean } | Refused;

export type CreateEndpointAnswer = { kind: "created"; endpoint: EndpointSummary; secret: string } | Refused;
export type EnableEndpointAnswer = { kind: "enabled"; endpoint: EndpointSummary; job: ReplayJob | null } | Refused;
/** Current secret, and the expiry of the previous one. */
export type SecretAnswer = { kind: "secrets"; secret: string; previousUntil: number | null } | Refused;

export interface TeamEndpoints {
  /** Creates an endpoint and returns its secret. */
  create(terms: EndpointTerms, origin: string, by: Actor): Answer<CreateEndpointAnswer>;
  /** Oldest first. */
  list(): Answer<EndpointSummary[]>;
  read(id: string): Answer<EndpointAnswer>;
  /** Replaces the settings. Applies from the next attempt of every delivery. */
  change(id: string, terms: EndpointChange, origin: string, by: Actor, ifMatch?: IfMatch): Answer<EndpointAnswer>;
  /** Deletes an endpoint. Its pending deliveries become `gone`. */
  remove(id: string, by: Actor, ifMatch?: IfMatch): Answer<{ kind: "removed" } | Refused>;
  secrets(id: string): Answer<SecretAnswer>;
  /** Rotates the secret. With no overlap, the new secret alone signs from the next attempt. */
  rotateSecret(id: string, overlapS: number, by: Actor): Answer<SecretAnswer>;
  /** Secrets for deliveries to `webhook_url` of requests. */
  teamSecrets(): Answer<SecretAnswer>;
  rotateTeamSecret(overlapS: number, by: Actor): Answer<SecretAnswer>;
  /** Disables an endpoint; new deliveries become its backlog. Idempotent. */
  disable(id: string, by: Actor): Answer<EndpointAnswer>;
  /**
   * Enables an endpoint; deliveries start slowly, as after an outage. `send` replays its backlog with a job, `skip` drops
   * undelivered deliveries. Idempotent.
   */
  enable(id: string, backlog: "skip" | "send", by: Actor): Answer<EnableEndpointAnswer>;
  /** Sends a test event, also to a disabled endpoint. */
  test(id: string, by: Actor): Answer<{ kind: "sent"; deliveryId: string; eventId: string } | Refused>;
}

export interface TeamDeliveries {
  /** Current target of a delivery. */
  target(delivery: { deliveryId: string }): Answer<DeliveryTarget>;
  /** Reports a first failure or an outcome. */
  report(report: DeliveryReport): Answer<void>;
  /** A line of the delivery index. */
  read(delivery: { deliveryId: string }): Answer<Delivery | null>;
  /** One page, newest first. */
  list(input: DeliveryListInput): Answer<DeliveryListAnswer>;
  /** Log of a delivery that Team sent; the log of a request event is in its tracker. */
  log(deliveryId: string): Answer<TeamDeliveryLog>;
  /** Starts a replay and returns who sends it. `replayId`: the job, if any. */
  beginReplay(replay: { deliveryId: string; replayId: string | null; by: Actor }): Answer<ReplayRoute>;
}

export interface TeamReplayJobs {
  /** Starts a job, or returns the running one with the same filter. */
  begin(filter: ReplayFilter, by: Actor): Answer<ReplayJobAnswer>;
  read(id: string): Answer<ReplayJobAnswer>;
  /** Cancels a job; sent deliveries stay sent. Idempotent. */
  cancel(id: string, by: Actor): Answer<ReplayJobAnswer>;
}

export interface TeamEvents {
  /** Publishes an event that did not originate in Team. */
  publish(event: TypedEvent<"upstream.paused">): Answer<void>;
  /** Events after a position, oldest first. A position older than the retention is refused. */
  feed(query: FeedQuery): Answer<FeedAnswer>;
}
