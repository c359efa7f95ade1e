// One object per request: everything that it can be asked or told, one method each. Refusals are answers, never throws.
// A thin shell: repository.ts keeps the record in transactions, runner.ts does what is owed under leases; what may happen is in
// machine.ts, when in effect-schedule.ts, how in effects/.

import { DurableObject } from "cloudflare:workers";
import type { Granted, QueuePosition } from "../../contracts/account.ts";
import type {
  CancelAnswer,
  CloseAnswer,
  DeleteAnswer,
  ReplayAnswer,
  ReportAnswer,
  Share,
  ShareAnswer,
  ShareRequest,
  StartAnswer,
  TrackerContract,
  UserDeletionAnswer,
  WebhookReport,
} from "../../contracts/tracker.ts";
import { keepDescribed } from "../../files/stored-text.ts";
import { ALARM_BUDGET_MS, SAFETY_ALARM_MS } from "../../platform/alarm.ts";
import type { Env } from "../../platform/bindings.ts";
import { accountFor, teamFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { DeliveryView } from "../../webhooks/attempt.ts";
import { REQUEST_TARGET } from "../machine/deliveries.ts";
import type { Bill, Watch } from "../machine/events.ts";
import { quickened } from "../machine/poll-schedule.ts";
import { begun } from "../machine/record.ts";
import {
  hasEnded,
  isAtFal,
  isHidden,
  isVisible,
  type RequestRecord,
  type RequestState,
  type RequestView,
  type StartInput,
  type TimelineEntry,
  type Viewer,
} from "../machine/types.ts";
import { deliveryView, replayOf } from "../view/deliveries.ts";
import { withQueuePosition } from "../view/waiting.ts";
import { formatFor } from "./effects/deliver.ts";
import { RequestRepository } from "./repository.ts";
import { EffectRunner } from "./runner.ts";

/** How long a caller who deletes waits in place for the bytes to be gone; the rest is done by alarm. */
const PURGE_IN_PLACE_MS = 10 * SECOND_MS;
/** Held requests tell their place anew at most this often, however many read them. */
export const PLACE_REREAD_MS = 2 * SECOND_MS;

export class RequestTracker extends DurableObject<Env> implements TrackerContract {
  readonly #repository: RequestRepository;
  readonly #runner: EffectRunner;
  /** Where the account last saw a held request, and when. */
  #place: { place: QueuePosition | null; at: number } = { place: null, at: 0 };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#repository = new RequestRepository(ctx, env);
    this.#runner = new EffectRunner(ctx, env, this.#repository);
    void ctx.blockConcurrencyWhile(() => this.#repository.restoreAlarm());
  }

  async start(start: StartInput): Promise<StartAnswer> {
    const tombstone = this.#repository.store.tombstone();
    if (tombstone !== null) return { kind: tombstone.team === null ? "closed" : "gone" };
    let acked: Promise<unknown> = Promise.resolve();
    const before = this.#repository.load();
    if (before !== null && isHidden(before.state)) return { kind: "gone" };
    if (before === null) {
      this.#repository.transact(() => {
        this.#repository.store.migrate();
        this.#repository.store.keepText("input", start.input);
        this.#repository.commit(null, begun(start));
      });
      // A lost ack is found by Team's sweep, which asks here.
      acked = teamFor(this.env, start.team).started(start.id);
    }
    await this.#runner.submitInPlace(acked);
    await this.#repository.arm();
    return { kind: "started", view: this.#repository.view(this.#repository.mustLoad()) };
  }

  async read(viewer: Viewer): Promise<RequestView | null> {
    const record = this.#repository.seenBy(viewer);
    if (record === null) return null;
    await this.#repository.arm();
    const view = this.#repository.view(record);
    return { ...view, state: await this.#placed(view.state) };
  }

  async timeline(viewer: Viewer, afterSeq: number): Promise<TimelineEntry[] | null> {
    return this.#repository.seenBy(viewer) === null ? null : this.#repository.store.timeline(afterSeq);
  }

  async copyAgain(viewer: Viewer, n: number | null): Promise<{ asked: boolean; view: RequestView } | null> {
    if (this.#repository.seenBy(viewer) === null) return null;
    const step = this.#repository.apply({ type: "copy_again_asked", n });
    await this.#repository.arm();
    return { asked: step.ignored === null, view: this.#repository.view(step.record) };
  }

  share(viewer: Viewer, wish: ShareRequest): ShareAnswer {
    const record = this.#repository.seenBy(viewer);
    if (record === null) return { kind: "not_found" };
    const outcome = this.#repository.transact(() => this.#repository.shares.create(record, wish, Date.now()));
    return outcome.kind === "shared" ? { ...outcome, view: this.#repository.view(record) } : outcome;
  }

  shares(viewer: Viewer): { shares: Share[]; view: RequestView } | null {
    const record = this.#repository.seenBy(viewer);
    return record && { shares: this.#repository.shares.list(Date.now()), view: this.#repository.view(record) };
  }

  revokeShares(viewer: Viewer, id: string | null): boolean {
    if (this.#repository.seenBy(viewer) === null) return false;
    this.#repository.transact(() => this.#repository.shares.revoke(id));
    return true;
  }

  isShared(team: string, id: string, n: number): boolean {
    return this.#repository.seenBy({ team, user: null }) !== null && this.#repository.shares.holds(id, n, Date.now());
  }

  async cancel(viewer: Viewer): Promise<CancelAnswer> {
    if (this.#repository.seenBy(viewer) === null) return { kind: "not_found" };
    const step = this.#repository.apply({ type: "cancel_requested" });
    await this.#repository.arm();
    const view = this.#repository.view(step.record);
    const { stage } = step.record.state;
    if (stage === "canceled" && step.ignored === null) return { kind: "canceled", view };
    return { kind: stage === "storing" || hasEnded(stage) ? "already_ended" : "requested", view };
  }

  async delete(viewer: Viewer, cancel: boolean): Promise<DeleteAnswer> {
    const record = this.#repository.seenBy(viewer);
    if (record === null) return { kind: this.wasDeleted(viewer) ? "deleted" : "not_found" };
    if (!cancel && !hasEnded(record.state.stage)) return { kind: "open", view: this.#repository.view(record) };
    await this.#order(false);
    const after = this.#repository.load();
    return after === null || isHidden(after.state)
      ? { kind: "deleted" }
      : { kind: "ordered", view: this.#repository.view(after) };
  }

  async deleteForUser(): Promise<UserDeletionAnswer> {
    if (this.#repository.store.tombstone() !== null) this.#repository.store.forgetUser();
    else if (this.#repository.load() === null) await this.closeIfUnstarted();
    else await this.#order(true);
    return { kind: this.#repository.store.tombstone() === null ? "pending" : "forgotten" };
  }

  wasDeleted(viewer: Viewer): boolean {
    const tombstone = this.#repository.store.tombstone();
    if (tombstone?.team != null) return isVisible({ team: tombstone.team, user: tombstone.user }, viewer);
    const state = this.#repository.load()?.state;
    if (state === undefined || !isHidden(state)) return false;
    return isVisible({ team: state.team, user: state.deletion?.forget ? null : state.user }, viewer);
  }

  isFileDeleted(team: string, n: number): boolean {
    if (this.wasDeleted({ team, user: null })) return true;
    const record = this.#repository.load();
    return record?.state.team === team && record.files[n]?.status === "deleted";
  }

  async report(report: WebhookReport): Promise<ReportAnswer> {
    const record = this.#repository.load();
    if (record === null || isDone(record.state)) return { kind: this.#repository.wasStarted() ? "heard" : "not_found" };
    const { upstreamId, end, fingerprint, described } = report;
    this.#repository.webhookArrived(report.delayMs);
    const known = await this.#isPinned(record, report.userId);
    if (!known) {
      const candidateId = upstreamId;
      this.#repository.apply({
        type: "unpinned_webhook_received",
        userId: report.userId,
        claim: fingerprint,
        candidateId,
      });
    } else if (end === null) {
      this.#repository.apply({ type: "end_announced", upstreamId });
    } else {
      const texts = described === null ? {} : await keepDescribed(this.env.FILES, record.state, described);
      const source = "webhook" as const;
      const reported = { source, upstreamId, end, fingerprint, metrics: null, billableUnits: null };
      this.#repository.apply({ type: "end_reported", ...reported }, texts);
      if (record.state.endedBy === "poll" && record.state.webhooks !== "off")
        await accountFor(this.env).webhookArrived();
    }
    await this.#repository.arm();
    return { kind: "heard" };
  }

  async unverifiedCallback(reason: string, candidateId: string | null): Promise<ReportAnswer> {
    if (this.#repository.load() === null) return { kind: this.#repository.wasStarted() ? "heard" : "not_found" };
    this.#repository.apply({ type: "unverified_callback_received", candidateId, reason });
    await this.#repository.arm();
    return { kind: "heard" };
  }

  async deliveryLog(viewer: Viewer, delivery: string | null): Promise<DeliveryView[] | null> {
    const record = this.#repository.seenBy(viewer);
    if (record === null) return null;
    const tries = this.#repository.deliveries.attempts(delivery);
    // Who sees one user's requests sees how the caller's own address heard, not the team's endpoints.
    return record.state.deliveries
      .filter(({ id, target }) => (delivery ?? id) === id && (viewer.user === null || target === REQUEST_TARGET))
      .map((each) =>
        deliveryView(
          record,
          each,
          this.#repository.deliveries.event(each.eventId, formatFor(record.state, each)),
          tries,
        ),
      );
  }

  async replayDelivery(team: string, id: string): Promise<ReplayAnswer> {
    const record = this.#repository.seenBy({ team, user: null });
    const delivery = record?.state.deliveries.find((each) => each.id === id);
    if (!record || !delivery) return { kind: "not_found" };
    const wish = replayOf(
      record,
      delivery,
      this.#repository.deliveries.event(delivery.eventId, formatFor(record.state, delivery)),
      Date.now(),
    );
    if (wish === "expired" || wish === "under_way") this.#repository.apply({ type: "replay_skipped", delivery: id });
    else if (wish !== "wait") this.#repository.apply(wish);
    await this.#repository.arm();
    if (wish === "expired") return { kind: "expired" };
    const [view] = (await this.deliveryLog({ team, user: null }, id)) ?? [];
    return view === undefined ? { kind: "not_found" } : { kind: "replayed", view };
  }

  async callGranted(name: string, grant: Granted): Promise<{ used: boolean }> {
    return { used: await this.#runner.runGranted(name, grant) };
  }

  async holdsSlot(): Promise<{ holds: boolean }> {
    const record = this.#repository.load();
    if (record !== null) await this.#repository.arm();
    return { holds: record !== null && isAtFal(record.state.stage) };
  }

  async resolveCharge(team: string, bill: Bill): Promise<RequestView | null> {
    if (this.#repository.seenBy({ team, user: null }) === null) return null;
    this.#repository.apply({ type: "charge_resolved", bill });
    await this.#repository.arm();
    return this.#repository.view(this.#repository.mustLoad());
  }

  async closeIfUnstarted(): Promise<CloseAnswer> {
    if (this.#repository.wasStarted()) {
      await this.#repository.arm();
      return { kind: "started" };
    }
    this.#repository.transact(() => {
      this.#repository.store.migrate();
      this.#repository.store.writeTombstone(Date.now());
    });
    return { kind: "unstarted" };
  }

  /** A hold: a hibernatable socket that hears every new revision. The Worker keeps the client waiting, not this object. */
  override async fetch(request: Request): Promise<Response> {
    const viewer = JSON.parse(request.headers.get("Sluice-Viewer") ?? "null") as Viewer | null;
    const record = viewer && this.#repository.seenBy(viewer);
    if (record === null) return new Response(null, { status: 404 });
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    const pair = new WebSocketPair();
    const watch: Watch = request.headers.get("Sluice-Watch") === "following" ? "following" : "waiting";
    this.ctx.acceptWebSocket(pair[1], [watch]);
    const effects = quickened(record.effects, record.state, watch, Date.now());
    this.#repository.transact(() => this.#repository.store.save(record, { ...record, effects }));
    await this.#repository.arm();
    pair[1].send(String(record.state.revision));
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  override webSocketMessage(): void {}

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }

  override webSocketError(socket: WebSocket): void {
    socket.close();
  }

  override async alarm(): Promise<void> {
    const startedAt = Date.now();
    await this.ctx.storage.setAlarm(startedAt + SAFETY_ALARM_MS);
    await this.#runner.runDue(startedAt + ALARM_BUDGET_MS);
    await this.#repository.arm();
  }

  /** Orders the deletion and does at once what can be: the settling of a request that has ended, and the purge. */
  async #order(deleteForUser: boolean): Promise<void> {
    const startedAt = Date.now();
    this.#repository.apply({ type: "deletion_ordered", forget: deleteForUser });
    await this.#repository.arm();
    await this.#runner.runInTurn(["settle", "purge"], startedAt + PURGE_IN_PLACE_MS);
    await this.#repository.arm();
  }

  /** A held request with its place as it is now. What the account cannot be asked is as it was last told. */
  async #placed(state: RequestState): Promise<RequestState> {
    if (state.stage !== "held") return state;
    if (Date.now() - this.#place.at >= PLACE_REREAD_MS || Date.now() < this.#place.at) {
      const place = await accountFor(this.env)
        .queuePositionOf(state.id)
        .catch(() => null);
      this.#place = { place: place as QueuePosition | null, at: Date.now() };
    }
    return withQueuePosition(state, this.#place.place, Date.now());
  }

  /** Pinned when the grant said so, or since: another request may have proven the user id meanwhile. */
  async #isPinned(record: RequestRecord, userId: string): Promise<boolean> {
    if (record.state.pinnedUsers.includes(userId)) return true;
    return accountFor(this.env).isUserPinned(record.state.connection, userId);
  }
}

/** Deleted, but for its rows: no report is worth storing anything for. */
function isDone({ deletion, stage }: RequestState): boolean {
  return deletion !== null && hasEnded(stage);
}
