// Tables of a team, in numbered steps of SQL. WITHOUT ROWID where the key is text: one written row per change instead of two.
// Steps are only added, and only add: older code goes on reading what it knows.

import {
  assertTablesReadable,
  isStateNewer,
  type StoredVersion,
  saveTablesVersion,
  tablesVersion,
} from "../platform/stored-version.ts";

const STEPS: readonly string[] = [
  `
  -- One row. alert_percents: percentages of a usd limit that publish an event, as JSON. webhook_secrets: JSON of what signs
  -- deliveries to requests' own URLs, newest first; null until the first rotation of webhook_secret. manages_connections: 1 if
  -- its admins may manage the deployment's connections. directory_due_at: when the deployment's directory has to be updated;
  -- null: it is up to date.
  CREATE TABLE team (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    webhook_secret TEXT NOT NULL,
    webhook_secrets TEXT,
    alert_percents TEXT NOT NULL,
    manages_connections INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    frozen_at INTEGER,
    directory_due_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE plan (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    revision INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- terms: JSON of what not every key has (user, plan, models, origins, turnstile, contactUrl).
  CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    shown TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    terms TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    revoked_at INTEGER,
    frozen_at INTEGER
  ) WITHOUT ROWID;

  -- Earlier texts of rotated keys, valid until their overlap ends.
  CREATE TABLE old_digest (
    digest TEXT PRIMARY KEY,
    key_id TEXT NOT NULL,
    valid_until INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX old_digest_expiry ON old_digest (valid_until);

  -- keys: the issuer's public keys (JWKS) as they were last fetched.
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
  CREATE INDEX mint_expiry ON mint (minted_until);

  -- Users that are frozen. Others need no row.
  CREATE TABLE frozen_user (
    user TEXT PRIMARY KEY,
    frozen_at INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- Every price table that was ever in force; the newest one is.
  CREATE TABLE price_table (
    revision INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    body TEXT NOT NULL
  );

  -- reset_at: when the row may be deleted; null: never, it counts open requests.
  CREATE TABLE counter (
    id TEXT PRIMARY KEY,
    used INTEGER NOT NULL,
    reset_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX counter_expiry ON counter (reset_at) WHERE reset_at IS NOT NULL;

  -- One row per admitted request: its line in lists, its reservation, then its receipt. place: order of admission, see
  -- request-index.ts. sweep_at: when to ask its tracker, if not by the watermark. holds: what of which limit, until it is
  -- settled. terms: what plan and price table said at the admission. charged: micro-USD, null if unknown. settled_by: null: by
  -- its end. file_path: the end of its first file's URL, without a signature. attention: see attention.ts.
  CREATE TABLE request (
    id TEXT PRIMARY KEY,
    place INTEGER NOT NULL,
    account TEXT NOT NULL,
    key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    user TEXT,
    model TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sweep_at INTEGER,
    ended_at INTEGER,
    deleted_at INTEGER,
    published_end_at INTEGER,
    published_event_id TEXT,
    holds TEXT NOT NULL,
    terms TEXT NOT NULL,
    estimated INTEGER,
    settled_at INTEGER,
    verdict TEXT,
    charged INTEGER,
    source TEXT,
    settled_by TEXT,
    error_code TEXT,
    duration_ms INTEGER,
    file_count INTEGER NOT NULL,
    file_type TEXT,
    file_path TEXT,
    attention INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX request_newest ON request (place);
  CREATE INDEX request_of_user ON request (user, place) WHERE user IS NOT NULL;
  CREATE INDEX request_sweep ON request (sweep_at) WHERE sweep_at IS NOT NULL;
  CREATE INDEX request_attention ON request (place) WHERE attention <> 0;

  -- One row: how far work is done that is done for many requests at once. swept: the place up to which trackers were asked, and
  -- when. admits, ends: the place and the event up to which usage is rolled up.
  CREATE TABLE watermark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    swept INTEGER NOT NULL,
    swept_at INTEGER NOT NULL,
    admits INTEGER NOT NULL,
    ends INTEGER NOT NULL
  );
  INSERT INTO watermark VALUES (1, 0, 0, 0, 0);

  CREATE TABLE idempotency (
    key_id TEXT NOT NULL,
    user TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, user, idempotency_key)
  ) WITHOUT ROWID;
  CREATE INDEX idempotency_expiry ON idempotency (expires_at);

  -- Submits under plans with dedupe_s, so that an equal one finds its request.
  CREATE TABLE recent_post (
    name TEXT PRIMARY KEY,
    request_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX recent_post_expiry ON recent_post (expires_at);

  -- Counts and micro-USD. tag: '' on the row that every request adds to once, name=value on those of its tags.
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
    estimated_micro INTEGER NOT NULL,
    PRIMARY KEY (day, model, user, key_id, tag)
  ) WITHOUT ROWID;
  -- One user reads no rows of the others: any visitor may ask for their own.
  CREATE INDEX usage_user ON usage (user, day) WHERE user <> '';

  -- The same by hour (epoch hours), without tags, for a few days.
  CREATE TABLE usage_hour (
    hour INTEGER NOT NULL,
    model TEXT NOT NULL,
    user TEXT NOT NULL,
    key_id TEXT NOT NULL,
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
    estimated_micro INTEGER NOT NULL,
    PRIMARY KEY (hour, model, user, key_id)
  ) WITHOUT ROWID;

  -- The newest row is never deleted, so a place in the feed is never given twice. settles: the request whose charge was settled
  -- in the transaction of this event.
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL,
    settles TEXT
  );
  CREATE INDEX event_alert ON event (seq) WHERE type = 'limit.reached';

  -- Alerts that were published, so that each is published once in a window.
  CREATE TABLE alert_published (
    name TEXT PRIMARY KEY,
    reset_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX alert_published_expiry ON alert_published (reset_at);

  CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    ip TEXT,
    action TEXT NOT NULL,
    target TEXT,
    detail TEXT NOT NULL
  );

  -- Files for inputs. terms: JSON of what the plan said. multipart: R2's id of one that is under way. stored_at: null until the
  -- bytes are there. due_at: expires_at, or null while an open request uses it.
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
    expires_at INTEGER NOT NULL,
    due_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX upload_due ON upload (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX upload_of_user ON upload (user, id) WHERE user IS NOT NULL;
  CREATE INDEX upload_of_request ON upload (request_id) WHERE request_id IS NOT NULL;
  -- Files inside requests are not listed: they are deleted with them.
  CREATE INDEX upload_listed ON upload (created_at, id) WHERE request_id IS NULL;
  CREATE INDEX upload_listed_of_user ON upload (user, created_at, id) WHERE request_id IS NULL AND user IS NOT NULL;

  CREATE TABLE upload_part (
    upload_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    etag TEXT,
    PRIMARY KEY (upload_id, n)
  ) WITHOUT ROWID;

  -- Calls that send bytes. n: 0 for the whole file, or the part. object_key: where the bytes of a whole file go, each sender's to
  -- its own. superseded: 1 when another one has its lease; the row stays until its bytes are deleted.
  CREATE TABLE upload_sender (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    object_key TEXT,
    multipart TEXT,
    lease_until INTEGER NOT NULL,
    superseded INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX upload_sender_of ON upload_sender (upload_id);
  CREATE INDEX upload_sender_lease ON upload_sender (lease_until);

  -- Open requests that use an upload: it stays until they have ended.
  CREATE TABLE upload_use (
    request_id TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (request_id, upload_id)
  ) WITHOUT ROWID;
  CREATE INDEX upload_use_of ON upload_use (upload_id);

  -- terms, secrets, health, disabled: JSON. check_at: when a run of failures has to be checked again.
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

  -- One event for one target. endpoint_id null: the request's own URL. request_id null: an event of the team.
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

  -- Events of the team on their way to endpoints. due_at null: nothing is owed, the body is kept for a replay. lease_until: of
  -- the attempt under way.
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
  CREATE INDEX outbox_due ON outbox (endpoint_id, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX outbox_lease ON outbox (endpoint_id, lease_until) WHERE lease_until IS NOT NULL;

  -- attempt: JSON of the result of an attempt at these.
  CREATE TABLE attempt (
    seq INTEGER PRIMARY KEY,
    delivery_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt TEXT NOT NULL
  );
  CREATE INDEX attempt_of_delivery ON attempt (delivery_id);

  -- Bulk replays. due_at: when the next batch is due; null once it has ended.
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
  CREATE INDEX replay_job_due ON replay_job (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX replay_job_expiry ON replay_job (updated_at) WHERE due_at IS NULL;

  -- Requests whose trackers have to delete them. subject: whose deletion it is, see removal_job. due_at: when to ask next.
  CREATE TABLE removal (
    request_id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    tries INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX removal_due ON removal (due_at);
  CREATE INDEX removal_subject ON removal (subject);

  -- Deletions: how many requests each began with, and when nothing was left. subject: a digest of the user, or 'team'.
  -- filled_to: up to which request the team's are in removal; null for a user.
  CREATE TABLE removal_job (
    subject TEXT PRIMARY KEY,
    ordered_at INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    finished_at INTEGER,
    filled_to TEXT
  ) WITHOUT ROWID;
  CREATE INDEX removal_job_expiry ON removal_job (finished_at) WHERE finished_at IS NOT NULL;
  CREATE INDEX removal_job_open ON removal_job (subject) WHERE finished_at IS NULL;
  `,
  `
  -- doctor_at: when an admin last ran the self-test.
  ALTER TABLE team ADD COLUMN doctor_at INTEGER;
  `,
  `
  -- Months of usage that were closed. sums: as they were then, as JSON.
  CREATE TABLE closed_month (
    month TEXT PRIMARY KEY,
    closed_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    sums TEXT NOT NULL
  ) WITHOUT ROWID;

  -- Settlements that count on a day of a later month than their request's admission, which is month. charged: micro-USD, null if
  -- unknown.
  CREATE TABLE late_settlement (
    day TEXT NOT NULL,
    request_id TEXT NOT NULL,
    month TEXT NOT NULL,
    outcome TEXT NOT NULL,
    charged INTEGER,
    refunded INTEGER NOT NULL,
    PRIMARY KEY (day, request_id)
  ) WITHOUT ROWID;
  CREATE INDEX late_of_month ON late_settlement (month);

  -- Parts of the archive: requests of one month between two places. stored_at null: intended, its requests still have their rows.
  CREATE TABLE archive_part (
    n INTEGER PRIMARY KEY,
    month TEXT NOT NULL,
    from_place INTEGER NOT NULL,
    to_place INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    stored_at INTEGER
  );
  CREATE INDEX archive_part_intended ON archive_part (n) WHERE stored_at IS NULL;

  -- Archived requests whose trackers may still keep a record and files. id: the bytes of its hexadecimal text.
  CREATE TABLE archived_request (
    id BLOB PRIMARY KEY,
    part INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- Deletions of users that have parts of the archive left to look through. subject: see removal_job.
  CREATE TABLE archive_walk (
    subject TEXT PRIMARY KEY,
    alias TEXT NOT NULL,
    next_part INTEGER NOT NULL,
    last_part INTEGER NOT NULL,
    due_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX archive_walk_due ON archive_walk (due_at);

  -- archive_after: no part is made before this time.
  ALTER TABLE watermark ADD COLUMN archive_after INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- JSON of what the operator caps; null: nothing.
  ALTER TABLE team ADD COLUMN caps TEXT;
  `,
  `
  -- What a plan was from \`at\` on, also of deleted ones. at, actor: null for what was stored before versions were kept.
  CREATE TABLE plan_version (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER,
    actor TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (name, version)
  ) WITHOUT ROWID;
  `,
  `
  -- The audit log of one plan, key, endpoint or user. Few changes are of nothing.
  CREATE INDEX audit_by_target ON audit (target, seq) WHERE target IS NOT NULL;
  `,
];

/** Raise `min_reader` to the number of a step only if older code would misread what newer code writes. */
export const TEAM_FORMAT: StoredVersion = { version: STEPS.length, min_reader: 1 };

/** Whether this object was ever a team. Read-only: an invented id must not create a store. */
export function hasTables(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'team'").toArray().length > 0;
}

/** Applies the steps that are missing, in one transaction. Throws where this code may not read what is stored. */
export function migrate(storage: DurableObjectStorage): void {
  storage.transactionSync(() => {
    assertTablesReadable(storage.kv, TEAM_FORMAT);
    for (const step of STEPS.slice(tablesVersion(storage.kv))) storage.sql.exec(step);
    saveTablesVersion(storage.kv, TEAM_FORMAT);
  });
}

/** Migrates a team. The fault with which to refuse every call if newer code wrote what is stored; null: none. */
export function newerStateFault(storage: DurableObjectStorage): Error | null {
  try {
    migrate(storage);
    return null;
  } catch (fault) {
    if (fault instanceof Error && isStateNewer(fault)) return fault;
    throw fault;
  }
}
