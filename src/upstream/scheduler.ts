// Decides which call is granted next: rate limit, fair queue, slots and health together. Pure and in memory: grants.ts stores the
// rows and notifies the trackers; the simulation drives the same scheduler.

import type { CallGrant, Pause, QueuedKind, QueuePosition, WaitingCall } from "../contracts/account.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS, LEASE_SLACK_MS, SUBMIT_TIMEOUT_MS } from "../requests/machine/effect-schedule.ts";
import { AnswerTimes } from "./answer-times.ts";
import { RATE_LIMITED_PAUSE_MS } from "./client/classify.ts";
import { type Admissible, callName, FairQueue, type Lane, QUEUED_KINDS, teamOf } from "./fair-queue.ts";
import { HEALTHY, type Health, isProbeDue, withStartedProbe, withUnusedProbe } from "./health.ts";
import {
  type CallTime,
  callSpacingMs,
  expectedCallTimeAt,
  nextCallTimeAt,
  type Pace,
  pausePace,
  releaseCallTime,
  reserveCallTime,
  withAnsweredCall,
} from "./pace.ts";
import { RateLimitStrikes } from "./rate-limit-strikes.ts";

/** Waiting calls are granted this far ahead, so that a late alarm wastes no call time. */
export const GRANTS_AHEAD_MS = 600;
/** Earliest start of a grant that is sent by RPC, which takes time itself. */
export const WAKE_LEAD_MS = 60;
/** Retry after a tracker could not be notified. */
export const WAKE_RETRY_MS = 5 * SECOND_MS;
/** A waiting tracker asks again after 1.5 times its estimate plus this, in case the notification is lost. */
const WAKE_MISSED_MS = 15 * SECOND_MS;
/** Upper limit of that wait: an estimate may be wrong by hours. */
const WAKE_MISSED_MAX_MS = 10 * MINUTE_MS;
/** A waiting call is removed when its tracker is this late to ask again. */
const WAITING_CALL_EXPIRES_MS = 10 * MINUTE_MS;
/** Expired calls are looked for this often: each search visits every waiting call. */
const EXPIRED_LOOK_MS = MINUTE_MS;
/** Waiting submits of all teams, unless configured: more would wait for hours at any pace, and fill the one thread that all share. */
export const WAITING_SUBMITS_MAX = 20_000;
/** Waiting submits of one team, unless configured. */
export const WAITING_SUBMITS_PER_TEAM_MAX = 5_000;
/** Maximum unanswered submits, in seconds of full rate: a hanging gateway makes no more of them uncertain. */
const UNANSWERED_SUBMITS_S = 2;

/** `isNew`: its caller still waits to hear whether the request is taken, so a full queue may turn it away. */
export type SchedulerRequest = Omit<WaitingCall, "expectedBy"> & { isNew?: boolean };

export interface Slot {
  requestId: string;
  connection: string;
  since: number;
  model?: string;
  /** The last grant that came with it. */
  grantedAt: number;
  /** When it was last granted, or its tracker asked. */
  checkedAt: number;
}

export type GrantDecision =
  | { kind: "granted"; callGrant: CallGrant }
  | { kind: "wait"; queuePosition: QueuePosition; retryAt: number; call: WaitingCall }
  | { kind: "queue_full"; of: "team" | "account" };

/** Weight of the latest slot in the moving average of hold times. */
const SLOT_HOLD_WEIGHT = 0.2;

export class CallScheduler {
  pace: Pace;
  readonly queue = new FairQueue();
  readonly slots = new Map<string, Slot>();
  readonly healthByConnection = new Map<string, Health>();
  readonly #slotsMax: number;
  readonly #waitingMax = { all: WAITING_SUBMITS_MAX, team: WAITING_SUBMITS_PER_TEAM_MAX };
  /** Submits without an answer, by request id. */
  readonly unanswered = new Map<string, number>();
  /** Submits that a locked account refused, and when: other requests probe before them. */
  readonly #refusedSubmitAt = new Map<string, number>();
  readonly #answerTimes = new AnswerTimes();
  readonly #strikes: RateLimitStrikes;
  /** Moving average of how long a slot is held. */
  #slotHoldMs: number | null = null;
  #expiredLookAt = Number.NEGATIVE_INFINITY;
  /** `pausedSince`: start of the current pause, if any. */
  constructor(pace: Pace, slotsMax: number, pausedSince = 0, waitingMax: { all?: number; team?: number } = {}) {
    this.pace = pace;
    this.#slotsMax = slotsMax;
    this.#strikes = new RateLimitStrikes(pausedSince);
    Object.assign(this.#waitingMax, waitingMax);
  }

  healthOf(connection: string): Health {
    return this.healthByConnection.get(connection) ?? HEALTHY;
  }

  slotsUsed(connection: string): number {
    let used = 0;
    for (const slot of this.slots.values()) if (slot.connection === connection) used++;
    return used;
  }

  /** Grants the call when no other call is eligible; otherwise queues it, which may grant other calls. */
  requestGrant(request: SchedulerRequest, now: number): { decision: GrantDecision; grantedToOthers: CallGrant[] } {
    const name = callName(request);
    const { isNew = false, ...asked } = request;
    const since = Math.max(asked.since, this.#refusedSubmitAt.get(asked.requestId) ?? 0);
    const call: WaitingCall = { ...asked, since, expectedBy: now };
    const admissible = this.#admissible(now);
    const known = this.queue.findCall(name);
    const othersWait = known !== undefined || this.queue.peekNextCall(now, admissible) !== undefined;
    const isNear = nextCallTimeAt(this.pace, now) - now <= GRANT_WAIT_IN_PLACE_MS;
    if (!othersWait && isNear && admissible(this.#laneOf(call))) {
      return { decision: { kind: "granted", callGrant: this.#issueGrant(call, now, now) }, grantedToOthers: [] };
    }
    const full = isNew && known === undefined && call.kind === "submit" ? this.#fullFor(teamOf(call.user)) : null;
    if (full !== null) return { decision: { kind: "queue_full", of: full }, grantedToOthers: [] };
    this.enqueue(known === undefined ? call : { ...call, since: Math.min(call.since, known.since) });
    const callGrants = this.grantWaitingCalls(now);
    const ownGrant = callGrants.find((each) => callName(each.call) === name);
    const grantedToOthers = callGrants.filter((each) => each !== ownGrant);
    if (ownGrant !== undefined) return { decision: { kind: "granted", callGrant: ownGrant }, grantedToOthers };
    const queuePosition = this.queuePosition(name, now) ?? this.#queuePositionAt(call, 1, now);
    const expectedBy = now + retryMs(queuePosition);
    const waitingCall = { ...(this.queue.findCall(name) ?? call), expectedBy };
    this.enqueue(waitingCall);
    return { decision: { kind: "wait", queuePosition, retryAt: expectedBy, call: waitingCall }, grantedToOthers };
  }

  /** Reserves a call of the account itself: the next call time, if it is near. */
  reserveOwnCall(now: number): CallTime | { retryAt: number } {
    if (nextCallTimeAt(this.pace, now) - now > GRANT_WAIT_IN_PLACE_MS) {
      return {
        retryAt: Math.max(
          now + GRANT_WAIT_IN_PLACE_MS / 2,
          expectedCallTimeAt(this.pace, now) - GRANT_WAIT_IN_PLACE_MS / 2,
        ),
      };
    }
    const { pace, callTime } = reserveCallTime(this.pace, now);
    this.pace = pace;
    return callTime;
  }

  /** A call of the account itself finished. */
  ownCallFinished(callTime: CallTime, now: number): void {
    this.pace = withAnsweredCall(this.pace, callTime, now, 0);
  }

  /** Grants a call again that received its grant too late. Null: it waits like others. */
  regrant(request: SchedulerRequest, now: number, notBefore: number): CallGrant | null {
    const { isNew: _isNew, ...asked } = request;
    const call = { ...asked, expectedBy: now };
    if (
      !this.#admissible(now)(this.#laneOf(call)) ||
      nextCallTimeAt(this.pace, notBefore) - now > GRANT_WAIT_IN_PLACE_MS
    )
      return null;
    return this.#issueGrant(call, now, notBefore);
  }

  /** Grants waiting calls, up to GRANTS_AHEAD_MS ahead. */
  grantWaitingCalls(now: number): CallGrant[] {
    const admissible = this.#admissible(now);
    const callGrant: CallGrant[] = [];
    for (;;) {
      const from = now + WAKE_LEAD_MS;
      if (nextCallTimeAt(this.pace, from) - now > GRANTS_AHEAD_MS) return callGrant;
      const call = this.queue.takeNextCall(now, admissible);
      if (call === undefined) return callGrant;
      callGrant.push(this.#issueGrant(call, now, from));
    }
  }

  /** When to grant waiting calls again; null when none wait. Freed slots and answers trigger it at once. */
  nextGrantAt(now: number): number | null {
    if (this.queue.size === 0) return null;
    if (this.queue.peekNextCall(now, this.#admissible(now)) === undefined) return now + WAKE_RETRY_MS;
    return Math.max(now + 1, nextCallTimeAt(this.pace, now + WAKE_LEAD_MS) - GRANTS_AHEAD_MS / 2);
  }

  /** The grant was not used. Returned late, it may allow a second probe: that costs one more refusal. True when it freed a slot. */
  returnGrant({ call, callTime, probe, tookSlot }: CallGrant, now: number): boolean {
    this.pace = releaseCallTime(this.pace, callTime);
    if (call.kind !== "submit") return false;
    const health = this.healthOf(call.connection);
    // Closed for another reason meanwhile: the account probes it itself.
    if (probe && health.closure?.why === "locked")
      this.healthByConnection.set(call.connection, withUnusedProbe(health, now));
    this.unanswered.delete(call.requestId);
    // A grant that is returned late must not free the slot of a later one.
    if (!tookSlot || this.slots.get(call.requestId)?.grantedAt !== callTime.at) return false;
    this.#freeSlot(call.requestId);
    return true;
  }

  /** Its tracker did not answer: the call keeps its position and is retried after WAKE_RETRY_MS. */
  deferCall(call: WaitingCall, now: number): void {
    this.enqueue(call);
    this.queue.deferCall(callName(call), now + WAKE_RETRY_MS);
  }

  /** fal answered this submit with a locked account. */
  submitRefused({ requestId }: WaitingCall, now: number): void {
    this.#refusedSubmitAt.set(requestId, now);
  }

  /** A granted call finished, with or without an answer: now its end in the rate window is known. */
  callFinished({ call, callTime }: CallGrant, now: number): void {
    if (call.kind === "submit") this.unanswered.delete(call.requestId);
    this.pace = withAnsweredCall(this.pace, callTime, now, this.#answerTimes.quickestMs(call.kind));
    this.#answerTimes.add(call.kind, now - callTime.at);
  }

  /** The request is not at fal. Returns the slot that it had. */
  releaseSlot(requestId: string, now: number): Slot | undefined {
    this.unanswered.delete(requestId);
    this.#refusedSubmitAt.delete(requestId);
    const slot = this.slots.get(requestId);
    if (slot === undefined) return undefined;
    this.#freeSlot(requestId);
    const heldMs = now - slot.since;
    this.#slotHoldMs =
      this.#slotHoldMs === null ? heldMs : this.#slotHoldMs * (1 - SLOT_HOLD_WEIGHT) + heldMs * SLOT_HOLD_WEIGHT;
    return slot;
  }

  /** Upstream answered 429. Returns the pause in ms. */
  pauseAfterRateLimit(retryAfterMs: number | null, now: number): number {
    const pauseMs = this.#strikes.pauseMs(retryAfterMs, this.pace.closedUntil, now);
    this.pace = pausePace(this.pace, now, pauseMs);
    return pauseMs;
  }

  /** The pause of submits over this connection, if any. */
  pauseOf(connection: string, now: number): Pause | null {
    const { closure } = this.healthOf(connection);
    if (closure === null) return this.pacePause(now);
    return { why: closure.why, since: closure.since, until: closure.probeAt };
  }

  /** The pause after a 429, if it is long enough to report to callers. */
  pacePause(now: number): Pause | null {
    const { closedUntil: until } = this.pace;
    return until - now > RATE_LIMITED_PAUSE_MS ? { why: "rate_limited", since: this.#strikes.since, until } : null;
  }

  /** Queue position of a waiting call; null when it does not wait. */
  queuePosition(name: string, now: number): QueuePosition | null {
    const call = this.queue.findCall(name);
    const position = this.queue.positionOf(name);
    return call === undefined || position === null ? null : this.#queuePositionAt(call, position, now);
  }

  /** Removes and returns waiting calls whose trackers no longer ask; looks for them once in EXPIRED_LOOK_MS. */
  dropExpiredCalls(now: number): WaitingCall[] {
    if (now - this.#expiredLookAt < EXPIRED_LOOK_MS) return [];
    this.#expiredLookAt = now;
    const gone = [...this.queue.waitingCalls()].filter((call) => call.expectedBy + WAITING_CALL_EXPIRES_MS < now);
    for (const call of gone) this.queue.removeCall(callName(call));
    return gone;
  }

  /** Whether a submit waits only for a slot. */
  waitsForSlot(): boolean {
    if (this.slots.size < this.#slotsMax) return false;
    return this.queue.hasLane(({ kind, connection, hasSlot }) => {
      return kind === "submit" && !hasSlot && this.#isFull(connection);
    });
  }

  waitingByKind(): Record<QueuedKind, number> {
    const counts = Object.fromEntries(QUEUED_KINDS.map((kind) => [kind, 0])) as Record<QueuedKind, number>;
    for (const { kind } of this.queue.waitingCalls()) counts[kind]++;
    return counts;
  }

  #laneOf({ kind, connection, requestId }: WaitingCall): Lane {
    return { kind, connection, hasSlot: kind === "submit" && this.slots.has(requestId) };
  }

  enqueue(call: WaitingCall): void {
    this.queue.addCall(call, this.#laneOf(call).hasSlot);
  }

  /** Its submit needs a slot again, if it waits. */
  #freeSlot(requestId: string): void {
    this.slots.delete(requestId);
    this.queue.setHasSlot(callName({ requestId, effect: "submit" }), false);
  }

  #fullFor(team: string): "team" | "account" | null {
    if (this.queue.submits() >= this.#waitingMax.all) return "account";
    return this.queue.submits(team) >= this.#waitingMax.team ? "team" : null;
  }

  /** Decides about a lane of the queue, as things stand at `now`. */
  #admissible(now: number): Admissible {
    const lost = [...this.unanswered].filter(([, at]) => at + SUBMIT_TIMEOUT_MS + LEASE_SLACK_MS < now);
    for (const [requestId] of lost) this.unanswered.delete(requestId);
    return ({ kind, connection, hasSlot }) => {
      const health = this.healthOf(connection);
      const { closure } = health;
      if (kind !== "submit") return closure === null || closure.why === "locked";
      if (!hasSlot && this.#isFull(connection)) return false;
      if (this.unanswered.size >= this.pace.rps * UNANSWERED_SUBMITS_S) return false;
      return closure === null || (closure.why === "locked" && isProbeDue(health, now));
    };
  }

  #issueGrant(call: WaitingCall, now: number, from: number): CallGrant {
    const next = reserveCallTime(this.pace, from);
    this.pace = next.pace;
    const { callTime } = next;
    const callGrant: CallGrant = { call, callTime, probe: false, tookSlot: false };
    if (call.kind !== "submit") return callGrant;
    const health = this.healthOf(call.connection);
    callGrant.probe = health.closure !== null;
    if (callGrant.probe) this.healthByConnection.set(call.connection, withStartedProbe(health, now));
    const { requestId, connection, model } = call;
    const held = this.slots.get(requestId);
    callGrant.tookSlot = held === undefined;
    const { at } = callTime;
    const since = held?.since ?? at;
    this.slots.set(requestId, { requestId, connection, model, since, grantedAt: at, checkedAt: at });
    this.unanswered.set(call.requestId, callTime.at);
    return callGrant;
  }

  #queuePositionAt(call: WaitingCall, position: number, now: number): QueuePosition {
    const pause = this.pauseOf(call.connection, now);
    const paceMs = Math.max(0, expectedCallTimeAt(this.pace, now) - now) + (position - 1) * callSpacingMs(this.pace);
    if (pause !== null && (call.kind === "submit" || pause.why !== "locked")) {
      const { why, since } = pause;
      return { reason: "upstream_paused", why, since, position, etaMs: why === "rate_limited" ? paceMs : null };
    }
    if (call.kind === "submit" && this.#isFull(call.connection)) {
      const perSlotMs = this.#slotHoldMs === null ? null : this.#slotHoldMs / this.#slotsMax;
      const etaMs = perSlotMs === null ? null : Math.max(paceMs, Math.round(position * perSlotMs));
      return { reason: "slot", why: null, since: null, position, etaMs };
    }
    return { reason: "pace", why: null, since: null, position, etaMs: paceMs };
  }

  #isFull(connection: string): boolean {
    return this.slots.size >= this.#slotsMax && this.slotsUsed(connection) >= this.#slotsMax;
  }
}

function retryMs({ etaMs }: QueuePosition): number {
  return etaMs === null ? WAKE_MISSED_MAX_MS : Math.min(WAKE_MISSED_MAX_MS, 1.5 * etaMs + WAKE_MISSED_MS);
}
