// Reads of one body under a pace: a sender that is too slow has its stream cancelled, and whoever reads is told so.

import { afterRead, allowanceMs, type PaceLeft, type PaceRule, startPace } from "./body-pace.ts";

export class PacedReads {
  /** Whether the sender was too slow: then the stream was cancelled, and what the last read gave counts as nothing. */
  lapsed = false;
  readonly #rule: PaceRule;
  readonly #cancel: () => void;
  #pace: PaceLeft;

  /** `cancel` ends a read that is under way. */
  constructor(rule: PaceRule, cancel: () => void) {
    this.#rule = rule;
    this.#pace = startPace(rule);
    this.#cancel = cancel;
  }

  /** Everything that is still to come may take no longer than this. */
  limitRest(ms: number): void {
    this.#pace = { ...this.#pace, wholeMs: Math.min(this.#pace.wholeMs, ms) };
  }

  /** One read, under the time that is left. */
  async read<T extends { value?: Uint8Array | undefined }>(read: () => Promise<T>): Promise<T> {
    const before = Date.now();
    const timer = setTimeout(() => {
      this.lapsed = true;
      this.#cancel();
    }, allowanceMs(this.#pace));
    try {
      const result = await read();
      this.#pace = afterRead(this.#rule, this.#pace, Date.now() - before, result.value?.byteLength ?? 0);
      return result;
    } finally {
      clearTimeout(timer);
    }
  }
}
