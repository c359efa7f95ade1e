// The alarm of one tracker. Setting it costs a row, ringing early costs a seventh of that: an alarm that rings too early for an open
// request is left, because most requests end before it. Deleting it is free.

import { alarmDueAt } from "../machine/lanes.ts";
import { pollGapMs } from "../machine/poll-schedule.ts";
import type { RequestRecord } from "../machine/types.ts";

export class TrackerAlarm {
  readonly #storage: DurableObjectStorage;
  /** When it rings, as far as this instance knows; null: not set. */
  #setFor: number | null = null;
  /** Counts changes, so that a read that one of them overtook is not believed. */
  #changes = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get isSet(): boolean {
    return this.#setFor !== null;
  }

  /** Finds out whether the platform still has the alarm. */
  async read(): Promise<void> {
    const changes = this.#changes;
    const setFor = await this.#storage.getAlarm();
    if (changes === this.#changes) this.#setFor = setFor;
  }

  /** It has rung: none is set. */
  hasRung(): void {
    this.#know(null);
  }

  setFor(at: number): void {
    this.#know(at);
    void this.#storage.setAlarm(at);
  }

  /** Sets it no later than the record needs it; part of the write that is under way, if there is one. */
  arm(record: RequestRecord | null, now: number): void {
    const due = record && alarmDueAt(record.effects, now);
    if (record === null || due === null) {
      if (this.#setFor !== null) void this.#storage.deleteAlarm();
      this.#know(null);
      return;
    }
    const isEarlyEnough = this.#setFor !== null && this.#setFor <= due;
    if (isEarlyEnough && (this.#setFor === due || mayEndSooner(record))) return;
    this.setFor(Math.min(due, firstPollAt(record, now)));
  }

  #know(setFor: number | null): void {
    this.#setFor = setFor;
    this.#changes++;
  }
}

/** Whether what the alarm is for may still be overtaken: by an end, or by the conclusion of what runs in place after it. */
function mayEndSooner({ state, effects }: RequestRecord): boolean {
  return state.settledAt === null || effects.some(({ leaseUntil }) => leaseUntil !== null);
}

/** While the submit is under way: one alarm serves its lease and the poll that follows it. */
function firstPollAt({ state }: RequestRecord, now: number): number {
  return state.stage === "submitting" ? now + pollGapMs(state, "none") : Number.POSITIVE_INFINITY;
}
