// Asks trackers whether they still hold their slots, and how what has none any more has ended: a release may have been lost, and one
// that was heard may not be on disk.

import type { SlotRelease } from "../contracts/account.ts";
import type { Env } from "../platform/bindings.ts";
import { logEvent } from "../platform/log.ts";
import { trackerOf } from "../platform/stubs.ts";
import { MINUTE_MS } from "../platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS } from "../requests/machine/effect-schedule.ts";
import { GRANT_USE_MS } from "./pace.ts";
import type { CallScheduler, Slot } from "./scheduler.ts";
import type { PagedRequest } from "./slot-pages.ts";

/** A slot is checked after this; sooner while a submit waits for one. */
export const SLOT_CHECK_MS = 10 * MINUTE_MS;
const SLOT_CHECK_WAITED_MS = MINUTE_MS;
/** Slots checked at a time. */
const SLOT_CHECK_BATCH = 20;
/** A woken object checks so many of its slots at once; its alarm checks the others. */
const WAKE_CHECKS_MAX = 200;
/** By then every grant of the instance before was used or missed: a tracker that has a slot says so. */
export const WAKE_CHECK_AFTER_MS = GRANT_WAIT_IN_PLACE_MS + GRANT_USE_MS;

/** `end` null: nothing of the request is to be counted; undefined: older code does not say. */
interface Left {
  requestId: string;
  end: SlotRelease["end"] | null;
}

export class SlotChecks {
  readonly #env: Env;
  readonly #scheduler: CallScheduler;
  readonly #requests: { uncertain(): PagedRequest[] };
  readonly #release: (left: Left) => boolean;
  /** When the trackers of uncertain requests were asked; their slots are free. */
  readonly #uncertainAt = new Map<string, number>();

  /** `release` frees the slot and counts the end; false where it was free. */
  constructor(
    env: Env,
    callScheduler: CallScheduler,
    requests: { uncertain(): PagedRequest[] },
    release: (left: Left) => boolean,
  ) {
    this.#env = env;
    this.#scheduler = callScheduler;
    this.#requests = requests;
    this.#release = release;
  }

  /** When the next slot has to be checked; infinity where none is used. */
  dueAt(): number {
    const gapMs = this.#gapMs();
    let earliest = Number.POSITIVE_INFINITY;
    for (const { checkedAt } of this.#scheduler.slots.values()) earliest = Math.min(earliest, checkedAt + gapMs);
    for (const each of this.#requests.uncertain()) earliest = Math.min(earliest, this.#askedAt(each) + SLOT_CHECK_MS);
    return earliest;
  }

  /** Checks slots that are due, as many as go at a time. */
  async checkDue(now: number): Promise<void> {
    const limit = now - this.#gapMs();
    const due = [...this.#scheduler.slots.values()].filter(({ checkedAt }) => checkedAt <= limit);
    const uncertain = this.#requests.uncertain().filter((each) => this.#askedAt(each) + SLOT_CHECK_MS <= now);
    await Promise.all([
      this.#checkAll(due.slice(0, SLOT_CHECK_BATCH)),
      ...uncertain.slice(0, SLOT_CHECK_BATCH).map((each) => this.#checkUncertain(each, now)),
    ]);
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
    const { holds, end } = await this.#ask(requestId);
    if (this.#scheduler.slots.get(requestId)?.checkedAt !== asked.checkedAt) return;
    if (holds) this.#scheduler.slots.set(requestId, { ...asked, checkedAt: Date.now() });
    else if (this.#release({ requestId, end })) logEvent("account.slot_reclaimed", { request: requestId });
  }

  /** Its end may have been told and lost. */
  async #checkUncertain({ requestId }: PagedRequest, now: number): Promise<void> {
    this.#uncertainAt.set(requestId, now);
    const { holds, end } = await this.#ask(requestId);
    if (holds || end === "uncertain") return;
    this.#uncertainAt.delete(requestId);
    this.#release({ requestId, end });
  }

  async #ask(requestId: string): Promise<{ holds: boolean; end: Left["end"] }> {
    const tracker = trackerOf(this.#env, requestId);
    if (tracker === null) return { holds: false, end: null };
    try {
      const { holds, end } = await tracker.holdsSlot();
      return { holds, end };
    } catch {
      return { holds: true, end: null };
    }
  }

  #askedAt({ requestId, since }: PagedRequest): number {
    return this.#uncertainAt.get(requestId) ?? since;
  }

  #gapMs(): number {
    return this.#scheduler.waitsForSlot() ? SLOT_CHECK_WAITED_MS : SLOT_CHECK_MS;
  }
}
