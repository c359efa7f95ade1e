// Rows of webhook deliveries: the event of each end, stored once for all targets, and the log of attempts. SQL only; callers
// provide the transaction.

import type { Attempt, StoredEvent } from "../../webhooks/attempt.ts";
import type { EventFormat } from "../../webhooks/event-body.ts";
import type { EndEventType } from "../../webhooks/event-types.ts";
import { LazyTables } from "./lazy-tables.ts";

const TABLES = [
  "CREATE TABLE event (id TEXT, format TEXT, type TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id, format)) STRICT, WITHOUT ROWID",
  "CREATE TABLE attempt (seq INTEGER PRIMARY KEY, delivery TEXT NOT NULL, at INTEGER NOT NULL, attempt TEXT NOT NULL) STRICT",
];

export class DeliveryLog {
  readonly tables: LazyTables;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.tables = new LazyTables(sql, "attempt", TABLES);
  }

  eventOf(id: string, format: EventFormat): StoredEvent | null {
    if (!this.tables.exist) return null;
    const row = this.#sql
      .exec<{ type: string; body: string }>("SELECT type, body FROM event WHERE id = ? AND format = ?", id, format)
      .toArray()[0];
    return row === undefined ? null : { id, type: row.type as EndEventType, format, body: row.body };
  }

  /** Saves an event before its first attempt. An event that is already stored stays as it is. */
  saveEvent({ id, type, format, body }: StoredEvent): void {
    this.tables.ensure();
    this.#sql.exec("INSERT OR IGNORE INTO event (id, format, type, body) VALUES (?, ?, ?, ?)", id, format, type, body);
  }

  appendAttempt({ delivery, at, ...rest }: Attempt): void {
    this.tables.ensure();
    const text = JSON.stringify(rest);
    this.#sql.exec("INSERT INTO attempt (delivery, at, attempt) VALUES (?, ?, ?)", delivery, at, text);
  }

  /** Oldest first: of one delivery, or of all. */
  attempts(delivery: string | null): Attempt[] {
    if (!this.tables.exist) return [];
    return this.#sql
      .exec<{ delivery: string; at: number; attempt: string }>(
        "SELECT delivery, at, attempt FROM attempt WHERE ?1 IS NULL OR delivery = ?1 ORDER BY seq",
        delivery,
      )
      .toArray()
      .map(({ attempt, ...row }) => ({ ...row, ...(JSON.parse(attempt) as Omit<Attempt, keyof typeof row>) }));
  }

  /** Deletes expired events and attempts. The deliveries' states remain with the request. */
  deleteAll(): void {
    if (!this.tables.exist) return;
    this.#sql.exec("DELETE FROM attempt");
    this.#sql.exec("DELETE FROM event");
  }
}
