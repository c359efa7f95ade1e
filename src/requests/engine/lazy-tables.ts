// Tables of what most requests never have: made by the first write, so that they cost no row before it.

export class LazyTables {
  readonly #sql: SqlStorage;
  readonly #name: string;
  readonly #statements: readonly string[];
  #known: boolean | null = null;

  /** `name`: the table that is made last. One statement each, in the order in which they are made. */
  constructor(sql: SqlStorage, name: string, statements: readonly string[]) {
    this.#sql = sql;
    this.#name = name;
    this.#statements = statements;
  }

  /** Whether there may be rows. */
  get exist(): boolean {
    this.#known ??= this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = ?", this.#name).toArray().length > 0;
    return this.#known;
  }

  /** Call before each write. */
  ensure(): void {
    if (this.exist) return;
    for (const statement of this.#statements) this.#sql.exec(statement);
    this.#known = true;
  }

  /** After a transaction that was rolled back, and after everything was deleted. */
  recheck(): void {
    this.#known = null;
  }
}
