// Who gets the account's next turn: pace, fair queue, slots and health put together. Deterministic and in memory: the account
// keeps the rows and wakes the trackers, a simulation drives the same desk. Pure: the clock is a parameter, no I/O.

import type { CallGrant, Pause, QueuedKind, QueuePosition, WaitingCall } from "../contracts/account.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS, LEASE_SLACK_MS, SUBMIT_TIMEOUT_MS } from "../requests/machine/effect-schedule.ts";
import { RATE_LIMITED_PAUSE_MS } from "./client/classify.ts";
import { callName, FairQueue, QUEUED_KINDS } from "./fair-queue.ts";
import { HEALTHY, type Health, isProbeDue, probeStarted, probeUnused } from "./health.ts";
import {
  answered,
  close,
  expectedAt,
  freeAt,
  nextTurn,
  type Pace,
  returnGrant,
  type Turn,
  turnSpacingMs,
} from "./pace.ts";

/**
 * Answers of a kind of call that its quickest is learned from, and how many that takes. A minute at full pace: a machine that
 * was busy for shorter does not count as the usual, and its calls cannot bunch with the first quick ones after it.
 */
const ANSWERS_KEPT = 512;
const ANSWERS_NEEDED = 16;
/** Turns are given this far ahead to those who wait, so that an alarm that is late costs none of them. */
export const TURNS_AHEAD_MS = 600;
/** A turn that is told by a call begins no sooner: the call takes its time. */
export const WAKE_LEAD_MS = 60;
/** A tracker that could not be woken is tried again after this; it also comes by itself. */
export const WAKE_RETRY_MS = 5 * SECOND_MS;
/** Who waits for a turn comes by itself half as much later than told, and this: the net under a wake that got lost. */
const WAKE_MISSED_MS = 15 * SECOND_MS;
/** The same at most: an estimate may be wrong by hours. */
const WAKE_MISSED_MAX_MS = 10 * MINUTE_MS;
/** A waiting call whose tracker is this late to come by itself has gone. */
const WAITER_GONE_MS = 10 * MINUTE_MS;
/** Submits without an answer at a time, in seconds of a full pace: a gateway that hangs makes no more of them uncertain. */
const UNANSWERED_SUBMITS_S = 2;
/** A second 429 within this of the last doubles the pause, up to RATE_LIMITED_PAUSE_MAX_MS. */
const RATE_LIMITED_CALM_MS = MINUTE_MS;
/** The longest pause after repeated 429s without Retry-After. */
const RATE_LIMITED_PAUSE_MAX_MS = MINUTE_MS;

export type RequestedCall = Omit<WaitingCall, "expectedBy">;

export interface Slot {
  requestId: string;
  connection: string;
  since: number;
  /** When its tracker was last known to hold it. */
  checkedAt: number;
}

export type TurnAnswer =
  | { kind: "turn"; callGrant: CallGrant }
  | { kind: "wait"; place: QueuePosition; retryAt: number; waiter: WaitingCall };

/** How much one slot's time counts in what is expected of the next. */
const HOLD_WEIGHT = 0.2;

export class CallScheduler {
  pace: Pace;
  readonly queue = new FairQueue();
  readonly slots = new Map<string, Slot>();
  readonly health = new Map<string, Health>();
  readonly #slotsMax: number;
  /** Submits that may be under way and have not been answered, by request. */
  readonly #unanswered = new Map<string, number>();
  /** Calls whose tracker could not be woken, and when they may be tried again. */
  readonly #resting = new Map<string, number>();
  /** Submits that a locked account refused, and when: their users' others try before them, or one odd request would for ever. */
  readonly #refusedAt = new Map<string, number>();
  /** How long the last answers to each kind of call took, from their turns until they were heard of. */
  readonly #answersMs = new Map<QueuedKind, number[]>();
  /** How long a slot is held, lately. */
  #holdMs: number | null = null;
  #pauses: { since: number; strikes: number };

  /** `pausedSince`: when the pause began that the pace is closed for, if it is. */
  constructor(pace: Pace, slotsMax: number, pausedSince = 0) {
    this.pace = pace;
    this.#slotsMax = slotsMax;
    this.#pauses = { since: pausedSince, strikes: 0 };
  }

  healthOf(connection: string): Health {
    return this.health.get(connection) ?? HEALTHY;
  }

  slotsUsed(connection: string): number {
    let used = 0;
    for (const slot of this.slots.values()) if (slot.connection === connection) used++;
    return used;
  }

  /** A turn at once while nobody waits who could have it; else a place in the queue, and perhaps turns for others. */
  take(wish: RequestedCall, now: number): { asked: TurnAnswer; woken: CallGrant[] } {
    const name = callName(wish);
    const since = Math.max(wish.since, this.#refusedAt.get(wish.requestId) ?? 0);
    const waiter: WaitingCall = { ...wish, since, expectedBy: now };
    this.#resting.delete(name);
    const admissible = this.#admissible(now);
    const waits = this.queue.find(name) !== undefined || this.queue.peek(now, admissible) !== undefined;
    if (!waits && admissible(waiter) && freeAt(this.pace, now) - now <= GRANT_WAIT_IN_PLACE_MS) {
      return { asked: { kind: "turn", callGrant: this.#give(waiter, now, now) }, woken: [] };
    }
    const known = this.queue.find(name);
    this.queue.add(known === undefined ? waiter : { ...waiter, since: Math.min(waiter.since, known.since) });
    const callGrant = this.pump(now);
    const own = callGrant.find((each) => callName(each.waiter) === name);
    const woken = callGrant.filter((each) => each !== own);
    if (own !== undefined) return { asked: { kind: "turn", callGrant: own }, woken };
    const place = this.place(name, now) ?? this.#placeAt(waiter, 1, now);
    const expectedBy = now + retryMs(place);
    const waiting = { ...(this.queue.find(name) ?? waiter), expectedBy };
    this.queue.add(waiting);
    return { asked: { kind: "wait", place, retryAt: expectedBy, waiter: waiting }, woken };
  }

  /** A turn for a call of the account's own, that has no tracker to wake: the next free one, if it is near. */
  takeOwn(now: number): Turn | { retryAt: number } {
    if (freeAt(this.pace, now) - now > GRANT_WAIT_IN_PLACE_MS) {
      return {
        retryAt: Math.max(now + GRANT_WAIT_IN_PLACE_MS / 2, expectedAt(this.pace, now) - GRANT_WAIT_IN_PLACE_MS / 2),
      };
    }
    const { pace, turn } = nextTurn(this.pace, now);
    this.pace = pace;
    return turn;
  }

  /** The account's own call was answered. */
  ownAnswered(turn: Turn, now: number): void {
    this.pace = answered(this.pace, turn, now, 0);
  }

  /** A turn for one who had been chosen and heard of it too late. Null: it has to wait as others do. */
  takeAgain(wish: RequestedCall, now: number, notBefore: number): CallGrant | null {
    const waiter = { ...wish, expectedBy: now };
    if (!this.#admissible(now)(waiter) || freeAt(this.pace, notBefore) - now > GRANT_WAIT_IN_PLACE_MS) return null;
    return this.#give(waiter, now, notBefore);
  }

  /** Turns for those who wait, as far as they may be told ahead. */
  pump(now: number): CallGrant[] {
    const admissible = this.#admissible(now);
    const callGrant: CallGrant[] = [];
    for (;;) {
      const from = now + WAKE_LEAD_MS;
      if (freeAt(this.pace, from) - now > TURNS_AHEAD_MS) return callGrant;
      const waiter = this.queue.take(now, admissible);
      if (waiter === undefined) return callGrant;
      callGrant.push(this.#give(waiter, now, from));
    }
  }

  /** When to look again for those who wait; null when nobody does. What comes in (slots, answers) is looked at at once. */
  nextPumpAt(now: number): number | null {
    if (this.queue.size === 0) return null;
    if (this.queue.peek(now, this.#admissible(now)) === undefined) return now + WAKE_RETRY_MS;
    return Math.max(now + 1, freeAt(this.pace, now + WAKE_LEAD_MS) - TURNS_AHEAD_MS / 2);
  }

  /** The turn was not used. One handed back late may free a probe while another is out: that costs one more refusal. */
  giveBack({ waiter, turn, probe, tookSlot }: CallGrant, now: number): void {
    this.pace = returnGrant(this.pace, turn);
    if (waiter.kind !== "submit") return;
    const health = this.healthOf(waiter.connection);
    // Closed for a graver reason since, it is tried by the account itself.
    if (probe && health.closure?.why === "locked") this.health.set(waiter.connection, probeUnused(health, now));
    this.#unanswered.delete(waiter.requestId);
    if (tookSlot) this.slots.delete(waiter.requestId);
  }

  /** Its tracker did not answer: it keeps its place and is tried again in a while. */
  rest(waiter: WaitingCall, now: number): void {
    this.#resting.set(callName(waiter), now + WAKE_RETRY_MS);
    this.queue.add(waiter);
  }

  /** The account is locked, said the answer to this submit. */
  refused({ requestId }: WaitingCall, now: number): void {
    this.#refusedAt.set(requestId, now);
  }

  /** The answer to a call was heard, or that none will come: only now can it be said when its place in the pace is free. */
  answered({ waiter, turn }: CallGrant, now: number): void {
    if (waiter.kind === "submit") this.#unanswered.delete(waiter.requestId);
    const tookMs = this.#answersMs.get(waiter.kind) ?? [];
    const quickestMs = tookMs.length < ANSWERS_NEEDED ? 0 : Math.min(...tookMs);
    this.pace = answered(this.pace, turn, now, quickestMs);
    this.#answersMs.set(waiter.kind, [...tookMs, Math.max(0, now - turn.at)].slice(-ANSWERS_KEPT));
  }

  /** The request is no longer at fal, or never came there. Answers its slot, if it had one. */
  release(requestId: string, now: number): Slot | undefined {
    this.#unanswered.delete(requestId);
    this.#refusedAt.delete(requestId);
    const slot = this.slots.get(requestId);
    if (slot === undefined) return undefined;
    this.slots.delete(requestId);
    const heldMs = now - slot.since;
    this.#holdMs = this.#holdMs === null ? heldMs : this.#holdMs * (1 - HOLD_WEIGHT) + heldMs * HOLD_WEIGHT;
    return slot;
  }

  /**
   * Upstream said 429. Without Retry-After the pause doubles while they go on; answers of calls that left before the pause
   * began do not count. Answers the pause.
   */
  rateLimited(retryAfterMs: number | null, now: number): number {
    const wasOpen = this.pace.closedUntil <= now;
    if (wasOpen) {
      const calm = now - this.pace.closedUntil >= RATE_LIMITED_CALM_MS;
      this.#pauses = { since: calm ? now : this.#pauses.since, strikes: calm ? 0 : this.#pauses.strikes + 1 };
    }
    const own = Math.min(RATE_LIMITED_PAUSE_MAX_MS, RATE_LIMITED_PAUSE_MS * 2 ** Math.min(this.#pauses.strikes, 20));
    const pauseMs = retryAfterMs ?? (wasOpen ? own : 0);
    this.pace = close(this.pace, now, pauseMs);
    return pauseMs;
  }

  /** Why submits over this connection do not leave; null while they do. */
  pause(connection: string, now: number): Pause | null {
    const { closure } = this.healthOf(connection);
    if (closure === null) return this.pacePause(now);
    return { why: closure.why, since: closure.since, until: closure.probeAt };
  }

  /** The pause after a 429, if it is one that callers should hear of. */
  pacePause(now: number): Pause | null {
    const { closedUntil: until } = this.pace;
    return until - now > RATE_LIMITED_PAUSE_MS ? { why: "rate_limited", since: this.#pauses.since, until } : null;
  }

  /** Where a waiting call stands; null when it does not wait. */
  place(name: string, now: number): QueuePosition | null {
    const waiter = this.queue.find(name);
    const position = this.queue.position(name);
    return waiter === undefined || position === null ? null : this.#placeAt(waiter, position, now);
  }

  /** Waiting calls whose trackers should have come long ago: taken out and answered. */
  dropGone(now: number): WaitingCall[] {
    const gone = [...this.queue.all()].filter((waiter) => waiter.expectedBy + WAITER_GONE_MS < now);
    for (const waiter of gone) this.queue.remove(callName(waiter));
    for (const [name, until] of this.#resting) if (until <= now) this.#resting.delete(name);
    return gone;
  }

  /** Whether a submit waits for nothing but a slot. */
  waitsForSlot(): boolean {
    if (this.slots.size < this.#slotsMax) return false;
    for (const { kind, connection } of this.queue.all()) if (kind === "submit" && this.#isFull(connection)) return true;
    return false;
  }

  waitingByKind(): Record<QueuedKind, number> {
    const counts = Object.fromEntries(QUEUED_KINDS.map((kind) => [kind, 0])) as Record<QueuedKind, number>;
    for (const { kind } of this.queue.all()) counts[kind]++;
    return counts;
  }

  #admissible(now: number): (waiter: WaitingCall) => boolean {
    for (const [requestId, at] of this.#unanswered) {
      if (at + SUBMIT_TIMEOUT_MS + LEASE_SLACK_MS < now) this.#unanswered.delete(requestId);
    }
    return (waiter) => {
      const { closure } = this.healthOf(waiter.connection);
      if ((this.#resting.get(callName(waiter)) ?? 0) > now) return false;
      if (waiter.kind !== "submit") return closure === null || closure.why === "locked";
      if (!this.slots.has(waiter.requestId) && this.#isFull(waiter.connection)) return false;
      if (this.#unanswered.size >= this.pace.rps * UNANSWERED_SUBMITS_S) return false;
      return closure === null || (closure.why === "locked" && isProbeDue(this.healthOf(waiter.connection), now));
    };
  }

  #give(waiter: WaitingCall, now: number, from: number): CallGrant {
    const next = nextTurn(this.pace, from);
    this.pace = next.pace;
    const { turn } = next;
    const callGrant: CallGrant = { waiter, turn, probe: false, tookSlot: false };
    if (waiter.kind !== "submit") return callGrant;
    const health = this.healthOf(waiter.connection);
    callGrant.probe = health.closure !== null;
    if (callGrant.probe) this.health.set(waiter.connection, probeStarted(health, now));
    callGrant.tookSlot = !this.slots.has(waiter.requestId);
    if (callGrant.tookSlot) {
      const { requestId, connection } = waiter;
      this.slots.set(requestId, { requestId, connection, since: turn.at, checkedAt: turn.at });
    }
    this.#unanswered.set(waiter.requestId, turn.at);
    return callGrant;
  }

  #placeAt(waiter: WaitingCall, position: number, now: number): QueuePosition {
    const pause = this.pause(waiter.connection, now);
    const paceMs = Math.max(0, expectedAt(this.pace, now) - now) + (position - 1) * turnSpacingMs(this.pace);
    if (pause !== null && (waiter.kind === "submit" || pause.why !== "locked")) {
      const { why, since } = pause;
      return { reason: "upstream_paused", why, since, position, etaMs: why === "rate_limited" ? paceMs : null };
    }
    if (waiter.kind === "submit" && this.#isFull(waiter.connection)) {
      const perSlotMs = this.#holdMs === null ? null : this.#holdMs / this.#slotsMax;
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
