// Rows of an UpstreamAccount: one value for each key. Call times are not stored; a waiting call is written when it is queued and
// deleted when it is granted. Nothing is written before there is something to keep, so that a question alone leaves no object behind.

import type { WaitingCall } from "../contracts/account.ts";
import { type StoredVersion, VersionedRows } from "../platform/stored-version.ts";
import type { Health } from "./health.ts";
import type { Learned } from "./learned-durations.ts";
import type { Notice } from "./outage-notice.ts";
import type { Slot } from "./scheduler.ts";
import { SlotPages } from "./slot-pages.ts";
import type { HostNotices } from "./unlisted-hosts.ts";

/** Raise `version` with each change of what is stored; see platform/stored-version.ts. */
export const ACCOUNT_VERSION: StoredVersion = { version: 1, min_reader: 1 };
/** fal accounts that may sign webhooks of one connection; the oldest pin gives way. */
export const PINNED_USERS_MAX = 16;

/** The last good key set: JWK `x` values, and when they were fetched (epoch ms). */
export interface StoredKeys {
  keys: string[];
  fetchedAt: number;
}

/** Facts of the account, one row each. Times are epoch ms. */
interface Facts {
  /** The connection that was resolved; absent before the first look, and after it was refused. */
  connection: string;
  /** Whether webhooks arrive, by the latest report. */
  webhooks_arrive: boolean;
  /** Until when calls of a busy window may still be in progress. */
  busy_until: number;
  /** A pause of the pace. */
  pause: { since: number; until: number };
  keys: StoredKeys;
  notice: Notice;
  unlisted_hosts: HostNotices;
  learned: Learned;
}

export class AccountStore {
  readonly #rows: VersionedRows;
  readonly #slots: SlotPages;

  /** Throws where newer code wrote what this code would misread. */
  constructor(kv: SyncKvStorage) {
    this.#rows = new VersionedRows(kv, ACCOUNT_VERSION);
    this.#slots = new SlotPages(this.#rows);
  }

  fact<Name extends keyof Facts>(name: Name): Facts[Name] | null {
    return this.#rows.get<Facts[Name]>(factKey(name)) ?? null;
  }

  /** Null: it is forgotten. */
  saveFact<Name extends keyof Facts>(name: Name, value: Facts[Name] | null): void {
    if (value === null) this.#rows.delete(factKey(name));
    else this.#rows.put(factKey(name), value);
  }

  /** In the order they were pinned. */
  pinnedUsers(connection: string): string[] {
    return this.#rows.get<string[]>(pinKey(connection)) ?? [];
  }

  isUserPinned(connection: string, userId: string): boolean {
    return this.pinnedUsers(connection).includes(userId);
  }

  /** Beyond PINNED_USERS_MAX the oldest pin of the connection goes: it costs one more result call if it was in use. */
  pinUser(connection: string, userId: string): void {
    const pinned = this.pinnedUsers(connection);
    if (!pinned.includes(userId)) this.#rows.put(pinKey(connection), [...pinned, userId].slice(-PINNED_USERS_MAX));
  }

  waitingCalls(): WaitingCall[] {
    return Array.from(this.#rows.list<WaitingCall>({ prefix: WAITING }), ([, call]) => call);
  }

  saveWaitingCall(name: string, call: WaitingCall): void {
    this.#rows.put(WAITING + name, call);
  }

  deleteWaitingCall(name: string): void {
    this.#rows.delete(WAITING + name);
  }

  slots(): Slot[] {
    return this.#slots.all();
  }

  takeSlot(slot: Pick<Slot, "requestId" | "connection" | "since" | "model">): void {
    this.#slots.take(slot);
  }

  /** The requests that have slots or are uncertain, and what is counted of the others. */
  get requests(): Omit<SlotPages, "take" | "all"> {
    return this.#slots;
  }

  savedHealth(): [connection: string, health: Health][] {
    return Array.from(this.#rows.list<Health>({ prefix: HEALTH }), ([key, health]) => [
      key.slice(HEALTH.length),
      health,
    ]);
  }

  /** Only a closed connection is kept: an open one that was forgotten is open. */
  saveHealth(connection: string, health: Health): void {
    if (health.closure === null) this.#rows.delete(HEALTH + connection);
    else this.#rows.put(HEALTH + connection, health);
  }
}

const WAITING = "waiting/";
const HEALTH = "health/";

function factKey(name: keyof Facts): string {
  return `fact/${name}`;
}

function pinKey(connection: string): string {
  return `pinned/${connection}`;
}
