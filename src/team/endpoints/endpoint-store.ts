// SQL of webhook endpoints. There are few, so lists are read whole.

import type { Endpoint, EndpointHealth, EndpointSecret, EndpointTerms } from "../../contracts/team-webhooks.ts";
import type { TeamDatabase } from "../database.ts";

type EndpointRow = {
  id: string;
  terms: string;
  origin: string;
  secrets: string;
  health: string;
  disabled: string | null;
  created_at: number;
};

const COLUMNS = "id, terms, origin, secrets, health, disabled, created_at";

export class EndpointStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  insert({ id, secrets, health, disabled, origin, createdAt, ...terms }: Endpoint): void {
    this.#db.run(
      `INSERT INTO endpoint (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      JSON.stringify(terms),
      origin,
      JSON.stringify(secrets),
      JSON.stringify(health),
      disabled === null ? null : JSON.stringify(disabled),
      createdAt,
    );
  }

  /** Oldest first. */
  all(): Endpoint[] {
    const query = `SELECT ${COLUMNS} FROM endpoint ORDER BY created_at, id`;
    return this.#db.rows<EndpointRow>(query).map(endpointOf);
  }

  findEndpoint(id: string): Endpoint | null {
    const [row] = this.#db.rows<EndpointRow>(`SELECT ${COLUMNS} FROM endpoint WHERE id = ?`, id);
    return row === undefined ? null : endpointOf(row);
  }

  count(): number {
    return this.#db.one<{ n: number }>("SELECT count(*) AS n FROM endpoint").n;
  }

  setTerms(id: string, terms: EndpointTerms, origin: string): void {
    this.#db.run("UPDATE endpoint SET terms = ?, origin = ? WHERE id = ?", JSON.stringify(terms), origin, id);
  }

  setSecrets(id: string, secrets: readonly EndpointSecret[]): void {
    this.#db.run("UPDATE endpoint SET secrets = ? WHERE id = ?", JSON.stringify(secrets), id);
  }

  setHealth(id: string, health: EndpointHealth, checkAt: number | null): void {
    const text = JSON.stringify(health);
    this.#db.run("UPDATE endpoint SET health = ?, check_at = ? WHERE id = ?", text, checkAt, id);
  }

  /** Null enables it. */
  setDisabled(id: string, disabled: Endpoint["disabled"]): void {
    const text = disabled === null ? null : JSON.stringify(disabled);
    this.#db.run("UPDATE endpoint SET disabled = ? WHERE id = ?", text, id);
  }

  remove(id: string): void {
    this.#db.run("DELETE FROM endpoint WHERE id = ?", id);
  }

  /** When the next health check is due; null if none is. */
  nextCheckAt(): number | null {
    return this.#db.one<{ at: number | null }>("SELECT min(check_at) AS at FROM endpoint").at;
  }

  toCheck(now: number): Endpoint[] {
    const query = `SELECT ${COLUMNS} FROM endpoint WHERE check_at IS NOT NULL AND check_at <= ? ORDER BY id`;
    return this.#db.rows<EndpointRow>(query, now).map(endpointOf);
  }
}

function endpointOf(row: EndpointRow): Endpoint {
  const terms = JSON.parse(row.terms) as EndpointTerms;
  return {
    ...terms,
    id: row.id,
    origin: row.origin,
    secrets: JSON.parse(row.secrets) as EndpointSecret[],
    health: JSON.parse(row.health) as EndpointHealth,
    disabled: row.disabled === null ? null : (JSON.parse(row.disabled) as Endpoint["disabled"]),
    createdAt: row.created_at,
  };
}
