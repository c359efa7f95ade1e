// Queues that were full lately, as an isolate remembers them: a flood of submits is turned away before anything is reserved. One
// submit in a while is let through to find out anew; the account has the last word.

import { type Refusal, refusal } from "../../platform/errors.ts";
import { LruMap } from "../../platform/lru-map.ts";
import { SECOND_MS } from "../../platform/time.ts";

/** What waits is hours of work at any pace: it is no shorter within seconds. */
export const QUEUE_FULL_RETRY_S = 30;
/** An isolate turns submits away for so long without asking. */
export const QUEUE_FULL_REMEMBERED_MS = 5 * SECOND_MS;
/** Teams whose full queues an isolate remembers. */
const TEAMS_MAX = 1_000;

export type FullQueue = "team" | "account";

export class FullQueues {
  readonly #fullUntil = new LruMap<number>(TEAMS_MAX);

  /** The queue that turns this team's submits away now; null: none that is known. */
  fullFor(team: string, now: number): FullQueue | null {
    if (this.#isFull("account", now)) return "account";
    return this.#isFull(`team/${team}`, now) ? "team" : null;
  }

  remember(of: FullQueue, team: string, now: number): void {
    this.#fullUntil.set(of === "account" ? of : `team/${team}`, now + QUEUE_FULL_REMEMBERED_MS);
  }

  #isFull(key: string, now: number): boolean {
    return (this.#fullUntil.get(key) ?? 0) > now;
  }
}

/** 429 for a team's own queue, 503 for the one that all share. */
export function queueFullRefusal(of: FullQueue): Refusal {
  const again = { hint: "Submit fewer requests at a time, and retry later.", retryAfterS: QUEUE_FULL_RETRY_S };
  return of === "team"
    ? refusal("rate_limited", "Too many requests of this team wait already. Nothing was reserved or charged.", again)
    : refusal("overloaded", "Too many requests wait already. Nothing was reserved or charged.", again);
}
