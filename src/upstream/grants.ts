// The turns of an account where they meet the world: rows of who waits and who holds a slot, trackers woken when their turn
// comes, probes of a closed connection, slots asked about, the alarm. Who is next is decided in scheduler.ts.

import type { CallGrant, ConnectionSignal, Granted, LastFailure, Pause } from "../contracts/account.ts";
import { LOOKUP_RETRY_MS } from "../net/small-text.ts";
import type { Env } from "../platform/bindings.ts";
import type { Config } from "../platform/config.ts";
import { logEvent } from "../platform/log.ts";
import { trackerFor } from "../platform/stubs.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import type { AccountStore } from "./account-store.ts";
import { createUpstreamClient } from "./client/client.ts";
import { callName } from "./fair-queue.ts";
import {
  closed,
  HEALTHY,
  type Health,
  isProbeDue,
  probeFailed,
  probeStarted,
  probeUnused,
  succeeded,
  withFailure,
} from "./health.ts";
import { type Notice, noticeOf, tellNotice } from "./notice.ts";
import { GRANT_USE_MS, isBusy, paceAfterWaking, type Turn, windowMs } from "./pace.ts";
import { CallScheduler, type RequestedCall, type TurnAnswer } from "./scheduler.ts";

/** A busy account notes so at most this often; it stays below the 10 s after which an idle object may be put to sleep. */
const PACE_NOTE_MS = 8 * SECOND_MS;
/** A slot that was not heard of for so long is asked about; sooner while somebody waits for one. */
export const SLOT_CHECK_MS = 10 * MINUTE_MS;
const SLOT_CHECK_WAITED_MS = MINUTE_MS;
/** Slots asked about at a time. */
const SLOT_CHECK_BATCH = 20;

const LAST_FAILURES_KEPT = 20;

interface Surroundings {
  ctx: DurableObjectState;
  env: Env;
  config: Config;
  store: AccountStore;
  /** What a tracker is told with its turn. */
  grantOf: (callGrant: CallGrant) => Granted;
}

export class AccountGrants {
  readonly callScheduler: CallScheduler;
  /** The newest last. In memory: an account that woke has seen none. */
  readonly lastFailures: LastFailure[] = [];
  readonly #around: Surroundings;
  #busyUntil: number;
  #notice: Notice | null;
  #probing: Promise<void> | null = null;
  /** What the alarm is set to, as far as this instance knows. */
  #alarmAt: number | null = null;

  constructor(around: Surroundings, now: number) {
    const { store, config } = around;
    this.#around = around;
    this.#busyUntil = store.busyUntil;
    this.#notice = store.notice;
    const pace = { ...paceAfterWaking(config.UPSTREAM_RPS, now, this.#busyUntil), closedUntil: store.closedUntil };
    this.callScheduler = new CallScheduler(pace, config.UPSTREAM_SLOTS, store.closedSince);
    for (const waiter of store.waiting()) this.callScheduler.queue.add(waiter);
    for (const slot of store.slots()) this.callScheduler.slots.set(slot.requestId, slot);
    for (const [connection, health] of store.health()) this.callScheduler.health.set(connection, health);
  }

  /** `leadMs` above 0: the call has just missed its turn, by hearing of it late, and needs so much notice. */
  take(wish: RequestedCall, leadMs: number): TurnAnswer {
    const now = Date.now();
    const name = callName(wish);
    if (leadMs > 0) {
      const callGrant = this.callScheduler.takeAgain(wish, now, now + leadMs);
      if (callGrant !== null) {
        this.#noteGiven(callGrant, now);
        return { kind: "turn", callGrant };
      }
    }
    const waited = this.callScheduler.queue.find(name) !== undefined;
    const { asked, woken } = this.callScheduler.take(wish, now);
    if (asked.kind === "turn") {
      if (waited) this.#around.store.dropWaiting(name);
      this.#noteGiven(asked.callGrant, now);
    } else {
      this.#around.store.keepWaiting(name, asked.waiter);
    }
    this.#around.ctx.waitUntil(this.#wakeAll(woken, now));
    this.arm();
    return asked;
  }

  /** A turn for a call of the account's own; `retryAt` when none is near. */
  takeOwn(): Turn | { retryAt: number } {
    const now = Date.now();
    const turn = this.callScheduler.takeOwn(now);
    if ("at" in turn) this.#noteBusy(turn.at, now);
    return turn;
  }

  /** Makes a call of the account's own when its turn has come. */
  async callOwn<T>(turn: Turn, call: () => Promise<T>): Promise<T> {
    await new Promise((resolve) => setTimeout(resolve, turn.at - Date.now()));
    try {
      return await call();
    } finally {
      this.callScheduler.ownAnswered(turn, Date.now());
      this.pump();
    }
  }

  returnGrant(callGrant: CallGrant): void {
    this.callScheduler.giveBack(callGrant, Date.now());
    if (callGrant.probe) this.#keepHealth(callGrant.waiter.connection);
    if (callGrant.tookSlot) this.#around.store.dropSlot(callGrant.waiter.requestId);
    this.pump();
  }

  /** Short pauses are not stored: an object that forgets one meets one more 429. */
  rateLimited(retryAfterMs: number | null): number {
    const now = Date.now();
    const pauseMs = this.callScheduler.rateLimited(retryAfterMs, now);
    const pause = this.callScheduler.pacePause(now);
    if (pause !== null) this.#around.store.closed(pause);
    logEvent("account.closed", { reason: "rate_limited", ms: pauseMs });
    return this.callScheduler.pace.closedUntil;
  }

  /** Answers the pause that the account is in, as far as is known now. */
  callFinished(callGrant: CallGrant, sign: ConnectionSignal): Pause | null {
    const now = Date.now();
    const { requestId, connection } = callGrant.waiter;
    this.callScheduler.answered(callGrant, now);
    if (sign === "locked") this.callScheduler.refused(callGrant.waiter, now);
    if (sign !== "ok") {
      this.lastFailures.push({ at: now, sign, requestId });
      this.lastFailures.splice(0, this.lastFailures.length - LAST_FAILURES_KEPT);
    }
    const health = healthAfter(this.callScheduler.healthOf(connection), sign, callGrant.probe, now);
    this.#setHealth(connection, health, teamOf(callGrant.waiter.user));
    this.pump();
    return this.callScheduler.pause(connection, now);
  }

  /** The request is not at fal, or no longer. True when it had a slot until now: what it says of itself is news then. */
  releaseSlot(requestId: string): boolean {
    const slot = this.callScheduler.release(requestId, Date.now());
    if (slot !== undefined) this.#around.store.dropSlot(requestId);
    this.pump();
    return slot !== undefined;
  }

  pump(): void {
    this.#around.ctx.waitUntil(this.#pump());
  }

  async alarm(): Promise<void> {
    this.#alarmAt = null;
    for (const gone of this.callScheduler.dropGone(Date.now())) this.#around.store.dropWaiting(callName(gone));
    await this.#pump();
    await Promise.all([this.probe(), this.#checkSlots(), this.#tellNotice()]);
    await this.#pump();
  }

  /** Puts the alarm where it is next needed, if that is sooner than where it is. */
  arm(): void {
    const now = Date.now();
    const probes = [...this.callScheduler.health.values()].flatMap(({ closure }) =>
      closure === null || closure.why === "locked" ? [] : [closure.probeAt],
    );
    const slots = [...this.callScheduler.slots.values()].map(({ checkedAt }) => checkedAt + this.#slotCheckMs());
    const notices = this.#notice === null ? [] : [this.#notice.dueAt];
    const earliest = [...probes, ...slots, ...notices].reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const at = Math.max(now + 1, Math.min(earliest, this.callScheduler.nextPumpAt(now) ?? earliest));
    if (!Number.isFinite(at) || (this.#alarmAt !== null && this.#alarmAt <= at)) return;
    this.#alarmAt = at;
    this.#around.ctx.waitUntil(this.#around.ctx.storage.setAlarm(at));
  }

  /**
   * Tries closed connections whose time has come with a look that changes nothing: one at a time, whoever asks. A locked account
   * takes looks; only a submit can try that one.
   */
  async probe(): Promise<void> {
    this.#probing ??= this.#probeAll().finally(() => {
      this.#probing = null;
    });
    await this.#probing;
  }

  #noteGiven(callGrant: CallGrant, now: number): void {
    const slot = callGrant.tookSlot ? this.callScheduler.slots.get(callGrant.waiter.requestId) : undefined;
    if (slot !== undefined) this.#around.store.keepSlot(slot);
    if (callGrant.probe) this.#keepHealth(callGrant.waiter.connection);
    this.#noteBusy(callGrant.turn.at, now);
  }

  /** The write is confirmed before the grant leaves (output gate). */
  #noteBusy(at: number, now: number): void {
    if (!isBusy(this.callScheduler.pace, now) || this.#busyUntil >= at + windowMs()) return;
    this.#busyUntil = at + PACE_NOTE_MS;
    this.#around.store.busyUntil = this.#busyUntil;
  }

  /** Gives the turns that may be told now; resolves when their trackers have them. */
  async #pump(): Promise<void> {
    const now = Date.now();
    const waking = this.#wakeAll(this.callScheduler.pump(now), now);
    this.arm();
    await waking;
  }

  async #wakeAll(callGrant: readonly CallGrant[], now: number): Promise<void> {
    for (const each of callGrant) this.#noteGiven(each, now);
    await Promise.all(callGrant.map((each) => this.#wake(each)));
  }

  /** Its row stays until the tracker has the turn: an account that is killed meanwhile offers it another. */
  async #wake(callGrant: CallGrant): Promise<void> {
    const { env, store, grantOf } = this.#around;
    const { waiter } = callGrant;
    const name = callName(waiter);
    try {
      const tracker = trackerFor(env, waiter.requestId);
      const { used } = await tracker.turnGranted(waiter.effect, grantOf(callGrant));
      if (this.callScheduler.queue.find(name) === undefined) store.dropWaiting(name);
      if (!used) this.returnGrant(callGrant);
    } catch {
      this.callScheduler.rest(waiter, Date.now());
      this.returnGrant(callGrant);
    }
  }

  async #probeAll(): Promise<void> {
    for (const [connection, before] of this.callScheduler.health) {
      if (before.closure === null || before.closure.why === "locked" || !isProbeDue(before, Date.now())) continue;
      const turn = this.takeOwn();
      if ("retryAt" in turn) continue;
      this.#setHealth(connection, probeStarted(before, Date.now()), null);
      const sign = await this.callOwn(turn, () => createUpstreamClient(this.#around.config).probe(connection));
      const health = this.callScheduler.healthOf(connection);
      if (sign === "rate_limited") this.rateLimited(LOOKUP_RETRY_MS);
      else if (health.closure !== null) this.#setHealth(connection, healthAfter(health, sign, true, Date.now()), null);
    }
  }

  /** Slots whose request has left without our hearing of it (a kill, a lost call) come back. */
  async #checkSlots(): Promise<void> {
    const limit = Date.now() - this.#slotCheckMs();
    const doubtful = [...this.callScheduler.slots.values()].filter(({ checkedAt }) => checkedAt <= limit);
    await Promise.all(doubtful.slice(0, SLOT_CHECK_BATCH).map((slot) => this.#checkSlot(slot.requestId)));
  }

  async #checkSlot(requestId: string): Promise<void> {
    const { env } = this.#around;
    try {
      const { holds } = await trackerFor(env, requestId).holdsSlot();
      const slot = this.callScheduler.slots.get(requestId);
      if (holds && slot !== undefined) this.callScheduler.slots.set(requestId, { ...slot, checkedAt: Date.now() });
      if (!holds && this.releaseSlot(requestId)) logEvent("account.slot_reclaimed", { request: requestId });
    } catch {
      // A tracker that cannot be asked now is asked at the next look.
    }
  }

  #slotCheckMs(): number {
    return this.callScheduler.waitsForSlot() ? SLOT_CHECK_WAITED_MS : SLOT_CHECK_MS;
  }

  #setHealth(connection: string, health: Health, finder: string | null): void {
    const before = this.callScheduler.healthOf(connection);
    this.callScheduler.health.set(connection, health);
    if (before.closure === null && health.closure === null) return;
    this.#keepHealth(connection);
    if (before.closure?.why === health.closure?.why) return;
    const now = Date.now();
    if (health.closure !== null) {
      logEvent("account.closed", { reason: health.closure.why });
      this.#owe(noticeOf("upstream.paused", health.closure, finder, now));
    } else if (before.closure !== null) {
      logEvent("account.reopened", { reason: before.closure.why });
      this.#owe(noticeOf("upstream.resumed", before.closure, finder, now));
    }
  }

  #owe(notice: Notice | null): void {
    this.#notice = notice;
    this.#around.store.notice = notice;
  }

  async #tellNotice(): Promise<void> {
    const notice = this.#notice;
    if (notice === null || notice.dueAt > Date.now()) return;
    const teams = [...this.callScheduler.queue.all()].map(({ user }) => teamOf(user));
    const releaseSlot = await tellNotice(this.#around.env, this.#around.config, notice, teams);
    // A newer one may have come meanwhile.
    if (this.#notice?.id === notice.id) this.#owe(releaseSlot);
  }

  #keepHealth(connection: string): void {
    this.#around.store.keepHealth(connection, this.callScheduler.healthOf(connection));
  }
}

/** Users are named below their team. */
function teamOf(user: string): string {
  return user.slice(0, user.indexOf("/"));
}

/** A turn is used between its time and this much later. */
export function notAfter(at: number): number {
  return at + GRANT_USE_MS;
}

function healthAfter(health: Health, sign: ConnectionSignal, probe: boolean, now: number): Health {
  switch (sign) {
    case "ok":
      return probe ? HEALTHY : succeeded(health);
    case "rate_limited":
      // Calls come through; a probe has not learned whether its own would be taken.
      return probe ? probeUnused(health, now) : succeeded(health);
    case "failed":
      return probe ? probeFailed(health, health.closure?.why ?? "failing", now) : withFailure(health, now);
    case "locked":
    case "key_refused":
      return probe ? probeFailed(health, sign, now) : closed(health, sign, now);
  }
}
