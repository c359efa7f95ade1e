// SQL of uploads, their parts and the open requests that use them. Inline files are rows too, so that all input files of a team
// are listed.

import type { Upload, UploadPart, UploadTerms } from "../../contracts/team-uploads.ts";
import type { ListPosition } from "../cursor.ts";

type UploadRow = {
  id: string;
  object_key: string;
  request_id: string | null;
  key_id: string;
  user: string | null;
  name: string;
  content_type: string | null;
  bytes: number | null;
  sha256: string | null;
  terms: string;
  multipart: string | null;
  created_at: number;
  stored_at: number | null;
  expires_at: number;
};

const COLUMNS =
  "id, object_key, request_id, key_id, user, name, content_type, bytes, sha256, terms, multipart, created_at, stored_at, expires_at" as const;

const USES = "SELECT 1 FROM upload_use WHERE upload_id = upload.id";
/** Expired and not used by an open request. */
const IS_EXPIRED = `expires_at <= ? AND NOT EXISTS (${USES})`;

export class UploadStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Inserts or replaces an upload. */
  put(upload: Upload): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO upload (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      upload.id,
      upload.objectKey,
      upload.requestId,
      upload.keyId,
      upload.user,
      upload.name,
      upload.contentType,
      upload.bytes,
      upload.sha256,
      JSON.stringify(upload.terms),
      upload.multipart,
      upload.createdAt,
      upload.storedAt,
      upload.expiresAt,
    );
  }

  findUpload(id: string): Upload | null {
    return this.#list("id = ?", id)[0] ?? null;
  }

  /** Whether it has expired and no open request uses it. */
  isExpired(id: string, now: number): boolean {
    return this.#list(`id = ? AND ${IS_EXPIRED}`, id, now).length > 0;
  }

  /** Expired uploads, oldest expiry first. Delete their bytes before their rows. */
  expiredUploads(now: number, limit: number): Upload[] {
    return this.#list(`${IS_EXPIRED} ORDER BY expires_at LIMIT ?`, now, limit);
  }

  /** Next expiry of an unused upload; null if there is none. */
  nextExpiryAt(): number | null {
    const [row] = this.#sql.exec<{ expires_at: number }>(
      `SELECT expires_at FROM upload WHERE NOT EXISTS (${USES}) ORDER BY expires_at LIMIT 1`,
    );
    return row?.expires_at ?? null;
  }

  /** Current uploads without inline files, newest first, after a position. `user` null: all users. */
  page(user: string | null, after: ListPosition | null, limit: number, now: number): Upload[] {
    const [ofUser, values] = user === null ? ["", []] : [" AND user = ?", [user]];
    const [behind, position] =
      after === null ? ["", []] : [" AND (created_at, id) < (?, ?)", [after.createdAt, after.id]];
    const where = `request_id IS NULL AND NOT (${IS_EXPIRED})${ofUser}${behind} ORDER BY created_at DESC, id DESC LIMIT ?`;
    return this.#list(where, now, ...values, ...position, limit);
  }

  /** Whether an open request uses it. */
  isUsed(id: string): boolean {
    return this.#sql.exec("SELECT 1 FROM upload_use WHERE upload_id = ? LIMIT 1", id).toArray().length > 0;
  }

  /** Uploads of a user after `afterId`, ordered by id, inline files included. */
  ofUser(user: string, afterId: string, limit: number): Upload[] {
    return this.#list("user = ? AND id > ? ORDER BY id LIMIT ?", user, afterId, limit);
  }

  /** Inline files of a request. */
  ofRequest(requestId: string): Upload[] {
    return this.#list("request_id = ? ORDER BY id", requestId);
  }

  /** All uploads after `afterId`, ordered by id. */
  all(afterId: string, limit: number): Upload[] {
    return this.#list("id > ? ORDER BY id LIMIT ?", afterId, limit);
  }

  /** Deletes the rows of an upload. Its bytes must be deleted before. */
  deleteUpload(id: string): void {
    for (const table of ["upload_part WHERE upload_id", "upload_use WHERE upload_id", "upload WHERE id"]) {
      this.#sql.exec(`DELETE FROM ${table} = ?`, id);
    }
  }

  // --- Parts -----------------------------------------------------------------------------------------------------

  putPart(id: string, { n, bytes, etag }: UploadPart): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO upload_part (upload_id, n, bytes, etag) VALUES (?, ?, ?, ?)",
      id,
      n,
      bytes,
      etag,
    );
  }

  /** In order. */
  parts(id: string): UploadPart[] {
    return this.#sql
      .exec<{ n: number; bytes: number; etag: string | null }>(
        "SELECT n, bytes, etag FROM upload_part WHERE upload_id = ? ORDER BY n",
        id,
      )
      .toArray();
  }

  /** Bytes of all other parts. */
  partBytesBeside(id: string, n: number): number {
    const { sum } = this.#sql
      .exec<{ sum: number | null }>("SELECT sum(bytes) AS sum FROM upload_part WHERE upload_id = ? AND n <> ?", id, n)
      .one();
    return sum ?? 0;
  }

  deleteParts(id: string): void {
    this.#sql.exec("DELETE FROM upload_part WHERE upload_id = ?", id);
  }

  // --- Uses ------------------------------------------------------------------------------------------------------

  /** Keeps an upload while a request is open. */
  addUse(requestId: string, uploadId: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO upload_use (request_id, upload_id) VALUES (?, ?)", requestId, uploadId);
  }

  endUses(requestId: string): void {
    this.#sql.exec("DELETE FROM upload_use WHERE request_id = ?", requestId);
  }

  #list(where: string, ...values: (string | number)[]): Upload[] {
    return this.#sql
      .exec<UploadRow>(`SELECT ${COLUMNS} FROM upload WHERE ${where}`, ...values)
      .toArray()
      .map((row) => ({
        id: row.id,
        objectKey: row.object_key,
        requestId: row.request_id,
        keyId: row.key_id,
        user: row.user,
        name: row.name,
        contentType: row.content_type,
        bytes: row.bytes,
        sha256: row.sha256,
        terms: JSON.parse(row.terms) as UploadTerms,
        multipart: row.multipart,
        createdAt: row.created_at,
        storedAt: row.stored_at,
        expiresAt: row.expires_at,
      }));
  }
}
