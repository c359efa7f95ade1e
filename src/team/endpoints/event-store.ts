// SQL of the event feed and of published alerts. Events are never edited, except to anonymize users.

import type { TeamEvent } from "../../contracts/team-admin.ts";
import type { FeedEvent } from "../../contracts/team-webhooks.ts";
import { DAY_MS } from "../../platform/time.ts";
import type { TeamDatabase } from "../database.ts";

/** Events of the feed are kept this long. */
export const EVENT_KEEP_MS = 30 * DAY_MS;

/** Rows that one page reads: a page of rare types ends there and continues with the next. */
export const FEED_SCAN_MAX_ROWS = 2_000;

type EventRow = { id: string; type: string; at: number; data: string };

export class EventStore {
  readonly #db: TeamDatabase;
  #added = false;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** `settles`: the request whose charge is settled in this transaction. */
  insertEvent({ id, type, at, data }: TeamEvent, settles: string | null): void {
    this.#added = true;
    const statement = "INSERT INTO event (id, type, at, data, settles) VALUES (?, ?, ?, ?, ?)";
    this.#db.run(statement, id, type, at, JSON.stringify(data), settles);
  }

  /**
   * Events after a position, oldest first. Reads at most FEED_SCAN_MAX_ROWS rows: if they hold fewer than `limit` events of these
   * types, `lookedTo` is the position of the last and the next page starts there.
   */
  eventsAfter(
    seq: number,
    types: readonly string[] | null,
    limit: number,
  ): { found: FeedEvent[]; lookedTo: number | null } {
    const query = "SELECT seq, id, type, at, data FROM event WHERE seq > ? ORDER BY seq";
    const found: FeedEvent[] = [];
    let looked = 0;
    for (const row of this.#db.each<EventRow & { seq: number }>(query, seq)) {
      if (types === null || types.includes(row.type)) found.push({ ...row, data: JSON.parse(row.data) } as FeedEvent);
      if (found.length >= limit) break;
      if (++looked === FEED_SCAN_MAX_ROWS) return { found, lookedTo: row.seq };
    }
    return { found, lookedTo: null };
  }

  /** Positions of the oldest and newest event; 1 and 0 if there are none. */
  bounds(): { first: number; last: number } {
    // One query for both would read every event.
    const at = (order: "ASC" | "DESC") =>
      this.#db.first<{ seq: number }>(`SELECT seq FROM event ORDER BY seq ${order} LIMIT 1`)?.seq;
    return { first: at("ASC") ?? 1, last: at("DESC") ?? 0 };
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
    this.#db.run(`UPDATE event SET data = json_set(data, '$.subject', ?) WHERE ${names}`, alias, user);
  }

  /** Newest first. */
  latestAlerts(limit: number): TeamEvent<"limit.reached">[] {
    const query = "SELECT id, type, at, data FROM event WHERE type = 'limit.reached' ORDER BY seq DESC LIMIT ?";
    return this.#db
      .rows<EventRow>(query, limit)
      .map((row) => ({ ...row, data: JSON.parse(row.data) }) as TeamEvent<"limit.reached">);
  }

  /** Records an alert. False: already published in this window. */
  recordAlertOnce(name: string, resetAt: number): boolean {
    const [given] = this.#db.rows("SELECT 1 FROM alert_published WHERE name = ?", name);
    if (given !== undefined) return false;
    this.#db.run("INSERT INTO alert_published (name, reset_at) VALUES (?, ?)", name, resetAt);
    return true;
  }

  cleanUp(now: number, limit: number): void {
    const over = "SELECT name FROM alert_published WHERE reset_at < ? ORDER BY reset_at LIMIT ?";
    this.#db.run(`DELETE FROM alert_published WHERE name IN (${over})`, now, limit);
    // The newest event is kept, so that positions continue from it; what usage has not counted yet is, too.
    const oldest = "SELECT seq FROM (SELECT seq, at FROM event ORDER BY seq LIMIT ?) WHERE at < ?";
    const kept = "seq < (SELECT max(seq) FROM event) AND seq <= (SELECT ends FROM watermark)";
    const query = `DELETE FROM event WHERE seq IN (${oldest}) AND ${kept}`;
    this.#db.run(query, limit, now - EVENT_KEEP_MS);
  }

  /** First expiry; null if there are none. */
  nextExpiryAt(): number | null {
    const oldest = "SELECT seq, at FROM event ORDER BY seq LIMIT 1";
    const event = this.#db.first<{ seq: number; at: number }>(oldest);
    const alert = this.#db.first<{ at: number }>(
      "SELECT reset_at AS at FROM alert_published ORDER BY reset_at LIMIT 1",
    );
    const isNewest = event === null || event.seq === this.bounds().last;
    const times = [alert?.at, isNewest ? undefined : event.at + EVENT_KEEP_MS].filter((at) => at !== undefined);
    return times.length === 0 ? null : Math.min(...times);
  }
}
