// The SQL of posts that may come again: by the caller's idempotency key for a day, by their content within `dedupe_s`. A row
// whose request was released means nothing; whoever reads one looks the request up.

import { HOUR_MS } from "../platform/time.ts";

/** A visitor's equal post is looked for this long past its time: longer than runs take, so that a reload finds one that is open. */
const RECENT_POST_KEPT_MS = 24 * HOUR_MS;

export interface IdempotencyRow {
  requestId: string;
  bodyHash: string;
  expiresAt: number;
}

/** Whose idempotency key it is: two callers may use the same text. */
export interface IdempotencyId {
  keyId: string;
  user: string | null;
  idempotencyKey: string;
}

/** Whose post it is, and what it says. */
export interface ContentKey {
  keyId: string;
  user: string | null;
  bodyHash: string;
}

export class IdempotencyStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  findByKey(name: IdempotencyId): IdempotencyRow | null {
    const query =
      "SELECT request_id, body_hash, expires_at FROM idempotency WHERE key_id = ? AND user = ? AND idempotency_key = ?";
    const [row] = this.#sql.exec<{ request_id: string; body_hash: string; expires_at: number }>(
      query,
      name.keyId,
      name.user ?? "",
      name.idempotencyKey,
    );
    return row === undefined ? null : { requestId: row.request_id, bodyHash: row.body_hash, expiresAt: row.expires_at };
  }

  /** Replaces a row that is over its time. */
  putKey(name: IdempotencyId, row: IdempotencyRow): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO idempotency (key_id, user, idempotency_key, request_id, body_hash, expires_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
      name.keyId,
      name.user ?? "",
      name.idempotencyKey,
      row.requestId,
      row.bodyHash,
      row.expiresAt,
    );
  }

  /** The request of the last equal post, also for a while after its time is over. */
  findByContent(name: ContentKey): { requestId: string; expiresAt: number } | null {
    const [row] = this.#sql.exec<{ request_id: string; expires_at: number }>(
      "SELECT request_id, expires_at FROM recent_post WHERE name = ?",
      contentKeyText(name),
    );
    return row === undefined ? null : { requestId: row.request_id, expiresAt: row.expires_at };
  }

  putContent(name: ContentKey, requestId: string, expiresAt: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO recent_post (name, request_id, expires_at) VALUES (?, ?, ?)",
      contentKeyText(name),
      requestId,
      expiresAt,
    );
  }

  /** Deletes rows that are over their time (posts: RECENT_POST_KEPT_MS over it), at most `limit` of each kind. */
  cleanUp(now: number, limit: number): void {
    const overKeys =
      "SELECT key_id, user, idempotency_key FROM idempotency WHERE expires_at < ? ORDER BY expires_at LIMIT ?";
    this.#sql.exec(`DELETE FROM idempotency WHERE (key_id, user, idempotency_key) IN (${overKeys})`, now, limit);
    const overPosts = "SELECT name FROM recent_post WHERE expires_at < ? ORDER BY expires_at LIMIT ?";
    this.#sql.exec(`DELETE FROM recent_post WHERE name IN (${overPosts})`, now - RECENT_POST_KEPT_MS, limit);
  }

  /** When the first of them is over; null when there are none. */
  nextExpiryAt(): number | null {
    const posts = "SELECT min(expires_at) + ? FROM recent_post";
    const all = `SELECT min(expires_at) AS at FROM idempotency UNION ALL ${posts}`;
    const query = `SELECT min(at) AS at FROM (${all})`;
    return this.#sql.exec<{ at: number | null }>(query, RECENT_POST_KEPT_MS).one().at;
  }
}

/** A user's name comes last, so that its text cannot be taken for another part. */
function contentKeyText({ keyId, user, bodyHash }: ContentKey): string {
  return `${keyId}/${bodyHash}/${user ?? ""}`;
}
