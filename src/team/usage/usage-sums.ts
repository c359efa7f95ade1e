// The one query of usage sums. Whatever the groups are, its rows add up to the row without groups: each request is in one of them.

import type { UsageGroup, UsageQuery, UsageRow, UsageSums } from "../../contracts/team-admin.ts";
import type { TeamDatabase } from "../database.ts";
import { USAGE_ROWS_MAX } from "./usage.ts";

export const SUM_COLUMNS = {
  requests: "requests",
  completed: "completed",
  failed: "failed",
  canceled: "canceled",
  refunded: "refunded",
  unknownCost: "unknown_cost",
  aboveEstimate: "above_estimate",
  late: "late",
  chargedMicro: "charged_micro",
  refundedMicro: "refunded_micro",
  estimatedMicro: "estimated_micro",
} as const satisfies Record<keyof UsageSums, string>;
export const SUM_NAMES = Object.keys(SUM_COLUMNS) as (keyof UsageSums)[];

/** What a group is in `usage`; `tag_group` and `sign` are made below. */
const DAY_COLUMNS: Record<UsageGroup, string> = {
  hour: "NULL",
  day: "day",
  model: "model",
  user: "user",
  key: "key_id",
  tag: "tag_group",
};
/** The same in `usage_hour`. */
const HOUR_COLUMNS: Record<UsageGroup, string> = {
  ...DAY_COLUMNS,
  hour: "hour",
  day: "date(hour * 3600, 'unixepoch')",
  tag: "NULL",
};

interface Condition {
  text: string;
  values: (string | number)[];
}

/** Sums by group, ordered by it; one more than USAGE_ROWS_MAX where there are more. */
export function readSums(db: TeamDatabase, query: UsageQuery): UsageRow[] {
  const { groupBy, hours } = query;
  const columns = groupBy.map((group) => `${(hours === null ? DAY_COLUMNS : HOUR_COLUMNS)[group]} AS group_${group}`);
  const sums = Object.values(SUM_COLUMNS).map((column) => `coalesce(sum(sign * ${column}), 0) AS sum_${column}`);
  const names = groupBy.map((group) => `group_${group}`).join(", ");
  const source = sourceOf(query);
  // What has no tag is a difference, which may be nothing.
  const isSomething = Object.values(SUM_COLUMNS).map((column) => `sum_${column} <> 0`);
  const having = groupBy.includes("tag") ? `HAVING tag_group <> '' OR ${isSomething.join(" OR ")}` : "";
  const grouping = groupBy.length === 0 ? "" : `GROUP BY ${names} ${having} ORDER BY ${names}`;
  const rows = db.rows<Record<string, string | number>>(
    `SELECT ${[...columns, ...sums].join(", ")} FROM (${source.text}) ${grouping} LIMIT ?`,
    ...source.values,
    USAGE_ROWS_MAX + 1,
  );
  return rows.map((row) => rowOf(row, groupBy));
}

/** The rows that are added up, each with its sign. */
function sourceOf(query: UsageQuery): Condition {
  const { hours, groupBy, tag, tagName } = query;
  const where = joined(hours === null ? daysOf(query) : hoursOf(hours), ...filtersOf(query));
  const select = (columns: string, condition: Condition): Condition => ({
    text: `SELECT *, ${columns} FROM ${hours === null ? "usage" : "usage_hour"} WHERE ${condition.text}`,
    values: condition.values,
  });
  if (hours !== null) return select("1 AS sign", where);
  if (tag !== null) return select("tag AS tag_group, 1 AS sign", joined(where, ofTag(tag)));
  if (!groupBy.includes("tag") || tagName === null) {
    return select("'' AS tag_group, 1 AS sign", joined(where, { text: "tag = ''", values: [] }));
  }
  const named = ofTag({ name: tagName, value: null });
  const tagged = select("tag AS tag_group, 1 AS sign", joined(where, named));
  const either = { text: `(tag = '' OR ${named.text})`, values: named.values };
  const rest = select("'' AS tag_group, iif(tag = '', 1, -1) AS sign", joined(where, either));
  return { text: `${tagged.text} UNION ALL ${rest.text}`, values: [...tagged.values, ...rest.values] };
}

function daysOf({ from, to }: UsageQuery): Condition {
  return { text: "day >= ? AND day <= ?", values: [from, to] };
}

function hoursOf({ first, last }: { first: number; last: number }): Condition {
  return { text: "hour >= ? AND hour <= ?", values: [first, last] };
}

function filtersOf({ hours, user, model, keyId }: UsageQuery): Condition[] {
  const filters: Condition[] = [];
  // In the words of the index on users, which holds none without a name.
  const named = hours === null && user !== "" ? "user = ? AND user <> ''" : "user = ?";
  if (user !== null) filters.push({ text: named, values: [user] });
  if (model !== null) filters.push({ text: "model = ?", values: [model] });
  if (keyId !== null) filters.push({ text: "key_id = ?", values: [keyId] });
  return filters;
}

function ofTag({ name, value }: { name: string; value: string | null }): Condition {
  if (value !== null) return { text: "tag = ?", values: [`${name}=${value}`] };
  return { text: "substr(tag, 1, length(?)) = ?", values: [`${name}=`, `${name}=`] };
}

function joined(...conditions: readonly Condition[]): Condition {
  const text = conditions.map((each) => each.text).join(" AND ");
  return { text, values: conditions.flatMap((each) => each.values) };
}

function rowOf(row: Record<string, string | number>, groupBy: readonly UsageGroup[]): UsageRow {
  const group = Object.fromEntries(groupBy.map((each) => [each, String(row[`group_${each}`])]));
  const sums = Object.fromEntries(SUM_NAMES.map((name) => [name, Number(row[`sum_${SUM_COLUMNS[name]}`])]));
  return { group, ...(sums as Record<keyof UsageSums, number>) };
}
