// SQL of a team's keys: digests, terms, rotations, revocations and freezes.

import type { KeyKind, KeySettings, KeySummary, KeyTerms, Scope } from "../../contracts/team-keys.ts";
import type { TeamDatabase } from "../database.ts";

type KeyRow = {
  id: string;
  kind: string;
  shown: string;
  name: string;
  scopes: string;
  terms: string;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
  revoked_at: number | null;
  frozen_at: number | null;
};

const COLUMNS =
  "id, kind, shown, name, scopes, terms, created_at, last_used_at, expires_at, revoked_at, frozen_at" as const;

export class KeyStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  insert(digest: string, key: KeySummary): void {
    const { user, plan, models, origins, turnstile, contactUrl, plans, issuerUsers, tags } = key;
    const terms: KeyTerms = { user, plan, models, origins, turnstile, contactUrl, plans, issuerUsers, tags };
    this.#db.run(
      `INSERT INTO api_key (digest, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      digest,
      key.id,
      key.kind,
      key.shown,
      key.name,
      JSON.stringify(key.scopes),
      JSON.stringify(terms),
      key.createdAt,
      key.lastUsedAt,
      key.expiresAt,
      key.revokedAt,
      key.frozenAt,
    );
  }

  /** The key with this digest, also an earlier one within its rotation overlap. */
  findKeyByDigest(digest: string, now: number): KeySummary | null {
    const [row] = this.#db.rows<KeyRow>(`SELECT ${COLUMNS} FROM api_key WHERE digest = ?`, digest);
    if (row !== undefined) return keyOf(row);
    const [old] = this.#db.rows<{ key_id: string }>(
      "SELECT key_id FROM old_digest WHERE digest = ? AND valid_until > ?",
      digest,
      now,
    );
    return old === undefined ? null : this.findKey(old.key_id);
  }

  findKey(id: string): KeySummary | null {
    const [row] = this.#db.rows<KeyRow>(`SELECT ${COLUMNS} FROM api_key WHERE id = ?`, id);
    return row === undefined ? null : keyOf(row);
  }

  /** Newest first, revoked and expired ones included. */
  all(): KeySummary[] {
    return this.#db.rows<KeyRow>(`SELECT ${COLUMNS} FROM api_key ORDER BY created_at DESC, id`).map(keyOf);
  }

  count(): number {
    return this.#db.one<{ n: number }>("SELECT count(*) AS n FROM api_key").n;
  }

  /** Replaces the digest; the current one stays valid until `oldValidUntil`. */
  rotate(id: string, next: { digest: string; shown: string }, oldValidUntil: number): void {
    this.#db.run(
      "INSERT INTO old_digest (digest, key_id, valid_until) SELECT digest, id, ? FROM api_key WHERE id = ?",
      oldValidUntil,
      id,
    );
    this.#db.run("UPDATE api_key SET digest = ?, shown = ? WHERE id = ?", next.digest, next.shown, id);
  }

  /** What else `terms` holds stays as it is. */
  setSettings(id: string, { name, plan, models, origins, contactUrl, expiresAt }: KeySettings): void {
    const set = "json_set(terms, '$.plan', ?, '$.models', json(?), '$.origins', json(?), '$.contactUrl', ?)";
    this.#db.run(
      `UPDATE api_key SET name = ?, terms = ${set}, expires_at = ? WHERE id = ?`,
      name,
      plan,
      JSON.stringify(models),
      JSON.stringify(origins),
      contactUrl,
      expiresAt,
      id,
    );
  }

  markUsed(id: string, at: number): void {
    this.#db.run("UPDATE api_key SET last_used_at = ? WHERE id = ?", at, id);
  }

  revoke(id: string, at: number): void {
    this.#db.run("UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", at, id);
  }

  /** Null unfreezes it. */
  setFrozen(id: string, at: number | null): void {
    this.#db.run("UPDATE api_key SET frozen_at = ? WHERE id = ?", at, id);
  }

  cleanUp(now: number, limit: number): void {
    const over = "SELECT digest FROM old_digest WHERE valid_until < ? ORDER BY valid_until LIMIT ?";
    this.#db.run(`DELETE FROM old_digest WHERE digest IN (${over})`, now, limit);
  }

  /** First expiry; null if there are none. */
  nextExpiryAt(): number | null {
    return this.#db.one<{ at: number | null }>("SELECT min(valid_until) AS at FROM old_digest").at;
  }
}

function keyOf(row: KeyRow): KeySummary {
  const { user = null, plan = null, models = null, ...rest } = JSON.parse(row.terms) as Partial<KeyTerms>;
  const { origins = null, turnstile = null, contactUrl = null, plans = [], issuerUsers = [], tags = {} } = rest;
  return {
    id: row.id,
    kind: row.kind as KeyKind,
    name: row.name,
    scopes: JSON.parse(row.scopes) as Scope[],
    user,
    plan,
    models,
    origins,
    turnstile,
    contactUrl,
    plans,
    issuerUsers,
    tags,
    shown: row.shown,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    frozenAt: row.frozen_at,
  };
}
