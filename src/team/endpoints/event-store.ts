// SQL of the event feed and of published alerts. Events are never edited, except to anonymize users.

import type { TeamEvent } from "../../contracts/team-admin.ts";
import type { FeedEvent } from "../../contracts/team-webhooks.ts";
import { DAY_MS } from "../../platform/time.ts";

/** Events of the feed are kept this long. */
export const EVENT_KEEP_MS = 30 * DAY_MS;

type EventRow = { id: string; type: string; at: number; data: string };

export class EventStore {
  readonly #sql: SqlStorage;
  #added = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insertEvent({ id, type, at, data }: TeamEvent): void {
    this.#added = true;
    this.#sql.exec("INSERT INTO event (id, type, at, data) VALUES (?, ?, ?, ?)", id, type, at, JSON.stringify(data));
  }

  /** Events after a position, oldest first. */
  eventsAfter(seq: number, types: readonly string[] | null, limit: number): FeedEvent[] {
    const query = `SELECT seq, id, type, at, data FROM event
       WHERE seq > ?1 AND (?2 IS NULL OR type IN (SELECT value FROM json_each(?2))) ORDER BY seq LIMIT ?3`;
    return this.#sql
      .exec<EventRow & { seq: number }>(query, seq, types === null ? null : JSON.stringify(types), limit)
      .toArray()
      .map((row) => ({ ...row, data: JSON.parse(row.data) }) as FeedEvent);
  }

  /** Positions of the oldest and newest event; 1 and 0 if there are none. */
  bounds(): { first: number; last: number } {
    const query = "SELECT min(seq) AS first, max(seq) AS last FROM event";
    const { first, last } = this.#sql.exec<{ first: number | null; last: number | null }>(query).one();
    return { first: first ?? 1, last: last ?? 0 };
  }

  /** Whether events were inserted since the last call. */
  clearAddedFlag(): boolean {
    const added = this.#added;
    this.#added = false;
    return added;
  }

  /** Replaces a user by `alias`: only events of `user` limits name users. */
  anonymizeUser(user: string, alias: string): void {
    const names = "type = 'limit.reached' AND data ->> '$.scope' = 'user' AND data ->> '$.subject' = ?";
    this.#sql.exec(`UPDATE event SET data = json_set(data, '$.subject', ?) WHERE ${names}`, alias, user);
  }

  /** Newest first. */
  latestOfType<T extends TeamEvent["type"]>(type: T, limit: number): TeamEvent<T>[] {
    return this.#sql
      .exec<EventRow>("SELECT id, type, at, data FROM event WHERE type = ? ORDER BY seq DESC LIMIT ?", type, limit)
      .toArray()
      .map((row) => ({ ...row, data: JSON.parse(row.data) }) as TeamEvent<T>);
  }

  /** Records an alert. False: already published in this window. */
  recordAlertOnce(name: string, resetAt: number): boolean {
    const [given] = this.#sql.exec("SELECT 1 FROM alert_given WHERE name = ?", name);
    if (given !== undefined) return false;
    this.#sql.exec("INSERT INTO alert_given (name, reset_at) VALUES (?, ?)", name, resetAt);
    return true;
  }

  cleanUp(now: number, limit: number): void {
    const over = "SELECT name FROM alert_given WHERE reset_at < ? ORDER BY reset_at LIMIT ?";
    this.#sql.exec(`DELETE FROM alert_given WHERE name IN (${over})`, now, limit);
    // The newest event is kept, so that positions continue from it.
    const oldest = "SELECT seq FROM (SELECT seq, at FROM event ORDER BY seq LIMIT ?) WHERE at < ?";
    const query = `DELETE FROM event WHERE seq IN (${oldest}) AND seq < (SELECT max(seq) FROM event)`;
    this.#sql.exec(query, limit, now - EVENT_KEEP_MS);
  }

  /** First expiry; null if there are none. */
  nextExpiryAt(): number | null {
    const oldest = "SELECT at FROM event WHERE seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT 1";
    const all = `SELECT min(reset_at) AS at FROM alert_given UNION ALL SELECT (${oldest}) + ?`;
    const query = `SELECT min(at) AS at FROM (${all})`;
    return this.#sql.exec<{ at: number | null }>(query, EVENT_KEEP_MS).one().at;
  }
}
