// SQL of bulk replays: filter, position and counts.

import type { Actor } from "../../contracts/team-keys.ts";
import type { ReplayFilter, ReplayJob } from "../../contracts/team-webhooks.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import type { TeamDatabase } from "../database.ts";

type JobRow = { id: string; filter: string; state: string; position: string | null; counts: string } & {
  actor: string;
  created_at: number;
  updated_at: number;
  due_at: number | null;
};

const COLUMNS = "id, filter, state, position, counts, actor, created_at, updated_at, due_at";

export class ReplayJobStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  put({ id, filter, state, position, counts, by, createdAt, updatedAt, dueAt }: ReplayJob): void {
    this.#db.run(
      `INSERT OR REPLACE INTO replay_job (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      JSON.stringify(filter),
      state,
      position === null ? null : JSON.stringify(position),
      JSON.stringify(counts),
      JSON.stringify(by),
      createdAt,
      updatedAt,
      dueAt,
    );
  }

  findReplayJob(id: string): ReplayJob | null {
    const [row] = this.#db.rows<JobRow>(`SELECT ${COLUMNS} FROM replay_job WHERE id = ?`, id);
    return row === undefined ? null : jobOf(row);
  }

  /** The running job with exactly this filter, if any. */
  findRunning(filter: ReplayFilter): ReplayJob | null {
    const query = `SELECT ${COLUMNS} FROM replay_job WHERE due_at IS NOT NULL AND state = 'running' AND filter = ?`;
    const [row] = this.#db.rows<JobRow>(query, JSON.stringify(filter));
    return row === undefined ? null : jobOf(row);
  }

  nextDue(now: number): ReplayJob | null {
    const query = `SELECT ${COLUMNS} FROM replay_job WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT 1`;
    const [row] = this.#db.rows<JobRow>(query, now);
    return row === undefined ? null : jobOf(row);
  }

  nextDueAt(): number | null {
    const query = "SELECT due_at FROM replay_job WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    return this.#db.first<{ due_at: number }>(query)?.due_at ?? null;
  }

  /** Deletes jobs that ended DELIVERY_KEEP_MS ago. */
  cleanUp(now: number, limit: number): void {
    const over = "SELECT id FROM replay_job WHERE due_at IS NULL AND updated_at < ? ORDER BY updated_at LIMIT ?";
    this.#db.run(`DELETE FROM replay_job WHERE id IN (${over})`, now - DELIVERY_KEEP_MS, limit);
  }

  /** First expiry; null if there are none. */
  nextExpiryAt(): number | null {
    const query = "SELECT updated_at FROM replay_job WHERE due_at IS NULL ORDER BY updated_at LIMIT 1";
    const first = this.#db.first<{ updated_at: number }>(query);
    return first === null ? null : first.updated_at + DELIVERY_KEEP_MS;
  }
}

function jobOf(row: JobRow): ReplayJob {
  return {
    id: row.id,
    filter: JSON.parse(row.filter) as ReplayFilter,
    state: row.state as ReplayJob["state"],
    position: row.position === null ? null : (JSON.parse(row.position) as ReplayJob["position"]),
    counts: JSON.parse(row.counts) as ReplayJob["counts"],
    by: JSON.parse(row.actor) as Actor,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    dueAt: row.due_at,
  };
}
