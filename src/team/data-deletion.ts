// Carries out user and team deletions under Team's alarm: each tracker is called until it has deleted its request, then the row
// is deleted, so an interrupted run repeats. A team's objects in R2 are deleted by prefix afterwards, its own store last.

import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { sweeperFor, trackerFor } from "../platform/stubs.ts";
import { HOUR_MS, MINUTE_MS } from "../platform/time.ts";
import type { RemovalRow } from "./data-deletion-store.ts";
import { type ReleaseStores, release } from "./settle.ts";
import type { TeamStores } from "./stores.ts";

/** Trackers called by one alarm, and how many in parallel. */
const REMOVAL_BATCH_ROWS = 100;
const REMOVAL_CONCURRENCY = 6;
/** Requests that one alarm adds to a team deletion. */
const REMOVAL_FILL_ROWS = 1_000;
/** Delay before the next call for a request that is open or failed, doubling to an hour. */
const REMOVAL_RETRY_MS = MINUTE_MS;
const REMOVAL_RETRY_MAX_MS = HOUR_MS;

type RemovalStores = ReleaseStores & Pick<TeamStores, "archive" | "removals">;

/** One batch of due rows. Never throws: a failed call is retried later. */
export async function runRemovals(env: Pick<Env, "TRACKER">, stores: RemovalStores, untilMs: number): Promise<void> {
  const rows = stores.removals.dueRows(Date.now(), REMOVAL_BATCH_ROWS);
  const worker = async (): Promise<void> => {
    for (let row = rows.shift(); row !== undefined && Date.now() < untilMs; row = rows.shift()) {
      await removeOne(env, stores, row);
    }
  };
  await Promise.all(Array.from({ length: REMOVAL_CONCURRENCY }, worker));
}

async function removeOne(env: Pick<Env, "TRACKER">, stores: RemovalStores, row: RemovalRow): Promise<void> {
  const { requestId, tries } = row;
  const { removals } = stores;
  let outcome: string;
  try {
    outcome = (await trackerFor(env, requestId).deleteForUser()).kind;
  } catch (fault) {
    outcome = faultName(fault);
  }
  const now = Date.now();
  if (outcome === "deleted") {
    // One that never started holds a reservation that nobody else would give back.
    release(stores, requestId, now);
    stores.archive.forgetRequest(requestId);
    removals.deleteRow(requestId);
  } else {
    removals.postpone(requestId, now + Math.min(REMOVAL_RETRY_MAX_MS, REMOVAL_RETRY_MS * 2 ** Math.min(tries, 10)));
  }
  logEvent("removal.asked", { request: requestId, outcome });
}

/** One repeatable step of a team deletion. True: only the store of the team remains. */
export async function emptyTeam(
  env: Pick<Env, "SWEEPER">,
  { removals, team }: Pick<TeamStores, "removals" | "team">,
  now: number,
): Promise<boolean> {
  if (!removals.isTeamRemoval()) return false;
  if (removals.fillTeam(REMOVAL_FILL_ROWS, now) > 0 || removals.nextDueAt() !== null) return false;
  const { done } = await sweeperFor(env).emptyTeam(team.team().id);
  return done;
}
