// The tables of a team, as numbered migrations that are never edited, and the step that brings a store up to date.
// Imports nothing. Tables are WITHOUT ROWID where the key is text: one written row per change instead of two.

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE team (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    webhook_secret TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    shown TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE plan (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE counter (
    id TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    reset_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX counter_over ON counter (reset_at);

  -- sweep_at: when to ask the tracker whether it ever started; null once that is known.
  CREATE TABLE request (
    id TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    user TEXT,
    model TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sweep_at INTEGER,
    ended_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX request_newest ON request (created_at, id);
  CREATE INDEX request_unstarted ON request (sweep_at) WHERE sweep_at IS NOT NULL;

  CREATE TABLE reservation (
    request_id TEXT PRIMARY KEY,
    counters TEXT NOT NULL,
    settled_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE idempotency (
    key_id TEXT NOT NULL,
    user TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, user, idempotency_key)
  ) WITHOUT ROWID;
  CREATE INDEX idempotency_over ON idempotency (expires_at);
  `,
];

/** Whether this store has ever been a team's. Reading only: an id that somebody made up must not leave a store behind. */
export function hasTables(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'").toArray().length > 0;
}

/**
 * Runs the migrations that this store has not seen, inside one transaction. Each applied text is kept and compared: a store
 * whose history differs from the code's throws, because nothing after it could be trusted.
 */
export function migrate(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    storage.sql.exec("CREATE TABLE IF NOT EXISTS migration (n INTEGER PRIMARY KEY, body TEXT NOT NULL)");
    const applied = storage.sql.exec<{ body: string }>("SELECT body FROM migration ORDER BY n").toArray();
    if (applied.length > MIGRATIONS.length) throw new Error("the store is newer than the code");
    for (const [n, body] of MIGRATIONS.entries()) {
      const seen = applied[n];
      if (seen === undefined) {
        storage.sql.exec(body);
        storage.sql.exec("INSERT INTO migration (n, body) VALUES (?, ?)", n, body);
      } else if (seen.body !== body) {
        throw new Error(`migration ${n} was edited after it was applied`);
      }
    }
  });
}
