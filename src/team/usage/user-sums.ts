// What each user of a team has used, from the sums per day: the newest days first, until enough rows were read.

import type { UserSums } from "../../contracts/team-admin.ts";
import { DAY_MS } from "../../platform/time.ts";
import type { TeamDatabase } from "../database.ts";
import { dayOf } from "./usage.ts";

/** Rows of sums that one list of users reads, give or take those of one day: days before are left out of it. */
export const USER_SCAN_MAX_ROWS = 50_000;

type DayRow = { user: string; tag: string; requests: number; completed: number; failed: number; charged: number };

/** `from`: the first day that was read. */
export function readUserSums(db: TeamDatabase, from: string, to: string): { users: UserSums[]; from: string } {
  // Without the sign the index on users would be read, and all of it. Grouped here, because a sort would read each row again.
  const query = `SELECT user, tag, requests, completed, failed, charged_micro AS charged
     FROM usage WHERE day = ? AND +user <> ''`;
  const users = new Map<string, UserSums>();
  let read = 0;
  let day = to;
  for (; day >= from && read < USER_SCAN_MAX_ROWS; day = dayOf(Date.parse(day) - DAY_MS)) {
    for (const { user, tag, requests, completed, failed, charged } of db.each<DayRow>(query, day)) {
      read += 1;
      if (tag !== "") continue;
      const sums = users.get(user) ?? { user, requests: 0, completed: 0, failed: 0, chargedMicro: 0, lastDay: day };
      sums.requests += requests;
      sums.completed += completed;
      sums.failed += failed;
      sums.chargedMicro += charged;
      users.set(user, sums);
    }
  }
  return { users: [...users.values()], from: dayOf(Date.parse(day) + DAY_MS) };
}
