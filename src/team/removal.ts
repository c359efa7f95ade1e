// Carries removals out: each tracker is asked to forget its request, and again until it says that nothing is left. Driven by
// Team's alarm; a row goes only after its tracker's word, so a team that is cut off anywhere asks again.
// Knows trackers only through env's binding.

import type { Env } from "../platform/bindings.ts";
import { sha256Hex } from "../platform/ids.ts";
import { REMOVAL_BATCH_ROWS, REMOVAL_LANES, REMOVAL_RETRY_MAX_MS, REMOVAL_RETRY_MS } from "../platform/limits.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { trackerFor } from "../platform/stubs.ts";
import type { RemovalRow } from "./removal-store.ts";
import { release } from "./settle.ts";
import type { Books } from "./stores.ts";

/** What stands for a person in the books of their own removal: enough to find it by the name, nothing to read the name from. */
export function subjectOf(team: string, user: string): Promise<string> {
  return sha256Hex(`${team}/${user}`);
}

/** One batch of what is due. Never throws: a tracker that cannot be asked is asked later. */
export async function carryOutRemovals(env: Pick<Env, "TRACKER">, books: Books, untilMs: number): Promise<void> {
  const rows = books.removals.due(Date.now(), REMOVAL_BATCH_ROWS);
  const lane = async (): Promise<void> => {
    for (let row = rows.shift(); row !== undefined && Date.now() < untilMs; row = rows.shift()) {
      await carryOut(env, books, row);
    }
  };
  await Promise.all(Array.from({ length: REMOVAL_LANES }, lane));
}

async function carryOut(env: Pick<Env, "TRACKER">, books: Books, row: RemovalRow): Promise<void> {
  const { requestId, tries } = row;
  let outcome: string;
  try {
    outcome = (await trackerFor(env, requestId).forget()).kind;
  } catch (fault) {
    outcome = faultName(fault);
  }
  const now = Date.now();
  if (outcome === "forgotten") {
    // One that never started holds a reservation that nobody else would give back.
    release(books, requestId, now);
    books.removals.done(requestId);
  } else {
    books.removals.putOff(requestId, now + Math.min(REMOVAL_RETRY_MAX_MS, REMOVAL_RETRY_MS * 2 ** Math.min(tries, 10)));
  }
  logEvent("removal.asked", { request: requestId, outcome });
}
