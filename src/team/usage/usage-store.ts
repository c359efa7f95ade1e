// SQL of usage: sums per day and per hour, and what has been counted in them. Admissions and settlements are counted later and
// many at once, so that a row which all of them add to is written once. Everybody who reads sums, or removes what they are made
// of, counts first.

import type { UsageQuery, UsageRow, UsageSums, UserSums } from "../../contracts/team-admin.ts";
import { DAY_MS, HOUR_MS, monthOf } from "../../platform/time.ts";
import type { TeamDatabase } from "../database.ts";
import type { UsedSums } from "../quota/limit-seeds.ts";
import type { MonthStore } from "./month-store.ts";
import {
  afterClosed,
  type CountedRequest,
  dayOf,
  isLate,
  recordedAt,
  type SettledUsage,
  settledSums,
  USAGE_HOUR_KEEP_DAYS,
  type UsageKey,
  usageKeys,
} from "./usage.ts";
import { readSums, SUM_COLUMNS, SUM_NAMES } from "./usage-sums.ts";
import { readUsedSince } from "./used-since.ts";
import { readUserSums } from "./user-sums.ts";

/** Admissions, and settlements, that are counted with one query. */
const ROLL_UP_ROWS = 1_000;
const USAGE_HOUR_KEEP_MS = USAGE_HOUR_KEEP_DAYS * DAY_MS;

/** Of the closed months, as many as anything may still want to count in: a clock is behind by moments. */
const CLOSED_MONTHS_READ = 2;

/** A settled request, with what says where it counts. */
interface CountedSettlement extends Omit<SettledUsage, "countedAt">, Omit<CountedRequest, "recordedAt"> {
  requestId: string;
  settledAt: number;
}

type Counted = { model: string; user: string | null; key_id: string; tags: string; created_at: number };
type Admit = Counted & { place: number };
type End = { seq: number } & (EndRow | { outcome: null });
type EndRow = Counted & {
  id: string;
  outcome: string;
  settled_at: number;
  verdict: string;
  charged: number | null;
  estimated: number | null;
};

export class UsageStore {
  readonly #db: TeamDatabase;
  readonly #months: MonthStore;

  constructor(db: TeamDatabase, months: MonthStore) {
    this.#db = db;
    this.#months = months;
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
    const closed = this.#closedMonths();
    for (const admit of admits) batch.add(countedAt(admit, afterClosed(admit.created_at, closed)), { requests: 1 });
    for (const end of ends) if (end.outcome !== null) this.#settle(batch, settlementOf(end), closed);
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
    batch.add({ ...request, recordedAt: afterClosed(request.recordedAt, this.#closedMonths()) }, amounts);
    this.#write(batch);
  }

  /** Counts a settlement at once, as a roll-up counts those that it finds. */
  addSettlement(settlement: CountedSettlement): void {
    const batch = new Batch();
    this.#settle(batch, settlement, this.#closedMonths());
    this.#write(batch);
  }

  /** The sums of these days, both included. Call `rollUp` before. */
  total(from: string, to: string): UsageSums {
    const all = { hours: null, user: null, model: null, keyId: null, tag: null, tagName: null };
    const [row] = readSums(this.#db, { from, to, groupBy: [], ...all });
    if (row === undefined) throw new Error("sums without groups are one row");
    const { group: _group, ...sums } = row;
    return sums;
  }

  /** What was used since a day, see seed-counters.ts. Call `rollUp` before. */
  usedSince(fromDay: string, tagName: string | null, most: number): UsedSums[] | null {
    return readUsedSince(this.#db, fromDay, tagName, most);
  }

  /** What each user has used, see user-sums.ts. Call `rollUp` before. */
  userSums(from: string, to: string): { users: UserSums[]; from: string } {
    return readUserSums(this.#db, from, to);
  }

  #settle(batch: Batch, settlement: CountedSettlement, closed: readonly string[]): void {
    const { requestId, admittedAt, settledAt, outcome, isRefunded, chargedMicro } = settlement;
    const at = afterClosed(recordedAt(admittedAt, settledAt), closed);
    const settled: SettledUsage = { ...settlement, countedAt: at };
    batch.add({ ...settlement, recordedAt: at }, settledSums(settled));
    if (!isLate(settled)) return;
    const late = { requestId, month: monthOf(admittedAt), day: dayOf(at), outcome, chargedMicro, isRefunded };
    this.#months.addLate(late);
  }

  /** Time goes on, so what counts now is not in a month that was closed long ago. */
  #closedMonths(): string[] {
    return this.#months.closedLast(CLOSED_MONTHS_READ);
  }

  /** Sums by group, see usage-sums.ts. Call `rollUp` before. */
  sums(query: UsageQuery): UsageRow[] {
    return readSums(this.#db, query);
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
    const query = `SELECT seq, iif(id IS NULL, NULL, event_status) AS outcome, id, model, user, key_id, tags, created_at,
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
    const [keys, sums] = [Object.keys(key), Object.values(SUM_COLUMNS)];
    const added = SUM_NAMES.filter((name) => (amounts[name] ?? 0) !== 0).map(
      (name) => `${SUM_COLUMNS[name]} = ${SUM_COLUMNS[name]} + excluded.${SUM_COLUMNS[name]}`,
    );
    if (added.length === 0) return;
    this.#db.run(
      `${insert} (${[...keys, ...sums].join(", ")})
       VALUES (${[...keys, ...sums].map(() => "?").join(", ")})
       ON CONFLICT (${keys.join(", ")}) DO UPDATE SET ${added.join(", ")}`,
      ...Object.values(key),
      ...SUM_NAMES.map((name) => amounts[name] ?? 0),
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
  for (const each of SUM_NAMES) line.sums[each] = (line.sums[each] ?? 0) + (amounts[each] ?? 0);
  lines.set(name, line);
}

function countedAt({ model, user, key_id: keyId, tags }: Counted, at: number): CountedRequest {
  return { recordedAt: at, model, user, keyId, tags: JSON.parse(tags) as Record<string, string> };
}

function settlementOf(end: EndRow): CountedSettlement {
  return {
    ...countedAt(end, end.created_at),
    requestId: end.id,
    outcome: end.outcome as SettledUsage["outcome"],
    admittedAt: end.created_at,
    settledAt: end.settled_at,
    isRefunded: end.verdict === "refund",
    chargedMicro: end.charged,
    estimatedMicro: end.estimated,
  };
}
