// Who is next among the calls that wait for a turn: by kind, and inside a kind round robin over users, so that ten small users
// do not stand behind one of a thousand. A deterministic structure in memory; the account keeps the rows. Pure: the clock is a
// parameter.

import type { QueuedKind, WaitingCall } from "../contracts/account.ts";
import { SECOND_MS } from "../platform/time.ts";

/** Calls that have waited this long get every second turn. Results come before fal forgets them (six minutes). */
const OVERDUE_MS = {
  submit: Number.POSITIVE_INFINITY,
  cancel: 5 * SECOND_MS,
  result: 10 * SECOND_MS,
  status: 30 * SECOND_MS,
} as const;

/** In the order in which they are served while nothing of a later kind is overdue. */
export const QUEUED_KINDS: readonly QueuedKind[] = ["submit", "cancel", "result", "status"];

export function callName({ requestId, effect }: Pick<WaitingCall, "requestId" | "effect">): string {
  return `${requestId}/${effect}`;
}

/** Whether a waiter may have a turn now, for reasons of its own (slots, health). The same for all of a kind and connection. */
export type Admissible = (waiter: WaitingCall) => boolean;

/**
 * Shares are counted in turns. A user who begins to wait starts level with whoever was served last: nobody saves turns up,
 * and nobody is punished for turns that no one else wanted.
 */
export class FairQueue {
  readonly #lines = new Map<QueuedKind, Map<string, WaitingCall[]>>(QUEUED_KINDS.map((kind) => [kind, new Map()]));
  readonly #names = new Map<string, WaitingCall>();
  readonly #waitingOf = new Map<string, number>();
  readonly #turnsOf = new Map<string, number>();
  #level = 0;
  /** Overdue calls get every second turn at most: the others must not starve in their place. */
  #lastWasOverdue = false;

  get size(): number {
    return this.#names.size;
  }

  find(name: string): WaitingCall | undefined {
    return this.#names.get(name);
  }

  all(): IterableIterator<WaitingCall> {
    return this.#names.values();
  }

  add(waiter: WaitingCall): void {
    this.remove(callName(waiter));
    const { user, kind } = waiter;
    const waiting = this.#waitingOf.get(user) ?? 0;
    if (waiting === 0) this.#turnsOf.set(user, Math.max(this.#turnsOf.get(user) ?? 0, this.#level));
    this.#waitingOf.set(user, waiting + 1);
    this.#names.set(callName(waiter), waiter);
    const line = this.#line(kind).get(user) ?? [];
    let at = line.length;
    while (at > 0 && (line[at - 1]?.since ?? 0) > waiter.since) at--;
    line.splice(at, 0, waiter);
    this.#line(kind).set(user, line);
  }

  remove(name: string): WaitingCall | undefined {
    const waiter = this.#names.get(name);
    if (waiter === undefined) return undefined;
    this.#names.delete(name);
    const lines = this.#line(waiter.kind);
    const line = lines.get(waiter.user) ?? [];
    line.splice(line.indexOf(waiter), 1);
    if (line.length === 0) lines.delete(waiter.user);
    const waiting = (this.#waitingOf.get(waiter.user) ?? 1) - 1;
    if (waiting > 0) this.#waitingOf.set(waiter.user, waiting);
    else this.#waitingOf.delete(waiter.user);
    if (this.#names.size === 0) this.#turnsOf.clear();
    return waiter;
  }

  /** Who gets the next turn, without taking it out; undefined when nobody may have one. */
  peek(now: number, admissible: Admissible): WaitingCall | undefined {
    return this.#choose(now, admissible)?.waiter;
  }

  /** Takes out who gets the next turn, and counts it. */
  take(now: number, admissible: Admissible): WaitingCall | undefined {
    const chosen = this.#choose(now, admissible);
    if (chosen === undefined) return undefined;
    const { waiter, overdue } = chosen;
    this.#lastWasOverdue = overdue;
    const turns = this.#turnsOf.get(waiter.user) ?? this.#level;
    this.#level = Math.max(this.#level, turns);
    this.#turnsOf.set(waiter.user, turns + 1);
    this.remove(callName(waiter));
    return waiter;
  }

  /**
   * The place of a waiting call among those of its kind, from 1, if nobody else comes: its user's earlier calls, and of each
   * other user as many as have their turns before.
   */
  position(name: string): number | null {
    const waiter = this.#names.get(name);
    if (waiter === undefined) return null;
    const lines = this.#line(waiter.kind);
    const own = lines.get(waiter.user)?.indexOf(waiter) ?? 0;
    const turns = (user: string) => this.#turnsOf.get(user) ?? this.#level;
    const rank = turns(waiter.user) + own;
    let position = own + 1;
    for (const [user, line] of lines) {
      if (user !== waiter.user) position += Math.min(line.length, Math.max(0, rank - turns(user)));
    }
    return position;
  }

  /** How many calls of each user wait. */
  waitingByUser(): ReadonlyMap<string, number> {
    return this.#waitingOf;
  }

  #line(kind: QueuedKind): Map<string, WaitingCall[]> {
    const line = this.#lines.get(kind);
    if (line === undefined) throw new Error("unknown call kind");
    return line;
  }

  #choose(now: number, admissible: Admissible): { waiter: WaitingCall; overdue: boolean } | undefined {
    if (!this.#lastWasOverdue) {
      const overdue = (waiter: WaitingCall) => now - waiter.since >= OVERDUE_MS[waiter.kind] && admissible(waiter);
      for (const kind of QUEUED_KINDS) {
        const waiter = kind === "submit" ? undefined : this.#fairest(kind, overdue);
        if (waiter !== undefined) return { waiter, overdue: true };
      }
    }
    for (const kind of QUEUED_KINDS) {
      const waiter = this.#fairest(kind, admissible);
      if (waiter !== undefined) return { waiter, overdue: false };
    }
    return undefined;
  }

  /** The oldest call of the user who has had the fewest turns; of several such users, the one whose call is oldest. */
  #fairest(kind: QueuedKind, admissible: Admissible): WaitingCall | undefined {
    let best: WaitingCall | undefined;
    let bestTurns = Number.POSITIVE_INFINITY;
    for (const [user, line] of this.#line(kind)) {
      const turns = this.#turnsOf.get(user) ?? this.#level;
      if (turns > bestTurns) continue;
      const head = line.find(admissible);
      if (head === undefined) continue;
      if (turns === bestTurns && best !== undefined && head.since >= best.since) continue;
      best = head;
      bestTurns = turns;
    }
    return best;
  }
}
