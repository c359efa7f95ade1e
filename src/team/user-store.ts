// The SQL of a team's users: who is stopped, and how a name is taken out of everything. A user needs no row to exist.
// Decides nothing; every method is synchronous.

export class UserStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Since when a user is stopped; null when not. */
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
   * Takes a user's name and tags out of index, usage and uploads. Sums stay: `alias` stands for the user from now on.
   * Uploads are over, and known by the removal's `subject` until they are gone.
   */
  anonymizeUser(user: string, { alias, subject }: { alias: string; subject: string }, at: number): void {
    const line = "UPDATE request SET user = ?, tags = '{}', erased_at = coalesce(erased_at, ?) WHERE user = ?";
    this.#sql.exec(line, alias, at, user);
    this.#sql.exec("UPDATE usage SET user = ? WHERE user = ?", alias, user);
    this.#sql.exec("UPDATE upload SET user = ?, expires_at = min(expires_at, ?) WHERE user = ?", subject, at, user);
  }
}
