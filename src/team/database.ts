// The one place where a team's SQL runs. It counts the rows that a decision reads and writes: reads are bounded by what is
// answered, whatever is stored or owed, and a decision that reads more is logged.

import { logEvent } from "../platform/log.ts";
import { USAGE_ROWS_MAX } from "./usage/usage.ts";

/** A decision that reads more rows is logged: twice those of the longest answer, a team's usage. */
const ROWS_READ_NOTICE = 2 * USAGE_ROWS_MAX;

type Row = Record<string, SqlStorageValue>;
type Cursor = Pick<SqlStorageCursor<Row>, "rowsRead" | "rowsWritten">;

export class TeamDatabase {
  readonly #sql: SqlStorage;
  #rowsRead = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  rows<T extends Row>(query: string, ...bindings: SqlStorageValue[]): T[] {
    const cursor = this.#sql.exec<T>(query, ...bindings);
    const rows = cursor.toArray();
    this.#count(cursor);
    return rows;
  }

  /** The first row, or null. */
  first<T extends Row>(query: string, ...bindings: SqlStorageValue[]): T | null {
    return this.rows<T>(query, ...bindings)[0] ?? null;
  }

  /** The only row of a query that always has one. */
  one<T extends Row>(query: string, ...bindings: SqlStorageValue[]): T {
    const cursor = this.#sql.exec<T>(query, ...bindings);
    const row = cursor.one();
    this.#count(cursor);
    return row;
  }

  /** Row by row: what the caller does not take is not read. */
  *each<T extends Row>(query: string, ...bindings: SqlStorageValue[]): Generator<T, void> {
    const cursor = this.#sql.exec<T>(query, ...bindings);
    try {
      yield* cursor;
    } finally {
      this.#count(cursor);
    }
  }

  /** Runs a statement without a result; returns the rows written, index entries included. */
  run(statement: string, ...bindings: SqlStorageValue[]): number {
    const cursor = this.#sql.exec(statement, ...bindings);
    this.#count(cursor);
    return cursor.rowsWritten;
  }

  /** Runs one decision and logs it if it reads more rows than any answer needs. */
  counted<T>(decision: () => T): T {
    this.#rowsRead = 0;
    const result = decision();
    if (this.#rowsRead > ROWS_READ_NOTICE) logEvent("decision.read_many", { rows: this.#rowsRead });
    return result;
  }

  #count({ rowsRead }: Cursor): void {
    this.#rowsRead += rowsRead;
  }
}
