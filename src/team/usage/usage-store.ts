// SQL of usage: sums per day and per hour, and what has been counted in them. Admissions and settlements are counted later and
// many at once, so that a row which all of them add to is written once. Everybody who reads sums, or removes what they are made
// of, counts first.

import type { UsageGroup, UsageQuery, UsageRow, UsageSums } from "../../contracts/team-admin.ts";
import { DAY_MS, HOUR_MS } from "../../platform/time.ts";
import type { TeamDatabase } from "../database.ts";
import {
  type CountedRequest,
  recordedAt,
  type SettledUsage,
  settledSums,
  USAGE_ROWS_MAX,
  type UsageKey,
  usageKeys,
} from "./usage.ts";

/** Admissions, and settlements, that are counted with one query. */
const ROLL_UP_ROWS = 1_000;
/** Sums per hour are kept this long. */
const USAGE_HOUR_KEEP_MS = 8 * DAY_MS;

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
  estimatedMicro: "estimated_micro",
} as const satisfies Record<keyof UsageSums, string>;
const NAMES = Object.keys(SUMS) as (keyof UsageSums)[];

const COLUMNS: Record<UsageGroup, string> = { day: "day", model: "model", user: "user", key: "key_id", tag: "tag" };

type Counted = { model: string; user: string | null; key_id: string; tags: string; created_at: number };
type Admit = Counted & { place: number };
type End = { seq: number } & (
  | (Counted & {
      outcome: string;
      settled_at: number;
      verdict: string;
      charged: number | null;
      estimated: number | null;
    })
  | { outcome: null }
);

export class UsageStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** Counts all admissions and settlements since the last time. The watermark moves in the same transaction. */
  rollUp(): void {
    while (this.rollUpBatch() === "more");
  }

  /** Counts one batch of each. */
  rollUpBatch(): "more" | "done" {
    const mark = this.#db.one<{ admits: number; ends: number }>("SELECT admits, ends FROM watermark");
    const admits = this.#admitsAfter(mark.admits);
    const ends = this.#endsAfter(mark.ends);
    if (admits.length === 0 && ends.length === 0) return "done";
    const batch = new Batch();
    for (const admit of admits) batch.add(countedAt(admit, admit.created_at), { requests: 1 });
    for (const end of ends) {
      if (end.outcome === null) continue;
      const { created_at: admittedAt, settled_at: settledAt, charged: chargedMicro, estimated: estimatedMicro } = end;
      const outcome = end.outcome as SettledUsage["outcome"];
      const isRefunded = end.verdict === "refund";
      const settled = { outcome, admittedAt, settledAt, isRefunded, chargedMicro, estimatedMicro };
      batch.add(countedAt(end, recordedAt(admittedAt, settledAt)), settledSums(settled));
    }
    this.#write(batch);
    const [admitsTo, endsTo] = [admits.at(-1)?.place ?? mark.admits, ends.at(-1)?.seq ?? mark.ends];
    this.#db.run("UPDATE watermark SET admits = ?, ends = ?", admitsTo, endsTo);
    return admits.length === ROLL_UP_ROWS || ends.length === ROLL_UP_ROWS ? "more" : "done";
  }

  /** Whether the admission at this place is in the sums. */
  isAdmitCounted(place: number): boolean {
    return place <= this.#db.one<{ admits: number }>("SELECT admits FROM watermark").admits;
  }

  /** Counts something at once: what no roll-up finds. */
  add(request: CountedRequest, amounts: Partial<UsageSums>): void {
    const batch = new Batch();
    batch.add(request, amounts);
    this.#write(batch);
  }

  /**
   * Sums by group, ordered by it; one more than USAGE_ROWS_MAX where there are more. Grouped by `tag`, a request counts once per tag.
   * Call `rollUp` before.
   */
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
    // In the words of the index on users, which holds none without a name.
    if (query.user !== null) also(query.user === "" ? "user = ?" : "user = ? AND user <> ''", query.user);
    if (query.model !== null) also("model = ?", query.model);
    if (query.keyId !== null) also("key_id = ?", query.keyId);
    const groups = groupBy.map((group) => COLUMNS[group]);
    const sums = Object.values(SUMS).map((column) => `coalesce(sum(${column}), 0) AS ${column}`);
    const grouping = groups.length === 0 ? "" : `GROUP BY ${groups.join(", ")} ORDER BY ${groups.join(", ")}`;
    const rows = this.#db.rows<Record<string, string | number>>(
      `SELECT ${[...groups, ...sums].join(", ")} FROM usage WHERE ${where.join(" AND ")} ${grouping} LIMIT ?`,
      ...values,
      USAGE_ROWS_MAX + 1,
    );
    return rows.map((row) => rowOf(row, groupBy));
  }

  /** Sums per hour that are over are deleted, at most `limit` rows. */
  cleanUp(now: number, limit: number): void {
    const first = Math.floor((now - USAGE_HOUR_KEEP_MS) / HOUR_MS);
    const over = "SELECT hour, model, user, key_id FROM usage_hour WHERE hour < ? ORDER BY hour LIMIT ?";
    this.#db.run(`DELETE FROM usage_hour WHERE (hour, model, user, key_id) IN (${over})`, first, limit);
  }

  /** First expiry; null if there are none. */
  nextExpiryAt(): number | null {
    const oldest = this.#db.first<{ hour: number }>("SELECT hour FROM usage_hour ORDER BY hour LIMIT 1");
    return oldest === null ? null : (oldest.hour + 1) * HOUR_MS + USAGE_HOUR_KEEP_MS;
  }

  #admitsAfter(place: number): Admit[] {
    const query = `SELECT place, model, user, key_id, tags, created_at FROM request
       WHERE place > ? ORDER BY place LIMIT ?`;
    return this.#db.rows<Admit>(query, place, ROLL_UP_ROWS);
  }

  /** Events in order; those that settled no request have no outcome. */
  #endsAfter(seq: number): End[] {
    const query = `SELECT seq, iif(id IS NULL, NULL, event_status) AS outcome, model, user, key_id, tags, created_at,
         settled_at, verdict, charged, estimated
       FROM (SELECT seq, settles, data ->> '$.status' AS event_status FROM event WHERE seq > ? ORDER BY seq LIMIT ?)
       LEFT JOIN request ON request.id = settles ORDER BY seq`;
    return this.#db.rows<End>(query, seq, ROLL_UP_ROWS);
  }

  #write({ days, hours }: Batch): void {
    for (const { key, sums } of days.values()) {
      const { day, model, user, keyId, tag } = key;
      this.#upsert("INSERT INTO usage", { day, model, user, key_id: keyId, tag }, sums);
    }
    for (const { key, sums } of hours.values()) {
      const { hour, model, user, keyId } = key;
      this.#upsert("INSERT INTO usage_hour", { hour, model, user, key_id: keyId }, sums);
    }
  }

  #upsert(insert: string, key: Record<string, string | number>, amounts: Partial<UsageSums>): void {
    const [keys, sums] = [Object.keys(key), Object.values(SUMS)];
    const added = NAMES.filter((name) => (amounts[name] ?? 0) !== 0).map(
      (name) => `${SUMS[name]} = ${SUMS[name]} + excluded.${SUMS[name]}`,
    );
    if (added.length === 0) return;
    this.#db.run(
      `${insert} (${[...keys, ...sums].join(", ")})
       VALUES (${[...keys, ...sums].map(() => "?").join(", ")})
       ON CONFLICT (${keys.join(", ")}) DO UPDATE SET ${added.join(", ")}`,
      ...Object.values(key),
      ...NAMES.map((name) => amounts[name] ?? 0),
    );
  }
}

type Lines<K> = Map<string, { key: K; sums: Partial<UsageSums> }>;

/** What is to be added, summed up by row. */
class Batch {
  readonly days: Lines<UsageKey> = new Map();
  readonly hours: Lines<Omit<UsageKey, "day" | "tag"> & { hour: number }> = new Map();

  add(request: CountedRequest, amounts: Partial<UsageSums>): void {
    for (const key of usageKeys(request)) addLine(this.days, key, amounts);
    const { model, user, keyId, recordedAt: at } = request;
    addLine(this.hours, { hour: Math.floor(at / HOUR_MS), model, user: user ?? "", keyId }, amounts);
  }
}

function addLine<K>(lines: Lines<K>, key: K, amounts: Partial<UsageSums>): void {
  const name = JSON.stringify(key);
  const line = lines.get(name) ?? { key, sums: {} };
  for (const each of NAMES) line.sums[each] = (line.sums[each] ?? 0) + (amounts[each] ?? 0);
  lines.set(name, line);
}

function countedAt({ model, user, key_id: keyId, tags }: Counted, at: number): CountedRequest {
  return { recordedAt: at, model, user, keyId, tags: JSON.parse(tags) as Record<string, string> };
}

function rowOf(row: Record<string, string | number>, groupBy: readonly UsageGroup[]): UsageRow {
  const group = Object.fromEntries(groupBy.map((each) => [each, String(row[COLUMNS[each]])]));
  const sums = Object.fromEntries(NAMES.map((name) => [name, Number(row[SUMS[name]])]));
  return { group, ...(sums as Record<keyof UsageSums, number>) };
}
