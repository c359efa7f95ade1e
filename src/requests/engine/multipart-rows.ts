// Rows of unfinished multipart uploads, from which a copy resumes and which are aborted when the request is deleted (R2's binding
// does not list unfinished uploads). SQL only.

import type { UnfinishedUpload, UploadLog } from "../../files/multipart-uploads.ts";
import { LazyTables } from "./lazy-tables.ts";

const TABLES = [
  "CREATE TABLE upload (n INTEGER PRIMARY KEY, upload TEXT NOT NULL) STRICT",
  "CREATE TABLE upload_part (n INTEGER NOT NULL, part INTEGER NOT NULL, etag TEXT NOT NULL, PRIMARY KEY (n, part)) STRICT, WITHOUT ROWID",
];

export class UploadStore {
  readonly tables: LazyTables;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.tables = new LazyTables(sql, "upload_part", TABLES);
  }

  /** Of file `n`. */
  readUpload(n: number): UnfinishedUpload | null {
    if (!this.tables.exist) return null;
    const row = this.#sql.exec<{ upload: string }>("SELECT upload FROM upload WHERE n = ?", n).toArray()[0];
    if (row === undefined) return null;
    const parts = this.#sql
      .exec<{ part: number; etag: string }>("SELECT part, etag FROM upload_part WHERE n = ? ORDER BY part", n)
      .toArray()
      .map(({ part, etag }) => ({ partNumber: part, etag }));
    return { ...(JSON.parse(row.upload) as Omit<UnfinishedUpload, "parts">), parts };
  }

  /** Every unfinished upload: abort each before its row goes. */
  unfinishedUploads(): { n: number; key: string; uploadId: string }[] {
    if (!this.tables.exist) return [];
    return this.#sql
      .exec<{ n: number; upload: string }>("SELECT n, upload FROM upload")
      .toArray()
      .map(({ n, upload }) => {
        const { key, uploadId } = JSON.parse(upload) as UnfinishedUpload;
        return { n, key, uploadId };
      });
  }

  beginUpload(n: number, { parts: _none, ...upload }: UnfinishedUpload): void {
    this.tables.ensure();
    this.deleteUpload(n);
    this.#sql.exec("INSERT INTO upload (n, upload) VALUES (?, ?)", n, JSON.stringify(upload));
  }

  savePart(n: number, { partNumber, etag }: { partNumber: number; etag: string }): void {
    this.tables.ensure();
    this.#sql.exec("INSERT OR REPLACE INTO upload_part (n, part, etag) VALUES (?, ?, ?)", n, partNumber, etag);
  }

  deleteUpload(n: number): void {
    if (!this.tables.exist) return;
    this.#sql.exec("DELETE FROM upload WHERE n = ?", n);
    this.#sql.exec("DELETE FROM upload_part WHERE n = ?", n);
  }

  /** The upload rows of file `n` for one attempt; `write` runs a write in a transaction, unless the attempt lost its lease. */
  logOf(n: number, write: (work: () => void, isProgress: boolean) => boolean): UploadLog {
    return {
      readUpload: () => this.readUpload(n),
      beginUpload: (upload) => write(() => this.beginUpload(n, upload), false),
      savePart: (part) => write(() => this.savePart(n, part), true),
      discardUpload: () => write(() => this.deleteUpload(n), false),
    };
  }
}
