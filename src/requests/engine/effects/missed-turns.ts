// How often in a row a tracker came too late for the moment of its calls: the next turn is asked for with more notice, and later, so
// that a slow way to the account or a slow disk makes no hot loop. In memory: a tracker that wakes starts anew.

import { SECOND_MS } from "../../../platform/time.ts";

/** The most notice that is asked for: a grant further ahead would not be given in place (GRANT_WAIT_IN_PLACE_MS). */
const LEAD_MAX_MS = 900;
const BACKOFF_FIRST_MS = 500;
/** The longest time between two turns of a tracker that misses all of them. */
export const MISSED_TURN_BACKOFF_MAX_MS = 30 * SECOND_MS;

export class MissedTurns {
  #inARow = 0;
  #leadMs = 0;

  /** The notice that the next turn needs. */
  get leadMs(): number {
    return this.#leadMs;
  }

  /** How long to wait before the next turn is asked for. */
  get backoffMs(): number {
    if (this.#inARow === 0) return 0;
    return Math.min(MISSED_TURN_BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#inARow - 1, 20));
  }

  /** A turn was missed: `lateMs` after the earliest moment of its call. */
  missed(lateMs: number): void {
    this.#inARow += 1;
    this.#leadMs = Math.min(LEAD_MAX_MS, 2 * Math.max(1, lateMs, this.#leadMs));
  }

  used(): void {
    this.#inARow = 0;
    this.#leadMs = 0;
  }
}
