// SQL of issuers, their keys, and token creation per visitor and address.

import type { IssuerKeys, StoredIssuer } from "../../contracts/team-keys.ts";
import type { TeamDatabase } from "../database.ts";
import { type Issuer, issuerSchema } from "./issuers.ts";

type IssuerRow = { body: string; keys: string | null; keys_fetched_at: number | null };

export class IssuerStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  /** By name. */
  all(): StoredIssuer[] {
    const rows = this.#db.rows<IssuerRow>("SELECT body, keys, keys_fetched_at FROM issuer ORDER BY name");
    return rows.map(issuerOf);
  }

  findIssuer(name: string): StoredIssuer | null {
    const query = "SELECT body, keys, keys_fetched_at FROM issuer WHERE name = ?";
    const [row] = this.#db.rows<IssuerRow>(query, name);
    return row === undefined ? null : issuerOf(row);
  }

  /** Creates or replaces an issuer. Keys are dropped if `jwks_url` changed. */
  put(issuer: Issuer): void {
    const before = this.findIssuer(issuer.name);
    this.#db.run(
      "INSERT INTO issuer (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
      issuer.name,
      JSON.stringify(issuer),
    );
    if (before === null || before.issuer.jwks_url === issuer.jwks_url) return;
    this.#db.run("UPDATE issuer SET keys = NULL, keys_fetched_at = NULL WHERE name = ?", issuer.name);
  }

  putKeys(name: string, keys: IssuerKeys): void {
    this.#db.run("UPDATE issuer SET keys = ?, keys_fetched_at = ? WHERE name = ?", keys.json, keys.fetchedAt, name);
  }

  /** Returns whether the issuer existed. */
  remove(name: string): boolean {
    return this.#db.run("DELETE FROM issuer WHERE name = ?", name) > 0;
  }

  /** GCRA arrival time of a subject and key (epoch ms); 0 if new. The column `ip` holds the subject: an address unless it says otherwise. */
  mintedUntil(keyId: string, subject: string): number {
    const query = "SELECT minted_until FROM mint WHERE key_id = ? AND ip = ?";
    const [row] = this.#db.rows<{ minted_until: number }>(query, keyId, subject);
    return row?.minted_until ?? 0;
  }

  /** Stores it and deletes a few expired rows. */
  putMintedUntil(keyId: string, subject: string, until: number, now: number, cleanUpRows: number): void {
    this.#db.run("INSERT OR REPLACE INTO mint (key_id, ip, minted_until) VALUES (?, ?, ?)", keyId, subject, until);
    const over = "SELECT key_id, ip FROM mint WHERE minted_until < ? ORDER BY minted_until LIMIT ?";
    this.#db.run(`DELETE FROM mint WHERE (key_id, ip) IN (${over})`, now, cleanUpRows);
  }
}

function issuerOf(row: IssuerRow): StoredIssuer {
  const body = JSON.parse(row.body) as Pick<Issuer, "name">;
  const issuer = issuerSchema().parse({ user_prefix: body.name, ...body });
  const { keys, keys_fetched_at: fetchedAt } = row;
  return { issuer, keys: keys === null || fetchedAt === null ? null : { json: keys, fetchedAt } };
}
