// Carries removals out, driven by Team's alarm: each tracker is asked to delete its request, and again until it says that nothing
// is left. A row goes only after its tracker's answer, so a team that is cut off anywhere asks again. Of a whole team the bucket
// is emptied by prefix afterwards, and its own store last.

import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { sweeperFor, trackerFor } from "../platform/stubs.ts";
import { HOUR_MS, MINUTE_MS } from "../platform/time.ts";
import type { RemovalRow } from "./removal-store.ts";
import { type ReleaseStores, release } from "./settle.ts";
import type { TeamStores } from "./stores.ts";

/** Trackers that one alarm of a team asks to forget their requests, and how many of them side by side. */
const REMOVAL_BATCH_ROWS = 100;
const REMOVAL_CONCURRENCY = 6;
/** Requests that one alarm of a team that is removed puts on the list of those to forget. */
const REMOVAL_FILL_ROWS = 1_000;
/** A request that has not ended, or could not be asked, is asked again after this, doubling to an hour. */
const REMOVAL_RETRY_MS = MINUTE_MS;
const REMOVAL_RETRY_MAX_MS = HOUR_MS;

type RemovalStores = ReleaseStores & Pick<TeamStores, "removals">;

/** One batch of what is due. Never throws: a tracker that cannot be asked is asked later. */
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
  if (outcome === "forgotten") {
    // One that never started holds a reservation that nobody else would give back.
    release(stores, requestId, now);
    removals.deleteRow(requestId);
  } else {
    removals.postpone(requestId, now + Math.min(REMOVAL_RETRY_MAX_MS, REMOVAL_RETRY_MS * 2 ** Math.min(tries, 10)));
  }
  logEvent("removal.asked", { request: requestId, outcome });
}

/** One step of the removal of a team; each may be made again. True: nothing is left but the team's own store. */
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
