// How long the latest answers of each kind of call took. The fastest is what a call takes that is not delayed on its way. In memory.

import type { QueuedKind } from "../contracts/account.ts";

/** About a minute at full rate, so that a short period of slow answers does not raise the baseline. */
const ANSWERS_KEPT = 512;
const ANSWERS_NEEDED = 16;

export class AnswerTimes {
  readonly #tookMs = new Map<QueuedKind, number[]>();

  /** 0 until enough answers are known. */
  quickestMs(kind: QueuedKind): number {
    const tookMs = this.#tookMs.get(kind) ?? [];
    return tookMs.length < ANSWERS_NEEDED ? 0 : Math.min(...tookMs);
  }

  add(kind: QueuedKind, ms: number): void {
    this.#tookMs.set(kind, [...(this.#tookMs.get(kind) ?? []), Math.max(0, ms)].slice(-ANSWERS_KEPT));
  }
}
