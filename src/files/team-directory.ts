// The directory of a deployment's teams, in the storage of its sweeper: what the operator lists. Each team reports itself when it
// is made and when what is shown changes.

import type { TeamEntry, TeamPage } from "../contracts/sweeper.ts";
import type { VersionedRows } from "../platform/stored-version.ts";

const PREFIX = "team:";

export class TeamDirectory {
  readonly #rows: VersionedRows;
  #count: number | null = null;

  constructor(rows: VersionedRows) {
    this.#rows = rows;
  }

  put({ id, ...entry }: TeamEntry): void {
    if (this.#count !== null && !this.#has(id)) this.#count++;
    this.#rows.put(PREFIX + id, entry);
  }

  remove(id: string): void {
    if (this.#count !== null && this.#has(id)) this.#count--;
    this.#rows.delete(PREFIX + id);
  }

  /** How many teams there are: counted once for as long as the object stays in memory. */
  count(): number {
    this.#count ??= [...this.#rows.list({ prefix: PREFIX })].length;
    return this.#count;
  }

  #has(id: string): boolean {
    return this.#rows.get(PREFIX + id) !== undefined;
  }

  /** By id, after `after`. */
  page(after: string | null, limit: number): TeamPage {
    const start = after === null ? {} : { startAfter: PREFIX + after };
    const entries = this.#rows.list<Omit<TeamEntry, "id">>({ prefix: PREFIX, limit: limit + 1, ...start });
    const found = [...entries].map(([key, entry]) => ({ id: key.slice(PREFIX.length), ...entry }));
    const data = found.slice(0, limit);
    return { data, nextAfter: found.length > data.length ? (data.at(-1)?.id ?? null) : null };
  }
}
