// The SQL of uploaded files: who sent what, where it lies in R2, how long it stays, which open requests use it. Files that came
// inside an input are rows too, so that one list knows every input file of a team. Rows in, types out; decides nothing. Every
// method is synchronous, so that callers can put several into one transaction.

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
/** Nobody needs it any more: its time is over, and no open request uses it. */
const IS_EXPIRED = `expires_at <= ? AND NOT EXISTS (${USES})`;

export class UploadStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Inserts it, or replaces what is known of it. */
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

  /** Whether its time is over and no open request uses it. */
  isExpired(id: string, now: number): boolean {
    return this.#list(`id = ? AND ${IS_EXPIRED}`, id, now).length > 0;
  }

  /** Uploads whose time is over, the longest over first. Their bytes go first, then `remove` takes the rows. */
  expiredUploads(now: number, limit: number): Upload[] {
    return this.#list(`${IS_EXPIRED} ORDER BY expires_at LIMIT ?`, now, limit);
  }

  /** When the time of the next upload is over that no open request uses. Null: there is none. */
  nextExpiryAt(): number | null {
    const [row] = this.#sql.exec<{ expires_at: number }>(
      `SELECT expires_at FROM upload WHERE NOT EXISTS (${USES}) ORDER BY expires_at LIMIT 1`,
    );
    return row?.expires_at ?? null;
  }

  /** Uploads that are not over and came by themselves, newest first, after a position. `user` null: everybody's. */
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

  /** A user's uploads after `afterId`, by id; those inside requests too. */
  ofUser(user: string, afterId: string, limit: number): Upload[] {
    return this.#list("user = ? AND id > ? ORDER BY id LIMIT ?", user, afterId, limit);
  }

  /** The files that came inside a request's input. */
  ofRequest(requestId: string): Upload[] {
    return this.#list("request_id = ? ORDER BY id", requestId);
  }

  /** The team's uploads after `afterId`, by id. */
  all(afterId: string, limit: number): Upload[] {
    return this.#list("id > ? ORDER BY id LIMIT ?", afterId, limit);
  }

  /** Forgets an upload, its parts and its uses. Whoever calls has taken its bytes out of R2. */
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

  /** Bytes of all parts but one. */
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

  /** An open request keeps what it uses. */
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
