// SQL of the usage roll-up: rows updated at admission and settlement, and their sums.

import type { UsageGroup, UsageQuery, UsageRow, UsageSums } from "../../contracts/team-admin.ts";
import type { UsageKey } from "./usage.ts";

const SUMS = {
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
} as const satisfies Record<keyof UsageSums, string>;

const COLUMNS: Record<UsageGroup, string> = { day: "day", model: "model", user: "user", key: "key_id", tag: "tag" };

export class UsageStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Adds amounts to each row, creating missing ones. */
  add(keys: readonly UsageKey[], amounts: Partial<UsageSums>): void {
    const names = Object.keys(SUMS) as (keyof UsageSums)[];
    const columns = names.map((name) => SUMS[name]);
    const values = names.map((name) => amounts[name] ?? 0);
    const added = names
      .filter((name) => (amounts[name] ?? 0) !== 0)
      .map((name) => `${SUMS[name]} = ${SUMS[name]} + excluded.${SUMS[name]}`);
    if (added.length === 0) return;
    for (const { day, model, user, keyId, tag } of keys) {
      this.#sql.exec(
        `INSERT INTO usage (day, model, user, key_id, tag, ${columns.join(", ")})
         VALUES (?, ?, ?, ?, ?${", ?".repeat(columns.length)})
         ON CONFLICT (day, model, user, key_id, tag) DO UPDATE SET ${added.join(", ")}`,
        day,
        model,
        user,
        keyId,
        tag,
        ...values,
      );
    }
  }

  /** Sums by group, ordered by it. Grouped by `tag`, a request counts once per tag. */
  sums(query: UsageQuery): UsageRow[] {
    const { groupBy, tagName } = query;
    const where = ["day >= ?", "day <= ?"];
    const values: string[] = [query.from, query.to];
    const also = (condition: string, ...bound: string[]) => {
      where.push(condition);
      values.push(...bound);
    };
    also(groupBy.includes("tag") ? "tag <> ''" : "tag = ''");
    if (groupBy.includes("tag") && tagName !== null)
      also("substr(tag, 1, length(?)) = ?", `${tagName}=`, `${tagName}=`);
    if (query.user !== null) also("user = ?", query.user);
    if (query.model !== null) also("model = ?", query.model);
    if (query.keyId !== null) also("key_id = ?", query.keyId);
    const groups = groupBy.map((group) => COLUMNS[group]);
    const sums = Object.values(SUMS).map((column) => `coalesce(sum(${column}), 0) AS ${column}`);
    const grouping = groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")} ORDER BY ${groups.join(", ")}`;
    const rows = this.#sql.exec<Record<string, string | number>>(
      `SELECT ${[...groups, ...sums].join(", ")} FROM usage WHERE ${where.join(" AND ")} ${grouping}`,
      ...values,
    );
    return rows.toArray().map((row) => rowOf(row, groupBy));
  }
}

function rowOf(row: Record<string, string | number>, groupBy: readonly UsageGroup[]): UsageRow {
  const group = Object.fromEntries(groupBy.map((each) => [each, String(row[COLUMNS[each]])]));
  const sum = (name: keyof UsageSums): number => Number(row[SUMS[name]]);
  return {
    group,
    requests: sum("requests"),
    completed: sum("completed"),
    failed: sum("failed"),
    canceled: sum("canceled"),
    refunded: sum("refunded"),
    unknownCost: sum("unknownCost"),
    aboveEstimate: sum("aboveEstimate"),
    late: sum("late"),
    chargedMicro: sum("chargedMicro"),
    refundedMicro: sum("refundedMicro"),
  };
}
