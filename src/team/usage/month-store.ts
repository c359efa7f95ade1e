// SQL of closed months, and of settlements that count in a later month than their request's admission.

import type { LateSettlement, UsageSums } from "../../contracts/team-admin.ts";
import type { TeamDatabase } from "../database.ts";

/** Late settlements of one answer. */
export const LATE_SETTLEMENTS_MAX = 1_000;

export interface ClosedMonth {
  month: string;
  closedAt: number;
  actor: string;
  /** As they were when it was closed. */
  sums: UsageSums;
}

type LateRow = {
  day: string;
  request_id: string;
  month: string;
  outcome: string;
  charged: number | null;
  refunded: number;
};

export class MonthStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** Closed months between two, both included, in order. */
  closedBetween(first: string, last: string): string[] {
    const query = "SELECT month FROM closed_month WHERE month >= ? AND month <= ? ORDER BY month";
    return this.#db.rows<{ month: string }>(query, first, last).map(({ month }) => month);
  }

  /** The newest closed months. */
  closedLast(limit: number): string[] {
    const query = "SELECT month FROM closed_month ORDER BY month DESC LIMIT ?";
    return this.#db.rows<{ month: string }>(query, limit).map(({ month }) => month);
  }

  findClosed(month: string): ClosedMonth | null {
    const query = "SELECT month, closed_at, actor, sums FROM closed_month WHERE month = ?";
    const row = this.#db.first<{ month: string; closed_at: number; actor: string; sums: string }>(query, month);
    if (row === null) return null;
    return { month, closedAt: row.closed_at, actor: row.actor, sums: JSON.parse(row.sums) as UsageSums };
  }

  close({ month, closedAt, actor, sums }: ClosedMonth): void {
    const statement = "INSERT INTO closed_month (month, closed_at, actor, sums) VALUES (?, ?, ?, ?)";
    this.#db.run(statement, month, closedAt, actor, JSON.stringify(sums));
  }

  addLate({ day, requestId, month, outcome, chargedMicro, isRefunded }: LateSettlement): void {
    this.#db.run(
      `INSERT OR REPLACE INTO late_settlement (day, request_id, month, outcome, charged, refunded)
       VALUES (?, ?, ?, ?, ?, ?)`,
      day,
      requestId,
      month,
      outcome,
      chargedMicro,
      isRefunded ? 1 : 0,
    );
  }

  /** Settlements that count in this month, of requests that were admitted in earlier ones; one more than the most of an answer. */
  lateIn(month: string): LateSettlement[] {
    return this.#late("day >= ?1 || '-01' AND day <= ?1 || '-31' ORDER BY day, request_id", month);
  }

  /** Settlements of requests that were admitted in this month, which count in later ones. */
  lateOf(month: string): LateSettlement[] {
    return this.#late("month = ?1 ORDER BY month, day, request_id", month);
  }

  #late(where: string, month: string): LateSettlement[] {
    const query = `SELECT day, request_id, month, outcome, charged, refunded FROM late_settlement WHERE ${where} LIMIT ?2`;
    return this.#db.rows<LateRow>(query, month, LATE_SETTLEMENTS_MAX + 1).map((row) => ({
      day: row.day,
      requestId: row.request_id,
      month: row.month,
      outcome: row.outcome as LateSettlement["outcome"],
      chargedMicro: row.charged,
      isRefunded: row.refunded === 1,
    }));
  }
}
