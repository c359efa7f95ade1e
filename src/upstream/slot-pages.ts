// Rows of the slots in use: a page of them to a row, written when a slot of the page is taken or its last one is freed. Accepted
// loss: a slot that was freed since the last write counts as used after a restart, until its tracker was asked (slot-checks.ts).

import type { VersionedRows } from "../platform/stored-version.ts";
import type { Slot } from "./scheduler.ts";

/** The default of UPSTREAM_SLOTS fits into one page; a thousand slots are no row of 100 kB that each submit writes. */
const SLOTS_PER_PAGE = 64;
const PREFIX = "slots/";

type SlotRow = [requestId: string, connection: string, since: number];

export class SlotPages {
  readonly #rows: VersionedRows;
  readonly #pages = new Map<number, Map<string, SlotRow>>();
  readonly #pageOf = new Map<string, number>();

  constructor(rows: VersionedRows) {
    this.#rows = rows;
    for (const [key, slots] of rows.list<SlotRow[]>({ prefix: PREFIX })) {
      const page = Number(key.slice(PREFIX.length));
      this.#pages.set(page, new Map(slots.map((slot) => [slot[0], slot])));
      for (const [requestId] of slots) this.#pageOf.set(requestId, page);
    }
  }

  all(): Slot[] {
    return [...this.#pages.values()].flatMap((page) =>
      [...page.values()].map(([requestId, connection, since]) => {
        return { requestId, connection, since, grantedAt: since, checkedAt: since };
      }),
    );
  }

  /** One row written. */
  take({ requestId, connection, since }: Pick<Slot, "requestId" | "connection" | "since">): void {
    const number = this.#pageOf.get(requestId) ?? this.#pageWithRoom();
    const page = this.#pages.get(number) ?? new Map<string, SlotRow>();
    page.set(requestId, [requestId, connection, since]);
    this.#pages.set(number, page);
    this.#pageOf.set(requestId, number);
    this.#rows.put(PREFIX + number, [...page.values()]);
  }

  /** One row if it was the last of its page, else none. */
  free(requestId: string): void {
    const number = this.#pageOf.get(requestId);
    const page = number === undefined ? undefined : this.#pages.get(number);
    if (number === undefined || page === undefined) return;
    this.#pageOf.delete(requestId);
    page.delete(requestId);
    if (page.size > 0) return;
    this.#pages.delete(number);
    this.#rows.delete(PREFIX + number);
  }

  /** The first one, so that pages at the end become empty and go. */
  #pageWithRoom(): number {
    for (let number = 0; ; number++) {
      if ((this.#pages.get(number)?.size ?? 0) < SLOTS_PER_PAGE) return number;
    }
  }
}
