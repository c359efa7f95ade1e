// Grants of an account with their side effects: rows of waiting calls and slots, notifications to trackers, probes, slot checks and
// the alarm. scheduler.ts decides which call is next.

import type {
  CallGrant,
  ConnectionSignal,
  Granted,
  LastFailure,
  Pause,
  SlotRelease,
  UnlistedHosts,
} from "../contracts/account.ts";
import { LOOKUP_RETRY_MS } from "../net/fetch-text.ts";
import type { Env } from "../platform/bindings.ts";
import type { Config } from "../platform/config.ts";
import { logEvent } from "../platform/log.ts";
import { trackerFor } from "../platform/stubs.ts";
import { SECOND_MS } from "../platform/time.ts";
import { AccountAlarm } from "./account-alarm.ts";
import type { AccountStore } from "./account-store.ts";
import { createUpstreamClient } from "./client/client.ts";
import { callName, teamOf } from "./fair-queue.ts";
import { type Health, healthAfter, isDoubted, isProbeDue, withStartedProbe } from "./health.ts";
import { type Notice, noticeOf, sendNotice } from "./outage-notice.ts";
import { type CallTime, GRANT_USE_MS, isPaceBusy, paceAfterWaking, windowMs } from "./pace.ts";
import { CallScheduler, type GrantDecision, type SchedulerRequest, WAKE_RETRY_MS } from "./scheduler.ts";
import { SlotChecks } from "./slot-checks.ts";
import { UnlistedHostNotices } from "./unlisted-hosts.ts";

/** A busy account records so at most this often; below the 10 s after which an idle object may hibernate. */
const BUSY_SAVED_EVERY_MS = 8 * SECOND_MS;
const LAST_FAILURES_KEPT = 20;

interface GrantDeps {
  ctx: DurableObjectState;
  env: Env;
  config: Config;
  store: AccountStore;
  /** The grant as it is sent to a tracker. */
  grantOf: (callGrant: CallGrant) => Granted;
}

export class AccountGrants {
  readonly callScheduler: CallScheduler;
  /** The newest last. In memory: an account that woke has seen none. */
  readonly lastFailures: LastFailure[] = [];
  readonly #deps: GrantDeps;
  #busyUntil: number;
  #notice: Notice | null;
  readonly #alarm: AccountAlarm;
  readonly #slotChecks: SlotChecks;
  readonly #hostNotices: UnlistedHostNotices;
  #probing: Promise<void> | null = null;

  constructor(deps: GrantDeps, now: number) {
    const { store, config } = deps;
    const pause = store.fact("pause");
    this.#deps = deps;
    this.#busyUntil = store.fact("busy_until") ?? 0;
    this.#notice = store.fact("notice");
    const pace = { ...paceAfterWaking(config.UPSTREAM_RPS, now, this.#busyUntil), closedUntil: pause?.until ?? 0 };
    this.callScheduler = new CallScheduler(pace, config.UPSTREAM_SLOTS, pause?.since ?? 0, {
      ...(config.WAITING_SUBMITS_MAX === undefined ? {} : { all: config.WAITING_SUBMITS_MAX }),
      ...(config.WAITING_SUBMITS_PER_TEAM_MAX === undefined ? {} : { team: config.WAITING_SUBMITS_PER_TEAM_MAX }),
    });
    for (const call of store.waitingCalls()) this.callScheduler.enqueue(call);
    for (const slot of store.slots()) this.callScheduler.slots.set(slot.requestId, slot);
    for (const [connection, health] of store.savedHealth())
      this.callScheduler.healthByConnection.set(connection, health);
    this.#hostNotices = new UnlistedHostNotices(config, store);
    this.#alarm = new AccountAlarm(deps.ctx.storage);
    this.#slotChecks = new SlotChecks(deps.env, this.callScheduler, store.requests, (left) => this.#slotLeft(left));
  }

  /** Before the first call: looks at the alarm that an earlier instance has set. */
  async wake(): Promise<void> {
    await this.#alarm.look();
    this.armAlarm();
  }

  /** Finds the slots that were freed after the earlier instance's last write. */
  async checkInheritedSlots(): Promise<void> {
    await this.#slotChecks.checkAfterWaking(Date.now());
  }

  /** `leadMs` above 0: the call received its last grant too late and needs this much notice. */
  requestGrant(request: SchedulerRequest, leadMs: number): GrantDecision {
    const now = Date.now();
    const name = callName(request);
    if (leadMs > 0) {
      const callGrant = this.callScheduler.regrant(request, now, now + leadMs);
      if (callGrant !== null) {
        this.#saveGrant(callGrant, now);
        return { kind: "granted", callGrant };
      }
    }
    const wasWaiting = this.callScheduler.queue.findCall(name) !== undefined;
    const { decision, grantedToOthers } = this.callScheduler.requestGrant(request, now);
    switch (decision.kind) {
      case "granted":
        if (wasWaiting) this.#deps.store.deleteWaitingCall(name);
        this.#saveGrant(decision.callGrant, now);
        break;
      case "wait":
        this.#deps.store.saveWaitingCall(name, decision.call);
        break;
      case "queue_full":
        return decision;
    }
    this.#deps.ctx.waitUntil(this.#notifyTrackers(grantedToOthers, now));
    this.armAlarm();
    return decision;
  }

  /** Reserves a call of the account itself; `retryAt` when no call time is near. */
  reserveOwnCall(): CallTime | { retryAt: number } {
    const now = Date.now();
    const callTime = this.callScheduler.reserveOwnCall(now);
    if ("at" in callTime) this.#saveBusyUntil(callTime.at, now);
    return callTime;
  }

  /** Makes a call of the account itself at its call time. */
  async makeOwnCall<T>(callTime: CallTime, call: () => Promise<T>): Promise<T> {
    await new Promise((resolve) => setTimeout(resolve, callTime.at - Date.now()));
    try {
      return await call();
    } finally {
      this.callScheduler.ownCallFinished(callTime, Date.now());
      this.grantInBackground();
    }
  }

  returnGrant(callGrant: CallGrant): void {
    const isFreed = this.callScheduler.returnGrant(callGrant, Date.now());
    if (callGrant.probe) this.#keepHealth(callGrant.call.connection);
    if (isFreed) this.#deps.store.requests.free(callGrant.call.requestId);
    this.grantInBackground();
  }

  /** Short pauses are not stored: a restarted object meets one more 429. */
  pauseAfterRateLimit(retryAfterMs: number | null): number {
    const now = Date.now();
    const pauseMs = this.callScheduler.pauseAfterRateLimit(retryAfterMs, now);
    const pause = this.callScheduler.pacePause(now);
    if (pause !== null) this.#deps.store.saveFact("pause", { since: pause.since, until: pause.until });
    logEvent("account.closed", { reason: "rate_limited", ms: pauseMs });
    return this.callScheduler.pace.closedUntil;
  }

  /** Returns the pause in effect, if any. */
  callFinished(callGrant: CallGrant, signal: ConnectionSignal): Pause | null {
    const now = Date.now();
    const { requestId, connection } = callGrant.call;
    this.callScheduler.callFinished(callGrant, now);
    if (signal === "locked") this.callScheduler.submitRefused(callGrant.call, now);
    if (signal !== "ok") {
      this.lastFailures.push({ at: now, signal, requestId });
      this.lastFailures.splice(0, this.lastFailures.length - LAST_FAILURES_KEPT);
    }
    const team = teamOf(callGrant.call.user);
    const health = healthAfter(this.callScheduler.healthOf(connection), { signal, probe: callGrant.probe, team }, now);
    this.#setHealth(connection, health, team);
    if (isDoubted(health)) this.#deps.ctx.waitUntil(this.probeConnections());
    this.grantInBackground();
    return this.callScheduler.pauseOf(connection, now);
  }

  /** The request is not at fal. True when it had a slot. */
  releaseSlot(release: Pick<SlotRelease, "requestId" | "end" | "webhookDelayMs">): boolean {
    const now = Date.now();
    this.#deps.store.requests.leave(release.requestId, release, now);
    const slot = this.callScheduler.releaseSlot(release.requestId, now);
    this.grantInBackground();
    return slot !== undefined;
  }

  #slotLeft({ requestId, end }: { requestId: string; end: SlotRelease["end"] | null }): boolean {
    if (end === null) this.#deps.store.requests.free(requestId);
    const left = end === null || end === undefined ? {} : { end };
    return this.releaseSlot({ requestId, webhookDelayMs: null, ...left });
  }

  reportUnlistedHosts(found: UnlistedHosts): void {
    this.#hostNotices.add(found);
    this.armAlarm();
  }

  grantInBackground(): void {
    this.#deps.ctx.waitUntil(this.#grantWaitingCalls());
  }

  async runAlarm(): Promise<void> {
    const now = Date.now();
    for (const expired of this.callScheduler.dropExpiredCalls(now))
      this.#deps.store.deleteWaitingCall(callName(expired));
    await this.#alarm.rang(this.callScheduler.nextGrantAt(now), now);
    await this.#grantWaitingCalls();
    await Promise.all([
      this.probeConnections(),
      this.#slotChecks.checkDue(now),
      this.#sendNotice(),
      this.#hostNotices.sendDue(),
    ]);
    await this.#grantWaitingCalls();
    await this.#alarm.settle(this.#nextAlarmAt());
  }

  /** Sets the alarm to when it is next needed, if that is sooner than it would ring. */
  armAlarm(): void {
    const at = this.#nextAlarmAt();
    if (at !== null) this.#deps.ctx.waitUntil(this.#alarm.setBy(at));
  }

  #nextAlarmAt(): number | null {
    const now = Date.now();
    const probes = [...this.callScheduler.healthByConnection.values()].flatMap((health) => {
      if (isDoubted(health)) return [now + WAKE_RETRY_MS];
      return health.closure === null || health.closure.why === "locked" ? [] : [health.closure.probeAt];
    });
    const notices = [this.#notice?.dueAt ?? null, this.#hostNotices.dueAt()];
    const due = [...probes, this.#slotChecks.dueAt(), this.callScheduler.nextGrantAt(now), ...notices];
    const at = Math.min(...due.map((each) => each ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(at) ? Math.max(now + 1, at) : null;
  }

  /**
   * Probes closed connections that are due and doubted ones, one at a time, with a read-only call. A locked account still answers reads, so only a submit
   * can probe it.
   */
  async probeConnections(): Promise<void> {
    this.#probing ??= this.#probeAll().finally(() => {
      this.#probing = null;
    });
    await this.#probing;
  }

  #saveGrant(callGrant: CallGrant, now: number): void {
    const slot = callGrant.tookSlot ? this.callScheduler.slots.get(callGrant.call.requestId) : undefined;
    if (slot !== undefined) this.#deps.store.takeSlot(slot);
    if (callGrant.probe) this.#keepHealth(callGrant.call.connection);
    this.#saveBusyUntil(callGrant.callTime.at, now);
  }

  /** The write is confirmed before the grant leaves (output gate). */
  #saveBusyUntil(at: number, now: number): void {
    if (!isPaceBusy(this.callScheduler.pace, now) || this.#busyUntil >= at + windowMs()) return;
    this.#busyUntil = at + BUSY_SAVED_EVERY_MS;
    this.#deps.store.saveFact("busy_until", this.#busyUntil);
  }

  /** Grants waiting calls; resolves when their trackers are notified. */
  async #grantWaitingCalls(): Promise<void> {
    const now = Date.now();
    const notifying = this.#notifyTrackers(this.callScheduler.grantWaitingCalls(now), now);
    this.armAlarm();
    await notifying;
  }

  async #notifyTrackers(callGrants: readonly CallGrant[], now: number): Promise<void> {
    for (const each of callGrants) this.#saveGrant(each, now);
    await Promise.all(callGrants.map((each) => this.#notifyTracker(each)));
  }

  /** The row stays until the tracker has the grant: a restarted account grants the call again. */
  async #notifyTracker(callGrant: CallGrant): Promise<void> {
    const { env, store, grantOf } = this.#deps;
    const { call } = callGrant;
    const name = callName(call);
    try {
      const tracker = trackerFor(env, call.requestId);
      const { used } = await tracker.callGranted(call.effect, grantOf(callGrant));
      if (this.callScheduler.queue.findCall(name) === undefined) store.deleteWaitingCall(name);
      if (!used) this.returnGrant(callGrant);
    } catch {
      this.callScheduler.deferCall(call, Date.now());
      this.returnGrant(callGrant);
    }
  }

  async #probeAll(): Promise<void> {
    for (const [connection, before] of this.callScheduler.healthByConnection) {
      const isDue = before.closure?.why !== "locked" && isProbeDue(before, Date.now());
      if (!isDue && !isDoubted(before)) continue;
      const callTime = this.reserveOwnCall();
      if ("retryAt" in callTime) continue;
      this.#setHealth(connection, withStartedProbe(before, Date.now()), null);
      const signal = await this.makeOwnCall(callTime, () => createUpstreamClient(this.#deps.config).probe(connection));
      const health = this.callScheduler.healthOf(connection);
      if (signal === "rate_limited") this.pauseAfterRateLimit(LOOKUP_RETRY_MS);
      else if (health.closure !== null || isDoubted(health)) {
        this.#setHealth(connection, healthAfter(health, { signal, probe: true, team: "" }, Date.now()), null);
      }
    }
  }

  #setHealth(connection: string, health: Health, finder: string | null): void {
    const before = this.callScheduler.healthOf(connection);
    this.callScheduler.healthByConnection.set(connection, health);
    if (before.closure === null && health.closure === null) return;
    this.#keepHealth(connection);
    if (before.closure?.why === health.closure?.why) return;
    const now = Date.now();
    if (health.closure !== null) {
      logEvent("account.closed", { reason: health.closure.why });
      this.#saveNotice(noticeOf("upstream.paused", health.closure, finder, now));
    } else if (before.closure !== null) {
      logEvent("account.reopened", { reason: before.closure.why });
      this.#saveNotice(noticeOf("upstream.resumed", before.closure, finder, now));
    }
  }

  #saveNotice(notice: Notice | null): void {
    this.#notice = notice;
    this.#deps.store.saveFact("notice", notice);
  }

  async #sendNotice(): Promise<void> {
    const notice = this.#notice;
    if (notice === null || notice.dueAt > Date.now()) return;
    const teams = [...this.callScheduler.queue.waitingCalls()].map(({ user }) => teamOf(user));
    const unsent = await sendNotice(this.#deps.env, this.#deps.config, notice, teams);
    // A newer notice may have replaced it.
    if (this.#notice?.id === notice.id) this.#saveNotice(unsent);
  }

  #keepHealth(connection: string): void {
    this.#deps.store.saveHealth(connection, this.callScheduler.healthOf(connection));
  }
}

/** End of the time in which a grant may be used. */
export function notAfter(at: number): number {
  return at + GRANT_USE_MS;
}
