// The SQL of a team's event feed, and of which alerts were given. An event is never edited.
// Imports types. Decides nothing; every method is synchronous.

import type { TeamEvent } from "./admin-types.ts";

type EventRow = { id: string; type: string; at: number; data: string };

export class EventStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add({ id, type, at, data }: TeamEvent): void {
    this.#sql.exec("INSERT INTO event (id, type, at, data) VALUES (?, ?, ?, ?)", id, type, at, JSON.stringify(data));
  }

  /** Newest first. */
  latest<D>(type: TeamEvent["type"], limit: number): TeamEvent<D>[] {
    return this.#sql
      .exec<EventRow>("SELECT id, type, at, data FROM event WHERE type = ? ORDER BY seq DESC LIMIT ?", type, limit)
      .toArray()
      .map((row) => ({ ...row, type, data: JSON.parse(row.data) as D }));
  }

  /** Notes that an alert is given. False: it was given before, in this window. */
  giveOnce(name: string, resetAt: number): boolean {
    const [given] = this.#sql.exec("SELECT 1 FROM alert_given WHERE name = ?", name);
    if (given !== undefined) return false;
    this.#sql.exec("INSERT INTO alert_given (name, reset_at) VALUES (?, ?)", name, resetAt);
    return true;
  }

  cleanUp(now: number, limit: number): void {
    const over = "SELECT name FROM alert_given WHERE reset_at < ? ORDER BY reset_at LIMIT ?";
    this.#sql.exec(`DELETE FROM alert_given WHERE name IN (${over})`, now, limit);
  }
}
