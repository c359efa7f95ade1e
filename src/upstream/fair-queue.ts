// Order of waiting calls: by kind, and within a kind round robin over users, so that a user with a thousand calls does not delay
// the others. Deterministic and in memory. Pure: the clock is a parameter.

import type { QueuedKind, WaitingCall } from "../contracts/account.ts";
import { SECOND_MS } from "../platform/time.ts";

/** Calls that waited this long get every second grant: a result must be fetched before fal deletes it (six minutes). */
const OVERDUE_MS = {
  submit: Number.POSITIVE_INFINITY,
  cancel: 5 * SECOND_MS,
  result: 10 * SECOND_MS,
  status: 30 * SECOND_MS,
} as const;

/** In the order of service while no later kind is overdue. */
export const QUEUED_KINDS: readonly QueuedKind[] = ["submit", "cancel", "result", "status"];

export function callName({ requestId, effect }: Pick<WaitingCall, "requestId" | "effect">): string {
  return `${requestId}/${effect}`;
}

/**
 * Calls that may be granted or not together: those of a kind over a connection. Submits that have a slot already are apart from those
 * that need one. So a look at the queue decides about each lane once, however many calls wait in it.
 */
export interface Lane {
  readonly kind: QueuedKind;
  readonly connection: string;
  readonly hasSlot: boolean;
}

/** Whether the calls of a lane may be granted now (slots, health). */
export type Admissible = (lane: Lane) => boolean;

interface QueueLane extends Lane {
  /** Each user's calls, oldest first. */
  readonly users: Map<string, WaitingCall[]>;
}

interface Entry {
  readonly call: WaitingCall;
  readonly lane: QueueLane;
}

/**
 * Fairness is counted in grants. A user who starts waiting begins at the level of the user served last: grants cannot be saved
 * up, and unused capacity is not held against anyone.
 */
export class FairQueue {
  readonly #lanes = new Map<QueuedKind, Map<string, QueueLane>>(QUEUED_KINDS.map((kind) => [kind, new Map()]));
  readonly #entries = new Map<string, Entry>();
  /** Calls that are in no lane until then, in that order: their trackers could not be notified. */
  readonly #deferred = new Map<string, number>();
  readonly #waitingOf = new Map<string, number>();
  readonly #submitsOf = new Map<string, number>();
  readonly #grantsOf = new Map<string, number>();
  #level = 0;
  #submits = 0;
  /** Overdue calls get at most every second grant, so that other calls do not starve. */
  #lastWasOverdue = false;

  get size(): number {
    return this.#entries.size;
  }

  /** Waiting submits, of all teams or one. */
  submits(team?: string): number {
    return team === undefined ? this.#submits : (this.#submitsOf.get(team) ?? 0);
  }

  findCall(name: string): WaitingCall | undefined {
    return this.#entries.get(name)?.call;
  }

  *waitingCalls(): Generator<WaitingCall> {
    for (const { call } of this.#entries.values()) yield call;
  }

  /** `hasSlot`: it is a submit that needs no slot any more. */
  addCall(call: WaitingCall, hasSlot = false): void {
    const name = callName(call);
    this.removeCall(name);
    const { user, kind } = call;
    const waiting = this.#waitingOf.get(user) ?? 0;
    if (waiting === 0) this.#grantsOf.set(user, Math.max(this.#grantsOf.get(user) ?? 0, this.#level));
    this.#waitingOf.set(user, waiting + 1);
    this.#countSubmit(call, 1);
    const lane = this.#laneOf(kind, call.connection, hasSlot);
    this.#entries.set(name, { call, lane });
    enter(lane, call);
  }

  removeCall(name: string): WaitingCall | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const { call } = entry;
    this.#entries.delete(name);
    if (!this.#deferred.delete(name)) this.#leave(entry);
    this.#countSubmit(call, -1);
    const waiting = (this.#waitingOf.get(call.user) ?? 1) - 1;
    if (waiting > 0) this.#waitingOf.set(call.user, waiting);
    else this.#waitingOf.delete(call.user);
    if (this.#entries.size === 0) this.#grantsOf.clear();
    return call;
  }

  /** Keeps a waiting call out of its lane until then. Each deferral has to end after the ones before it. */
  deferCall(name: string, until: number): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (!this.#deferred.delete(name)) this.#leave(entry);
    this.#deferred.set(name, until);
  }

  /** A waiting submit got a slot, or lost it. */
  setHasSlot(name: string, hasSlot: boolean): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.lane.hasSlot === hasSlot) return;
    const { call } = entry;
    const lane = this.#laneOf(call.kind, call.connection, hasSlot);
    this.#entries.set(name, { call, lane });
    if (this.#deferred.has(name)) return;
    this.#leave(entry);
    enter(lane, call);
  }

  /** The next call, without removing it; undefined when none is eligible. */
  peekNextCall(now: number, admissible: Admissible): WaitingCall | undefined {
    return this.#choose(now, admissible)?.call;
  }

  /** Removes the next call and counts its grant. */
  takeNextCall(now: number, admissible: Admissible): WaitingCall | undefined {
    const chosen = this.#choose(now, admissible);
    if (chosen === undefined) return undefined;
    const { call, overdue } = chosen;
    this.#lastWasOverdue = overdue;
    const grants = this.#grantsOf.get(call.user) ?? this.#level;
    this.#level = Math.max(this.#level, grants);
    this.#grantsOf.set(call.user, grants + 1);
    this.removeCall(callName(call));
    return call;
  }

  /** Whether calls wait in a lane of this sort. */
  hasLane(isSought: (lane: Lane) => boolean): boolean {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) if (lane.users.size > 0 && isSought(lane)) return true;
    }
    return false;
  }

  /**
   * Position of a waiting call within its kind, from 1, if no further call arrives: its user's earlier calls, plus the calls of
   * other users that are granted before it.
   */
  positionOf(name: string): number | null {
    const entry = this.#entries.get(name);
    if (entry === undefined) return null;
    const { call, lane } = entry;
    const own = Math.max(0, lane.users.get(call.user)?.indexOf(call) ?? 0);
    const grants = (user: string) => this.#grantsOf.get(user) ?? this.#level;
    const rank = grants(call.user) + own;
    let position = own + 1;
    for (const each of this.#lanesOf(call.kind).values()) {
      for (const [user, queue] of each.users) {
        if (each === lane && user === call.user) continue;
        position += Math.min(queue.length, Math.max(0, rank - grants(user)));
      }
    }
    return position;
  }

  /** Number of waiting calls by user. */
  waitingByUser(): ReadonlyMap<string, number> {
    return this.#waitingOf;
  }

  #lanesOf(kind: QueuedKind): Map<string, QueueLane> {
    const lanes = this.#lanes.get(kind);
    if (lanes === undefined) throw new Error("unknown call kind");
    return lanes;
  }

  #laneOf(kind: QueuedKind, connection: string, hasSlot: boolean): QueueLane {
    const lanes = this.#lanesOf(kind);
    const key = laneKey({ connection, hasSlot });
    const lane = lanes.get(key) ?? { kind, connection, hasSlot, users: new Map<string, WaitingCall[]>() };
    lanes.set(key, lane);
    return lane;
  }

  /** Empty lanes go. */
  #leave({ call, lane }: Entry): void {
    const queue = lane.users.get(call.user) ?? [];
    queue.splice(queue.indexOf(call), 1);
    if (queue.length === 0) lane.users.delete(call.user);
    if (lane.users.size === 0) this.#lanesOf(lane.kind).delete(laneKey(lane));
  }

  #countSubmit({ kind, user }: WaitingCall, by: 1 | -1): void {
    if (kind !== "submit") return;
    this.#submits += by;
    const team = teamOf(user);
    const submits = (this.#submitsOf.get(team) ?? 0) + by;
    if (submits > 0) this.#submitsOf.set(team, submits);
    else this.#submitsOf.delete(team);
  }

  /** Deferred calls whose time is over take their places again. */
  #readmit(now: number): void {
    for (const [name, until] of this.#deferred) {
      if (until > now) return;
      this.#deferred.delete(name);
      const entry = this.#entries.get(name);
      if (entry === undefined) continue;
      const { kind, connection, hasSlot } = entry.lane;
      const lane = this.#laneOf(kind, connection, hasSlot);
      this.#entries.set(name, { call: entry.call, lane });
      enter(lane, entry.call);
    }
  }

  #choose(now: number, admissible: Admissible): { call: WaitingCall; overdue: boolean } | undefined {
    this.#readmit(now);
    const open = new Map<QueuedKind, QueueLane[]>();
    for (const [kind, lanes] of this.#lanes) open.set(kind, [...lanes.values()].filter(admissible));
    if (!this.#lastWasOverdue) {
      for (const kind of QUEUED_KINDS) {
        if (kind === "submit") continue;
        const call = this.#fairest(open.get(kind) ?? [], now - OVERDUE_MS[kind]);
        if (call !== undefined) return { call, overdue: true };
      }
    }
    for (const kind of QUEUED_KINDS) {
      const call = this.#fairest(open.get(kind) ?? [], Number.POSITIVE_INFINITY);
      if (call !== undefined) return { call, overdue: false };
    }
    return undefined;
  }

  /** The oldest call, at most as new as `newest`, of the user with the fewest grants; on a tie, the oldest call. */
  #fairest(lanes: readonly QueueLane[], newest: number): WaitingCall | undefined {
    let best: WaitingCall | undefined;
    let fewestGrants = Number.POSITIVE_INFINITY;
    for (const { users } of lanes) {
      for (const [user, [head]] of users) {
        const grants = this.#grantsOf.get(user) ?? this.#level;
        if (grants > fewestGrants || head === undefined || head.since > newest) continue;
        if (grants === fewestGrants && best !== undefined && head.since >= best.since) continue;
        best = head;
        fewestGrants = grants;
      }
    }
    return best;
  }
}

/** Users are named below their team. */
export function teamOf(user: string): string {
  return user.split("/", 1)[0] ?? user;
}

function laneKey({ connection, hasSlot }: Pick<Lane, "connection" | "hasSlot">): string {
  return `${hasSlot ? "held" : "new"}/${connection}`;
}

/** A user's calls are served by their times. */
function enter(lane: QueueLane, call: WaitingCall): void {
  const queue = lane.users.get(call.user) ?? [];
  let at = queue.length;
  while (at > 0 && (queue[at - 1]?.since ?? 0) > call.since) at--;
  queue.splice(at, 0, call);
  lane.users.set(call.user, queue);
}

export function byMostCalls(waiting: ReadonlyMap<string, number>): { user: string; calls: number }[] {
  return [...waiting].map(([user, calls]) => ({ user, calls })).sort((a, b) => b.calls - a.calls);
}
