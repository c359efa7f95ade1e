// SQL of the index of a team's requests: one coarse row each; details are in the tracker. Also schedules the checks of open
// requests.

import type { IndexStatus, ListInput, Outcome, RequestSummary } from "../contracts/team-access.ts";
import type { ListPosition } from "./cursor.ts";

/** Rows that one page reads: a selective filter returns a cursor instead of reading the whole history. */
export const LIST_SCAN_MAX_ROWS = 2_000;

/** A row of the index. */
export interface IndexedRequest extends RequestSummary {
  /** When to check on the tracker; null after the end. */
  sweepAt: number | null;
  /** When the request was deleted or its user anonymized; the row has no content then. */
  deletedAt: number | null;
}

type RequestRow = {
  id: string;
  key_id: string;
  user: string | null;
  model: string;
  tags: string;
  status: string;
  created_at: number;
  sweep_at: number | null;
  ended_at: number | null;
  erased_at: number | null;
};

const COLUMNS = "id, key_id, user, model, tags, status, created_at, sweep_at, ended_at, erased_at";

export class RequestIndex {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insert(request: IndexedRequest): void {
    this.#sql.exec(
      `INSERT INTO request (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      request.id,
      request.keyId,
      request.user,
      request.model,
      JSON.stringify(request.tags),
      request.status,
      request.createdAt,
      request.sweepAt,
      request.endedAt,
      request.deletedAt,
    );
  }

  findRequest(id: string): IndexedRequest | null {
    const [row] = this.#sql.exec<RequestRow>(`SELECT ${COLUMNS} FROM request WHERE id = ?`, id);
    return row === undefined ? null : lineOf(row);
  }

  /** Postpones the check of an open request. */
  setSweep(id: string, sweepAt: number): void {
    this.#sql.exec("UPDATE request SET sweep_at = ? WHERE id = ? AND sweep_at IS NOT NULL", sweepAt, id);
  }

  endRequest(id: string, outcome: Outcome, endedAt: number): void {
    this.#sql.exec("UPDATE request SET status = ?, ended_at = ?, sweep_at = NULL WHERE id = ?", outcome, endedAt, id);
  }

  /** Removes the content of a row, which stays for accounting and repeated submits. */
  markDeleted(id: string, at: number): void {
    this.#sql.exec("UPDATE request SET tags = '{}', erased_at = ? WHERE id = ? AND erased_at IS NULL", at, id);
  }

  /** The last published end and its event. */
  publishedEnd(id: string): { endedAt: number; eventId: string } | null {
    const [row] = this.#sql.exec<{ told_end_at: number | null; told_event_id: string | null }>(
      "SELECT told_end_at, told_event_id FROM request WHERE id = ?",
      id,
    );
    const { told_end_at: endedAt = null, told_event_id: eventId = null } = row ?? {};
    return endedAt === null || eventId === null ? null : { endedAt, eventId };
  }

  setPublishedEnd(id: string, endedAt: number, eventId: string): void {
    this.#sql.exec("UPDATE request SET told_end_at = ?, told_event_id = ? WHERE id = ?", endedAt, eventId, id);
  }

  deleteRequest(id: string): void {
    this.#sql.exec("DELETE FROM request WHERE id = ?", id);
  }

  /** Requests due to be checked, oldest first. */
  dueForSweep(now: number, limit: number): string[] {
    const query = "SELECT id FROM request WHERE sweep_at IS NOT NULL AND sweep_at <= ? ORDER BY sweep_at LIMIT ?";
    return this.#sql
      .exec<{ id: string }>(query, now, limit)
      .toArray()
      .map((row) => row.id);
  }

  /** When the next check is due; null if all requests have ended. */
  nextSweepAt(): number | null {
    const query = "SELECT sweep_at FROM request WHERE sweep_at IS NOT NULL ORDER BY sweep_at LIMIT 1";
    const [row] = this.#sql.exec<{ sweep_at: number }>(query);
    return row?.sweep_at ?? null;
  }

  /** Number of requests of this user. */
  countOfUser(user: string): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM request WHERE user = ?", user).one().n;
  }

  /**
   * One page, newest first. Reads at most LIST_SCAN_MAX_ROWS rows: if they hold fewer than `limit` matches, `lookedTo` is the
   * last of them and the next page starts there.
   */
  list(
    filter: ListInput,
    position: ListPosition | null,
    limit: number,
  ): { data: RequestSummary[]; lookedTo: ListPosition | null } {
    const span: Condition[] = [];
    if (filter.user !== undefined) span.push(["user = ?", filter.user]);
    if (filter.from !== undefined) span.push(["created_at >= ?", filter.from]);
    if (filter.to !== undefined) span.push(["created_at < ?", filter.to]);
    if (position !== null) span.push(["(created_at, id) < (?, ?)", position.createdAt, position.id]);
    const looked = `SELECT ${COLUMNS} FROM request ${whereOf(span)} ORDER BY created_at DESC, id DESC`;
    const matches: Condition[] = [["erased_at IS NULL"]];
    if (filter.status !== undefined) matches.push(["status = ?", filter.status]);
    if (filter.model !== undefined) matches.push(["model = ?", filter.model]);
    if (filter.tag !== undefined) matches.push(tagCondition(filter.tag));
    const bound = valuesOf(span);
    const data = this.#sql
      .exec<RequestRow>(
        `SELECT * FROM (${looked} LIMIT ?) ${whereOf(matches)} ORDER BY created_at DESC, id DESC LIMIT ?`,
        ...bound,
        LIST_SCAN_MAX_ROWS,
        ...valuesOf(matches),
        limit,
      )
      .toArray()
      .map((row) => summaryOf(row));
    if (data.length >= limit) return { data, lookedTo: null };
    const [last] = this.#sql.exec<RequestRow>(`${looked} LIMIT 1 OFFSET ?`, ...bound, LIST_SCAN_MAX_ROWS - 1);
    return { data, lookedTo: last === undefined ? null : { createdAt: last.created_at, id: last.id } };
  }
}

/** An SQL condition and its bindings. */
type Condition = [sql: string, ...values: (string | number)[]];

function whereOf(conditions: readonly Condition[]): string {
  return conditions.length === 0 ? "" : `WHERE ${conditions.map(([sql]) => sql).join(" AND ")}`;
}

function valuesOf(conditions: readonly Condition[]): (string | number)[] {
  return conditions.flatMap(([, ...values]) => values);
}

function tagCondition(tag: string): Condition {
  const [name = "", ...rest] = tag.split("=");
  if (rest.length === 0) return ["EXISTS (SELECT 1 FROM json_each(tags) WHERE key = ?)", name];
  return ["EXISTS (SELECT 1 FROM json_each(tags) WHERE key = ? AND value = ?)", name, rest.join("=")];
}

function lineOf(row: RequestRow): IndexedRequest {
  return { ...summaryOf(row), sweepAt: row.sweep_at, deletedAt: row.erased_at };
}

function summaryOf(row: RequestRow): RequestSummary {
  return {
    id: row.id,
    keyId: row.key_id,
    user: row.user,
    model: row.model,
    tags: JSON.parse(row.tags) as Record<string, string>,
    status: row.status as IndexStatus,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  };
}
