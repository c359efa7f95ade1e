// Deletes expired rows in bounded batches.

import { HOUR_MS } from "../platform/time.ts";
import type { TeamStores } from "./stores.ts";

/** Expired rows that one alarm deletes per store; the rest is deleted by the next alarm. */
export const CLEAN_UP_BATCH_ROWS = 500;
/** Delay after the first expiry, so that one alarm deletes many rows. */
export const CLEAN_UP_DELAY_MS = HOUR_MS;

/** A store whose rows expire. */
interface ExpiringStore {
  cleanUp(now: number, limit: number): void;
  nextExpiryAt(): number | null;
}

function expiringStores(stores: TeamStores): ExpiringStore[] {
  const { counters, idempotency, keys, events, removals, deliveries, outbox, replayJobs, usage } = stores;
  return [counters, idempotency, keys, events, removals, deliveries, outbox, replayJobs, usage];
}

/** Deletes one batch of each store in which a row has expired. If rows remain, the next alarm is due at once. */
export function cleanUp(stores: TeamStores, now: number): void {
  for (const store of expiringStores(stores)) {
    if ((store.nextExpiryAt() ?? Number.POSITIVE_INFINITY) <= now) store.cleanUp(now, CLEAN_UP_BATCH_ROWS);
  }
}

/** When the next batch is due; null: never. */
export function cleanUpDueAt(stores: TeamStores): number | null {
  const times = expiringStores(stores).map((store) => store.nextExpiryAt());
  const first = Math.min(...times.filter((at) => at !== null));
  return Number.isFinite(first) ? first + CLEAN_UP_DELAY_MS : null;
}
