// The one query of what was used since a day, from which new limits begin to count.

import type { TeamDatabase } from "../database.ts";
import type { UsedSums } from "../quota/limit-seeds.ts";

type UsedRow = { user: string; key_id: string; tag: string; admitted: number; completed: number; charged: number };

/** What was used since a day by key and user, and by a tag's value where its name is given. Null: more than `most` rows of sums. */
export function readUsedSince(
  db: TeamDatabase,
  fromDay: string,
  tagName: string | null,
  most: number,
): UsedSums[] | null {
  const since = "SELECT 1 FROM usage WHERE day >= ? LIMIT ?";
  if (db.one<{ n: number }>(`SELECT count(*) AS n FROM (${since})`, fromDay, most + 1).n > most) return null;
  const tag = tagName === null ? "tag = ''" : "substr(tag, 1, length(?)) = ?";
  const query = `SELECT user, key_id, tag, sum(requests) AS admitted, sum(requests) - sum(refunded) AS completed, sum(charged_micro) AS charged
     FROM usage WHERE day >= ? AND ${tag} GROUP BY user, key_id, tag`;
  const named = tagName === null ? [] : [`${tagName}=`, `${tagName}=`];
  return db.rows<UsedRow>(query, fromDay, ...named).map((row) => ({
    keyId: row.key_id,
    user: row.user === "" ? null : row.user,
    tags: tagName === null ? {} : { [tagName]: row.tag.slice(tagName.length + 1) },
    admitted: row.admitted,
    completed: Math.max(0, row.completed),
    chargedMicro: row.charged,
  }));
}
