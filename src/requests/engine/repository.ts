// The record keeping of one tracker: reads and writes its rows in transactions, tells the holds what changed, sets the alarm.
// Every write that an event makes goes through here. Runs no effect and answers nobody: runner.ts and tracker.ts stand on it.

import type { StoredText } from "../../files/stored-text.ts";
import type { Env } from "../../platform/bindings.ts";
import { alarmAt, withoutDeadLeases } from "../machine/effect-schedule.ts";
import type { RequestEvent, Watch } from "../machine/events.ts";
import { advanced, advancedWithin, carriedOn, leaseOf, type Step, type Try } from "../machine/record.ts";
import {
  isAtFal,
  isHidden,
  isShownInPlace,
  isVisible,
  type RequestRecord,
  type RequestView,
  type Viewer,
} from "../machine/types.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { releaseAccountSlot } from "./effects/turn.ts";
import { UploadStore } from "./multipart-rows.ts";
import { RequestStore, type TextName } from "./rows.ts";
import { Shares } from "./shares.ts";

type Texts = Partial<Record<TextName, StoredText>>;

export class RequestRepository {
  readonly store: RequestStore;
  readonly uploads: UploadStore;
  readonly deliveries: DeliveryLog;
  readonly shares: Shares;
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  /** A revision that holds have not heard of yet. */
  #unannounced: number | null = null;
  /** Tries that run in this instance, by lease: any other lease in the rows died with an instance before. */
  readonly #live = new Set<string>();
  /** How long after its signature the webhook was here that is being applied. */
  #webhookDelayMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    const { sql } = ctx.storage;
    this.#ctx = ctx;
    this.#env = env;
    this.store = new RequestStore(sql);
    this.uploads = new UploadStore(sql);
    this.deliveries = new DeliveryLog(sql);
    this.shares = new Shares(sql);
  }

  // --- Reading ---------------------------------------------------------------------------------------------------

  /** The rows as they are, less the leases of tries that died with an instance before; null when there are none. */
  load(): RequestRecord | null {
    const record = this.store.load();
    if (record === null) return null;
    return { ...record, effects: withoutDeadLeases(record.effects, (effect) => this.#live.has(leaseOf(effect))) };
  }

  mustLoad(): RequestRecord {
    const record = this.load();
    if (record === null) throw new Error("the request does not exist");
    return record;
  }

  /** What readers get of it. */
  view({ state, files }: RequestRecord): RequestView {
    const logs = this.store.text("logs");
    return {
      state,
      files,
      output: state.stage === "completed" ? this.store.text("output") : null,
      payload: state.stage === "completed" ? this.store.text("payload") : null,
      logs: logs?.at === "row" ? logs.text : null,
      timelineSeq: this.store.timelineSeq(),
    };
  }

  /** Null also for one that this viewer may not see, or that is hidden since its deletion was ordered. */
  seenBy(viewer: Viewer): RequestRecord | null {
    const record = this.load();
    return record !== null && isVisible(record.state, viewer) && !isHidden(record.state) ? record : null;
  }

  /** Whether this request has ever been started, deleted or not. */
  wasStarted(): boolean {
    return this.load() !== null || (this.store.tombstone()?.team ?? null) !== null;
  }

  /** Who holds on to it right now. */
  watch(): Watch {
    if (this.#ctx.getWebSockets("following" satisfies Watch).length > 0) return "following";
    return this.#ctx.getWebSockets().length > 0 ? "waiting" : "none";
  }

  // --- Tries that run --------------------------------------------------------------------------------------------

  tryBegan(tried: Try): void {
    this.#live.add(leaseOf(tried));
  }

  tryEnded(tried: Try): void {
    this.#live.delete(leaseOf(tried));
  }

  /** Whether another try than this one runs in this instance. */
  othersRun(tried: Try): boolean {
    return [...this.#live].some((lease) => lease !== leaseOf(tried));
  }

  // --- Writing ---------------------------------------------------------------------------------------------------

  /** An event of the outside, in a transaction of its own; `texts` are kept with it. */
  apply(event: RequestEvent, texts?: Texts): Step {
    return this.transact(() => {
      const record = this.mustLoad();
      return this.applyTo(record, event, Date.now(), undefined, texts, record);
    });
  }

  /** An event in the middle of a try; false when it was ignored or the try is no longer live. */
  advance(event: RequestEvent, tried: Try): boolean {
    return this.transact(() => {
      const record = this.mustLoad();
      const step = advancedWithin(record, event, Date.now(), tried);
      this.commit(record, step);
      return step.ignored === null;
    });
  }

  /** Inside a transaction: the step, its texts, its notes. Texts of an ignored event are not kept. */
  applyTo(
    record: RequestRecord,
    event: RequestEvent,
    now: number,
    tried: Try | undefined,
    texts: Texts | undefined,
    before: RequestRecord,
  ): Step {
    const step = advanced(record, event, now, tried);
    if (step.ignored === null) {
      for (const [name, stored] of Object.entries(texts ?? {})) this.store.keepText(name as TextName, stored);
      // Log lines are no new revision, but who follows is told of them.
      if (texts?.logs !== undefined) this.#unannounced = step.record.state.revision;
      const { state, files } = step.record;
      if (state.stage === "completed" && !files.some(isShownInPlace)) this.store.dropText("payload");
      if (event.type === "purged" && event.target === "inputs") this.store.dropText("input");
      if (event.type === "purged" && event.target === "deliveries") this.deliveries.forget();
    }
    this.commit(before, step);
    return step;
  }

  /** A write in the middle of a try; false, and nothing written, when the try is no longer live. */
  carryOn(tried: Try, work: () => void, isProgress: boolean): boolean {
    return this.transact(() => {
      const record = this.mustLoad();
      const after = carriedOn(record, tried, Date.now(), isProgress);
      if (after === null) return false;
      this.store.save(record, after);
      work();
      return true;
    });
  }

  /** Inside a transaction: saves a step with its notes, and tells the account when it leaves a slot. */
  commit(before: RequestRecord | null, step: Step): void {
    const now = Date.now();
    this.store.save(before, step.record);
    this.store.note(step.record.state, step.notes, now);
    const { state } = step.record;
    // Told again with the settling, should this get lost. One that goes back to the line keeps its slot.
    if (before !== null && isAtFal(before.state.stage) && !isAtFal(state.stage) && state.stage !== "held") {
      this.tell(releaseAccountSlot(this.#env, state, this.#webhookDelayMs));
    }
    if (before?.state.revision !== step.record.state.revision) this.#unannounced = step.record.state.revision;
  }

  /** One transaction; what it changed is told to the holds afterwards, so that a broken socket cannot undo it. */
  transact<T>(work: () => T): T {
    const result = this.#inTransaction(work);
    if (this.#unannounced === null) return result;
    for (const socket of this.#ctx.getWebSockets()) {
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
      return this.#ctx.storage.transactionSync(work);
    } catch (fault) {
      this.store.rolledBack();
      throw fault;
    }
  }

  /** The delay of the webhook that is about to be applied, which the account hears with the end. */
  webhookArrived(delayMs: number): void {
    this.#webhookDelayMs = delayMs;
  }

  // --- Alarm and tellings ----------------------------------------------------------------------------------------

  /** A dropped alarm is the one thing that could leave owed work asleep for ever: whoever wakes the object brings it back. */
  async restoreAlarm(): Promise<void> {
    const record = this.store.load();
    const at = record && alarmAt(record.effects);
    if (at !== null && (await this.#ctx.storage.getAlarm()) === null) await this.#ctx.storage.setAlarm(at);
  }

  /** Puts the alarm where the earliest unparked row needs it: called at the end of every entry point. */
  async arm(): Promise<void> {
    const record = this.load();
    const at = record && alarmAt(record.effects);
    const current = await this.#ctx.storage.getAlarm();
    if (at === current) return;
    if (at === null) await this.#ctx.storage.deleteAlarm();
    else await this.#ctx.storage.setAlarm(at);
  }

  /** Said to an object that learns of it another way too, should it get lost. */
  tell(telling: Promise<unknown>): void {
    this.#ctx.waitUntil(telling.catch(() => undefined));
  }
}
