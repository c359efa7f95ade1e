// The part of the Team object that is asked about webhooks: endpoints, deliveries, events. A thin shell like Team itself: each
// call is one transaction, and arms the alarm where it makes work. What it shares with Team is a property of the instance,
// which RPC does not reach.

import { DurableObject } from "cloudflare:workers";
import type { Actor } from "../contracts/team-admin.ts";
import type {
  Delivery,
  DeliveryListAnswer,
  DeliveryListInput,
  DeliveryReport,
  DeliveryTarget,
  EndpointAnswer,
  EndpointSummary,
  EndpointTerms,
  FeedAnswer,
  FeedQuery,
  ReplayFilter,
  ReplayJob,
  ReplayRoad,
  TeamDeliveryLog,
} from "../contracts/team-webhooks.ts";
import type { Env } from "../platform/bindings.ts";
import type { Refused } from "../platform/errors.ts";
import { listDeliveries } from "./endpoints/delivery-list.ts";
import { beginReplay, deliveryReported, deliveryTarget } from "./endpoints/delivery-scheduler.ts";
import {
  changeEndpoint,
  createEndpoint,
  disableEndpoint,
  enableEndpoint,
  endpointNow,
  removeEndpoint,
  rotateSecret,
  rotateTeamSecret,
  type SecretAnswer,
  secretsOf,
  shownSecrets,
  testEndpoint,
} from "./endpoints/endpoint-admin.ts";
import { summaryOf } from "./endpoints/endpoint-rules.ts";
import { readFeed } from "./endpoints/event-feed.ts";
import { tellTeam } from "./endpoints/publish-event.ts";
import { beginReplayJob, cancelReplayJob, type ReplayJobAnswer, replayJobNow } from "./endpoints/replay-jobs.ts";
import type { TeamRoom } from "./team-context.ts";

export abstract class TeamWebhooks extends DurableObject<Env> {
  protected abstract readonly room: TeamRoom;

  // --- Endpoints -------------------------------------------------------------------------------------------------

  createEndpoint(
    terms: EndpointTerms,
    origin: string,
    by: Actor,
  ): { kind: "created"; endpoint: EndpointSummary; secret: string } | Refused {
    return this.room.ask((now) => createEndpoint(this.room.books, terms, origin, by, now));
  }

  /** Oldest first. */
  endpoints(): EndpointSummary[] {
    return this.room.decide<EndpointSummary[]>([], () => this.room.books.endpoints.all().map(summaryOf));
  }

  endpoint(id: string): EndpointAnswer {
    return this.room.ask(() => endpointNow(this.room.books, id));
  }

  changeEndpoint(id: string, changes: Partial<EndpointTerms>, origin: string, by: Actor): EndpointAnswer {
    return this.room.ask((now) => changeEndpoint(this.room.books, id, changes, origin, by, now));
  }

  removeEndpoint(id: string, by: Actor): { kind: "removed" } | Refused {
    return this.room.ask((now) => removeEndpoint(this.room.books, id, by, now));
  }

  rotateEndpoint(id: string, overlapS: number, by: Actor): SecretAnswer {
    return this.room.ask((now) => rotateSecret(this.room.books, id, overlapS, by, now));
  }

  endpointSecrets(id: string): SecretAnswer {
    return this.room.ask((now) => secretsOf(this.room.books, id, now));
  }

  /** What signs deliveries to requests' own URLs. */
  teamSecrets(): SecretAnswer {
    return this.room.ask((now) => shownSecrets(this.room.books.team.webhookSecrets(), now));
  }

  rotateTeamSecret(overlapS: number, by: Actor): SecretAnswer {
    return this.room.ask((now) => rotateTeamSecret(this.room.books, overlapS, by, now));
  }

  disableEndpoint(id: string, by: Actor): EndpointAnswer {
    return this.room.ask((now) => disableEndpoint(this.room.books, id, by, now));
  }

  /** With its backlog (`send`), all that it missed is sent again by a job. */
  async enableEndpoint(
    id: string,
    backlog: "skip" | "send",
    by: Actor,
  ): Promise<{ kind: "enabled"; endpoint: EndpointSummary; job: ReplayJob | null } | Refused> {
    const { books } = this.room;
    const answer = this.room.ask((now) => {
      const wasDisabled = books.endpoints.byId(id)?.disabled != null;
      const enabled = enableEndpoint(books, id, backlog, by, now);
      if (enabled.kind === "refused") return enabled;
      const missed = { endpointId: id, state: "undelivered" } as const;
      const begun = wasDisabled && backlog === "send" ? beginReplayJob(books, missed, by, now) : null;
      return { kind: "enabled" as const, endpoint: enabled.endpoint, job: begun?.kind === "job" ? begun.job : null };
    });
    await this.room.arm();
    return answer;
  }

  async testEndpoint(id: string, by: Actor): Promise<{ kind: "sent"; deliveryId: string; eventId: string } | Refused> {
    const sent = this.room.ask((now) => testEndpoint(this.room.books, id, by, now));
    await this.room.arm();
    return sent;
  }

  // --- Deliveries ------------------------------------------------------------------------------------------------

  /** Where a delivery goes now. Asked at every try. */
  deliveryTarget({ deliveryId }: { deliveryId: string }): DeliveryTarget {
    const unknown: DeliveryTarget = { kind: "gone", reason: "unknown" };
    return this.room.decide(unknown, (now) => deliveryTarget(this.room.books, this.room.pacer, deliveryId, now));
  }

  /** A delivery's first failure, or its outcome. */
  async deliveryReported(report: DeliveryReport): Promise<void> {
    this.room.decide(undefined, () => deliveryReported(this.room.books, report));
    await this.room.arm();
  }

  /** Tells the team of something that happened outside of it. */
  async noteEvent(news: { type: "upstream.paused"; data: Record<string, unknown> }): Promise<void> {
    this.room.decide(undefined, (now) => tellTeam(this.room.books, news, now));
    await this.room.arm();
  }

  /** A line of the delivery index. */
  delivery({ deliveryId }: { deliveryId: string }): Delivery | null {
    return this.room.decide<Delivery | null>(null, () => this.room.books.deliveries.byId(deliveryId));
  }

  /** Puts a delivery on its way once more, and says who sends it. `replayId`: the job that does. */
  async beginReplay(replay: { deliveryId: string; replayId: string | null; by: Actor }): Promise<ReplayRoad> {
    const road = this.room.ask((now) => beginReplay(this.room.books, replay, now));
    await this.room.arm();
    return road;
  }

  listDeliveries(input: DeliveryListInput): DeliveryListAnswer {
    return this.room.ask(() => listDeliveries(this.room.books.deliveries, input));
  }

  async beginReplayJob(filter: ReplayFilter, by: Actor): Promise<ReplayJobAnswer> {
    const answer = this.room.ask((now) => beginReplayJob(this.room.books, filter, by, now));
    await this.room.arm();
    return answer;
  }

  replayJob(id: string): ReplayJobAnswer {
    return this.room.ask(() => replayJobNow(this.room.books, id));
  }

  cancelReplayJob(id: string, by: Actor): ReplayJobAnswer {
    return this.room.ask((now) => cancelReplayJob(this.room.books, id, by, now));
  }

  /** What Team has sent itself of a delivery; that of a request's end is with its tracker. */
  deliveryLog(deliveryId: string): TeamDeliveryLog {
    const nothing: TeamDeliveryLog = { body: null, nextAt: null, tries: [] };
    return this.room.decide(nothing, (now) => this.room.books.outbox.log(deliveryId, now));
  }

  // --- Events ----------------------------------------------------------------------------------------------------

  feed(query: FeedQuery): FeedAnswer {
    return this.room.ask(() => readFeed(this.room.books, query));
  }

  /** A hold of the feed: a hibernatable socket that hears of every new event. The Worker keeps the client waiting. */
  override async fetch(request: Request): Promise<Response> {
    const isThere = this.room.decide(false, () => true);
    if (!isThere) return new Response(null, { status: 404 });
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    const pair = new WebSocketPair();
    this.ctx.acceptWebSocket(pair[1]);
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  override webSocketMessage(): void {}

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }

  override webSocketError(socket: WebSocket): void {
    socket.close();
  }
}
