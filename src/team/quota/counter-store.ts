// SQL of the counters of limits.

import type { TeamDatabase } from "../database.ts";
import type { CounterWrite } from "./limits.ts";

export class CounterStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  readCounter(id: string): number {
    return this.#db.first<{ used: number }>("SELECT used FROM counter WHERE id = ?", id)?.used ?? 0;
  }

  writeCounters(writes: readonly CounterWrite[]): void {
    for (const { id, value, resetAt } of writes) {
      // An unused concurrent counter needs no row.
      if (value === 0 && resetAt === null) {
        this.#db.run("DELETE FROM counter WHERE id = ?", id);
        continue;
      }
      // Setting an indexed column writes a second row, so the expiry is written only when it changes.
      const known = "UPDATE counter SET used = ? WHERE id = ? AND reset_at IS ?";
      if (this.#db.run(known, value, id, resetAt) > 0) continue;
      const changed = `INSERT INTO counter (id, used, reset_at) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET used = excluded.used, reset_at = excluded.reset_at`;
      this.#db.run(changed, id, value, resetAt);
    }
  }

  /** Deletes expired counters, at most `limit`. */
  cleanUp(now: number, limit: number): void {
    const expired = "SELECT id FROM counter WHERE reset_at < ? ORDER BY reset_at LIMIT ?";
    this.#db.run(`DELETE FROM counter WHERE id IN (${expired})`, now, limit);
  }

  /** First expiry; null if none expires. */
  nextExpiryAt(): number | null {
    const query = "SELECT reset_at FROM counter WHERE reset_at IS NOT NULL ORDER BY reset_at LIMIT 1";
    return this.#db.first<{ reset_at: number }>(query)?.reset_at ?? null;
  }
}
