// The state of FakeUpstream in its SQLite storage: settings, clock, connections, requests, files, deliveries, calls. Rows that are
// only read whole are one JSON column.

import type { Timing } from "./lifecycle.ts";
import type { MediaRecipe } from "./media/recipe.ts";
import type { ModelKind } from "./models.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Result } from "./results.ts";

/** Times everywhere: milliseconds of the sandbox's clock. */
export interface UpstreamRequest {
  id: string;
  /** Id of the last attempt; it differs from `id` after a retry inside fal. */
  gatewayId: string;
  /** Counts from 1. */
  number: number;
  model: string;
  /** The model id without its sub-path, as status, result and cancel URLs have it. */
  app: string;
  kind: ModelKind;
  connectionId: string;
  timing: Timing;
  result: Result;
  resultBytes: number;
  outcomes: Outcomes;
  webhookUrl: string | null;
  fileTtlMs: number | null;
  /** Headers as received, without the credential. */
  headers: Record<string, string>;
  /** The body as received; null if it is too large to keep. */
  inputText: string | null;
  inputBytes: number;
}

export interface Connection {
  connectionId: string;
  /** Name of the account, made from its key. */
  account: string;
  status: "PENDING" | "ACTIVE" | "FAILED";
  app: string;
  method: string;
  /** Secret in the URL that finishes the connection. */
  sessionToken: string;
  createdAt: number;
  updatedAt: number;
  /** The fal user behind it; null: the one of the settings. */
  userId: string | null;
}

export type DeliveryVariant = "ok" | "error" | "null" | "forged" | "stale" | "other_user";

export interface Delivery {
  id: string;
  requestId: string;
  variant: DeliveryVariant;
  dueAt: number;
  /** Attempts so far. */
  attempts: number;
  /** When the first attempt was signed. */
  firstSentAt: number | null;
  /** Set when it was delivered, given up or removed by a test. */
  doneAt: number | null;
  /** Status or reason of the last attempt. */
  lastOutcome: string | null;
}

export interface StoredFile {
  requestId: string;
  /** Index among the files of its request, from 0. */
  n: number;
  recipe: MediaRecipe;
  /** Number of GETs. */
  gets: number;
}

export interface LoggedCall {
  /** What was called: "submit", "status", "result", "cancel", "stream", "connections", "file", "jwks", … */
  kind: string;
  method: string;
  /** Without query: that may hold a callback token. */
  path: string;
  at: number;
  /** Null while it is not answered. */
  status: number | null;
  requestId: string | null;
}

export interface Clock {
  /** The time at which the clock is frozen; null: it runs. */
  frozenAt: number | null;
  /** Added to real time while it runs. */
  offsetMs: number;
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS connections (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0, doc TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, app TEXT NOT NULL,
    starts_at INTEGER, ends_at INTEGER NOT NULL, doc TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS requests_by_end ON requests (ends_at);
  CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, request_id TEXT NOT NULL, n INTEGER NOT NULL, recipe TEXT NOT NULL,
    gets INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS files_by_request ON files (request_id, n);
  CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL, variant TEXT NOT NULL,
    due_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, first_sent_at INTEGER,
    lease_until INTEGER, done_at INTEGER, last_outcome TEXT);
  CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE done_at IS NULL;
  CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    at INTEGER NOT NULL, status INTEGER, request_id TEXT);
  CREATE INDEX IF NOT EXISTS calls_by_request ON calls (request_id) WHERE request_id IS NOT NULL;
`;
const TABLE_NAMES = ["meta", "connections", "requests", "files", "deliveries", "calls"];

const DELIVERY_COLUMNS =
  "id, request_id AS requestId, variant, due_at AS dueAt, attempts, first_sent_at AS firstSentAt, " +
  "done_at AS doneAt, last_outcome AS lastOutcome";

export class Store {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(TABLES);
  }

  /** Deletes every row. */
  clear(): void {
    for (const table of TABLE_NAMES) this.#sql.exec(`DELETE FROM ${table}`);
  }

  readMeta(name: "settings" | "clock"): unknown {
    const row = this.#sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = ?", name).toArray()[0];
    return row ? JSON.parse(row.value) : null;
  }

  writeMeta(name: "settings" | "clock", value: unknown): void {
    this.#sql.exec("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, JSON.stringify(value));
  }

  // --- Connections ---

  connections(account: string): Connection[] {
    const query = "SELECT doc FROM connections WHERE account = ? AND deleted = 0 ORDER BY number";
    return this.#sql
      .exec<{ doc: string }>(query, account)
      .toArray()
      .map((row) => JSON.parse(row.doc));
  }

  connection(id: string): Connection | null {
    const query = "SELECT doc FROM connections WHERE id = ? AND deleted = 0";
    const row = this.#sql.exec<{ doc: string }>(query, id).toArray()[0];
    return row ? JSON.parse(row.doc) : null;
  }

  /** Whether the account ever had a connection, deleted ones included. */
  hasAccount(account: string): boolean {
    return this.#sql.exec("SELECT 1 FROM connections WHERE account = ? LIMIT 1", account).toArray().length > 0;
  }

  connectionByToken(token: string): Connection | null {
    const query = "SELECT doc FROM connections WHERE deleted = 0 AND doc ->> 'sessionToken' = ?";
    const row = this.#sql.exec<{ doc: string }>(query, token).toArray()[0];
    return row ? JSON.parse(row.doc) : null;
  }

  /** Includes deleted ones, so that no id is reused. */
  connectionCount(): number {
    return this.#sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM connections").one().n;
  }

  saveConnection(connection: Connection): void {
    this.#sql.exec(
      "INSERT INTO connections (id, account, doc) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET doc = ?3",
      connection.connectionId,
      connection.account,
      JSON.stringify(connection),
    );
  }

  deleteConnection(id: string): void {
    this.#sql.exec("UPDATE connections SET deleted = 1 WHERE id = ?", id);
  }

  // --- Requests ---

  nextRequestNumber(): number {
    return this.#sql.exec<{ n: number }>("SELECT COALESCE(MAX(number), 0) + 1 AS n FROM requests").one().n;
  }

  request(id: string): UpstreamRequest | null {
    const row = this.#sql.exec<{ doc: string }>("SELECT doc FROM requests WHERE id = ?", id).toArray()[0];
    return row ? JSON.parse(row.doc) : null;
  }

  requests(): UpstreamRequest[] {
    const rows = this.#sql.exec<{ doc: string }>("SELECT doc FROM requests ORDER BY number").toArray();
    return rows.map((row) => JSON.parse(row.doc));
  }

  saveRequest(request: UpstreamRequest): void {
    const { number, id, app, timing } = request;
    this.#sql.exec(
      `INSERT INTO requests (number, id, app, starts_at, ends_at, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
       ON CONFLICT (number) DO UPDATE SET starts_at = ?4, ends_at = ?5, doc = ?6`,
      number,
      id,
      app,
      timing.startsAt,
      timing.endsAt,
      JSON.stringify(request),
    );
  }

  /** Requests of an app that have not started at `now`. */
  waiting(app: string, now: number): number {
    const query =
      "SELECT COUNT(*) AS n FROM requests WHERE app = ? AND ends_at > ? AND COALESCE(starts_at, ends_at) > ?";
    return this.#sql.exec<{ n: number }>(query, app, now, now).one().n;
  }

  /** When one of `slots` is free for the next request; null: now. Runs are scheduled in order of arrival. */
  slotFreeAt(slots: number, now: number): number | null {
    const query =
      "SELECT ends_at AS at FROM requests WHERE ends_at > ? AND starts_at IS NOT NULL ORDER BY ends_at DESC LIMIT 1 OFFSET ?";
    return this.#sql.exec<{ at: number }>(query, now, slots - 1).toArray()[0]?.at ?? null;
  }

  // --- Files ---

  saveFiles(requestId: string, files: { path: string; recipe: MediaRecipe }[]): void {
    const rows = files.map(({ path, recipe }, n) => ({ path, n, recipe: JSON.stringify(recipe) }));
    this.#sql.exec(
      `INSERT INTO files (path, request_id, n, recipe)
       SELECT value ->> 'path', ?, value ->> 'n', value ->> 'recipe' FROM json_each(?)`,
      requestId,
      JSON.stringify(rows),
    );
  }

  file(path: string): StoredFile | null {
    const query = "SELECT request_id AS requestId, n, recipe, gets FROM files WHERE path = ?";
    const row = this.#sql
      .exec<{ requestId: string; n: number; recipe: string; gets: number }>(query, path)
      .toArray()[0];
    return row ? { ...row, recipe: JSON.parse(row.recipe) } : null;
  }

  countGet(path: string): void {
    this.#sql.exec("UPDATE files SET gets = gets + 1 WHERE path = ?", path);
  }

  filesOf(requestId: string): { path: string; gets: number }[] {
    const query = "SELECT path, gets FROM files WHERE request_id = ? ORDER BY n";
    return this.#sql.exec<{ path: string; gets: number }>(query, requestId).toArray();
  }

  // --- Deliveries ---

  addDelivery(id: string, requestId: string, variant: DeliveryVariant, dueAt: number): void {
    const insert = "INSERT INTO deliveries (id, request_id, variant, due_at) VALUES (?, ?, ?, ?)";
    this.#sql.exec(insert, id, requestId, variant, dueAt);
  }

  /** Deliveries that are not done, in the order of their due times. */
  openDeliveries(dueBy: number): Delivery[] {
    const query = `SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE done_at IS NULL AND due_at <= ? ORDER BY due_at, number`;
    return this.#sql.exec(query, dueBy).toArray() as unknown as Delivery[];
  }

  deliveriesOf(requestId: string): Delivery[] {
    const query = `SELECT ${DELIVERY_COLUMNS} FROM deliveries WHERE request_id = ? ORDER BY number`;
    return this.#sql.exec(query, requestId).toArray() as unknown as Delivery[];
  }

  /** Leases due deliveries for sending; a row whose lease has expired (the process died) is leased again. */
  leaseDue(now: number, leaseUntil: number): Delivery[] {
    const query = `UPDATE deliveries SET lease_until = ? WHERE done_at IS NULL AND due_at <= ?
      AND (lease_until IS NULL OR lease_until <= ?) RETURNING ${DELIVERY_COLUMNS}`;
    return this.#sql.exec(query, leaseUntil, now, now).toArray() as unknown as Delivery[];
  }

  /** When the next delivery may be leased; null: none is pending. */
  nextDueAt(): number | null {
    const query = "SELECT MIN(MAX(due_at, COALESCE(lease_until, 0))) AS at FROM deliveries WHERE done_at IS NULL";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** Records an attempt and what follows: another attempt at `dueAt`, or the end. */
  recordAttempt(id: string, sentAt: number, outcome: string, next: { dueAt: number } | { doneAt: number }): void {
    const dueAt = "dueAt" in next ? next.dueAt : null;
    const doneAt = "doneAt" in next ? next.doneAt : null;
    this.#sql.exec(
      `UPDATE deliveries SET attempts = attempts + 1, first_sent_at = COALESCE(first_sent_at, ?), last_outcome = ?,
       due_at = COALESCE(?, due_at), done_at = ?, lease_until = NULL WHERE id = ? AND done_at IS NULL`,
      sentAt,
      outcome,
      dueAt,
      doneAt,
      id,
    );
  }

  /** Ends a delivery without an attempt. Returns whether there was one. */
  dropDelivery(id: string, now: number): boolean {
    const update = "UPDATE deliveries SET done_at = ? WHERE id = ? AND done_at IS NULL RETURNING id";
    return this.#sql.exec(update, now, id).toArray().length > 0;
  }

  /** Reschedules a request's pending deliveries, or deletes them (null). */
  moveDeliveries(requestId: string, dueAt: number | null): void {
    if (dueAt === null) this.#sql.exec("DELETE FROM deliveries WHERE request_id = ? AND done_at IS NULL", requestId);
    else this.#sql.exec("UPDATE deliveries SET due_at = ? WHERE request_id = ? AND done_at IS NULL", dueAt, requestId);
  }

  // --- Calls ---

  /** Records a call when it arrives, so that a call without a response is listed too. */
  openCall(call: { kind: string; method: string; path: string; at: number }): number {
    const insert = "INSERT INTO calls (kind, method, path, at) VALUES (?, ?, ?, ?) RETURNING number";
    return this.#sql.exec<{ number: number }>(insert, call.kind, call.method, call.path, call.at).one().number;
  }

  closeCall(number: number, kind: string, status: number, requestId: string | null): void {
    const update = "UPDATE calls SET kind = ?, status = ?, request_id = ? WHERE number = ?";
    this.#sql.exec(update, kind, status, requestId, number);
  }

  calls(): LoggedCall[] {
    const query = "SELECT kind, method, path, at, status, request_id AS requestId FROM calls ORDER BY number";
    return this.#sql.exec(query).toArray() as unknown as LoggedCall[];
  }

  /** How often each kind of call was made for a request. */
  callCounts(requestId: string): Record<string, number> {
    const query = "SELECT kind, COUNT(*) AS n FROM calls WHERE request_id = ? GROUP BY kind";
    const rows = this.#sql.exec<{ kind: string; n: number }>(query, requestId).toArray();
    return Object.fromEntries(rows.map(({ kind, n }) => [kind, n]));
  }
}
