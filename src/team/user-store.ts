// SQL of a team's users: freezes and anonymization. A user needs no row to exist.

export class UserStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** When the user was frozen; null if not. */
  frozenAt(user: string): number | null {
    const [row] = this.#sql.exec<{ frozen_at: number }>("SELECT frozen_at FROM frozen_user WHERE user = ?", user);
    return row?.frozen_at ?? null;
  }

  freezeUser(user: string, at: number): void {
    this.#sql.exec("INSERT OR IGNORE INTO frozen_user (user, frozen_at) VALUES (?, ?)", user, at);
  }

  resumeUser(user: string): void {
    this.#sql.exec("DELETE FROM frozen_user WHERE user = ?", user);
  }

  /**
   * Removes user and tags from index, usage and uploads. Usage stays under `alias`. Uploads expire and carry the `subject` of
   * the deletion until they are deleted.
   */
  anonymizeUser(user: string, { alias, subject }: { alias: string; subject: string }, at: number): void {
    const line = "UPDATE request SET user = ?, tags = '{}', erased_at = coalesce(erased_at, ?) WHERE user = ?";
    this.#sql.exec(line, alias, at, user);
    this.#sql.exec("UPDATE usage SET user = ? WHERE user = ?", alias, user);
    this.#sql.exec("UPDATE upload SET user = ?, expires_at = min(expires_at, ?) WHERE user = ?", subject, at, user);
  }
}
