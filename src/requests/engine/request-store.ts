// Rows of one tracker: state, files, effects, texts, timeline, tombstone. SQL only; callers provide the transaction.

import type { RequestFile } from "../../files/request-file.ts";
import type { StoredText } from "../../files/stored-text.ts";
import type { Effect } from "../machine/effect-types.ts";
import type { RequestRecord, RequestState, TimelineEntry, TimelineNote } from "../machine/types.ts";
import { DELIVERY_TABLES } from "./delivery-log.ts";
import { UPLOAD_TABLES } from "./multipart-rows.ts";
import { SHARE_TABLES } from "./share-store.ts";

/** Texts that may lie in R2: the caller's input, the raw output while data URIs are copied, the output with places, logs. */
export type TextName = "input" | "payload" | "output" | "logs";

/** Append only: a migration that has run is never edited. State, files and effects are JSON of the shapes in machine/types.ts. */
const MIGRATIONS = [
  `CREATE TABLE request (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL) STRICT;
   CREATE TABLE file (n INTEGER PRIMARY KEY, file TEXT NOT NULL) STRICT;
   CREATE TABLE effect (name TEXT PRIMARY KEY, effect TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE body (name TEXT PRIMARY KEY, stored TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE timeline (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, stage TEXT NOT NULL, what TEXT NOT NULL, detail TEXT) STRICT;
   CREATE TABLE tombstone (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;`,
  // Of a deleted request: whose it was. Without a team it never started.
  `ALTER TABLE tombstone ADD COLUMN team TEXT;
   ALTER TABLE tombstone ADD COLUMN user TEXT;`,
  UPLOAD_TABLES,
  DELIVERY_TABLES,
  SHARE_TABLES,
] as const;

/** Remains of a request that never started (`team` null) or was deleted. `user` null: none, or anonymized. */
export interface Tombstone {
  at: number;
  team: string | null;
  user: string | null;
}

export class RequestStore {
  readonly #sql: SqlStorage;
  #migrated = false;
  /** Cache of the rows: an output of hundreds of files is read thousands of times. */
  #cachedRecord: RequestRecord | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Whether anything was ever kept here. A made-up id must not make tables; rows of an older version are brought up. */
  #exists(): boolean {
    if (this.#migrated) return true;
    const tables = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").toArray();
    if (tables.length > 0) this.migrate();
    return this.#migrated;
  }

  migrate(): void {
    if (this.#migrated) return;
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS schema_version (one INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT",
    );
    const row = this.#sql.exec<{ version: number }>("SELECT version FROM schema_version").toArray()[0];
    const done = row?.version ?? 0;
    this.#migrated = true;
    if (done === MIGRATIONS.length) return;
    for (const migration of MIGRATIONS.slice(done)) this.#sql.exec(migration);
    this.#sql.exec("INSERT OR REPLACE INTO schema_version (one, version) VALUES (1, ?)", MIGRATIONS.length);
  }

  /** After a transaction that was rolled back: what was written in it is not there. */
  rolledBack(): void {
    this.#cachedRecord = null;
    this.#migrated = false;
  }

  loadRecord(): RequestRecord | null {
    this.#cachedRecord ??= this.#read();
    return this.#cachedRecord;
  }

  #read(): RequestRecord | null {
    if (!this.#exists()) return null;
    const row = this.#sql.exec<{ state: string }>("SELECT state FROM request").toArray()[0];
    if (!row) return null;
    return {
      state: JSON.parse(row.state) as RequestState,
      files: this.#sql
        .exec<{ file: string }>("SELECT file FROM file ORDER BY n")
        .toArray()
        .map((each) => JSON.parse(each.file) as RequestFile),
      effects: this.#sql
        .exec<{ effect: string }>("SELECT effect FROM effect")
        .toArray()
        .map((each) => JSON.parse(each.effect) as Effect),
    };
  }

  /** Writes what differs: each row written costs money, each row read next to nothing. */
  saveRecord(before: RequestRecord | null, after: RequestRecord): void {
    if (before?.state !== after.state) {
      this.#sql.exec("INSERT OR REPLACE INTO request (one, state) VALUES (1, ?)", JSON.stringify(after.state));
    }
    const knownFiles = new Map(before?.files.map((file) => [file.n, file]));
    for (const file of after.files) {
      if (knownFiles.get(file.n) === file) continue;
      this.#sql.exec("INSERT OR REPLACE INTO file (n, file) VALUES (?, ?)", file.n, JSON.stringify(file));
    }
    const knownEffects = new Map(before?.effects.map((effect) => [effect.name, effect]));
    for (const effect of after.effects) {
      if (knownEffects.get(effect.name) !== effect) {
        this.#sql.exec(
          "INSERT OR REPLACE INTO effect (name, effect) VALUES (?, ?)",
          effect.name,
          JSON.stringify(effect),
        );
      }
      knownEffects.delete(effect.name);
    }
    for (const name of knownEffects.keys()) this.#sql.exec("DELETE FROM effect WHERE name = ?", name);
    this.#cachedRecord = after;
  }

  appendTimeline(state: RequestState, notes: readonly TimelineNote[], at: number): void {
    for (const { what, detail } of notes) {
      const text = detail === undefined ? null : JSON.stringify(detail);
      this.#sql.exec("INSERT INTO timeline (at, stage, what, detail) VALUES (?, ?, ?, ?)", at, state.stage, what, text);
    }
  }

  timeline(afterSeq: number): TimelineEntry[] {
    if (!this.#exists()) return [];
    return this.#sql
      .exec<{ seq: number; at: number; stage: string; what: string; detail: string | null }>(
        "SELECT seq, at, stage, what, detail FROM timeline WHERE seq > ? ORDER BY seq",
        afterSeq,
      )
      .toArray()
      .map(({ seq, at, stage, what, detail }) => ({
        seq,
        at,
        stage: stage as RequestState["stage"],
        what,
        ...(detail === null ? {} : { detail: JSON.parse(detail) as NonNullable<TimelineNote["detail"]> }),
      }));
  }

  timelineSeq(): number {
    return this.#sql.exec<{ seq: number | null }>("SELECT max(seq) AS seq FROM timeline").one().seq ?? 0;
  }

  storedText(name: TextName): StoredText | null {
    if (!this.#exists()) return null;
    const row = this.#sql.exec<{ stored: string }>("SELECT stored FROM body WHERE name = ?", name).toArray()[0];
    return row ? (JSON.parse(row.stored) as StoredText) : null;
  }

  saveText(name: TextName, stored: StoredText): void {
    this.#sql.exec("INSERT OR REPLACE INTO body (name, stored) VALUES (?, ?)", name, JSON.stringify(stored));
  }

  deleteText(name: TextName): void {
    this.#sql.exec("DELETE FROM body WHERE name = ?", name);
  }

  tombstone(): Tombstone | null {
    if (!this.#exists()) return null;
    return (
      this.#sql
        .exec<Tombstone & Record<string, SqlStorageValue>>("SELECT at, team, user FROM tombstone")
        .toArray()[0] ?? null
    );
  }

  /** Prevents any later start. */
  writeTombstone(at: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO tombstone (one, at) VALUES (1, ?)", at);
  }

  /** Deletes every row of every table and writes a tombstone with team and user. */
  deleteAllRows({ at, team, user }: Tombstone): void {
    const tables = this.#sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .toArray()
      .map(({ name }) => name)
      .filter((name) => name !== "schema_version" && !/^(_cf_|sqlite_)/.test(name));
    for (const name of tables) this.#sql.exec(`DELETE FROM "${name}"`);
    this.#cachedRecord = null;
    this.#sql.exec("INSERT INTO tombstone (one, at, team, user) VALUES (1, ?, ?, ?)", at, team, user);
  }

  /** Removes the user from the tombstone. */
  anonymizeTombstone(): void {
    this.#sql.exec("UPDATE tombstone SET user = NULL");
  }
}
