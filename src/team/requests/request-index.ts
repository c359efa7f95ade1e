// SQL of the requests of a team: one row each; details are in the tracker. A decision makes the whole row and saves it once.
//
// `place` orders requests by admission: microseconds of their admission, and always above every place that was given before. So
// a watermark over places misses nothing, also when two are admitted in one millisecond or the clock goes back.

import type { RequestFilter } from "../../contracts/team-access.ts";
import type { PastPage, PastQuery } from "../../contracts/team-plans.ts";
import type { TeamDatabase } from "../database.ts";
import { FILTERED_COLUMNS, type FilteredColumns, matches } from "./request-filter.ts";
import { type PastColumns, pastRequest, type RequestRow, requestOf, rowOf, type TeamRequest } from "./request-row.ts";

/** Rows that one page reads: a selective filter returns a cursor instead of reading the whole history. */
export const LIST_SCAN_MAX_ROWS = 2_000;
/** Rows that a count reads, so the highest count too. */
export const COUNT_SCAN_MAX_ROWS = 10_000;

/** A request past the watermark. */
export interface SweepCandidate {
  id: string;
  place: number;
  isSettled: boolean;
}

export class RequestIndex {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** The place of a request that is admitted now. */
  nextPlace(now: number): number {
    const query = `SELECT max(coalesce((SELECT place FROM request ORDER BY place DESC LIMIT 1), 0), swept, admits) AS last
       FROM watermark`;
    return Math.max(placeOf(now), this.#db.one<{ last: number }>(query).last + 1);
  }

  insert(request: TeamRequest): void {
    const row = rowOf(request);
    const names = Object.keys(row);
    const statement = `INSERT INTO request (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    this.#db.run(statement, ...Object.values(row));
  }

  /** Saves what a decision changed, in one write. Columns that stay are not set: an index on one would be written again. */
  save(before: TeamRequest, after: TeamRequest): void {
    const [old, row] = [rowOf(before), rowOf(after)];
    const names = (Object.keys(row) as (keyof RequestRow)[]).filter((name) => row[name] !== old[name]);
    if (names.length === 0) return;
    const sets = names.map((name) => `${name} = ?`).join(", ");
    this.#db.run(`UPDATE request SET ${sets} WHERE id = ?`, ...names.map((name) => row[name]), before.id);
  }

  findRequest(id: string): TeamRequest | null {
    const row = this.#db.first<RequestRow>("SELECT * FROM request WHERE id = ?", id);
    return row === null ? null : requestOf(row);
  }

  deleteRequest(id: string): void {
    this.#db.run("DELETE FROM request WHERE id = ?", id);
  }

  /** Requests with a time at which to ask, oldest first. */
  dueForSweep(now: number, limit: number): string[] {
    const query = "SELECT id FROM request WHERE sweep_at IS NOT NULL AND sweep_at <= ? ORDER BY sweep_at LIMIT ?";
    return this.#db.rows<{ id: string }>(query, now, limit).map((row) => row.id);
  }

  /** Requests that are not settled, at most `limit`: those that the sweep has a time for, and those above its watermark. */
  unsettled(limit: number): TeamRequest[] {
    const timed = "SELECT * FROM request WHERE sweep_at IS NOT NULL AND settled_at IS NULL ORDER BY sweep_at LIMIT ?1";
    const above = `SELECT * FROM request WHERE sweep_at IS NULL AND settled_at IS NULL
       AND place > (SELECT swept FROM watermark) ORDER BY place LIMIT ?1`;
    const rows = this.#db.rows<RequestRow>(
      `SELECT * FROM (${timed}) UNION ALL SELECT * FROM (${above}) LIMIT ?1`,
      limit,
    );
    return rows.map(requestOf);
  }

  /** The next requests that were admitted until `admittedUntil` and have not been looked at, in the order of admission. */
  pastWatermark(admittedUntil: number, limit: number): SweepCandidate[] {
    const query = `SELECT id, place, settled_at IS NOT NULL AS settled FROM request
       WHERE place > (SELECT swept FROM watermark) AND place < ? ORDER BY place LIMIT ?`;
    return this.#db
      .rows<{ id: string; place: number; settled: number }>(query, placeOf(admittedUntil + 1), limit)
      .map(({ id, place, settled }) => ({ id, place, isSettled: settled === 1 }));
  }

  /** Requests up to this place have been looked at. */
  markSwept(place: number, now: number): void {
    this.#db.run("UPDATE watermark SET swept = max(swept, ?), swept_at = ?", place, now);
  }

  /** Asks an unsettled request's tracker again at this time. */
  setSweep(id: string, sweepAt: number): void {
    this.#db.run("UPDATE request SET sweep_at = ? WHERE id = ? AND settled_at IS NULL", sweepAt, id);
  }

  /**
   * When the next tracker is to be asked; null if none is. A request is looked at first at `ageMs`, or that long after the last
   * look: however many are admitted, one look in that time finds them all.
   */
  nextSweepAt(ageMs: number): number | null {
    const timed = "SELECT sweep_at AS at FROM request WHERE sweep_at IS NOT NULL ORDER BY sweep_at LIMIT 1";
    const next = `SELECT place, swept_at FROM watermark JOIN request ON place > swept ORDER BY place LIMIT 1`;
    const due = this.#db.first<{ at: number }>(timed)?.at ?? null;
    const first = this.#db.first<{ place: number; swept_at: number }>(next);
    if (first === null) return due;
    const lookAt = Math.max(timeOf(first.place), first.swept_at) + ageMs;
    return due === null ? lookAt : Math.min(due, lookAt);
  }

  /** Number of requests of this user. */
  countOfUser(user: string): number {
    return this.#db.one<{ n: number }>("SELECT count(*) AS n FROM request WHERE user = ?", user).n;
  }

  /**
   * One page, newest first, after `beyond` (a place). Reads at most LIST_SCAN_MAX_ROWS rows: if they hold fewer than `limit`
   * matches, `lookedTo` is the place of the last and the next page starts there.
   */
  list(filter: RequestFilter, beyond: number | null, limit: number): { data: RequestRow[]; lookedTo: number | null } {
    const { where, values } = spanOf(filter, beyond);
    const data: RequestRow[] = [];
    let looked = 0;
    for (const row of this.#db.each<RequestRow>(`SELECT * FROM request WHERE ${where}`, ...values)) {
      if (matches(row, filter)) data.push(row);
      if (data.length >= limit) break;
      if (++looked === LIST_SCAN_MAX_ROWS) return { data, lookedTo: row.place };
    }
    return { data, lookedTo: null };
  }

  /** One page in the order of admission, after a place, without deleted requests. Reads at most `limit` rows. */
  past({ from, to, after }: PastQuery, limit: number): PastPage {
    const query = `SELECT id, place, key_id, user, model, tags, created_at, ended_at, deleted_at, verdict, charged, estimated,
         terms FROM request WHERE place > ? AND place < ? ORDER BY place LIMIT ?`;
    const rows = this.#db.rows<PastColumns>(query, Math.max(placeOf(from) - 1, after ?? 0), placeOf(to), limit);
    const data = rows.filter((row) => row.deleted_at === null).map(pastRequest);
    return { data, next: rows.length === limit ? (rows.at(-1)?.place ?? null) : null };
  }

  /** How many of the newest COUNT_SCAN_MAX_ROWS match. `lookedTo`: the creation of the last of them, if there are more. */
  count(filter: RequestFilter): { count: number; lookedTo: number | null } {
    const { where, values } = spanOf(filter, null);
    const query = `SELECT place, ${FILTERED_COLUMNS} FROM request WHERE ${where} LIMIT ?`;
    let [count, looked, last] = [0, 0, 0];
    for (const row of this.#db.each<FilteredColumns & { place: number }>(query, ...values, COUNT_SCAN_MAX_ROWS + 1)) {
      if (looked++ === COUNT_SCAN_MAX_ROWS) return { count, lookedTo: timeOf(last) };
      if (matches(row, filter)) count += 1;
      last = row.place;
    }
    return { count, lookedTo: null };
  }
}

/** The conditions that an index answers, newest first. */
function spanOf(
  { user, attention, from, to }: RequestFilter,
  beyond: number | null,
): { where: string; values: (string | number)[] } {
  const where = ["place < ?", "place >= ?"];
  const before = to === undefined ? Number.MAX_SAFE_INTEGER : placeOf(to);
  const values: (string | number)[] = [
    Math.min(before, beyond ?? Number.MAX_SAFE_INTEGER),
    from === undefined ? 0 : placeOf(from),
  ];
  if (user !== undefined) {
    where.push("user = ?");
    values.push(user);
  }
  // In the words of the partial index.
  if (attention === true) where.push("attention <> 0");
  return { where: `${where.join(" AND ")} ORDER BY place DESC`, values };
}

/** The first place of a millisecond. */
function placeOf(at: number): number {
  return Math.ceil(at) * 1_000;
}

function timeOf(place: number): number {
  return Math.floor(place / 1_000);
}
