// Reads the meter of a running Sluice, once nothing happens any more.

import { eventually } from "../../test/harness/eventually.ts";
import type { Tally } from "./tally.ts";

/** Nothing was counted for so long: all that is due at once is done. */
const QUIET_MS = 4_000;
const PATIENCE_MS = 120_000;
/** Alarms that watch over a call stand a minute off at most: after this they have rung. */
export const ALARMS_RUNG_MS = 70_000;

/** What is counted once nothing happens any more. */
export function quietTally(url: string): Promise<Tally> {
  let [last, since] = ["", Date.now()];
  return eventually(
    async () => {
      const text = await (await fetch(`${url}/_meter`)).text();
      if (text !== last) [last, since] = [text, Date.now()];
      return Date.now() - since < QUIET_MS ? null : (JSON.parse(text) as Tally);
    },
    { what: "nothing happens any more", patienceMs: PATIENCE_MS },
  );
}
