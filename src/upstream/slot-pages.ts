// Rows of the requests at fal, a page of them to a row, with what was counted of those that left: a request stands in its page or in
// the counts, never in both and never in neither. Written when a slot is taken, when the last request of a page leaves, and before
// the counts are told. Accepted loss: who left since the last write is in its page after a restart, until its tracker was asked
// (slot-checks.ts), which says how it ended; of one that was deleted meanwhile nobody knows.

import type { RequestEnd, SlotRelease } from "../contracts/account.ts";
import type { VersionedRows } from "../platform/stored-version.ts";
import { type HourlyCounts, hoursFrom, NO_COUNTS, type StoredHours, storedHours, withCount } from "./hourly-counts.ts";
import type { Slot } from "./scheduler.ts";

/** The default of UPSTREAM_SLOTS fits into one page; a thousand slots are no row of 100 kB that each submit writes. */
const SLOTS_PER_PAGE = 64;
const PREFIX = "slots/";

/** A request that has a slot, or had one and is uncertain. */
export interface PagedRequest {
  requestId: string;
  connection: string;
  /** When its slot was taken, epoch ms. */
  since: number;
  /** "": older code wrote the row. */
  model: string;
  /** Nobody knows whether fal took it: it has no slot, and its end is not counted yet. */
  isUncertain: boolean;
}

type SlotRow = [requestId: string, connection: string, since: number, model?: string, uncertain?: 1];
/** The counts. Older code takes the row for the slot of a request that does not exist, and frees it. */
type CountsRow = ["", "", 0, StoredHours];

interface Page {
  requests: Map<string, PagedRequest>;
  counts: HourlyCounts;
  /** The counts, or what is uncertain, are not on disk as they are. */
  isUnsaved: boolean;
}

export class SlotPages {
  readonly #rows: VersionedRows;
  readonly #pages = new Map<number, Page>();
  readonly #pageOf = new Map<string, number>();

  constructor(rows: VersionedRows) {
    this.#rows = rows;
    for (const [key, stored] of rows.list<(SlotRow | CountsRow)[]>({ prefix: PREFIX })) {
      const number = Number(key.slice(PREFIX.length));
      const page = this.#pageAt(number);
      for (const row of stored) {
        if (isCounts(row)) page.counts = hoursFrom(row[3]);
        else this.#put(number, requestOf(row));
      }
    }
  }

  /** Requests that have a slot. */
  all(): Slot[] {
    return this.#requests()
      .filter(({ isUncertain }) => !isUncertain)
      .map(({ isUncertain: _, ...slot }) => ({ ...slot, grantedAt: slot.since, checkedAt: slot.since }));
  }

  /** Requests without a slot that may be at fal. */
  uncertain(): PagedRequest[] {
    return this.#requests().filter(({ isUncertain }) => isUncertain);
  }

  counts(): HourlyCounts[] {
    return [...this.#pages.values()].map(({ counts }) => counts);
  }

  /** One row written. A request that had a slot before keeps the time of its first. */
  take({ requestId, connection, since, model = "" }: Pick<Slot, "requestId" | "connection" | "since" | "model">): void {
    const number = this.#pageOf.get(requestId) ?? this.#pageWithRoom();
    this.#put(number, { requestId, connection, since, model, isUncertain: false });
    this.#save(number);
  }

  /** Nothing was submitted, or nobody knows what became of it: it is not counted. One row if it was the last of its page, else none. */
  free(requestId: string): void {
    const number = this.#pageOf.get(requestId);
    if (number !== undefined) this.#remove(number, requestId);
  }

  /** The request left fal: it is counted once, whoever says so. One row if it was the last of its page, else none. */
  leave(requestId: string, { end, webhookDelayMs }: Pick<SlotRelease, "end" | "webhookDelayMs">, now: number): void {
    const number = this.#pageOf.get(requestId);
    const page = number === undefined ? undefined : this.#pages.get(number);
    const request = page?.requests.get(requestId);
    if (number === undefined || page === undefined || request === undefined) return;
    if (end === "uncertain") {
      page.isUnsaved ||= !request.isUncertain;
      page.requests.set(requestId, { ...request, isUncertain: true });
      return;
    }
    page.counts = withCount(page.counts, { at: request.since, now }, "submitted");
    if (end !== undefined) page.counts = withEnd(page.counts, end, webhookDelayMs, now);
    page.isUnsaved = true;
    this.#remove(number, requestId);
  }

  /** One row. */
  countGivenUp(now: number): void {
    const page = this.#pageAt(0);
    page.counts = withCount(page.counts, { at: now, now }, "gaveUp");
    this.#save(0);
  }

  /** What is told does not fall when memory is lost: one row for each page whose counts are not on disk. */
  saveCounts(): void {
    for (const [number, { isUnsaved }] of this.#pages) if (isUnsaved) this.#save(number);
  }

  #requests(): PagedRequest[] {
    return [...this.#pages.values()].flatMap(({ requests }) => [...requests.values()]);
  }

  #pageAt(number: number): Page {
    const page = this.#pages.get(number) ?? { requests: new Map(), counts: NO_COUNTS, isUnsaved: false };
    this.#pages.set(number, page);
    return page;
  }

  #put(number: number, request: PagedRequest): void {
    this.#pageAt(number).requests.set(request.requestId, request);
    this.#pageOf.set(request.requestId, number);
  }

  #remove(number: number, requestId: string): void {
    const { requests } = this.#pageAt(number);
    this.#pageOf.delete(requestId);
    requests.delete(requestId);
    if (requests.size === 0) this.#save(number);
  }

  #save(number: number): void {
    const page = this.#pageAt(number);
    page.isUnsaved = false;
    const requests = [...page.requests.values()].map(rowOf);
    const counts: CountsRow[] = page.counts.size === 0 ? [] : [["", "", 0, storedHours(page.counts)]];
    if (requests.length + counts.length > 0) this.#rows.put(PREFIX + number, [...requests, ...counts]);
    else this.#rows.delete(PREFIX + number);
  }

  /** The first one, so that pages at the end become empty. */
  #pageWithRoom(): number {
    for (let number = 0; ; number++) {
      if ((this.#pages.get(number)?.requests.size ?? 0) < SLOTS_PER_PAGE) return number;
    }
  }
}

function withEnd(counts: HourlyCounts, end: RequestEnd, webhookDelayMs: number | null, now: number): HourlyCounts {
  const names = end.byWebhook ? ([end.outcome, "webhooks"] as const) : ([end.outcome] as const);
  return withCount(counts, { at: end.at, now, delayMs: end.byWebhook ? webhookDelayMs : null }, ...names);
}

function isCounts(row: SlotRow | CountsRow): row is CountsRow {
  return row[0] === "";
}

function rowOf({ requestId, connection, since, model, isUncertain }: PagedRequest): SlotRow {
  return isUncertain ? [requestId, connection, since, model, 1] : [requestId, connection, since, model];
}

function requestOf([requestId, connection, since, model = "", uncertain]: SlotRow): PagedRequest {
  return { requestId, connection, since, model, isUncertain: uncertain === 1 };
}
