// Asks trackers whether they still hold their slots: a release may have been lost, and one that was heard may not be on disk.

import type { Env } from "../platform/bindings.ts";
import { logEvent } from "../platform/log.ts";
import { trackerOf } from "../platform/stubs.ts";
import { MINUTE_MS } from "../platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS } from "../requests/machine/effect-schedule.ts";
import { GRANT_USE_MS } from "./pace.ts";
import type { CallScheduler, Slot } from "./scheduler.ts";

/** A slot is checked after this; sooner while a submit waits for one. */
export const SLOT_CHECK_MS = 10 * MINUTE_MS;
const SLOT_CHECK_WAITED_MS = MINUTE_MS;
/** Slots checked at a time. */
const SLOT_CHECK_BATCH = 20;
/** A woken object checks so many of its slots at once; its alarm checks the others. */
const WAKE_CHECKS_MAX = 200;
/** By then every grant of the instance before was used or missed: a tracker that has a slot says so. */
export const WAKE_CHECK_AFTER_MS = GRANT_WAIT_IN_PLACE_MS + GRANT_USE_MS;

export class SlotChecks {
  readonly #env: Env;
  readonly #scheduler: CallScheduler;
  readonly #release: (requestId: string) => boolean;

  /** `release` frees the slot; false where it was free. */
  constructor(env: Env, callScheduler: CallScheduler, release: (requestId: string) => boolean) {
    this.#env = env;
    this.#scheduler = callScheduler;
    this.#release = release;
  }

  /** When the next slot has to be checked; infinity where none is used. */
  dueAt(): number {
    const gapMs = this.#gapMs();
    let earliest = Number.POSITIVE_INFINITY;
    for (const { checkedAt } of this.#scheduler.slots.values()) earliest = Math.min(earliest, checkedAt + gapMs);
    return earliest;
  }

  /** Checks slots that are due, as many as go at a time. */
  async checkDue(now: number): Promise<void> {
    const limit = now - this.#gapMs();
    const due = [...this.#scheduler.slots.values()].filter(({ checkedAt }) => checkedAt <= limit);
    await this.#checkAll(due.slice(0, SLOT_CHECK_BATCH));
  }

  /** Checks what the instance before left: who freed a slot since its last write is not on disk. */
  async checkAfterWaking(now: number): Promise<void> {
    const inherited = [...this.#scheduler.slots.values()];
    if (inherited.length === 0) return;
    for (const [n, slot] of inherited.entries()) {
      this.#scheduler.slots.set(slot.requestId, { ...slot, checkedAt: n < WAKE_CHECKS_MAX ? now : 0 });
    }
    await new Promise((resolve) => setTimeout(resolve, WAKE_CHECK_AFTER_MS));
    for (let from = 0; from < Math.min(inherited.length, WAKE_CHECKS_MAX); from += SLOT_CHECK_BATCH) {
      await this.#checkAll(inherited.slice(from, from + SLOT_CHECK_BATCH));
    }
  }

  async #checkAll(slots: readonly Slot[]): Promise<void> {
    await Promise.all(slots.map(({ requestId }) => this.#check(requestId)));
  }

  /** A tracker that cannot be asked holds its slot until the next check. A grant given while it answers is newer than the answer. */
  async #check(requestId: string): Promise<void> {
    const asked = this.#scheduler.slots.get(requestId);
    if (asked === undefined) return;
    const holds = await this.#holds(requestId);
    if (this.#scheduler.slots.get(requestId)?.checkedAt !== asked.checkedAt) return;
    if (holds) this.#scheduler.slots.set(requestId, { ...asked, checkedAt: Date.now() });
    else if (this.#release(requestId)) logEvent("account.slot_reclaimed", { request: requestId });
  }

  async #holds(requestId: string): Promise<boolean> {
    const tracker = trackerOf(this.#env, requestId);
    if (tracker === null) return false;
    try {
      return (await tracker.holdsSlot()).holds;
    } catch {
      return true;
    }
  }

  #gapMs(): number {
    return this.#scheduler.waitsForSlot() ? SLOT_CHECK_WAITED_MS : SLOT_CHECK_MS;
  }
}
