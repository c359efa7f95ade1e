// SQL of the archive: its parts, which requests are in it, and the walks over it that deletions of users make. The lines themselves
// are in R2 (archive.ts).

import type { ArchivePart } from "../../contracts/team-admin.ts";
import type { TeamDatabase } from "../database.ts";
import type { RequestRow } from "./request-row.ts";

/** A part with the places of its requests; `storedAt` null: it is intended, and its rows are still there. */
export interface PlannedPart extends Omit<ArchivePart, "storedAt"> {
  fromPlace: number;
  toPlace: number;
  storedAt: number | null;
}

/** How far a user's deletion is. `subject`: digest of the user. Parts up to `lastPart` may have lines of theirs. */
export interface ArchiveWalk {
  subject: string;
  alias: string;
  nextPart: number;
  lastPart: number;
}

type PartRow = {
  n: number;
  month: string;
  from_place: number;
  to_place: number;
  lines: number;
  bytes: number;
  stored_at: number | null;
};

export class ArchiveStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** When the next part is due: the oldest request is older than `historyMs`, or a part is intended. Null: never. */
  nextPartAt(historyMs: number): number | null {
    const query = `SELECT archive_after AS after, (SELECT place FROM request ORDER BY place LIMIT 1) AS oldest,
         EXISTS (SELECT 1 FROM archive_part WHERE stored_at IS NULL) AS intended FROM watermark`;
    const { after, oldest, intended } = this.#db.one<{ after: number; oldest: number | null; intended: number }>(query);
    // An alarm has to have a time.
    if (intended === 1) return Math.max(1, after);
    return oldest === null ? null : Math.max(after, Math.floor(oldest / 1_000) + historyMs);
  }

  /** No part is made before this time. */
  postpone(until: number): void {
    this.#db.run("UPDATE watermark SET archive_after = ?", until);
  }

  /** Settled requests that were admitted before a place, oldest first. Those that are not settled stay and are read again. */
  oldestSettled(place: number, limit: number): RequestRow[] {
    const query = "SELECT * FROM request WHERE place < ? AND settled_at IS NOT NULL ORDER BY place LIMIT ?";
    return this.#db.rows<RequestRow>(query, place, limit);
  }

  settledBetween({ fromPlace, toPlace }: PlannedPart): RequestRow[] {
    const query = "SELECT * FROM request WHERE place >= ? AND place <= ? AND settled_at IS NOT NULL ORDER BY place";
    return this.#db.rows<RequestRow>(query, fromPlace, toPlace);
  }

  /** The part that is to be written; null if there is none. */
  intendedPart(): PlannedPart | null {
    const row = this.#db.first<PartRow>("SELECT * FROM archive_part WHERE stored_at IS NULL ORDER BY n LIMIT 1");
    return row === null ? null : partOf(row);
  }

  /** Saves the intent to write a part of requests between two places; returns it with its number. */
  intendPart(month: string, fromPlace: number, toPlace: number): PlannedPart {
    const last = this.#db.first<{ n: number }>("SELECT n FROM archive_part ORDER BY n DESC LIMIT 1")?.n ?? 0;
    const part = { n: last + 1, month, fromPlace, toPlace, lines: 0, bytes: 0, storedAt: null };
    const statement =
      "INSERT INTO archive_part (n, month, from_place, to_place, lines, bytes) VALUES (?, ?, ?, ?, 0, 0)";
    this.#db.run(statement, part.n, month, fromPlace, toPlace);
    return part;
  }

  dropPart(n: number): void {
    this.#db.run("DELETE FROM archive_part WHERE n = ?", n);
  }

  /** Its object is written: the rows go, and those whose trackers may still keep something are remembered by their ids. */
  finishPart({ n, fromPlace, toPlace }: PlannedPart, lines: number, bytes: number, at: number): void {
    const rows = "place >= ?1 AND place <= ?2 AND settled_at IS NOT NULL";
    this.#db.run(
      `INSERT OR REPLACE INTO archived_request (id, part)
       SELECT unhex(id), ?3 FROM request WHERE ${rows} AND deleted_at IS NULL`,
      fromPlace,
      toPlace,
      n,
    );
    this.#db.run(`DELETE FROM request WHERE ${rows}`, fromPlace, toPlace);
    this.#db.run("UPDATE archive_part SET lines = ?, bytes = ?, stored_at = ? WHERE n = ?", lines, bytes, at, n);
  }

  /** The size of a part that was written anew. */
  resizePart(n: number, bytes: number): void {
    this.#db.run("UPDATE archive_part SET bytes = ? WHERE n = ?", bytes, n);
  }

  findPart(n: number): PlannedPart | null {
    const row = this.#db.first<PartRow>("SELECT * FROM archive_part WHERE n = ?", n);
    return row === null ? null : partOf(row);
  }

  /** Stored parts after a number, oldest first. */
  storedParts(after: number, limit: number): ArchivePart[] {
    const query = "SELECT * FROM archive_part WHERE n > ? AND stored_at IS NOT NULL ORDER BY n LIMIT ?";
    return this.#db.rows<PartRow>(query, after, limit).map((row) => {
      const { n, month, lines, bytes } = row;
      return { n, month, lines, bytes, storedAt: row.stored_at ?? 0 };
    });
  }

  /** The part that has a request's line, while something else of the request may be left; null: none. */
  partWith(requestId: string): number | null {
    const query = "SELECT part FROM archived_request WHERE id = unhex(?)";
    return this.#db.first<{ part: number }>(query, requestId)?.part ?? null;
  }

  /** Nothing is left of a request but its line. */
  forgetRequest(requestId: string): void {
    this.#db.run("DELETE FROM archived_request WHERE id = unhex(?)", requestId);
  }

  /** Orders a walk over every part that is there or intended. */
  orderWalk(subject: string, alias: string, at: number): void {
    this.#db.run(
      `INSERT OR REPLACE INTO archive_walk (subject, alias, next_part, last_part, due_at)
       SELECT ?, ?, min(n), max(n), ? FROM archive_part HAVING count(*) > 0`,
      subject,
      alias,
      at,
    );
  }

  dueWalk(now: number): ArchiveWalk | null {
    const query = `SELECT subject, alias, next_part AS nextPart, last_part AS lastPart FROM archive_walk
       WHERE due_at <= ? ORDER BY due_at LIMIT 1`;
    return this.#db.first<ArchiveWalk & Record<string, string | number>>(query, now);
  }

  nextWalkAt(): number | null {
    return this.#db.first<{ at: number }>("SELECT due_at AS at FROM archive_walk ORDER BY due_at LIMIT 1")?.at ?? null;
  }

  /** The walk goes on after the part that it was at, or is over. */
  advanceWalk({ subject, alias, nextPart, lastPart }: ArchiveWalk): void {
    // Ordered again meanwhile, it has another alias and begins anew.
    const same = "WHERE subject = ? AND alias = ?";
    if (nextPart >= lastPart) this.#db.run(`DELETE FROM archive_walk ${same}`, subject, alias);
    else this.#db.run(`UPDATE archive_walk SET next_part = ? ${same}`, nextPart + 1, subject, alias);
  }

  postponeWalk(subject: string, dueAt: number): void {
    this.#db.run("UPDATE archive_walk SET due_at = ? WHERE subject = ?", dueAt, subject);
  }
}

function partOf({ from_place: fromPlace, to_place: toPlace, stored_at: storedAt, ...row }: PartRow): PlannedPart {
  return { ...row, fromPlace, toPlace, storedAt };
}
