// What was learned of the models' durations, in memory, and written at most every LEARNED_SAVED_EVERY_MS. Accepted loss: what was
// learned since the last write goes with the object, and is learned again.

import { type Durations, durationsOf, type Sample, withDuration } from "../models/durations.ts";
import { SECOND_MS } from "../platform/time.ts";

export const LEARNED_SAVED_EVERY_MS = 30 * SECOND_MS;
/** Models whose durations are kept; the one that ended longest ago gives way. */
const MODELS_MAX = 500;

/** As it is stored, in one row: the models in the order of their last end. */
export interface Learned {
  models: [model: string, sample: Sample][];
  /** How long after fal signed it the last webhook was here; null before the first. */
  webhookDelayMs: number | null;
}

interface LearnedStore {
  fact(name: "learned"): Learned | null;
  saveFact(name: "learned", learned: Learned): void;
}

export class LearnedDurations {
  readonly #store: LearnedStore;
  /** In the order of the models' last ends. */
  readonly #samples: Map<string, Sample>;
  #webhookDelayMs: number | null;
  #savedAt = Number.NEGATIVE_INFINITY;

  constructor(store: LearnedStore) {
    const learned = store.fact("learned");
    this.#store = store;
    this.#samples = new Map(learned?.models ?? []);
    this.#webhookDelayMs = learned?.webhookDelayMs ?? null;
  }

  get webhookDelayMs(): number | null {
    return this.#webhookDelayMs;
  }

  durationsOf(model: string): Durations | null {
    return durationsOf(this.#samples.get(model) ?? []);
  }

  /** The models that ended last, latest first. */
  latest(limit: number): { model: string; durations: Durations | null }[] {
    return [...this.#samples.keys()]
      .slice(-limit)
      .reverse()
      .map((model) => ({ model, durations: this.durationsOf(model) }));
  }

  /** A request of the model ended after `ms`; `webhookDelayMs` null: no webhook told so. */
  add(model: string, ms: number, webhookDelayMs: number | null, now: number): void {
    const sample = withDuration(this.#samples.get(model) ?? [], ms);
    this.#samples.delete(model);
    this.#samples.set(model, sample);
    for (const oldest of this.#samples.keys()) {
      if (this.#samples.size <= MODELS_MAX) break;
      this.#samples.delete(oldest);
    }
    this.#webhookDelayMs = webhookDelayMs ?? this.#webhookDelayMs;
    if (now - this.#savedAt < LEARNED_SAVED_EVERY_MS) return;
    this.#savedAt = now;
    this.#store.saveFact("learned", { models: [...this.#samples], webhookDelayMs: this.#webhookDelayMs });
  }
}
