// The rows of an UpstreamAccount: what must outlive the object's memory, and nothing that a call costs each time.
// Synchronous SQL only. Imports limits.

import { PINNED_USERS_MAX } from "../limits.ts";

/** The last good key set: JWK `x` values, and when they were fetched (epoch ms). */
export interface StoredKeys {
  keys: string[];
  fetchedAt: number;
}

/** One row per fact. */
type FactName = "connection" | "webhooks_arrive" | "busy_until" | "closed_until" | "keys";

export class AccountStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS pinned_users (
        connection TEXT NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (connection, user_id)
      )`,
    );
  }

  /** The connection that was resolved; null before the first look, and after it was refused. */
  get connection(): string | null {
    return this.#fact("connection");
  }

  set connection(connection: string | null) {
    this.#setFact("connection", connection);
  }

  /** Whether the last thing heard of webhooks was that one came. */
  get webhooksArrive(): boolean {
    return this.#fact("webhooks_arrive") === "yes";
  }

  set webhooksArrive(arrive: boolean) {
    this.#setFact("webhooks_arrive", arrive ? "yes" : "no");
  }

  /** Until when turns of a busy window may still be out (epoch ms). */
  get busyUntil(): number {
    return Number(this.#fact("busy_until") ?? 0);
  }

  set busyUntil(until: number) {
    this.#setFact("busy_until", String(until));
  }

  get closedUntil(): number {
    return Number(this.#fact("closed_until") ?? 0);
  }

  set closedUntil(until: number) {
    this.#setFact("closed_until", String(until));
  }

  get keys(): StoredKeys | null {
    const text = this.#fact("keys");
    return text === null ? null : (JSON.parse(text) as StoredKeys);
  }

  set keys(keys: StoredKeys) {
    this.#setFact("keys", JSON.stringify(keys));
  }

  /** In the order they were pinned. */
  pinnedUsers(connection: string): string[] {
    const rows = this.#sql.exec<{ user_id: string }>(
      "SELECT user_id FROM pinned_users WHERE connection = ? ORDER BY rowid",
      connection,
    );
    return rows.toArray().map((row) => row.user_id);
  }

  isPinned(connection: string, userId: string): boolean {
    const rows = this.#sql.exec("SELECT 1 FROM pinned_users WHERE connection = ? AND user_id = ?", connection, userId);
    return rows.toArray().length > 0;
  }

  /** Beyond PINNED_USERS_MAX the oldest pin of the connection goes: it costs one more result call if it was in use. */
  pin(connection: string, userId: string): void {
    if (this.isPinned(connection, userId)) return;
    this.#sql.exec("INSERT INTO pinned_users VALUES (?, ?)", connection, userId);
    for (const old of this.pinnedUsers(connection).slice(0, -PINNED_USERS_MAX)) {
      this.#sql.exec("DELETE FROM pinned_users WHERE connection = ? AND user_id = ?", connection, old);
    }
  }

  #fact(name: FactName): string | null {
    const rows = this.#sql.exec<{ value: string }>("SELECT value FROM facts WHERE name = ?", name).toArray();
    return rows[0]?.value ?? null;
  }

  #setFact(name: FactName, value: string | null): void {
    if (value === null) this.#sql.exec("DELETE FROM facts WHERE name = ?", name);
    else
      this.#sql.exec(
        "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        value,
      );
  }
}
