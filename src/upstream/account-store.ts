// Rows of an UpstreamAccount. Call times are not stored; a waiting call is written when it is queued and deleted when it is granted.
// Synchronous SQL only.

import type { WaitingCall } from "../contracts/account.ts";
import type { Sample } from "../models/durations.ts";
import type { Health } from "./health.ts";
import type { Notice } from "./notice.ts";
import type { Slot } from "./scheduler.ts";

/** fal accounts that may sign webhooks of one connection; the oldest pin gives way. */
export const PINNED_USERS_MAX = 16;
/** Models whose durations are kept; the one that ended longest ago gives way. */
const DURATION_MODELS_MAX = 500;

/** The last good key set: JWK `x` values, and when they were fetched (epoch ms). */
export interface StoredKeys {
  keys: string[];
  fetchedAt: number;
}

/** One row per fact. */
type FactName =
  | "connection"
  | "webhooks_arrive"
  | "busy_until"
  | "closed_until"
  | "closed_since"
  | "keys"
  | "notice"
  | "webhook_delay";

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
    sql.exec("CREATE TABLE IF NOT EXISTS waiting (name TEXT PRIMARY KEY, waiter TEXT NOT NULL) WITHOUT ROWID");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS slots (
        request_id TEXT PRIMARY KEY, connection TEXT NOT NULL, since INTEGER NOT NULL
      ) WITHOUT ROWID`,
    );
    sql.exec("CREATE TABLE IF NOT EXISTS health (connection TEXT PRIMARY KEY, health TEXT NOT NULL) WITHOUT ROWID");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS durations (
        model TEXT PRIMARY KEY, sample TEXT NOT NULL, ended_at INTEGER NOT NULL
      ) WITHOUT ROWID`,
    );
  }

  /** The connection that was resolved; null before the first look, and after it was refused. */
  get connection(): string | null {
    return this.#fact("connection");
  }

  set connection(connection: string | null) {
    this.#setFact("connection", connection);
  }

  /** Whether webhooks arrive, by the latest report. */
  get webhooksArrive(): boolean {
    return this.#fact("webhooks_arrive") === "yes";
  }

  set webhooksArrive(arrive: boolean) {
    this.#setFact("webhooks_arrive", arrive ? "yes" : "no");
  }

  /** Until when calls of a busy window may still be in progress (epoch ms). */
  get busyUntil(): number {
    return Number(this.#fact("busy_until") ?? 0);
  }

  set busyUntil(until: number) {
    this.#setFact("busy_until", String(until));
  }

  get closedUntil(): number {
    return Number(this.#fact("closed_until") ?? 0);
  }

  get closedSince(): number {
    return Number(this.#fact("closed_since") ?? 0);
  }

  /** A pause of the pace (epoch ms). */
  savePause({ since, until }: { since: number; until: number }): void {
    this.#setFact("closed_since", String(since));
    this.#setFact("closed_until", String(until));
  }

  get keys(): StoredKeys | null {
    const text = this.#fact("keys");
    return text === null ? null : (JSON.parse(text) as StoredKeys);
  }

  set keys(keys: StoredKeys) {
    this.#setFact("keys", JSON.stringify(keys));
  }

  /** How long after fal signed it the last webhook was here; null before the first. */
  get webhookDelayMs(): number | null {
    const text = this.#fact("webhook_delay");
    return text === null ? null : Number(text);
  }

  set webhookDelayMs(ms: number) {
    this.#setFact("webhook_delay", String(ms));
  }

  get notice(): Notice | null {
    const text = this.#fact("notice");
    return text === null ? null : (JSON.parse(text) as Notice);
  }

  set notice(notice: Notice | null) {
    this.#setFact("notice", notice === null ? null : JSON.stringify(notice));
  }

  /** In the order they were pinned. */
  pinnedUsers(connection: string): string[] {
    const rows = this.#sql.exec<{ user_id: string }>(
      "SELECT user_id FROM pinned_users WHERE connection = ? ORDER BY rowid",
      connection,
    );
    return rows.toArray().map((row) => row.user_id);
  }

  isUserPinned(connection: string, userId: string): boolean {
    const rows = this.#sql.exec("SELECT 1 FROM pinned_users WHERE connection = ? AND user_id = ?", connection, userId);
    return rows.toArray().length > 0;
  }

  /** Beyond PINNED_USERS_MAX the oldest pin of the connection goes: it costs one more result call if it was in use. */
  pinUser(connection: string, userId: string): void {
    if (this.isUserPinned(connection, userId)) return;
    this.#sql.exec("INSERT INTO pinned_users VALUES (?, ?)", connection, userId);
    for (const old of this.pinnedUsers(connection).slice(0, -PINNED_USERS_MAX)) {
      this.#sql.exec("DELETE FROM pinned_users WHERE connection = ? AND user_id = ?", connection, old);
    }
  }

  waitingCalls(): WaitingCall[] {
    const rows = this.#sql.exec<{ waiter: string }>("SELECT waiter FROM waiting").toArray();
    return rows.map(({ waiter }) => JSON.parse(waiter) as WaitingCall);
  }

  saveWaitingCall(name: string, waiter: WaitingCall): void {
    this.#sql.exec("INSERT OR REPLACE INTO waiting VALUES (?, ?)", name, JSON.stringify(waiter));
  }

  deleteWaitingCall(name: string): void {
    this.#sql.exec("DELETE FROM waiting WHERE name = ?", name);
  }

  slots(): Slot[] {
    return this.#sql
      .exec<{ request_id: string; connection: string; since: number }>(
        "SELECT request_id, connection, since FROM slots",
      )
      .toArray()
      .map(({ request_id, connection, since }) => ({ requestId: request_id, connection, since, checkedAt: since }));
  }

  saveSlot({ requestId, connection, since }: Slot): void {
    this.#sql.exec("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", requestId, connection, since);
  }

  deleteSlot(requestId: string): void {
    this.#sql.exec("DELETE FROM slots WHERE request_id = ?", requestId);
  }

  savedHealth(): [connection: string, health: Health][] {
    const rows = this.#sql.exec<{ connection: string; health: string }>("SELECT connection, health FROM health");
    return rows.toArray().map(({ connection, health }) => [connection, JSON.parse(health) as Health]);
  }

  /** Only a closed connection is kept: an open one that was forgotten is open. */
  saveHealth(connection: string, health: Health): void {
    if (health.closure === null) this.#sql.exec("DELETE FROM health WHERE connection = ?", connection);
    else this.#sql.exec("INSERT OR REPLACE INTO health VALUES (?, ?)", connection, JSON.stringify(health));
  }

  durationsOf(model: string): Sample {
    const rows = this.#sql.exec<{ sample: string }>("SELECT sample FROM durations WHERE model = ?", model).toArray();
    return rows[0] === undefined ? [] : (JSON.parse(rows[0].sample) as number[]);
  }

  /** Every model's sample, the one that ended last first. */
  allDurations(limit: number): [model: string, sample: Sample][] {
    const rows = this.#sql.exec<{ model: string; sample: string }>(
      "SELECT model, sample FROM durations ORDER BY ended_at DESC LIMIT ?",
      limit,
    );
    return rows.toArray().map(({ model, sample }) => [model, JSON.parse(sample) as number[]]);
  }

  saveDurations(model: string, sample: Sample, endedAt: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO durations VALUES (?, ?, ?)", model, JSON.stringify(sample), endedAt);
    this.#sql.exec(
      `DELETE FROM durations WHERE model NOT IN (SELECT model FROM durations ORDER BY ended_at DESC LIMIT ?)`,
      DURATION_MODELS_MAX,
    );
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
