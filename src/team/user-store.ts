// SQL of a team's users: freezes and anonymization. A user needs no row to exist.

import type { TeamDatabase } from "./database.ts";

export class UserStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** When the user was frozen; null if not. */
  frozenAt(user: string): number | null {
    const [row] = this.#db.rows<{ frozen_at: number }>("SELECT frozen_at FROM frozen_user WHERE user = ?", user);
    return row?.frozen_at ?? null;
  }

  /** Whether a request, an upload or a sum names the user. */
  hasTraces(user: string): boolean {
    return ["request", "upload", "usage"].some(
      (table) => this.#db.rows<{ n: number }>(`SELECT 1 AS n FROM ${table} WHERE user = ? LIMIT 1`, user).length > 0,
    );
  }

  /** Whether a request names a user whose name begins with this prefix and a colon. */
  hasRequestsBelow(prefix: string): boolean {
    // The character after the colon: the range is that of the prefix.
    const query = "SELECT 1 AS n FROM request WHERE user >= ? AND user < ? LIMIT 1";
    return this.#db.rows<{ n: number }>(query, `${prefix}:`, `${prefix};`).length > 0;
  }

  freezeUser(user: string, at: number): void {
    this.#db.run("INSERT OR IGNORE INTO frozen_user (user, frozen_at) VALUES (?, ?)", user, at);
  }

  resumeUser(user: string): void {
    this.#db.run("DELETE FROM frozen_user WHERE user = ?", user);
  }

  /**
   * Removes user and tags from index, usage and uploads. Usage stays under `alias`. Uploads expire and carry the `subject` of
   * the deletion until they are deleted.
   */
  anonymizeUser(user: string, { alias, subject }: { alias: string; subject: string }, at: number): void {
    const emptied = "tags = '{}', file_count = 0, file_type = NULL, file_path = NULL";
    const line = `UPDATE request SET user = ?, ${emptied}, deleted_at = coalesce(deleted_at, ?) WHERE user = ?`;
    this.#db.run(line, alias, at, user);
    this.#db.run("UPDATE usage SET user = ? WHERE user = ?", alias, user);
    this.#db.run("UPDATE usage_hour SET user = ? WHERE user = ?", alias, user);
    this.#db.run(
      "UPDATE upload SET user = ?1, expires_at = min(expires_at, ?2), due_at = min(due_at, ?2) WHERE user = ?3",
      subject,
      at,
      user,
    );
  }
}
