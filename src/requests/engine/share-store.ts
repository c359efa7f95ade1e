// Share links of one request: which files, until when. A link is valid while its row exists, so deleting the row revokes it; the
// edge signs the URL.

import type { Share, ShareOutcome, ShareRequest } from "../../contracts/tracker.ts";
import { SHARES_PER_REQUEST_MAX } from "../../files/request-file.ts";
import { newId } from "../../platform/ids.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { RequestRecord } from "../machine/types.ts";
import { LazyTables } from "./lazy-tables.ts";

/** Life of a share link that names none. */
export const SHARE_DEFAULT_S = 7 * 24 * 3_600;

const TABLES = [
  "CREATE TABLE share (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, files TEXT NOT NULL) STRICT, WITHOUT ROWID",
];

export class Shares {
  readonly tables: LazyTables;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.tables = new LazyTables(sql, "share", TABLES);
  }

  /** Creates a share of stored files after removing expired shares; of private files none that outlives their links. Call in a transaction. */
  createShare(
    { files, state }: Pick<RequestRecord, "files" | "state">,
    request: ShareRequest,
    now: number,
  ): ShareOutcome {
    const mostS = state.fileLinkS ?? Number.POSITIVE_INFINITY;
    const expiresInS = request.expiresInS ?? Math.min(SHARE_DEFAULT_S, mostS);
    if (expiresInS > mostS) return { kind: "too_long", mostS };
    const stored = files.filter(({ status }) => status === "stored").map(({ n }) => n);
    const wanted = [...new Set(request.files ?? stored)].sort((a, b) => a - b);
    const lacking = wanted.find((n) => !stored.includes(n));
    if (lacking !== undefined || wanted.length === 0) return { kind: "not_stored", n: lacking ?? null };
    this.tables.ensure();
    this.#sql.exec("DELETE FROM share WHERE ends_at <= ?", now);
    if (this.activeShares(now).length >= SHARES_PER_REQUEST_MAX) return { kind: "too_many" };
    const endsAt = Math.ceil(now / SECOND_MS + expiresInS) * SECOND_MS;
    const share = { id: newId("shr"), createdAt: now, endsAt, files: wanted };
    const list = JSON.stringify(wanted);
    this.#sql.exec(
      "INSERT INTO share (id, created_at, ends_at, files) VALUES (?, ?, ?, ?)",
      share.id,
      now,
      endsAt,
      list,
    );
    return { kind: "shared", share };
  }

  /** Those that have not ended, oldest first. */
  activeShares(now: number): Share[] {
    if (!this.tables.exist) return [];
    return this.#sql
      .exec<{ id: string; created_at: number; ends_at: number; files: string }>(
        "SELECT id, created_at, ends_at, files FROM share WHERE ends_at > ? ORDER BY created_at, id",
        now,
      )
      .toArray()
      .map(({ id, created_at, ends_at, files }) => {
        return { id, createdAt: created_at, endsAt: ends_at, files: JSON.parse(files) as number[] };
      });
  }

  /** `id` null: all shares. Returns how many were revoked. */
  revokeShares(id: string | null): number {
    if (!this.tables.exist) return 0;
    if (id === null) return this.#sql.exec("DELETE FROM share").rowsWritten;
    return this.#sql.exec("DELETE FROM share WHERE id = ?", id).rowsWritten;
  }

  isShared(id: string, n: number, now: number): boolean {
    return this.activeShares(now).some((share) => share.id === id && share.files.includes(n));
  }
}
