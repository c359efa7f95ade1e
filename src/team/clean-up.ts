// Rows whose time is over: deleted in bounded batches, and when the next batch is due. Synchronous over the stores.

import { HOUR_MS } from "../platform/time.ts";
import type { TeamStores } from "./stores.ts";

/** Rows past their time (counters, idempotency keys) that one alarm of a team deletes; more are left to the next, at once. */
export const CLEAN_UP_BATCH_ROWS = 500;
/** How long such a row may stay: each alarm costs a wake-up, each early one deletes less. */
export const CLEAN_UP_DELAY_MS = HOUR_MS;

/** A store with rows that end by themselves. */
interface ExpiringStore {
  cleanUp(now: number, limit: number): void;
  nextExpiryAt(): number | null;
}

function expiringStores(stores: TeamStores): ExpiringStore[] {
  const { ledger, idempotency, keys, events, removals, deliveries, outbox, replayJobs } = stores;
  return [ledger, idempotency, keys, events, removals, deliveries, outbox, replayJobs];
}

/** One batch of each kind, for one transaction. What is left over is due at once. */
export function cleanUp(stores: TeamStores, now: number): void {
  for (const store of expiringStores(stores)) store.cleanUp(now, CLEAN_UP_BATCH_ROWS);
}

/** When the next batch is due: some time after its first row is over, so that a batch is worth waking for. Null: never. */
export function cleanUpDueAt(stores: TeamStores): number | null {
  const times = expiringStores(stores).map((store) => store.nextExpiryAt());
  const first = Math.min(...times.filter((at) => at !== null));
  return Number.isFinite(first) ? first + CLEAN_UP_DELAY_MS : null;
}
