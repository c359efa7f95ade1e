// Repository of one tracker: reads and writes its record in transactions, notifies watching clients of changes and sets the alarm.
// Every write of an event goes through it.

import type { StoredText } from "../../files/stored-text.ts";
import type { Env } from "../../platform/bindings.ts";
import { isStateNewer } from "../../platform/stored-version.ts";
import { withoutDeadLeases } from "../machine/effect-schedule.ts";
import type { RequestEvent, Watch } from "../machine/events.ts";
import {
  advanced,
  advancedWithin,
  begun,
  type EffectAttempt,
  isLive,
  leaseOf,
  type Step,
  withRenewedLease,
} from "../machine/record.ts";
import {
  isAtFal,
  isHidden,
  isShownInPlace,
  isVisible,
  type RequestRecord,
  type RequestView,
  type StartInput,
  type Viewer,
} from "../machine/types.ts";
import { DeliveryLog } from "./delivery-log.ts";
import type { TextName } from "./document.ts";
import { releaseAccountSlot } from "./effects/grant.ts";
import { UploadStore } from "./multipart-rows.ts";
import { RequestStore } from "./request-store.ts";
import { Shares } from "./share-store.ts";
import { TrackerAlarm } from "./tracker-alarm.ts";

type Texts = Partial<Record<TextName, StoredText>>;

export class RequestRepository {
  readonly store: RequestStore;
  readonly uploads: UploadStore;
  readonly deliveries: DeliveryLog;
  readonly shares: Shares;
  readonly alarm: TrackerAlarm;
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  /** A revision that watching clients have not received. */
  #unsentRevision: number | null = null;
  /** Attempts that run in this instance, by lease: every other lease belongs to an earlier instance. */
  readonly #live = new Set<string>();
  /** From signature to arrival of the webhook that is being applied. */
  #webhookDelayMs: number | null = null;
  /** Whether the account has received the release of the slot; null: not sent by this instance. */
  #slotReleased: Promise<boolean> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    const { sql } = ctx.storage;
    this.#ctx = ctx;
    this.#env = env;
    this.store = new RequestStore(ctx.storage);
    this.alarm = new TrackerAlarm(ctx.storage);
    this.uploads = new UploadStore(sql);
    this.deliveries = new DeliveryLog(sql);
    this.shares = new Shares(sql);
  }

  // --- Reading ---------------------------------------------------------------------------------------------------

  /** The record, with leases of earlier instances expired; null when there is none. */
  loadRecord(): RequestRecord | null {
    const record = this.store.loadRecord();
    if (record === null) return null;
    return { ...record, effects: withoutDeadLeases(record.effects, (effect) => this.#live.has(leaseOf(effect))) };
  }

  /** The record, on disk as it is returned: for everybody who answers or decides by it. */
  savedRecord(): RequestRecord | null {
    this.save();
    return this.loadRecord();
  }

  requireRecord(): RequestRecord {
    const record = this.loadRecord();
    if (record === null) throw new Error("the request does not exist");
    return record;
  }

  /** The record as readers get it. */
  viewOf({ state, files }: RequestRecord): RequestView {
    const logs = this.store.storedText("logs");
    return {
      state,
      files,
      output: state.stage === "completed" ? this.store.storedText("output") : null,
      payload: state.stage === "completed" ? this.store.storedText("payload") : null,
      logs: logs?.at === "row" ? logs.text : null,
      timelineSeq: this.store.timelineSeq(),
    };
  }

  /** Null also when this viewer may not see the request, or its deletion was requested. */
  visibleRecord(viewer: Viewer): RequestRecord | null {
    const record = this.savedRecord();
    return record !== null && isVisible(record.state, viewer) && !isHidden(record.state) ? record : null;
  }

  /** Whether this request was ever started, deleted or not. */
  wasStarted(): boolean {
    return this.savedRecord() !== null || (this.store.tombstone()?.team ?? null) !== null;
  }

  /** Whether clients watch the request. */
  currentWatch(): Watch {
    if (this.#ctx.getWebSockets("following" satisfies Watch).length > 0) return "following";
    return this.#ctx.getWebSockets().length > 0 ? "waiting" : "none";
  }

  // --- Running attempts --------------------------------------------------------------------------------------------

  attemptStarted(tried: EffectAttempt): void {
    this.#live.add(leaseOf(tried));
  }

  attemptEnded(tried: EffectAttempt): void {
    this.#live.delete(leaseOf(tried));
  }

  /** Whether another attempt runs in this instance. */
  hasOtherAttempts(tried: EffectAttempt): boolean {
    return [...this.#live].some((lease) => lease !== leaseOf(tried));
  }

  // --- Writing ---------------------------------------------------------------------------------------------------

  /**
   * Begins a request in memory: the next transaction writes it, together with the intent of its submit. Nothing was answered or sent
   * until then, so an object that dies before it never had the request.
   */
  begin(start: StartInput): void {
    const step = begun(start);
    this.store.createRecord(start, step.record);
    this.commitStep(null, step);
  }

  /** Writes a request that is in memory only. */
  save(): void {
    if (this.store.hasUnsaved) this.transact(() => undefined);
  }

  /** Saves that this key in R2 may hold bytes of the request. */
  noteBucketKey(key: string): void {
    this.transact(() => this.store.addBucketKey(key));
  }

  /** Applies an event in a transaction of its own and saves `texts` with it. */
  applyEvent(event: RequestEvent, texts?: Texts): Step {
    return this.transact(() => this.applyEventTo(this.requireRecord(), event, { texts }));
  }

  /** Applies an event during an attempt; false when it was ignored or the attempt lost its lease. */
  applyWithin(event: RequestEvent, tried: EffectAttempt): boolean {
    return this.transact(() => {
      const record = this.requireRecord();
      const step = advancedWithin(record, event, Date.now(), tried);
      this.commitStep(record, step);
      return step.ignored === null;
    });
  }

  /**
   * Inside a transaction: the step, its texts, its notes. Texts of an ignored event are not kept. `tried`: the attempt whose outcome
   * the event is; `counted`: the record with the calls that it made.
   */
  applyEventTo(
    before: RequestRecord,
    event: RequestEvent,
    {
      tried,
      texts,
      counted = before,
    }: { tried?: EffectAttempt; texts?: Texts | undefined; counted?: RequestRecord } = {},
  ): Step {
    const step = advanced(counted, event, Date.now(), tried);
    if (step.ignored === null) {
      for (const [name, stored] of Object.entries(texts ?? {})) this.store.saveText(name as TextName, stored);
      // Log lines make no new revision, but following clients are notified of them.
      if (texts?.logs !== undefined) this.#unsentRevision = step.record.state.revision;
      const { state, files } = step.record;
      if (state.stage === "completed" && !files.some(isShownInPlace)) this.store.deleteText("payload");
      if (event.type === "data_deleted" && event.target === "inputs") this.store.deleteText("input");
      if (event.type === "data_deleted" && event.target === "deliveries") this.deliveries.deleteAll();
    }
    this.commitStep(before, step);
    return step;
  }

  /** Writes during an attempt and renews its lease; false, without a write, when the attempt lost its lease. */
  renewLease(tried: EffectAttempt, work: () => void, isProgress: boolean): boolean {
    return this.transact(() => {
      const record = this.requireRecord();
      const after = withRenewedLease(record, tried, Date.now(), isProgress);
      if (after === null) return false;
      this.store.saveRecord(after);
      work();
      return true;
    });
  }

  /** Inside a transaction: saves a step with its timeline entries, and releases the slot when the request leaves fal. */
  commitStep(before: RequestRecord | null, step: Step): void {
    const now = Date.now();
    this.store.saveRecord(step.record);
    this.store.appendTimeline(step.record.state, step.notes, now);
    const { state } = step.record;
    // Repeated at the settlement, in case this call is lost. A request that is held again keeps its slot.
    if (before !== null && isAtFal(before.state.stage) && !isAtFal(state.stage) && state.stage !== "held") {
      const released = isFulfilled(releaseAccountSlot(this.#env, state, this.#webhookDelayMs));
      this.inBackground(released);
      // Then the account has not heard the end.
      this.#slotReleased = state.stage === "uncertain" ? null : released;
    }
    if (before?.state.revision !== step.record.state.revision) this.#unsentRevision = step.record.state.revision;
  }

  /** Releases the request's slot, unless this instance knows that the account has received it. */
  async releaseSlotOnce(): Promise<void> {
    const { state } = this.requireRecord();
    if (!(await this.#slotReleased)) await releaseAccountSlot(this.#env, state);
  }

  /**
   * Runs one transaction that writes all changes and sets the alarm, then notifies watching clients, so that a broken socket cannot
   * roll it back.
   */
  transact<T>(work: () => T): T {
    const result = this.#inTransaction(work);
    this.alarm.arm(this.loadRecord(), Date.now());
    if (this.#unsentRevision === null) return result;
    for (const socket of this.#ctx.getWebSockets()) {
      try {
        socket.send(String(this.#unsentRevision));
      } catch {
        // Its Worker rereads the state periodically.
      }
    }
    this.#unsentRevision = null;
    return result;
  }

  #inTransaction<T>(work: () => T): T {
    try {
      return this.#ctx.storage.transactionSync(() => {
        const result = work();
        this.store.flush();
        return result;
      });
    } catch (fault) {
      this.store.rolledBack();
      this.#recheckTables();
      throw fault;
    }
  }

  /** Deletes everything and leaves a tombstone; false when the attempt lost its lease. Nothing is owed any more. */
  async deleteRecord(tried: EffectAttempt): Promise<boolean> {
    const record = this.loadRecord();
    if (record === null || !isLive(record, tried)) return false;
    const { team, user, keyId, deletion } = record.state;
    const remains = { team, user: deletion?.anonymize ? null : user, keyId };
    const deleted = this.store.replaceWithTombstone({ at: Date.now(), ...remains });
    this.alarm.arm(null, Date.now());
    this.#recheckTables();
    await deleted;
    return true;
  }

  #recheckTables(): void {
    for (const { tables } of [this.uploads, this.deliveries, this.shares]) tables.recheck();
  }

  /** Records the delay of the webhook about to be applied; it is reported with the slot's release. */
  webhookArrived(delayMs: number): void {
    this.#webhookDelayMs = delayMs;
  }

  // --- Alarm and background work ----------------------------------------------------------------------------------------

  /** Restores an alarm that the platform dropped, whenever the object starts. State of newer code is left alone. */
  async restoreAlarm(): Promise<void> {
    await this.alarm.read();
    try {
      if (!this.alarm.isSet) this.alarm.arm(this.loadRecord(), Date.now());
    } catch (fault) {
      if (!isStateNewer(fault)) throw fault;
    }
  }

  /** Sets the alarm for what is owed: called at the end of every entry point. */
  async armAlarm(): Promise<void> {
    await this.alarm.read();
    this.save();
    this.alarm.arm(this.loadRecord(), Date.now());
  }

  /** A call to another object whose loss is repaired elsewhere. */
  inBackground(work: Promise<unknown>): void {
    this.#ctx.waitUntil(work.catch(() => undefined));
  }
}

function isFulfilled(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
