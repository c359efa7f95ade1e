// The SQL of a team's own data: the team, its keys, its plans. Rows in, types out; decides nothing.
// Imports types. Every method is synchronous, so that callers can put several into one transaction.

import { DEFAULT_PLAN, defaultPlan, type Plan, planSchema } from "./plan.ts";
import type { KeySummary, NamedPlan, Scope, TeamSummary } from "./types.ts";

type TeamRow = { id: string; name: string; plan: string; created_at: number };
type KeyRow = {
  id: string;
  shown: string;
  name: string;
  scopes: string;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
  revoked_at: number | null;
};

const KEY_COLUMNS = "id, shown, name, scopes, created_at, last_used_at, expires_at, revoked_at";

export class TeamStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insertTeam(team: TeamSummary, webhookSecret: string): void {
    this.#sql.exec(
      "INSERT INTO team (id, name, plan, webhook_secret, created_at) VALUES (?, ?, ?, ?, ?)",
      ...[team.id, team.name, team.plan, webhookSecret, team.createdAt],
    );
  }

  webhookSecret(): string {
    return this.#sql.exec<{ webhook_secret: string }>("SELECT webhook_secret FROM team").one().webhook_secret;
  }

  /** The team of this store. Throws where there is none: callers know by `hasTables`. */
  team(): TeamSummary {
    const row = this.#sql.exec<TeamRow>("SELECT id, name, plan, created_at FROM team").one();
    return { id: row.id, name: row.name, plan: row.plan, createdAt: row.created_at };
  }

  choosePlan(name: string): void {
    this.#sql.exec("UPDATE team SET plan = ?", name);
  }

  insertKey(digest: string, key: KeySummary): void {
    this.#sql.exec(
      `INSERT INTO api_key (digest, ${KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[digest, key.id, key.shown, key.name, JSON.stringify(key.scopes)],
      ...[key.createdAt, key.lastUsedAt, key.expiresAt, key.revokedAt],
    );
  }

  keyByDigest(digest: string): KeySummary | null {
    const [row] = this.#sql.exec<KeyRow>(`SELECT ${KEY_COLUMNS} FROM api_key WHERE digest = ?`, digest);
    return row === undefined ? null : keyOf(row);
  }

  /** Newest first, revoked and expired ones included. */
  keys(): KeySummary[] {
    return this.#sql
      .exec<KeyRow>(`SELECT ${KEY_COLUMNS} FROM api_key ORDER BY created_at DESC, id`)
      .toArray()
      .map(keyOf);
  }

  markKeyUsed(id: string, at: number): void {
    this.#sql.exec("UPDATE api_key SET last_used_at = ? WHERE id = ?", at, id);
  }

  revokeKey(id: string, at: number): void {
    this.#sql.exec("UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", at, id);
  }

  putPlan(name: string, plan: Plan): void {
    this.#sql.exec(
      "INSERT INTO plan (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
      ...[name, JSON.stringify(plan)],
    );
  }

  /** A plan by name, or null. Parsed by today's schema, so an older row gets the defaults of younger fields. */
  plan(name: string): Plan | null {
    const [row] = this.#sql.exec<{ body: string }>("SELECT body FROM plan WHERE name = ?", name);
    if (row === undefined) return name === DEFAULT_PLAN ? defaultPlan() : null;
    return planSchema.parse(JSON.parse(row.body));
  }

  plans(): NamedPlan[] {
    const rows = this.#sql.exec<{ name: string; body: string }>("SELECT name, body FROM plan ORDER BY name").toArray();
    return rows.map((row) => ({ name: row.name, plan: planSchema.parse(JSON.parse(row.body)) }));
  }
}

function keyOf(row: KeyRow): KeySummary {
  return {
    id: row.id,
    name: row.name,
    scopes: JSON.parse(row.scopes) as Scope[],
    shown: row.shown,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}
