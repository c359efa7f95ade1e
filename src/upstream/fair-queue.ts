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

/** Whether a call may be granted now (slots, health). The same for all calls of a kind and connection. */
export type Admissible = (call: WaitingCall) => boolean;

/**
 * Fairness is counted in grants. A user who starts waiting begins at the level of the user served last: grants cannot be saved
 * up, and unused capacity is not held against anyone.
 */
export class FairQueue {
  readonly #queues = new Map<QueuedKind, Map<string, WaitingCall[]>>(QUEUED_KINDS.map((kind) => [kind, new Map()]));
  readonly #names = new Map<string, WaitingCall>();
  readonly #waitingOf = new Map<string, number>();
  readonly #grantsOf = new Map<string, number>();
  #level = 0;
  /** Overdue calls get at most every second grant, so that other calls do not starve. */
  #lastWasOverdue = false;

  get size(): number {
    return this.#names.size;
  }

  findCall(name: string): WaitingCall | undefined {
    return this.#names.get(name);
  }

  waitingCalls(): IterableIterator<WaitingCall> {
    return this.#names.values();
  }

  addCall(call: WaitingCall): void {
    this.removeCall(callName(call));
    const { user, kind } = call;
    const waiting = this.#waitingOf.get(user) ?? 0;
    if (waiting === 0) this.#grantsOf.set(user, Math.max(this.#grantsOf.get(user) ?? 0, this.#level));
    this.#waitingOf.set(user, waiting + 1);
    this.#names.set(callName(call), call);
    const queue = this.#queuesOf(kind).get(user) ?? [];
    let at = queue.length;
    while (at > 0 && (queue[at - 1]?.since ?? 0) > call.since) at--;
    queue.splice(at, 0, call);
    this.#queuesOf(kind).set(user, queue);
  }

  removeCall(name: string): WaitingCall | undefined {
    const call = this.#names.get(name);
    if (call === undefined) return undefined;
    this.#names.delete(name);
    const queues = this.#queuesOf(call.kind);
    const queue = queues.get(call.user) ?? [];
    queue.splice(queue.indexOf(call), 1);
    if (queue.length === 0) queues.delete(call.user);
    const waiting = (this.#waitingOf.get(call.user) ?? 1) - 1;
    if (waiting > 0) this.#waitingOf.set(call.user, waiting);
    else this.#waitingOf.delete(call.user);
    if (this.#names.size === 0) this.#grantsOf.clear();
    return call;
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

  /**
   * Position of a waiting call within its kind, from 1, if no further call arrives: its user's earlier calls, plus the calls of
   * other users that are granted before it.
   */
  positionOf(name: string): number | null {
    const call = this.#names.get(name);
    if (call === undefined) return null;
    const queues = this.#queuesOf(call.kind);
    const own = queues.get(call.user)?.indexOf(call) ?? 0;
    const grants = (user: string) => this.#grantsOf.get(user) ?? this.#level;
    const rank = grants(call.user) + own;
    let position = own + 1;
    for (const [user, queue] of queues) {
      if (user !== call.user) position += Math.min(queue.length, Math.max(0, rank - grants(user)));
    }
    return position;
  }

  /** Number of waiting calls by user. */
  waitingByUser(): ReadonlyMap<string, number> {
    return this.#waitingOf;
  }

  #queuesOf(kind: QueuedKind): Map<string, WaitingCall[]> {
    const queue = this.#queues.get(kind);
    if (queue === undefined) throw new Error("unknown call kind");
    return queue;
  }

  #choose(now: number, admissible: Admissible): { call: WaitingCall; overdue: boolean } | undefined {
    if (!this.#lastWasOverdue) {
      const overdue = (call: WaitingCall) => now - call.since >= OVERDUE_MS[call.kind] && admissible(call);
      for (const kind of QUEUED_KINDS) {
        const call = kind === "submit" ? undefined : this.#fairest(kind, overdue);
        if (call !== undefined) return { call, overdue: true };
      }
    }
    for (const kind of QUEUED_KINDS) {
      const call = this.#fairest(kind, admissible);
      if (call !== undefined) return { call, overdue: false };
    }
    return undefined;
  }

  /** The oldest call of the user with the fewest grants; on a tie, the oldest call. */
  #fairest(kind: QueuedKind, admissible: Admissible): WaitingCall | undefined {
    let best: WaitingCall | undefined;
    let fewestGrants = Number.POSITIVE_INFINITY;
    for (const [user, queue] of this.#queuesOf(kind)) {
      const grants = this.#grantsOf.get(user) ?? this.#level;
      if (grants > fewestGrants) continue;
      const head = queue.find(admissible);
      if (head === undefined) continue;
      if (grants === fewestGrants && best !== undefined && head.since >= best.since) continue;
      best = head;
      fewestGrants = grants;
    }
    return best;
  }
}
