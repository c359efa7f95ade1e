// Tables of a team as numbered migrations that are never edited. WITHOUT ROWID where the key is text: one written row per
// change instead of two.

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
  `
  -- Percentages of a usd limit that are told, as JSON.
  ALTER TABLE team ADD COLUMN alert_percents TEXT NOT NULL DEFAULT '[80,100]';
  ALTER TABLE team ADD COLUMN frozen_at INTEGER;

  ALTER TABLE plan ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

  -- terms: JSON of what not every key has (user, plan, models, origins, turnstile).
  ALTER TABLE api_key ADD COLUMN kind TEXT NOT NULL DEFAULT 'secret';
  ALTER TABLE api_key ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE api_key ADD COLUMN frozen_at INTEGER;

  -- Earlier texts of rotated keys, good until their overlap ends.
  CREATE TABLE old_digest (
    digest TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    valid_until INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX old_digest_over ON old_digest (valid_until);

  -- Users that are stopped. Others need no row.
  CREATE TABLE frozen_user (
    user TEXT PRIMARY KEY,
    frozen_at INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- Every price table that was ever in force; the newest is the one that is.
  CREATE TABLE price_table (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL
  );

  -- The ledger: one line per admitted request. takes: what of which limit, until it is settled. terms: what the plan and
  -- the price table said at the admit. charged: micro-USD, null where nobody can know it. settled_by: null = its end.
  -- verdict: take or refund.
  DROP TABLE reservation;
  CREATE TABLE reservation (
    request_id TEXT PRIMARY KEY,
    admitted_at INTEGER NOT NULL,
    takes TEXT NOT NULL,
    terms TEXT NOT NULL,
    estimated INTEGER,
    settled_at INTEGER,
    verdict TEXT,
    charged INTEGER,
    source TEXT,
    settled_by TEXT
  ) WITHOUT ROWID;

  -- A counter that never starts anew has no reset_at.
  DROP TABLE counter;
  CREATE TABLE counter (
    id TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    reset_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX counter_over ON counter (reset_at) WHERE reset_at IS NOT NULL;

  -- erased_at: its user was forgotten; the line stays, without content.
  ALTER TABLE request ADD COLUMN erased_at INTEGER;

  -- Posts under plans with dedupe_s, so that an equal one finds its request.
  CREATE TABLE recent_post (
    name TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX recent_post_over ON recent_post (expires_at);

  -- Requests whose record and files are to be removed.
  CREATE TABLE removal (
    request_id TEXT PRIMARY KEY,
    ordered_at INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- Counts and micro-USD. tag: '' on the line that every request adds to once, name=value on those of its tags.
  CREATE TABLE usage (
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    user TEXT NOT NULL,
    key_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    requests INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    canceled INTEGER NOT NULL,
    refunded INTEGER NOT NULL,
    unknown_cost INTEGER NOT NULL,
    above_estimate INTEGER NOT NULL,
    late INTEGER NOT NULL,
    charged_micro INTEGER NOT NULL,
    refunded_micro INTEGER NOT NULL,
    PRIMARY KEY (day, model, user, key_id, tag)
  ) WITHOUT ROWID;

  CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL
  );
  -- Alerts that were given, so that each is given once in a window.
  CREATE TABLE alert_given (
    name TEXT PRIMARY KEY,
    reset_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX alert_given_over ON alert_given (reset_at);

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    ip TEXT,
    action TEXT NOT NULL,
    target TEXT,
    detail TEXT NOT NULL
  );
  `,
  `
  -- keys: the issuer's public keys (JWKS) as they were last got.
  CREATE TABLE issuer (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    keys TEXT,
    keys_fetched_at INTEGER
  ) WITHOUT ROWID;

  -- Exchanges of publishable keys for tokens, by address. minted_until: when the address has all of its hour again.
  CREATE TABLE mint (
    key_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    minted_until INTEGER NOT NULL,
    PRIMARY KEY (key_id, ip)
  ) WITHOUT ROWID;
  CREATE INDEX mint_over ON mint (minted_until);
  `,
  `
  -- terms, secrets, health, disabled: JSON. check_at: when a run of failures has to be judged again.
  CREATE TABLE endpoint (
    id TEXT PRIMARY KEY,
    terms TEXT NOT NULL,
    origin TEXT NOT NULL,
    secrets TEXT NOT NULL,
    health TEXT NOT NULL,
    disabled TEXT,
    check_at INTEGER,
    created_at INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- One event on its way to one place. endpoint_id null: the request's own URL. request_id null: an event of the team.
  CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    endpoint_id TEXT,
    request_id TEXT,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    status INTEGER,
    category TEXT,
    replay_id TEXT
  ) WITHOUT ROWID;
  CREATE INDEX delivery_newest ON delivery (created_at, id);
  CREATE INDEX delivery_of_endpoint ON delivery (endpoint_id, created_at, id) WHERE endpoint_id IS NOT NULL;
  CREATE INDEX delivery_of_request ON delivery (request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX delivery_undelivered ON delivery (created_at, id) WHERE state <> 'delivered';

  -- The end that was last told, so that the same end is told once: its time, and the event that tells it.
  ALTER TABLE request ADD COLUMN told_end_at INTEGER;
  ALTER TABLE request ADD COLUMN told_event_id TEXT;
  `,
  `
  -- Files for inputs. terms: JSON of what the plan said. multipart: R2's id of one that is under way. stored_at: null until
  -- the bytes are there.
  CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    object_key TEXT NOT NULL,
    request_id TEXT,
    key_id TEXT NOT NULL,
    user TEXT,
    name TEXT NOT NULL,
    content_type TEXT,
    bytes INTEGER,
    sha256 TEXT,
    terms TEXT NOT NULL,
    multipart TEXT,
    created_at INTEGER NOT NULL,
    stored_at INTEGER,
    expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX upload_over ON upload (expires_at);
  CREATE INDEX upload_of_user ON upload (user, id) WHERE user IS NOT NULL;
  CREATE INDEX upload_of_request ON upload (request_id) WHERE request_id IS NOT NULL;

  CREATE TABLE upload_part (
    upload_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    etag TEXT,
    PRIMARY KEY (upload_id, n)
  ) WITHOUT ROWID;

  -- Open requests that use an upload: it stays until they have ended.
  CREATE TABLE upload_use (
    request_id TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (request_id, upload_id)
  ) WITHOUT ROWID;
  CREATE INDEX upload_use_of ON upload_use (upload_id);
  `,
  `
  -- Events of the team itself on their way to endpoints. due_at null: nothing is owed, the body is kept for a replay.
  CREATE TABLE outbox (
    delivery_id TEXT PRIMARY KEY,
    endpoint_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at INTEGER,
    failures INTEGER NOT NULL,
    replay INTEGER NOT NULL,
    lease_until INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;

  -- attempt: JSON of what a try of these came to.
  CREATE TABLE attempt (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt TEXT NOT NULL
  );
  CREATE INDEX attempt_of_delivery ON attempt (delivery_id);

  -- JSON of what signs deliveries to requests' own URLs, newest first; null until the first rotation of webhook_secret.
  ALTER TABLE team ADD COLUMN webhook_secrets TEXT;

  -- Bulk replays. due_at: when the next piece is due; null once it is over.
  CREATE TABLE replay_job (
    id TEXT PRIMARY KEY,
    filter TEXT NOT NULL,
    state TEXT NOT NULL,
    position TEXT,
    counts TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    due_at INTEGER
  ) WITHOUT ROWID;
  `,
  `
  -- Requests whose trackers are to forget them. subject: whose removal it is, see removal_job. due_at: when to ask next.
  DROP TABLE removal;
  CREATE TABLE removal (
    request_id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX removal_due ON removal (due_at);
  CREATE INDEX removal_subject ON removal (subject);

  -- Removals: how many requests each began with, and when nothing was left. subject: a digest of the person, or 'team'.
  -- filled_to: up to which request the team's are in removal; null where it is about a person.
  CREATE TABLE removal_job (
    subject TEXT PRIMARY KEY,
    ordered_at INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    finished_at INTEGER,
    filled_to TEXT
  ) WITHOUT ROWID;

  -- A person's requests are listed, and forgotten, without a walk over everybody's.
  CREATE INDEX request_user ON request (user, created_at, id);
  `,
  `
  -- Uploads are listed newest first, everybody's and a user's. Files inside requests are not: they go with them.
  CREATE INDEX upload_listed ON upload (created_at, id) WHERE request_id IS NULL;
  CREATE INDEX upload_listed_of_user ON upload (user, created_at, id) WHERE request_id IS NULL AND user IS NOT NULL;
  `,
  `
  -- 1: its admins may begin and delete the deployment's connections, and choose one. The operator's word.
  ALTER TABLE team ADD COLUMN manages_connections INTEGER NOT NULL DEFAULT 0;
  `,
];

/** Whether this object was ever a team. Read-only: an invented id must not create a store. */
export function hasTables(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'").toArray().length > 0;
}

/**
 * Applies pending migrations in one transaction. Each applied text is stored and compared: a store whose history differs from
 * the code throws.
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
