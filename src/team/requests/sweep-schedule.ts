// When Team asks the tracker of a request that is not settled: a lost start, a lost alarm and a lost end are found so. Pure.

import type { IndexStatus } from "../../contracts/team-access.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../platform/time.ts";

/** Age at which every request that is not settled is looked at first. */
export const UNSTARTED_SWEEP_MS = MINUTE_MS;
/** Interval of the calls for an open request: this restores a lost alarm. */
export const OPEN_SWEEP_MS = HOUR_MS;
/** Interval for a request that has ended with an unknown charge: a late webhook, or a person, settles it. */
export const UNSETTLED_SWEEP_MS = DAY_MS;

/** When to ask again after an answer. */
export function nextSweepAt(status: IndexStatus, now: number): number {
  return now + (status === "open" ? OPEN_SWEEP_MS : UNSETTLED_SWEEP_MS);
}
