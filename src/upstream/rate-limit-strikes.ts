// How long to pause after a 429: for Retry-After, else for 2 s that double with each further 429. In memory: an object that wakes
// meets one more 429.

import { MINUTE_MS } from "../platform/time.ts";
import { RATE_LIMITED_PAUSE_MS } from "./client/classify.ts";

/** A second 429 within this of the last doubles the pause, up to RATE_LIMITED_PAUSE_MAX_MS. */
const RATE_LIMITED_CALM_MS = MINUTE_MS;
/** The longest pause after repeated 429s without Retry-After. */
const RATE_LIMITED_PAUSE_MAX_MS = MINUTE_MS;

export class RateLimitStrikes {
  #strikes = 0;
  /** When the first of these pauses began. */
  #since: number;

  constructor(since: number) {
    this.#since = since;
  }

  get since(): number {
    return this.#since;
  }

  /** The pause in ms. Answers to calls that were made before a pause (it is closed until `closedUntil`) do not count. */
  pauseMs(retryAfterMs: number | null, closedUntil: number, now: number): number {
    const wasOpen = closedUntil <= now;
    if (wasOpen) {
      const calm = now - closedUntil >= RATE_LIMITED_CALM_MS;
      if (calm) this.#since = now;
      this.#strikes = calm ? 0 : this.#strikes + 1;
    }
    const own = Math.min(RATE_LIMITED_PAUSE_MAX_MS, RATE_LIMITED_PAUSE_MS * 2 ** Math.min(this.#strikes, 20));
    return retryAfterMs ?? (wasOpen ? own : 0);
  }
}
