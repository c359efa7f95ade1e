// SQL of uploads, their parts and the open requests that use them. Inline files are rows too, so that all input files of a team
// are listed.

import type { Upload, UploadPart, UploadTerms } from "../../contracts/team-uploads.ts";
import type { ListPosition } from "../cursor.ts";
import type { TeamDatabase } from "../database.ts";

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

/** `due_at` is `expires_at`, or null while an open request uses the upload: so one index finds what has to be deleted. */
const IS_USED = "EXISTS (SELECT 1 FROM upload_use WHERE upload_id = upload.id)";

export class UploadTables {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** Inserts or replaces an upload. */
  put(upload: Upload): void {
    this.#db.run(
      `INSERT OR REPLACE INTO upload (${COLUMNS}, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
         iif(EXISTS (SELECT 1 FROM upload_use WHERE upload_id = ?1), NULL, ?14))`,
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
    return this.#db.rows("SELECT 1 FROM upload WHERE id = ? AND due_at <= ?", id, now).length > 0;
  }

  /** Expired uploads, oldest expiry first. Delete their bytes before their rows. */
  expiredUploads(now: number, limit: number): Upload[] {
    return this.#list("due_at <= ? ORDER BY due_at LIMIT ?", now, limit);
  }

  /** Next expiry of an unused upload; null if there is none. */
  nextExpiryAt(): number | null {
    const query = "SELECT due_at FROM upload WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    return this.#db.first<{ due_at: number }>(query)?.due_at ?? null;
  }

  /** Current uploads without inline files, newest first, after a position. `user` null: all users. */
  page(user: string | null, after: ListPosition | null, limit: number, now: number): Upload[] {
    const [ofUser, values] = user === null ? ["", []] : [" AND user = ?", [user]];
    const [behind, position] =
      after === null ? ["", []] : [" AND (created_at, id) < (?, ?)", [after.createdAt, after.id]];
    const where = `request_id IS NULL AND (due_at IS NULL OR due_at > ?)${ofUser}${behind} ORDER BY created_at DESC, id DESC LIMIT ?`;
    return this.#list(where, now, ...values, ...position, limit);
  }

  /** Whether an open request uses it. */
  isUsed(id: string): boolean {
    return this.#db.rows("SELECT 1 FROM upload_use WHERE upload_id = ? LIMIT 1", id).length > 0;
  }

  /** Open requests no longer keep the upload. */
  dropUses(id: string): void {
    this.#db.run("DELETE FROM upload_use WHERE upload_id = ?", id);
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
      this.#db.run(`DELETE FROM ${table} = ?`, id);
    }
  }

  // --- Parts -----------------------------------------------------------------------------------------------------

  putPart(id: string, { n, bytes, etag }: UploadPart): void {
    this.#db.run(
      "INSERT OR REPLACE INTO upload_part (upload_id, n, bytes, etag) VALUES (?, ?, ?, ?)",
      id,
      n,
      bytes,
      etag,
    );
  }

  /** In order. */
  parts(id: string): UploadPart[] {
    return this.#db.rows<{ n: number; bytes: number; etag: string | null }>(
      "SELECT n, bytes, etag FROM upload_part WHERE upload_id = ? ORDER BY n",
      id,
    );
  }

  /** Bytes of all other parts. */
  partBytesBeside(id: string, n: number): number {
    const { sum } = this.#db.one<{ sum: number | null }>(
      "SELECT sum(bytes) AS sum FROM upload_part WHERE upload_id = ? AND n <> ?",
      id,
      n,
    );
    return sum ?? 0;
  }

  deleteParts(id: string): void {
    this.#db.run("DELETE FROM upload_part WHERE upload_id = ?", id);
  }

  // --- Uses ------------------------------------------------------------------------------------------------------

  /** Keeps an upload while a request is open. A row that follows is written as a used one. */
  addUse(requestId: string, uploadId: string): void {
    this.#db.run("INSERT OR IGNORE INTO upload_use (request_id, upload_id) VALUES (?, ?)", requestId, uploadId);
    this.#db.run("UPDATE upload SET due_at = NULL WHERE id = ? AND due_at IS NOT NULL", uploadId);
  }

  endUses(requestId: string): void {
    const query = "SELECT upload_id FROM upload_use WHERE request_id = ?";
    const uses = this.#db.rows<{ upload_id: string }>(query, requestId);
    if (uses.length === 0) return;
    this.#db.run("DELETE FROM upload_use WHERE request_id = ?", requestId);
    for (const { upload_id: id } of uses) {
      this.#db.run(`UPDATE upload SET due_at = expires_at WHERE id = ? AND NOT ${IS_USED}`, id);
    }
  }

  #list(where: string, ...values: (string | number)[]): Upload[] {
    return this.#db.rows<UploadRow>(`SELECT ${COLUMNS} FROM upload WHERE ${where}`, ...values).map((row) => ({
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
