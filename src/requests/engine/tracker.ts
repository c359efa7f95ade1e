// The RequestTracker Durable Object, one per request. Methods return refusals as values. repository.ts stores the record, runner.ts
// runs the effects.

import { DurableObject } from "cloudflare:workers";
import type { Granted, QueuePosition, UserStanding } from "../../contracts/account.ts";
import type {
  CancelAnswer,
  CloseAnswer,
  DeleteAnswer,
  DescribedOutput,
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
import { keepDescribed, type StoredText } from "../../files/stored-text.ts";
import { ALARM_BUDGET_MS, SAFETY_ALARM_MS } from "../../platform/alarm.ts";
import type { Env } from "../../platform/bindings.ts";
import { SOCKETS_PER_OBJECT_MAX } from "../../platform/hold-counter.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { accountFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { DeliveryView } from "../../webhooks/attempt.ts";
import { REQUEST_TARGET } from "../machine/deliveries.ts";
import { endAtFal } from "../machine/ends.ts";
import type { Bill, Watch } from "../machine/events.ts";
import { quickened } from "../machine/poll-schedule.ts";
import {
  hasEnded,
  isAtFal,
  isDone,
  isHidden,
  isVisible,
  type RequestRecord,
  type RequestState,
  type RequestView,
  type StartInput,
  seesWholeTeam,
  type TimelineEntry,
  type Viewer,
  wholeTeam,
} from "../machine/types.ts";
import { PROOF_WAIT_MS } from "../machine/unverified-reports.ts";
import { deliveryView, replayOf } from "../view/deliveries.ts";
import { withQueuePosition } from "../view/queue-position.ts";
import { formatFor } from "./effects/deliver.ts";
import { RequestRepository } from "./repository.ts";
import { EffectRunner } from "./runner.ts";

/** How long a delete call waits for the files to be deleted; the alarm does the rest. */
const DELETE_IN_PLACE_MS = 10 * SECOND_MS;
/** A held request's queue position is refreshed at most this often, however many clients read it. */
export const QUEUE_POSITION_REREAD_MS = 2 * SECOND_MS;

export class RequestTracker extends DurableObject<Env> implements TrackerContract {
  readonly #repository: RequestRepository;
  readonly #runner: EffectRunner;
  /** The last known queue position of a held request. */
  #queuePosition: { place: QueuePosition | null; at: number } = { place: null, at: 0 };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#repository = new RequestRepository(ctx, env);
    this.#runner = new EffectRunner(ctx, env, this.#repository);
    void ctx.blockConcurrencyWhile(() => this.#repository.restoreAlarm());
  }

  async start(start: StartInput): Promise<StartAnswer> {
    const tombstone = this.#repository.store.tombstone();
    if (tombstone !== null) return { kind: tombstone.team === null ? "closed" : "gone" };
    const before = this.#repository.savedRecord();
    if (before !== null && isHidden(before.state)) return { kind: "gone" };
    if (before === null) await this.#runner.begin(start);
    else await this.#runner.submitDue();
    await this.#repository.armAlarm();
    return { kind: "started", view: this.#repository.viewOf(this.#repository.requireRecord()) };
  }

  async read(viewer: Viewer): Promise<RequestView | null> {
    const record = this.#repository.visibleRecord(viewer);
    if (record === null) return null;
    await this.#repository.armAlarm();
    const view = this.#repository.viewOf(record);
    return { ...view, state: await this.#withQueuePosition(view.state) };
  }

  async timeline(viewer: Viewer, afterSeq: number): Promise<TimelineEntry[] | null> {
    return this.#repository.visibleRecord(viewer) === null ? null : this.#repository.store.timeline(afterSeq);
  }

  async input(viewer: Viewer): Promise<{ text: StoredText | null } | null> {
    return this.#repository.visibleRecord(viewer) === null
      ? null
      : { text: this.#repository.store.storedText("input") };
  }

  async copyAgain(viewer: Viewer, n: number | null): Promise<{ asked: boolean; view: RequestView } | null> {
    if (this.#repository.visibleRecord(viewer) === null) return null;
    const step = this.#repository.applyEvent({ type: "copy_requested", n });
    await this.#repository.armAlarm();
    return { asked: step.ignored === null, view: this.#repository.viewOf(step.record) };
  }

  share(viewer: Viewer, wish: ShareRequest): ShareAnswer {
    const record = this.#repository.visibleRecord(viewer);
    if (record === null) return { kind: "not_found" };
    const outcome = this.#repository.transact(() => this.#repository.shares.createShare(record, wish, Date.now()));
    return outcome.kind === "shared" ? { ...outcome, view: this.#repository.viewOf(record) } : outcome;
  }

  shares(viewer: Viewer): { shares: Share[]; view: RequestView } | null {
    const record = this.#repository.visibleRecord(viewer);
    return (
      record && { shares: this.#repository.shares.activeShares(Date.now()), view: this.#repository.viewOf(record) }
    );
  }

  revokeShares(viewer: Viewer, id: string | null): boolean {
    if (this.#repository.visibleRecord(viewer) === null) return false;
    this.#repository.transact(() => this.#repository.shares.revokeShares(id));
    return true;
  }

  isShared(team: string, id: string, n: number): boolean {
    return (
      this.#repository.visibleRecord(wholeTeam(team)) !== null && this.#repository.shares.isShared(id, n, Date.now())
    );
  }

  async cancel(viewer: Viewer): Promise<CancelAnswer> {
    if (this.#repository.visibleRecord(viewer) === null) return { kind: "not_found" };
    const step = this.#repository.applyEvent({ type: "cancel_requested" });
    await this.#repository.armAlarm();
    const view = this.#repository.viewOf(step.record);
    const { stage } = step.record.state;
    if (stage === "canceled" && step.ignored === null) return { kind: "canceled", view };
    return { kind: stage === "storing" || hasEnded(stage) ? "already_ended" : "requested", view };
  }

  async delete(viewer: Viewer, cancel: boolean): Promise<DeleteAnswer> {
    const record = this.#repository.visibleRecord(viewer);
    if (record === null) return { kind: this.wasDeleted(viewer) ? "deleted" : "not_found" };
    if (!cancel && !hasEnded(record.state.stage)) return { kind: "open", view: this.#repository.viewOf(record) };
    await this.#requestDeletion(false);
    const after = this.#repository.loadRecord();
    return after === null || isHidden(after.state)
      ? { kind: "deleted" }
      : { kind: "ordered", view: this.#repository.viewOf(after) };
  }

  async deleteForUser(): Promise<UserDeletionAnswer> {
    if (this.#repository.store.tombstone() !== null)
      this.#repository.transact(() => this.#repository.store.anonymizeTombstone());
    else if (this.#repository.savedRecord() === null) await this.closeIfUnstarted();
    else await this.#requestDeletion(true);
    return { kind: this.#repository.store.tombstone() === null ? "pending" : "deleted" };
  }

  wasDeleted(viewer: Viewer): boolean {
    const tombstone = this.#repository.store.tombstone();
    if (tombstone?.team != null) {
      const { team, user, keyId = "" } = tombstone;
      return isVisible({ team, user, keyId }, viewer);
    }
    const state = this.#repository.savedRecord()?.state;
    if (state === undefined || !isHidden(state)) return false;
    const { team, user, keyId } = state;
    return isVisible({ team, user: state.deletion?.anonymize ? null : user, keyId }, viewer);
  }

  isFileDeleted(team: string, n: number): boolean {
    if (this.wasDeleted(wholeTeam(team))) return true;
    const record = this.#repository.savedRecord();
    return record?.state.team === team && record.files[n]?.status === "deleted";
  }

  async report(report: WebhookReport): Promise<ReportAnswer> {
    const record = this.#repository.savedRecord();
    if (record === null || isDone(record.state))
      return { kind: this.#repository.wasStarted() ? "received" : "not_found" };
    const { upstreamId, end, fingerprint, described } = report;
    this.#repository.webhookArrived(report.delayMs);
    const { userId } = report;
    const standing = await this.#standingOf(record, userId);
    if (standing !== "pinned") {
      const waitMs = standing === "prove" ? 0 : PROOF_WAIT_MS;
      const reported = { userId, claim: fingerprint, candidateId: upstreamId, waitMs };
      this.#repository.applyEvent({ type: "unpinned_webhook_received", ...reported });
    } else if (end === null) {
      this.#repository.applyEvent({ type: "end_announced", upstreamId });
    } else {
      const texts = described === null ? {} : await this.#keepDescribed(record.state, described);
      const source = "webhook" as const;
      const reported = { source, upstreamId, end, fingerprint, metrics: null, billableUnits: null };
      this.#runner.applyAndFollow({ type: "end_reported", ...reported }, texts);
      if (record.state.endedBy === "poll" && record.state.webhooks !== "off")
        await accountFor(this.env).webhookArrived();
    }
    await this.#repository.armAlarm();
    if (standing === "wait") return { kind: "awaits_proof", connection: record.state.connection };
    return { kind: "received" };
  }

  async unverifiedCallback(reason: string, candidateId: string | null): Promise<ReportAnswer> {
    if (this.#repository.savedRecord() === null)
      return { kind: this.#repository.wasStarted() ? "received" : "not_found" };
    this.#repository.applyEvent({ type: "unverified_callback_received", candidateId, reason });
    await this.#repository.armAlarm();
    return { kind: "received" };
  }

  async deliveryLog(viewer: Viewer, delivery: string | null): Promise<DeliveryView[] | null> {
    const record = this.#repository.visibleRecord(viewer);
    if (record === null) return null;
    const tries = this.#repository.deliveries.attempts(delivery);
    // A viewer limited to one user or key sees deliveries to the request's `webhook_url`, not to the team's endpoints.
    return record.state.deliveries
      .filter(({ id, target }) => (delivery ?? id) === id && (seesWholeTeam(viewer) || target === REQUEST_TARGET))
      .map((each) =>
        deliveryView(
          record,
          each,
          this.#repository.deliveries.eventOf(each.eventId, formatFor(record.state, each)),
          tries,
        ),
      );
  }

  async replayDelivery(team: string, id: string): Promise<ReplayAnswer> {
    const record = this.#repository.visibleRecord(wholeTeam(team));
    const delivery = record?.state.deliveries.find((each) => each.id === id);
    if (!record || !delivery) return { kind: "not_found" };
    const replay = replayOf(
      record,
      delivery,
      this.#repository.deliveries.eventOf(delivery.eventId, formatFor(record.state, delivery)),
      Date.now(),
    );
    if (replay === "expired" || replay === "under_way")
      this.#repository.applyEvent({ type: "replay_skipped", delivery: id });
    else if (replay !== "wait") this.#repository.applyEvent(replay);
    await this.#repository.armAlarm();
    if (replay === "expired") return { kind: "expired" };
    const [view] = (await this.deliveryLog(wholeTeam(team), id)) ?? [];
    return view === undefined ? { kind: "not_found" } : { kind: "replayed", view };
  }

  async callGranted(name: string, grant: Granted): Promise<{ used: boolean }> {
    return { used: await this.#runner.runGranted(name, grant) };
  }

  async holdsSlot(): Promise<{ holds: boolean; end: ReturnType<typeof endAtFal> }> {
    const record = this.#repository.savedRecord();
    if (record === null) return { holds: false, end: null };
    await this.#repository.armAlarm();
    return { holds: isAtFal(record.state.stage), end: endAtFal(record.state) };
  }

  async resolveCharge(team: string, bill: Bill): Promise<RequestView | null> {
    if (this.#repository.visibleRecord(wholeTeam(team)) === null) return null;
    this.#repository.applyEvent({ type: "charge_resolved", bill });
    await this.#repository.armAlarm();
    return this.#repository.viewOf(this.#repository.requireRecord());
  }

  async closeIfUnstarted(): Promise<CloseAnswer> {
    if (this.#repository.wasStarted()) {
      await this.#repository.armAlarm();
      return { kind: "started" };
    }
    this.#repository.transact(() => this.#repository.store.writeTombstone(Date.now()));
    return { kind: "unstarted" };
  }

  /** Opens a change socket: a hibernatable WebSocket that receives every new revision, so that waiting clients do not keep this object active. */
  override async fetch(request: Request): Promise<Response> {
    const viewer = JSON.parse(request.headers.get("Sluice-Viewer") ?? "null") as Viewer | null;
    const record = viewer && this.#repository.visibleRecord(viewer);
    if (record === null) return new Response(null, { status: 404 });
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    if (this.ctx.getWebSockets().length >= SOCKETS_PER_OBJECT_MAX) return new Response(null, { status: 429 });
    const pair = new WebSocketPair();
    const watch: Watch = request.headers.get("Sluice-Watch") === "following" ? "following" : "waiting";
    this.ctx.acceptWebSocket(pair[1], [watch]);
    const effects = quickened(record.effects, record.state, watch, Date.now());
    this.#repository.transact(() => this.#repository.store.saveRecord({ ...record, effects }));
    await this.#repository.armAlarm();
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

  /** Never throws: after too many failures the runtime drops an alarm. */
  override async alarm(): Promise<void> {
    this.#repository.alarm.hasRung();
    try {
      await this.#runner.runDue(Date.now() + ALARM_BUDGET_MS);
      await this.#repository.armAlarm();
    } catch (fault) {
      logEvent("tracker.alarm_failed", { request: this.ctx.id.toString(), error: faultName(fault) });
      this.#repository.alarm.setFor(Date.now() + SAFETY_ALARM_MS);
    }
  }

  /** Requests the deletion and runs what is possible at once: settlement of an ended request, and the deletion. */
  async #requestDeletion(deleteForUser: boolean): Promise<void> {
    const event = { type: "deletion_requested", anonymize: deleteForUser } as const;
    await this.#runner.applyAndRun(event, ["settle", "delete"], Date.now() + DELETE_IN_PLACE_MS);
    await this.#repository.armAlarm();
  }

  /** A held request with its current queue position, or the stored one when the account is unavailable. */
  async #withQueuePosition(state: RequestState): Promise<RequestState> {
    if (state.stage !== "held") return state;
    if (Date.now() - this.#queuePosition.at >= QUEUE_POSITION_REREAD_MS || Date.now() < this.#queuePosition.at) {
      const place = await accountFor(this.env)
        .queuePositionOf(state.id)
        .catch(() => null);
      this.#queuePosition = { place: place as QueuePosition | null, at: Date.now() };
    }
    return withQueuePosition(state, this.#queuePosition.place, Date.now());
  }

  #keepDescribed(state: RequestState, described: DescribedOutput): ReturnType<typeof keepDescribed> {
    return keepDescribed(this.env.FILES, state, described, (key) => this.#repository.noteBucketKey(key));
  }

  /** Pinned at the grant or since: another request may have confirmed the user id. */
  async #standingOf({ state }: RequestRecord, userId: string): Promise<UserStanding> {
    if (state.pinnedUsers.includes(userId)) return "pinned";
    const prover = isAtFal(state.stage) || state.stage === "uncertain" ? state.id : null;
    return accountFor(this.env).introduceUser(state.connection, userId, prover);
  }
}
