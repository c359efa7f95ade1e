// SQL of counters and of the ledger: one row per admitted request, its reservation until settlement and its receipt afterwards.

import type { CostSource, Verdict } from "../../contracts/team-access.ts";
import type { CounterWrite, Hold } from "./limits.ts";
import type { Price } from "./prices.ts";

/** Terms fixed at admission. */
export interface Terms {
  price: Price | null;
  charge422: boolean;
  exact: boolean;
}

/** Charge of a request. `by`: null if settled at its end, else the key id or "operator" that settled it manually. */
export interface Receipt {
  settledAt: number;
  verdict: Exclude<Verdict, "keep">;
  /** Null if unknown. */
  chargedMicro: number | null;
  source: CostSource;
  by: string | null;
}

export interface LedgerLine {
  requestId: string;
  admittedAt: number;
  /** Holds not yet released. */
  holds: Hold[];
  terms: Terms;
  estimatedMicro: number | null;
  receipt: Receipt | null;
}

type LineRow = {
  request_id: string;
  admitted_at: number;
  takes: string;
  terms: string;
  estimated: number | null;
  settled_at: number | null;
  verdict: string | null;
  charged: number | null;
  source: string | null;
  settled_by: string | null;
};

export class LedgerStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  readCounter(id: string): number {
    const [row] = this.#sql.exec<{ used: number }>("SELECT used FROM counter WHERE id = ?", id);
    return row?.used ?? 0;
  }

  writeCounters(writes: readonly CounterWrite[]): void {
    for (const { id, value, resetAt } of writes) {
      // An unused concurrent counter needs no row.
      if (value === 0 && resetAt === null) {
        this.#sql.exec("DELETE FROM counter WHERE id = ?", id);
        continue;
      }
      this.#sql.exec(
        `INSERT INTO counter (id, used, reset_at) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET used = excluded.used, reset_at = excluded.reset_at`,
        id,
        value,
        resetAt,
      );
    }
  }

  insertLine({ requestId, admittedAt, holds, terms, estimatedMicro }: Omit<LedgerLine, "receipt">): void {
    this.#sql.exec(
      "INSERT INTO reservation (request_id, admitted_at, takes, terms, estimated) VALUES (?, ?, ?, ?, ?)",
      requestId,
      admittedAt,
      JSON.stringify(holds),
      JSON.stringify(terms),
      estimatedMicro,
    );
  }

  findLine(requestId: string): LedgerLine | null {
    const [row] = this.#sql.exec<LineRow>("SELECT * FROM reservation WHERE request_id = ?", requestId);
    return row === undefined ? null : lineOf(row);
  }

  /** Replaces the holds of a request whose charge is unknown. */
  setHolds(requestId: string, holds: readonly Hold[]): void {
    this.#sql.exec("UPDATE reservation SET takes = ? WHERE request_id = ?", JSON.stringify(holds), requestId);
  }

  /** Turns a reservation into a receipt, which has no holds. */
  settleLine(requestId: string, { settledAt, verdict, chargedMicro, source, by }: Receipt): void {
    this.#sql.exec(
      `UPDATE reservation SET takes = '[]', settled_at = ?, verdict = ?, charged = ?, source = ?, settled_by = ?
       WHERE request_id = ?`,
      settledAt,
      verdict,
      chargedMicro,
      source,
      by,
      requestId,
    );
  }

  deleteLine(requestId: string): void {
    this.#sql.exec("DELETE FROM reservation WHERE request_id = ?", requestId);
  }

  /** Deletes expired counters, at most `limit`. */
  cleanUp(now: number, limit: number): void {
    const over = "SELECT id FROM counter WHERE reset_at < ? ORDER BY reset_at LIMIT ?";
    this.#sql.exec(`DELETE FROM counter WHERE id IN (${over})`, now, limit);
  }

  /** First expiry; null if none expires. */
  nextExpiryAt(): number | null {
    const query = "SELECT reset_at FROM counter WHERE reset_at IS NOT NULL ORDER BY reset_at LIMIT 1";
    const [row] = this.#sql.exec<{ reset_at: number }>(query);
    return row?.reset_at ?? null;
  }
}

function lineOf(row: LineRow): LedgerLine {
  return {
    requestId: row.request_id,
    admittedAt: row.admitted_at,
    holds: JSON.parse(row.takes) as Hold[],
    terms: JSON.parse(row.terms) as Terms,
    estimatedMicro: row.estimated,
    receipt: receiptOf(row),
  };
}

function receiptOf({ settled_at: settledAt, verdict, charged, source, settled_by: by }: LineRow): Receipt | null {
  if (settledAt === null) return null;
  return {
    settledAt,
    chargedMicro: charged,
    by,
    verdict: verdict as Receipt["verdict"],
    source: source as CostSource,
  };
}
