// The SQL of what a team's requests take and leave: counters, the request index, reservations, idempotency keys.
// Imports types. Every method is synchronous, so that an admit is one transaction; decides nothing.

import type { Counter, Reservation } from "./quota.ts";
import type { IndexStatus, ListInput, Outcome, RequestSummary } from "./types.ts";

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
};

const REQUEST_COLUMNS = "id, key_id, user, model, tags, status, created_at, sweep_at, ended_at";

/** A line of the index. `sweepAt` is null once the request is known to have started. */
export interface IndexedRequest extends RequestSummary {
  sweepAt: number | null;
}

export interface IdempotencyRow {
  requestId: string;
  bodyHash: string;
  expiresAt: number;
}

/** Whose idempotency key it is: two callers may use the same text. */
export interface IdempotencyName {
  keyId: string;
  user: string | null;
  idempotencyKey: string;
}

/** Where a page of the index goes on: the last line that was shown. */
export interface ListPosition {
  createdAt: number;
  id: string;
}

export class LedgerStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  used(counterId: string): number {
    const [row] = this.#sql.exec<{ used: number }>("SELECT used FROM counter WHERE id = ?", counterId);
    return row?.used ?? 0;
  }

  take(counters: readonly Counter[]): void {
    for (const { id, resetAt } of counters) {
      this.#sql.exec(
        "INSERT INTO counter (id, used, reset_at) VALUES (?, 1, ?) ON CONFLICT (id) DO UPDATE SET used = used + 1",
        ...[id, resetAt],
      );
    }
  }

  /** A counter whose window is long over may be gone: then there is nothing to give back. */
  giveBack(counterIds: readonly string[]): void {
    for (const id of counterIds) this.#sql.exec("UPDATE counter SET used = used - 1 WHERE id = ? AND used > 0", id);
  }

  insertRequest(request: IndexedRequest): void {
    this.#sql.exec(
      `INSERT INTO request (${REQUEST_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[request.id, request.keyId, request.user, request.model, JSON.stringify(request.tags), request.status],
      ...[request.createdAt, request.sweepAt, request.endedAt],
    );
  }

  request(id: string): IndexedRequest | null {
    const [row] = this.#sql.exec<RequestRow>(`SELECT ${REQUEST_COLUMNS} FROM request WHERE id = ?`, id);
    return row === undefined ? null : { ...summaryOf(row), sweepAt: row.sweep_at };
  }

  /** Null: known to have started, nothing left to ask. */
  setSweep(id: string, sweepAt: number | null): void {
    this.#sql.exec("UPDATE request SET sweep_at = ? WHERE id = ? AND sweep_at IS NOT NULL", sweepAt, id);
  }

  endRequest(id: string, outcome: Outcome, endedAt: number): void {
    this.#sql.exec("UPDATE request SET status = ?, ended_at = ?, sweep_at = NULL WHERE id = ?", outcome, endedAt, id);
  }

  /** Takes a request out as if it had never been posted, so that the caller's retry is admitted anew. */
  removeRequest(request: RequestSummary): void {
    this.#sql.exec(
      "DELETE FROM idempotency WHERE key_id = ? AND user = ? AND request_id = ?",
      ...[request.keyId, request.user ?? "", request.id],
    );
    this.#sql.exec("DELETE FROM reservation WHERE request_id = ?", request.id);
    this.#sql.exec("DELETE FROM request WHERE id = ?", request.id);
  }

  /** Requests that nobody acked and whose time to be asked about has come, longest waiting first. */
  unstarted(now: number, limit: number): string[] {
    const query = "SELECT id FROM request WHERE sweep_at IS NOT NULL AND sweep_at <= ? ORDER BY sweep_at LIMIT ?";
    return this.#sql
      .exec<{ id: string }>(query, now, limit)
      .toArray()
      .map((row) => row.id);
  }

  /** When the next of them is due, overdue ones included; null when all are known to have started. */
  nextSweepAt(): number | null {
    const query = "SELECT sweep_at FROM request WHERE sweep_at IS NOT NULL ORDER BY sweep_at LIMIT 1";
    const [row] = this.#sql.exec<{ sweep_at: number }>(query);
    return row?.sweep_at ?? null;
  }

  insertReservation(requestId: string, counters: readonly Counter[]): void {
    const ids = JSON.stringify(counters.map((counter) => counter.id));
    this.#sql.exec("INSERT INTO reservation (request_id, counters) VALUES (?, ?)", requestId, ids);
  }

  reservation(requestId: string): Reservation | null {
    const query = "SELECT counters, settled_at FROM reservation WHERE request_id = ?";
    const [row] = this.#sql.exec<{ counters: string; settled_at: number | null }>(query, requestId);
    return row === undefined ? null : { counters: JSON.parse(row.counters) as string[], settledAt: row.settled_at };
  }

  markSettled(requestId: string, at: number): void {
    this.#sql.exec("UPDATE reservation SET settled_at = ? WHERE request_id = ?", at, requestId);
  }

  idempotency(name: IdempotencyName): IdempotencyRow | null {
    const query =
      "SELECT request_id, body_hash, expires_at FROM idempotency WHERE key_id = ? AND user = ? AND idempotency_key = ?";
    const [row] = this.#sql.exec<{ request_id: string; body_hash: string; expires_at: number }>(
      ...([query, name.keyId, name.user ?? "", name.idempotencyKey] as const),
    );
    return row === undefined ? null : { requestId: row.request_id, bodyHash: row.body_hash, expiresAt: row.expires_at };
  }

  /** Replaces a row that is over its time. */
  putIdempotency(name: IdempotencyName, row: IdempotencyRow): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO idempotency (key_id, user, idempotency_key, request_id, body_hash, expires_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
      ...[name.keyId, name.user ?? "", name.idempotencyKey, row.requestId, row.bodyHash, row.expiresAt],
    );
  }

  /** Deletes rows that nothing reads any more, at most `limit` of each kind. */
  cleanUp(now: number, limit: number): void {
    const overdueCounters = "SELECT id FROM counter WHERE reset_at < ? ORDER BY reset_at LIMIT ?";
    this.#sql.exec(`DELETE FROM counter WHERE id IN (${overdueCounters})`, now, limit);
    const overdueKeys =
      "SELECT key_id, user, idempotency_key FROM idempotency WHERE expires_at < ? ORDER BY expires_at LIMIT ?";
    this.#sql.exec(`DELETE FROM idempotency WHERE (key_id, user, idempotency_key) IN (${overdueKeys})`, now, limit);
  }

  /** One page of the index, newest first, after `position`. A rare match walks the whole index: reads are cheap. */
  list(filter: ListInput, position: ListPosition | null, limit: number): RequestSummary[] {
    const where: string[] = [];
    const values: (string | number)[] = [];
    const also = (condition: string, ...bound: (string | number)[]) => {
      where.push(condition);
      values.push(...bound);
    };
    if (filter.status !== undefined) also("status = ?", filter.status);
    if (filter.model !== undefined) also("model = ?", filter.model);
    if (filter.user !== undefined) also("user = ?", filter.user);
    if (filter.from !== undefined) also("created_at >= ?", filter.from);
    if (filter.to !== undefined) also("created_at < ?", filter.to);
    if (filter.tag !== undefined) {
      const [name = "", ...rest] = filter.tag.split("=");
      if (rest.length === 0) also("EXISTS (SELECT 1 FROM json_each(tags) WHERE key = ?)", name);
      else also("EXISTS (SELECT 1 FROM json_each(tags) WHERE key = ? AND value = ?)", name, rest.join("="));
    }
    if (position !== null) also("(created_at, id) < (?, ?)", position.createdAt, position.id);
    const condition = where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`;
    const query = `SELECT ${REQUEST_COLUMNS} FROM request ${condition} ORDER BY created_at DESC, id DESC LIMIT ?`;
    return this.#sql
      .exec<RequestRow>(query, ...values, limit)
      .toArray()
      .map(summaryOf);
  }
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
