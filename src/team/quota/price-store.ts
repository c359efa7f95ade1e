// SQL of price tables. All revisions are kept, so that charges stay explicable; the current one is cached, because each
// admission reads it.

import type { PricesInForce } from "../../contracts/team-admin.ts";
import type { TeamDatabase } from "../database.ts";
import { type PriceTable, STARTER_PRICES } from "./prices.ts";

type TableRow = { revision: number; at: number; actor: string; body: string };

export class PriceStore {
  readonly #db: TeamDatabase;
  #parsed: { revision: number; table: PriceTable } | null = null;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** The current table: the latest revision, else the initial table. */
  current(): PriceTable {
    const [row] = this.#db.rows<{ revision: number | null }>("SELECT max(revision) AS revision FROM price_table");
    const revision = row?.revision ?? null;
    if (revision === null) return STARTER_PRICES;
    if (this.#parsed?.revision !== revision) {
      const { body } = this.#db.one<{ body: string }>("SELECT body FROM price_table WHERE revision = ?", revision);
      this.#parsed = { revision, table: JSON.parse(body) as PriceTable };
    }
    return this.#parsed.table;
  }

  put(table: PriceTable, actor: string, at: number): void {
    this.#db.run("INSERT INTO price_table (at, actor, body) VALUES (?, ?, ?)", at, actor, JSON.stringify(table));
  }

  /** Newest first; the initial table comes last. At most `limit`. */
  history(limit: number): PricesInForce[] {
    const rows = this.#db.rows<TableRow>(
      "SELECT revision, at, actor, body FROM price_table ORDER BY revision DESC LIMIT ?",
      limit,
    );
    const put = rows.map(({ at, actor, body }) => ({ table: JSON.parse(body) as PriceTable, since: at, actor }));
    return [...put, { table: STARTER_PRICES, since: null, actor: null }].slice(0, limit);
  }
}
