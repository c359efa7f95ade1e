// One object per request: takes events, saves each step in one transaction, does what is owed under leases, rings itself.
// A thin shell: what may happen is in machine.ts, when in schedule.ts, how in effects/. Refusals are answers, never throws.

import { DurableObject } from "cloudflare:workers";
import { teamFor } from "../access/team.ts";
import { type Env, requireConfig } from "../env.ts";
import {
  ALARM_BUDGET_MS,
  ALARM_LANES,
  DELIVER_LANES,
  PLACE_REREAD_MS,
  PURGE_IN_PLACE_MS,
  SAFETY_ALARM_MS,
  SUBMIT_ANSWER_WAIT_MS,
} from "../limits.ts";
import { faultName, logEvent } from "../log.ts";
import { accountFor, type Granted } from "../upstream/account.ts";
import type { Place } from "../upstream/turn-desk.ts";
import { REQUEST_TARGET } from "./deliveries.ts";
import { DeliveryLog, type TriedDelivery } from "./delivery-log.ts";
import { type DeliveryView, deliveryView, nextTry, type ReplayAnswer, replayOf } from "./delivery-views.ts";
import type { EffectContext, EffectOutcome } from "./effects/context.ts";
import { formatFor } from "./effects/deliver.ts";
import { runEffect } from "./effects/run.ts";
import { graceMs } from "./effects/submit.ts";
import { leaveAccount } from "./effects/turn.ts";
import type { DescribedOutput } from "./output.ts";
import {
  advanced,
  advancedWithin,
  begun,
  carriedOn,
  deferred,
  failed,
  isLive,
  type Step,
  type Try,
  withRow,
} from "./record.ts";
import { alarmAt, nextDue, quickened, taken, withoutDeadLeases } from "./schedule.ts";
import { type Share, type ShareOutcome, Shares, type ShareWish } from "./shares.ts";
import { RequestStore, type TextName } from "./store.ts";
import { keepDescribed } from "./texts.ts";
import {
  type Bill,
  type Effect,
  hasEnded,
  isAtFal,
  isHidden,
  isShownInPlace,
  isVisible,
  type RequestEvent,
  type RequestRecord,
  type RequestState,
  type RequestView,
  type StartInput,
  type StoredText,
  type TimelineEntry,
  type UpstreamEnd,
  type Viewer,
  type Watch,
} from "./types.ts";
import { UploadStore } from "./upload-store.ts";
import { placedAt } from "./waiting.ts";

/** `gone`: it was started once and is deleted. */
export type StartAnswer = { kind: "started"; view: RequestView } | { kind: "closed" | "gone" };
export type CancelAnswer =
  | { kind: "canceled" | "requested" | "already_ended"; view: RequestView }
  | { kind: "not_found" };
/** `deleted`: also when it was before. `ordered`: it was asked to stop and is deleted after its end. `open`: only with `cancel`. */
export type DeleteAnswer =
  | { kind: "deleted" }
  | { kind: "not_found" }
  | { kind: "ordered" | "open"; view: RequestView };
/** `pending`: it has not ended, or bytes are left; it goes on by itself. */
export type ShareAnswer =
  | { kind: "not_found" }
  | Exclude<ShareOutcome, { kind: "shared" }>
  | (Extract<ShareOutcome, { kind: "shared" }> & { view: RequestView });
export type ForgetAnswer = { kind: "forgotten" | "pending" };
/** `unstarted`: a tombstone was written and no start can follow. */
export type CloseAnswer = { kind: "unstarted" | "started" };

/** A verified webhook: fal signed it, our token was right. Whether its user id is ours is found out here. */
export interface WebhookReport {
  userId: string;
  upstreamId: string;
  /** From fal's signature to its arrival. */
  delayMs: number;
  /** Null when it carried no usable payload and the result has to be fetched. */
  end: UpstreamEnd | null;
  fingerprint: string;
  /** With an output: its texts, to be kept when the report is applied. */
  described: DescribedOutput | null;
}
export type ReportAnswer = { kind: "heard" | "not_found" };

export class RequestTracker extends DurableObject<Env> {
  readonly #store: RequestStore;
  readonly #uploads: UploadStore;
  readonly #deliveries: DeliveryLog;
  readonly #shares: Shares;
  /** A revision that holds have not heard of yet. */
  #unannounced: number | null = null;
  /** Tries that run in this instance, by lease: any other lease in the rows died with an instance before. */
  readonly #live = new Set<string>();
  /** Turns that woke a try and that it has not used yet, by lease. */
  readonly #grants = new Map<string, Granted>();
  /** How long after its signature the webhook was here that is being applied. */
  #webhookDelayMs: number | null = null;
  /** Where the account last saw a held request, and when. */
  #place: { place: Place | null; at: number } = { place: null, at: 0 };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RequestStore(ctx.storage.sql);
    this.#uploads = new UploadStore(ctx.storage.sql);
    this.#deliveries = new DeliveryLog(ctx.storage.sql);
    this.#shares = new Shares(ctx.storage.sql);
    // A dropped alarm is the one thing that could leave owed work asleep for ever.
    void ctx.blockConcurrencyWhile(async () => {
      const record = this.#store.load();
      const at = record && alarmAt(record.effects);
      if (at !== null && (await ctx.storage.getAlarm()) === null) await ctx.storage.setAlarm(at);
    });
  }

  /** Create if absent, then submit; answers when upstream answered or SUBMIT_ANSWER_WAIT_MS passed. Safe to repeat. */
  async start(input: StartInput): Promise<StartAnswer> {
    const tombstone = this.#store.tombstone();
    if (tombstone !== null) return { kind: tombstone.team === null ? "closed" : "gone" };
    let acked: Promise<unknown> = Promise.resolve();
    const before = this.#load();
    if (before !== null && isHidden(before.state)) return { kind: "gone" };
    if (before === null) {
      this.#transact(() => {
        this.#store.migrate();
        this.#store.keepText("input", input.input);
        this.#commit(null, begun(input));
      });
      // A lost ack is found by Team's sweep, which asks here.
      acked = teamFor(this.env, input.team).started(input.id);
    }
    await this.#submitInPlace(acked);
    await this.#arm();
    return { kind: "started", view: this.#view(this.#mustLoad()) };
  }

  /** The state; null for a request that this viewer cannot see, an unknown or a closed one. */
  async read(viewer: Viewer): Promise<RequestView | null> {
    const record = this.#seenBy(viewer);
    if (record === null) return null;
    await this.#arm();
    const view = this.#view(record);
    return { ...view, state: await this.#placed(view.state) };
  }

  async timeline(viewer: Viewer, afterSeq: number): Promise<TimelineEntry[] | null> {
    return this.#seenBy(viewer) === null ? null : this.#store.timeline(afterSeq);
  }

  /** Owes the copies of files that were given up anew; null: of all of them. `asked` is false where there was nothing to copy. */
  async copyAgain(viewer: Viewer, n: number | null): Promise<{ asked: boolean; view: RequestView } | null> {
    if (this.#seenBy(viewer) === null) return null;
    const step = this.#apply({ type: "copy_again_asked", n });
    await this.#arm();
    return { asked: step.ignored === null, view: this.#view(step.record) };
  }

  share(viewer: Viewer, wish: ShareWish): ShareAnswer {
    const record = this.#seenBy(viewer);
    if (record === null) return { kind: "not_found" };
    const outcome = this.#transact(() => this.#shares.create(record, wish, Date.now()));
    return outcome.kind === "shared" ? { ...outcome, view: this.#view(record) } : outcome;
  }

  shares(viewer: Viewer): { shares: Share[]; view: RequestView } | null {
    const record = this.#seenBy(viewer);
    return record && { shares: this.#shares.list(Date.now()), view: this.#view(record) };
  }

  /** Null: all of them. False for a request that this viewer cannot see. */
  revokeShares(viewer: Viewer, id: string | null): boolean {
    if (this.#seenBy(viewer) === null) return false;
    this.#transact(() => this.#shares.revoke(id));
    return true;
  }

  /** Whether a share link still opens file `n`. */
  isShared(team: string, id: string, n: number): boolean {
    return this.#seenBy({ team, user: null }) !== null && this.#shares.holds(id, n, Date.now());
  }

  async cancel(viewer: Viewer): Promise<CancelAnswer> {
    if (this.#seenBy(viewer) === null) return { kind: "not_found" };
    const step = this.#apply({ type: "cancel_requested" });
    await this.#arm();
    const view = this.#view(step.record);
    const { stage } = step.record.state;
    if (stage === "canceled" && step.ignored === null) return { kind: "canceled", view };
    return { kind: stage === "storing" || hasEnded(stage) ? "already_ended" : "requested", view };
  }

  /**
   * Deletes an ended request, an open one only with `cancel`. The bytes are gone when it answers `deleted`, but for thousands
   * of files or while R2 cannot be asked: then the rest goes by alarm. Safe to repeat.
   */
  async delete(viewer: Viewer, cancel: boolean): Promise<DeleteAnswer> {
    const record = this.#seenBy(viewer);
    if (record === null) return { kind: this.wasDeleted(viewer) ? "deleted" : "not_found" };
    if (!cancel && !hasEnded(record.state.stage)) return { kind: "open", view: this.#view(record) };
    await this.#order(false);
    const after = this.#load();
    return after === null || isHidden(after.state) ? { kind: "deleted" } : { kind: "ordered", view: this.#view(after) };
  }

  /** The same because its user is forgotten or its team removed: hidden at once, whatever its stage, and nobody's afterwards. */
  async forget(): Promise<ForgetAnswer> {
    if (this.#store.tombstone() !== null) this.#store.forgetUser();
    else if (this.#load() === null) await this.closeIfUnstarted();
    else await this.#order(true);
    return { kind: this.#store.tombstone() === null ? "pending" : "forgotten" };
  }

  /** Whether this viewer could see the request until it was deleted. */
  wasDeleted(viewer: Viewer): boolean {
    const tombstone = this.#store.tombstone();
    if (tombstone?.team != null) return isVisible({ team: tombstone.team, user: tombstone.user }, viewer);
    const state = this.#load()?.state;
    if (state === undefined || !isHidden(state)) return false;
    return isVisible({ team: state.team, user: state.deletion?.forget ? null : state.user }, viewer);
  }

  /** Whether a file of this request is there no more because it was let go. */
  hasLetGo(team: string, n: number): boolean {
    if (this.wasDeleted({ team, user: null })) return true;
    const record = this.#load();
    return record?.state.team === team && record.files[n]?.status === "deleted";
  }

  /** A verified webhook, applied in one transaction when its user id is pinned; otherwise a claim to be proven. */
  async report(report: WebhookReport): Promise<ReportAnswer> {
    const record = this.#load();
    if (record === null || isDone(record.state)) return { kind: this.#wasStarted() ? "heard" : "not_found" };
    const { upstreamId, end, fingerprint, described } = report;
    this.#webhookDelayMs = report.delayMs;
    const known = await this.#isPinned(record, report.userId);
    if (!known) {
      const candidateId = upstreamId;
      this.#apply({ type: "stranger_reported", userId: report.userId, claim: fingerprint, candidateId });
    } else if (end === null) {
      this.#apply({ type: "end_announced", upstreamId });
    } else {
      const texts = described === null ? {} : await keepDescribed(this.env.FILES, record.state, described);
      const source = "webhook" as const;
      const reported = { source, upstreamId, end, fingerprint, metrics: null, billableUnits: null };
      this.#apply({ type: "end_reported", ...reported }, undefined, texts);
      if (record.state.endedBy === "poll" && record.state.webhooks !== "off") await accountFor(this.env).webhookSeen();
    }
    await this.#arm();
    return { kind: "heard" };
  }

  /** Somebody called with the right token whom we cannot believe. `candidateId` is what the body said, unproven. */
  async ring(reason: string, candidateId: string | null): Promise<ReportAnswer> {
    if (this.#load() === null) return { kind: this.#wasStarted() ? "heard" : "not_found" };
    this.#apply({ type: "doorbell_rung", candidateId, reason });
    await this.#arm();
    return { kind: "heard" };
  }

  /** The deliveries of the request's ends, oldest first, with their tries; only one of them if asked so. Null: not seen by this viewer. */
  async deliveryLog(viewer: Viewer, delivery: string | null): Promise<DeliveryView[] | null> {
    const record = this.#seenBy(viewer);
    if (record === null) return null;
    const tries = this.#deliveries.attempts(delivery);
    // Who sees one user's requests sees how the caller's own address heard, not the team's endpoints.
    return record.state.deliveries
      .filter(({ id, target }) => (delivery ?? id) === id && (viewer.user === null || target === REQUEST_TARGET))
      .map((each) =>
        deliveryView(record, each, this.#deliveries.event(each.eventId, formatFor(record.state, each)), tries),
      );
  }

  /** Sends a delivery once more, now, with the id and bytes that it had. Safe to repeat while that try is still to come. */
  async replayDelivery(team: string, id: string): Promise<ReplayAnswer> {
    const record = this.#seenBy({ team, user: null });
    const delivery = record?.state.deliveries.find((each) => each.id === id);
    if (!record || !delivery) return { kind: "not_found" };
    const wish = replayOf(
      record,
      delivery,
      this.#deliveries.event(delivery.eventId, formatFor(record.state, delivery)),
      Date.now(),
    );
    if (wish === "expired") this.#apply({ type: "replay_expired", delivery: id });
    else if (wish !== "wait") this.#apply(wish);
    await this.#arm();
    if (wish === "expired") return { kind: "expired" };
    const [view] = (await this.deliveryLog({ team, user: null }, id)) ?? [];
    return view === undefined ? { kind: "not_found" } : { kind: "replayed", view };
  }

  /**
   * The account calls: the turn of this row's call has come. `used` false: nothing wants it any more, or its try is under way.
   * The call itself is made after the answer; should the object die meanwhile, the row's lease tells.
   */
  async turnGranted(name: string, grant: Granted): Promise<{ used: boolean }> {
    const effect = this.#takeRow(name);
    if (effect === null) return { used: false };
    this.#grants.set(leaseOf(effect), grant);
    await this.#arm();
    this.ctx.waitUntil(this.#run(effect).then(() => this.#arm()));
    return { used: true };
  }

  /** The account asks whether a slot that it has not heard of for long is still in use. */
  async holdsSlot(): Promise<{ holds: boolean }> {
    const record = this.#load();
    if (record !== null) await this.#arm();
    return { holds: record !== null && isAtFal(record.state.stage) };
  }

  /** What a person said about a charge that nobody could know, as the team's ledger booked it. Null for a request not this team's. */
  async tellCharge(team: string, bill: Bill): Promise<RequestView | null> {
    if (this.#seenBy({ team, user: null }) === null) return null;
    this.#apply({ type: "charge_told", bill });
    await this.#arm();
    return this.#view(this.#mustLoad());
  }

  /** Team's question about a reservation nobody acked: what became of it, or a tombstone so that nothing can any more. */
  async closeIfUnstarted(): Promise<CloseAnswer> {
    if (this.#wasStarted()) {
      await this.#arm();
      return { kind: "started" };
    }
    this.#transact(() => {
      this.#store.migrate();
      this.#store.bury(Date.now());
    });
    return { kind: "unstarted" };
  }

  /** A hold: a hibernatable socket that hears every new revision. The Worker keeps the client waiting, not this object. */
  override async fetch(request: Request): Promise<Response> {
    const viewer = JSON.parse(request.headers.get("Sluice-Viewer") ?? "null") as Viewer | null;
    const record = viewer && this.#seenBy(viewer);
    if (record === null) return new Response(null, { status: 404 });
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    const pair = new WebSocketPair();
    const watch: Watch = request.headers.get("Sluice-Watch") === "following" ? "following" : "waiting";
    this.ctx.acceptWebSocket(pair[1], [watch]);
    const effects = quickened(record.effects, record.state, watch, Date.now());
    this.#transact(() => this.#store.save(record, { ...record, effects }));
    await this.#arm();
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
    await this.#runDue(startedAt + ALARM_BUDGET_MS);
    await this.#arm();
  }

  /** Runs what is due, side by side as far as the lanes allow; starts nothing after `until` (epoch ms). */
  async #runDue(until: number): Promise<void> {
    const room: Record<Lane, number> = { work: ALARM_LANES, tell: DELIVER_LANES };
    const running = new Set<Promise<void>>();
    for (;;) {
      const effect = Date.now() < until ? this.#takeNext(undefined, ({ kind }) => room[laneOf(kind)] > 0) : null;
      if (effect !== null) {
        const lane = laneOf(effect.kind);
        room[lane]--;
        const trying = this.#run(effect).then(() => {
          room[lane]++;
          running.delete(trying);
        });
        running.add(trying);
      } else if (running.size > 0) await Promise.race(running);
      else return;
    }
  }

  /** Orders the deletion and does at once what can be: the settling of a request that has ended, and the purge. */
  async #order(forget: boolean): Promise<void> {
    const startedAt = Date.now();
    this.#apply({ type: "deletion_ordered", forget });
    await this.#arm();
    while (Date.now() - startedAt < PURGE_IN_PLACE_MS) {
      const effect = this.#takeNext((due) => due.kind === "settle" || due.kind === "purge");
      if (effect === null) break;
      await this.#run(effect);
    }
    await this.#arm();
  }

  /** The submit of a fresh request, begun while its caller is still here. Whatever is left when time is up, an alarm does. */
  async #submitInPlace(acked: Promise<unknown>): Promise<void> {
    const effect = this.#takeNext((due) => due.kind === "submit");
    await this.#arm();
    // An answer that comes after the wait owes things too, and no entry point is left that would arm for them.
    const submitted = effect === null ? Promise.resolve() : this.#run(effect).then(() => this.#arm());
    let timer: ReturnType<typeof setTimeout> | null = null;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SUBMIT_ANSWER_WAIT_MS);
    });
    await Promise.race([Promise.allSettled([acked, submitted]), waited]);
    // A timer that is left running keeps the object in (billed) memory until it fires.
    clearTimeout(timer);
  }

  /**
   * Leases the row that has waited longest, of those that `mayRun`, if it is `wanted`; else null. Rows whose try was cut off are
   * dealt with on the way.
   */
  #takeNext(
    wanted: (effect: Effect) => boolean = () => true,
    mayRun: (effect: Effect) => boolean = () => true,
  ): Effect | null {
    return this.#transact(() => {
      for (;;) {
        const now = Date.now();
        const record = this.#load();
        const due = record && nextDue(record.effects.filter(mayRun), now);
        if (!record || !due || !wanted(due)) return null;
        if (due.kind === "submit" && due.leaseUntil !== null && record.state.stage === "submitting") {
          const lost: RequestEvent = {
            type: "submit_lost",
            reason: "cut off",
            graceMs: graceMs(requireConfig(this.env)),
          };
          this.#commit(record, advanced(record, lost, now, due));
          continue;
        }
        const { kind, effect } = taken(due, now);
        this.#store.save(record, withRow(record, effect));
        if (kind === "leased") {
          this.#live.add(leaseOf(effect));
          return effect;
        }
      }
    });
  }

  /** Leases a row whose turn has come, whenever it was due; null when it is not there, or a try of it is under way. */
  #takeRow(name: string): Effect | null {
    return this.#transact(() => {
      const now = Date.now();
      const record = this.#load();
      const row = record?.effects.find((effect) => effect.name === name);
      if (!record || !row || row.leaseUntil !== null || row.parkedAt !== null) return null;
      const { kind, effect } = taken(row, now);
      this.#store.save(record, withRow(record, effect));
      if (kind !== "leased") return null;
      this.#live.add(leaseOf(effect));
      return effect;
    });
  }

  /** One try of one row, from lease to outcome. Never throws: a fault is a failed try. */
  async #run(effect: Effect): Promise<void> {
    const startedAt = Date.now();
    const outcome = await this.#outcomeOf(effect);
    this.#conclude(effect, outcome);
    this.#live.delete(leaseOf(effect));
    const unused = this.#grants.get(leaseOf(effect));
    this.#grants.delete(leaseOf(effect));
    if (unused !== undefined) this.#tell(accountFor(this.env).handBack(unused.given));
    logEvent("effect.attempted", {
      request: this.ctx.id.toString(),
      effect: effect.name,
      attempt: effect.failures + 1,
      outcome: outcome.kind === "happened" ? outcome.event.type : outcome.kind,
      stage: this.#load()?.state.stage ?? "deleted",
      ms: Date.now() - startedAt,
      ...(outcome.kind === "failed" ? { reason: outcome.reason } : {}),
    });
  }

  async #outcomeOf(effect: Effect): Promise<EffectOutcome> {
    try {
      return await runEffect(this.#context(effect), effect);
    } catch (fault) {
      return { kind: "failed", reason: `fault: ${faultName(fault)}`, retryAfterMs: null, ours: true };
    }
  }

  #conclude(effect: Effect, outcome: EffectOutcome): void {
    this.#transact(() => {
      const now = Date.now();
      const record = this.#load();
      // Deleted while this try ran: whatever it came to has nobody left to hear it.
      if (record === null) return;
      this.#concludeTry(record, effect, outcome, now);
      const told = outcome.kind === "happened" || outcome.kind === "failed" ? outcome.tried : undefined;
      if (told !== undefined) this.#logTry(effect, told, now);
    });
  }

  /** In the transaction that says what comes next. A try that is no longer live was made all the same. */
  #logTry({ name }: Effect, tried: TriedDelivery, now: number): void {
    const row = this.#load()?.effects.find((effect) => effect.name === name && effect.leaseUntil === null);
    this.#deliveries.append(tried, nextTry(row, tried, now));
  }

  #concludeTry(record: RequestRecord, effect: Effect, outcome: EffectOutcome, now: number): void {
    const tried: Try = { name: effect.name, leaseId: effect.leaseId };
    switch (outcome.kind) {
      case "happened": {
        const counted = withCalls(record, outcome.calls ?? 0);
        this.#applyTo(counted, outcome.event, now, tried, outcome.texts, record);
        return;
      }
      case "failed":
        if (effect.kind === "submit" && record.state.stage === "submitting") {
          const lost: RequestEvent = {
            type: "submit_lost",
            reason: outcome.reason,
            graceMs: graceMs(requireConfig(this.env)),
          };
          this.#applyTo(record, lost, now, tried, undefined, record);
          return;
        }
        this.#commit(record, failed(withCalls(record, outcome.calls ?? 0), tried, outcome, now, Math.random()));
        return;
      case "turned_away":
        this.#commit(record, deferred(record, tried, outcome.until));
        return;
      case "erased": {
        if (!isLive(record, tried)) return;
        const { team, user, deletion } = record.state;
        this.#store.erase({ at: now, team, user: deletion?.forget ? null : user });
        return;
      }
      case "obsolete": {
        const effects = record.effects.filter((row) => row.name !== effect.name || row.leaseId !== effect.leaseId);
        this.#store.save(record, { ...record, effects });
        return;
      }
    }
  }

  #apply(event: RequestEvent, tried?: Try, texts?: Partial<Record<TextName, StoredText>>): Step {
    return this.#transact(() => {
      const record = this.#mustLoad();
      return this.#applyTo(record, event, Date.now(), tried, texts, record);
    });
  }

  /** An event in the middle of a try. */
  #advance(event: RequestEvent, tried: Try): boolean {
    return this.#transact(() => {
      const record = this.#mustLoad();
      const step = advancedWithin(record, event, Date.now(), tried);
      this.#commit(record, step);
      return step.ignored === null;
    });
  }

  /** Inside a transaction: the step, its texts, its notes. Texts of an ignored event are not kept. */
  #applyTo(
    record: RequestRecord,
    event: RequestEvent,
    now: number,
    tried: Try | undefined,
    texts: Partial<Record<TextName, StoredText>> | undefined,
    before: RequestRecord,
  ): Step {
    const step = advanced(record, event, now, tried);
    if (step.ignored === null) {
      for (const [name, stored] of Object.entries(texts ?? {})) this.#store.keepText(name as TextName, stored);
      // Log lines are no new revision, but who follows is told of them.
      if (texts?.logs !== undefined) this.#unannounced = step.record.state.revision;
      const { state, files } = step.record;
      if (state.stage === "completed" && !files.some(isShownInPlace)) this.#store.dropText("payload");
      if (event.type === "purged" && event.target === "inputs") this.#store.dropText("input");
      if (event.type === "purged" && event.target === "deliveries") this.#deliveries.forget();
    }
    this.#commit(before, step);
    return step;
  }

  /** A write in the middle of a try; false, and nothing written, when the try is no longer live. */
  #carryOn(tried: Try, work: () => void, isProgress: boolean): boolean {
    return this.#transact(() => {
      const record = this.#mustLoad();
      const after = carriedOn(record, tried, Date.now(), isProgress);
      if (after === null) return false;
      this.#store.save(record, after);
      work();
      return true;
    });
  }

  #commit(before: RequestRecord | null, step: Step): void {
    const now = Date.now();
    this.#store.save(before, step.record);
    this.#store.note(step.record.state, step.notes, now);
    const { state } = step.record;
    // Told again with the settling, should this get lost. One that goes back to the line keeps its slot.
    if (before !== null && isAtFal(before.state.stage) && !isAtFal(state.stage) && state.stage !== "held") {
      this.#tell(leaveAccount(this.env, state, this.#webhookDelayMs));
    }
    if (before?.state.revision !== step.record.state.revision) this.#unannounced = step.record.state.revision;
  }

  /** One transaction; what it changed is told to the holds afterwards, so that a broken socket cannot undo it. */
  #transact<T>(work: () => T): T {
    const result = this.#inTransaction(work);
    if (this.#unannounced === null) return result;
    for (const socket of this.ctx.getWebSockets()) {
      try {
        socket.send(String(this.#unannounced));
      } catch {
        // Its Worker reads the state again by itself.
      }
    }
    this.#unannounced = null;
    return result;
  }

  #inTransaction<T>(work: () => T): T {
    try {
      return this.ctx.storage.transactionSync(work);
    } catch (fault) {
      this.#store.rolledBack();
      throw fault;
    }
  }

  /** Puts the alarm where the earliest unparked row needs it: called at the end of every entry point. */
  async #arm(): Promise<void> {
    const record = this.#load();
    const at = record && alarmAt(record.effects);
    const current = await this.ctx.storage.getAlarm();
    if (at === current) return;
    if (at === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(at);
  }

  #context(effect: Effect): EffectContext {
    return {
      env: this.env,
      config: requireConfig(this.env),
      now: () => Date.now(),
      record: () => this.#mustLoad(),
      text: (name) => this.#store.text(name),
      event: (id, format) => this.#deliveries.event(id, format),
      keepEvent: (event) => this.#deliveries.keepEvent(event),
      lastAttempt: (delivery) => this.#deliveries.attempts(delivery).at(-1) ?? null,
      view: () => this.#view(this.#mustLoad()),
      advance: (event) => this.#advance(event, effect),
      uploads: (n) => this.#uploads.logOf(n, (work, isProgress) => this.#carryOn(effect, work, isProgress)),
      unfinishedUploads: () => this.#uploads.all(),
      watch: () => this.#watch(),
      othersRun: () => [...this.#live].some((lease) => lease !== leaseOf(effect)),
      takeGrant: () => {
        const grant = this.#grants.get(leaseOf(effect)) ?? null;
        this.#grants.delete(leaseOf(effect));
        return grant;
      },
      tell: (telling) => this.#tell(telling),
    };
  }

  #tell(telling: Promise<unknown>): void {
    this.ctx.waitUntil(telling.catch(() => undefined));
  }

  /** A held request with its place as it is now. What the account cannot be asked is as it was last told. */
  async #placed(state: RequestState): Promise<RequestState> {
    if (state.stage !== "held") return state;
    if (Date.now() - this.#place.at >= PLACE_REREAD_MS || Date.now() < this.#place.at) {
      const place = await accountFor(this.env)
        .placeOf(state.id)
        .catch(() => null);
      this.#place = { place: place as Place | null, at: Date.now() };
    }
    return placedAt(state, this.#place.place, Date.now());
  }

  /** Pinned when the grant said so, or since: another request may have proven the user id meanwhile. */
  async #isPinned(record: RequestRecord, userId: string): Promise<boolean> {
    if (record.state.pinnedUsers.includes(userId)) return true;
    return accountFor(this.env).isPinned(record.state.connection, userId);
  }

  #watch(): Watch {
    if (this.ctx.getWebSockets("following" satisfies Watch).length > 0) return "following";
    return this.ctx.getWebSockets().length > 0 ? "waiting" : "none";
  }

  #seenBy(viewer: Viewer): RequestRecord | null {
    const record = this.#load();
    return record !== null && isVisible(record.state, viewer) && !isHidden(record.state) ? record : null;
  }

  /** Whether this request has ever been started, deleted or not. */
  #wasStarted(): boolean {
    return this.#load() !== null || (this.#store.tombstone()?.team ?? null) !== null;
  }

  #load(): RequestRecord | null {
    const record = this.#store.load();
    if (record === null) return null;
    return { ...record, effects: withoutDeadLeases(record.effects, (effect) => this.#live.has(leaseOf(effect))) };
  }

  #mustLoad(): RequestRecord {
    const record = this.#load();
    if (record === null) throw new Error("the request has no record");
    return record;
  }

  #view({ state, files }: RequestRecord): RequestView {
    const logs = this.#store.text("logs");
    return {
      state,
      files,
      output: state.stage === "completed" ? this.#store.text("output") : null,
      payload: state.stage === "completed" ? this.#store.text("payload") : null,
      logs: logs?.at === "row" ? logs.text : null,
      timelineSeq: this.#store.timelineSeq(),
    };
  }
}

/** Who is told of an end waits for nobody but others who are told. */
type Lane = "work" | "tell";

function laneOf(kind: Effect["kind"]): Lane {
  return kind === "deliver" || kind === "report" ? "tell" : "work";
}

/** Deleted, but for its rows: no report is worth storing anything for. */
function isDone({ deletion, stage }: RequestState): boolean {
  return deletion !== null && hasEnded(stage);
}

function leaseOf(tried: Try): string {
  return `${tried.name}#${tried.leaseId}`;
}

function withCalls(record: RequestRecord, calls: number): RequestRecord {
  if (calls === 0) return record;
  return { ...record, state: { ...record.state, upstreamCalls: record.state.upstreamCalls + calls } };
}
