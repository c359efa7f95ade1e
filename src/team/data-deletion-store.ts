// SQL of user and team deletions: which requests remain, when to call their trackers, and the progress. A user is stored as a
// digest only.

import type { Removal } from "../contracts/team-admin.ts";
import { DAY_MS } from "../platform/time.ts";
import type { TeamDatabase } from "./database.ts";

/** Retention of the progress of a finished deletion. */
export const REMOVAL_REPORT_MS = 30 * DAY_MS;

/** Subject of a team deletion; no digest equals it. */
export const WHOLE_TEAM = "team";

export interface RemovalRow {
  requestId: string;
  subject: string;
  tries: number;
}

type JobRow = { ordered_at: number; finished_at: number | null; requests: number; left_over: number; uploads: number };

export class RemovalStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** Starts the deletion of a user. A deletion in progress includes requests created since. */
  orderUser(user: string, subject: string, at: number): void {
    const orders = "INSERT OR REPLACE INTO removal (request_id, subject, due_at, tries)";
    this.#db.run(`${orders} SELECT id, ?, ?, 0 FROM request WHERE user = ?`, subject, at, user);
    this.#db.run(
      `INSERT INTO removal_job (subject, ordered_at, requests) SELECT ?, ?, count(*) FROM request WHERE user = ?
       ON CONFLICT (subject) DO UPDATE SET requests = excluded.requests + iif(finished_at IS NULL, requests, 0),
         ordered_at = excluded.ordered_at, finished_at = NULL`,
      subject,
      at,
      user,
    );
  }

  /** Starts the deletion of the team. `fillTeam` adds its requests page by page. */
  orderTeam(at: number): void {
    this.#db.run(
      `INSERT INTO removal_job (subject, ordered_at, requests, filled_to)
       SELECT ?, ?, (SELECT count(*) FROM request WHERE deleted_at IS NULL) + (SELECT count(*) FROM removal)
         + (SELECT count(*) FROM archived_request), ''`,
      WHOLE_TEAM,
      at,
    );
  }

  /** Adds the next page of requests. Returns the number of rows read: 0 at the end. */
  fillTeam(limit: number, at: number): number {
    const page = `SELECT id FROM request, removal_job
       WHERE subject = ? AND deleted_at IS NULL AND id > filled_to ORDER BY id LIMIT ?`;
    const ids = this.#db.rows<{ id: string }>(page, WHOLE_TEAM, limit);
    const last = ids.at(-1);
    if (last === undefined) return this.#fillArchived(limit, at);
    for (const { id } of ids) {
      const order = "INSERT OR IGNORE INTO removal (request_id, subject, due_at, tries) VALUES (?, ?, ?, 0)";
      this.#db.run(order, id, WHOLE_TEAM, at);
    }
    this.#db.run("UPDATE removal_job SET filled_to = ? WHERE subject = ?", last.id, WHOLE_TEAM);
    return ids.length;
  }

  /** Adds requests of the archive to a user's deletion. Those that it has already are not counted again. */
  orderArchived(subject: string, requestIds: readonly string[], at: number): void {
    const order = "INSERT OR IGNORE INTO removal (request_id, subject, due_at, tries) VALUES (?, ?, ?, 0)";
    const added = requestIds.filter((id) => this.#db.run(order, id, subject, at) > 0).length;
    if (added > 0) this.#db.run("UPDATE removal_job SET requests = requests + ? WHERE subject = ?", added, subject);
  }

  /** Whether the team is being deleted. */
  isTeamRemoval(): boolean {
    return this.#db.rows("SELECT 1 FROM removal_job WHERE subject = ?", WHOLE_TEAM).length > 0;
  }

  findRemoval(subject: string): Removal | null {
    const [row] = this.#db.rows<JobRow>(
      `SELECT ordered_at, finished_at, requests,
         iif(filled_to IS NULL,
           (SELECT count(*) FROM removal WHERE removal.subject = removal_job.subject),
           (SELECT count(*) FROM removal) + (SELECT count(*) FROM archived_request)
             + (SELECT count(*) FROM request WHERE deleted_at IS NULL AND id > filled_to)
         ) AS left_over,
         (SELECT count(*) FROM upload WHERE filled_to IS NOT NULL OR upload.user = removal_job.subject) AS uploads
       FROM removal_job WHERE subject = ?`,
      subject,
    );
    if (row === undefined) return null;
    const { ordered_at: orderedAt, finished_at: finishedAt, requests, left_over: left, uploads } = row;
    return { orderedAt, finishedAt, requests, left, uploads };
  }

  /** Requests whose trackers are due to be called, oldest first. */
  dueRows(now: number, limit: number): RemovalRow[] {
    const query = "SELECT request_id, subject, tries FROM removal WHERE due_at <= ? ORDER BY due_at LIMIT ?";
    return this.#db
      .rows<{ request_id: string; subject: string; tries: number }>(query, now, limit)
      .map((row) => ({ requestId: row.request_id, subject: row.subject, tries: row.tries }));
  }

  /** Whether the deletion of a request is pending. */
  isPending(requestId: string): boolean {
    return this.#db.rows("SELECT 1 FROM removal WHERE request_id = ?", requestId).length > 0;
  }

  postpone(requestId: string, dueAt: number): void {
    this.#db.run("UPDATE removal SET due_at = ?, tries = tries + 1 WHERE request_id = ?", dueAt, requestId);
  }

  deleteRow(requestId: string): void {
    this.#db.run("DELETE FROM removal WHERE request_id = ?", requestId);
  }

  /** The next page of requests whose rows are in the archive: only their trackers are left. */
  #fillArchived(limit: number, at: number): number {
    const page = "SELECT id FROM archived_request ORDER BY id LIMIT ?1";
    const order = `INSERT OR IGNORE INTO removal (request_id, subject, due_at, tries)
       SELECT lower(hex(id)), ?2, ?3, 0 FROM (${page})`;
    this.#db.run(order, limit, WHOLE_TEAM, at);
    this.#db.run(`DELETE FROM archived_request WHERE id IN (${page})`, limit);
    return this.#db.one<{ n: number }>("SELECT changes() AS n").n;
  }

  /** Marks completed deletions as finished. */
  finishCompleted(at: number): void {
    this.#db.run(
      `UPDATE removal_job SET finished_at = ? WHERE finished_at IS NULL AND filled_to IS NULL
         AND NOT EXISTS (SELECT 1 FROM removal WHERE removal.subject = removal_job.subject)
         AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.user = removal_job.subject)
         AND NOT EXISTS (SELECT 1 FROM archive_walk WHERE archive_walk.subject = removal_job.subject)`,
      at,
    );
  }

  /** When the next tracker is due; null if none is. */
  nextDueAt(): number | null {
    const [row] = this.#db.rows<{ due_at: number }>("SELECT due_at FROM removal ORDER BY due_at LIMIT 1");
    return row?.due_at ?? null;
  }

  /** Deletes expired reports, at most `limit`. */
  cleanUp(now: number, limit: number): void {
    const over = "SELECT subject FROM removal_job WHERE finished_at < ? ORDER BY finished_at LIMIT ?";
    this.#db.run(`DELETE FROM removal_job WHERE subject IN (${over})`, now - REMOVAL_REPORT_MS, limit);
  }

  /** First expiry; null if no deletion is finished. */
  nextExpiryAt(): number | null {
    const query = "SELECT finished_at FROM removal_job WHERE finished_at IS NOT NULL ORDER BY finished_at LIMIT 1";
    const first = this.#db.first<{ finished_at: number }>(query);
    return first === null ? null : first.finished_at + REMOVAL_REPORT_MS;
  }
}
