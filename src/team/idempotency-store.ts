// SQL of submits by idempotency key (for a day) and by content (within `dedupe_s`). A row of a released request is ignored:
// readers look the request up.

import { DAY_MS } from "../platform/time.ts";
import type { TeamDatabase } from "./database.ts";

/** An `Idempotency-Key` names the same request for this long. */
export const IDEMPOTENCY_MS = DAY_MS;
/** Content rows are kept this long after `dedupe_s`, so that a reload finds a run that is still open. */
const RECENT_POST_KEPT_MS = DAY_MS;

export interface IdempotencyRow {
  requestId: string;
  bodyHash: string;
  expiresAt: number;
}

/** Scope of an idempotency key: two callers may use the same text. */
export interface IdempotencyId {
  keyId: string;
  user: string | null;
  idempotencyKey: string;
}

/** Identity of a submit by content. */
export interface ContentKey {
  keyId: string;
  user: string | null;
  bodyHash: string;
}

export class IdempotencyStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  findByKey(name: IdempotencyId): IdempotencyRow | null {
    const query =
      "SELECT request_id, body_hash, expires_at FROM idempotency WHERE key_id = ? AND user = ? AND idempotency_key = ?";
    const [row] = this.#db.rows<{ request_id: string; body_hash: string; expires_at: number }>(
      query,
      name.keyId,
      name.user ?? "",
      name.idempotencyKey,
    );
    return row === undefined ? null : { requestId: row.request_id, bodyHash: row.body_hash, expiresAt: row.expires_at };
  }

  /** Replaces an expired row. */
  putKey(name: IdempotencyId, row: IdempotencyRow): void {
    this.#db.run(
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

  /** The latest request with this content, also for a while after its expiry. */
  findByContent(name: ContentKey): { requestId: string; expiresAt: number } | null {
    const [row] = this.#db.rows<{ request_id: string; expires_at: number }>(
      "SELECT request_id, expires_at FROM recent_post WHERE name = ?",
      contentKeyText(name),
    );
    return row === undefined ? null : { requestId: row.request_id, expiresAt: row.expires_at };
  }

  putContent(name: ContentKey, requestId: string, expiresAt: number): void {
    this.#db.run(
      "INSERT OR REPLACE INTO recent_post (name, request_id, expires_at) VALUES (?, ?, ?)",
      contentKeyText(name),
      requestId,
      expiresAt,
    );
  }

  /** Deletes expired rows, at most `limit` of each kind. */
  cleanUp(now: number, limit: number): void {
    const overKeys =
      "SELECT key_id, user, idempotency_key FROM idempotency WHERE expires_at < ? ORDER BY expires_at LIMIT ?";
    this.#db.run(`DELETE FROM idempotency WHERE (key_id, user, idempotency_key) IN (${overKeys})`, now, limit);
    const overPosts = "SELECT name FROM recent_post WHERE expires_at < ? ORDER BY expires_at LIMIT ?";
    this.#db.run(`DELETE FROM recent_post WHERE name IN (${overPosts})`, now - RECENT_POST_KEPT_MS, limit);
  }

  /** First expiry; null if there are no rows. */
  nextExpiryAt(): number | null {
    const posts = "SELECT min(expires_at) + ? FROM recent_post";
    const all = `SELECT min(expires_at) AS at FROM idempotency UNION ALL ${posts}`;
    const query = `SELECT min(at) AS at FROM (${all})`;
    return this.#db.one<{ at: number | null }>(query, RECENT_POST_KEPT_MS).at;
  }
}

/** The user comes last, so that its text cannot be parsed as another part. */
function contentKeyText({ keyId, user, bodyHash }: ContentKey): string {
  return `${keyId}/${bodyHash}/${user ?? ""}`;
}
