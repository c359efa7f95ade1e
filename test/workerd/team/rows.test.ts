// Rows of a team's calls: a plain request writes four, and no call of the road reads more when more is stored or owed.

import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { DeliveryReport } from "../../../src/contracts/team-webhooks.ts";
import { newId } from "../../../src/platform/ids.ts";
import { DAY_MS, HOUR_MS } from "../../../src/platform/time.ts";
import type { Team } from "../../../src/team/team.ts";
import { countRows, type Rows } from "../../harness/rows.ts";
import { anEnd, NOTHING_MEASURED, SOMEBODY, TeamObject } from "../../harness/team-object.ts";

const limits = [
  { name: "requests", scope: "user", per: "request", limit: 1_000_000, window: "1d" },
  { name: "money", scope: "team", per: "usd", limit: "1000", window: "1mo" },
  { name: "open", scope: "team", per: "concurrent", limit: 1_000_000 },
] as const;

/** Of known price. */
const measures = { ...NOTHING_MEASURED, megapixels: 1 };

/** The stub as the test runner knows it. */
const stubOf = ({ id }: TeamObject) => env.TEAM.getByName(id);

describe("a request writes", () => {
  const rowsOf = async (team: TeamObject, user: string | null) => {
    // The first of its kind makes counters and notes the key's last use.
    await team.stub.settle(anEnd(await team.admitted({ user, measures }), "charge"));
    const post = await team.post({ user, measures });
    const admit = await countRows(stubOf(team), async () => team.stub.admit(post));
    const settle = await countRows(stubOf(team), async () => team.stub.settle(anEnd(post.requestId, "charge")));
    return [admit.written, settle.written];
  };

  test("two rows at its admission and two at its end", async () => {
    expect(await rowsOf(await TeamObject.create(), null)).toEqual([2, 2]);
  });

  test("one more for its user, and one for each limit that changes", async () => {
    expect(await rowsOf(await TeamObject.create({ limits }), "anna")).toEqual([6, 3]);
  });
});

/** So many rows in every table that grows: ended requests, events, deliveries that are owed to one endpoint, used uploads, … */
async function fill(team: TeamObject, count: number): Promise<void> {
  const endpoint = await team.stub.endpoints.create(
    { url: "https://hooks.example/in", events: [], tags: {}, description: "", headers: {} },
    "https://sluice.example",
    SOMEBODY,
  );
  const endpointId = endpoint.kind === "created" ? endpoint.endpoint.id : "";
  const now = Date.now();
  await runInDurableObject(stubOf(team), (_instance, { storage: { sql } }) => {
    const names = (table: string) => sql.exec(`SELECT * FROM ${table} LIMIT 0`).columnNames;
    /** Rows of a table, by an SQL expression for each column; `n` counts them. */
    const insert = (table: string, values: Record<string, string>) => {
      const columns = names(table).map((name) => values[name] ?? "NULL");
      sql.exec(
        `WITH RECURSIVE rows (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM rows WHERE n < ${count})
         INSERT INTO ${table} SELECT ${columns.join(", ")} FROM rows`,
      );
    };
    if (count === 0) return;
    const id = (kind: string) => `'${kind}' || printf('%020d', n)`;
    const request = { id: id("r"), key_id: "'k'", model: "'m'", user: "'anna'", tags: "'{}'", status: "'completed'" };
    const settled = { settled_at: "1", verdict: "'charge'", charged: "1", source: "'reserved'", holds: "'[]'" };
    const place = `(SELECT max(place) FROM request) + n`;
    insert("request", {
      ...{ ...request, ...settled, place, account: "'default'", key_name: "'Key'", terms: "'{}'", attention: "n % 2" },
      ...{ created_at: `${now - HOUR_MS} + n`, ended_at: `${now - HOUR_MS} + n`, file_count: "0" },
    });
    insert("event", {
      id: id("e"),
      type: "iif(n % 2, 'limit.reached', 'request.completed')",
      at: `${now}`,
      data: "'{}'",
    });
    sql.exec("UPDATE watermark SET swept = (SELECT max(place) FROM request), admits = swept, ends = 1e15");
    sql.exec("UPDATE watermark SET admits = swept");
    const delivery = {
      id: id("d"),
      endpoint_id: `'${endpointId}'`,
      event_id: id("e"),
      event_type: "'request.completed'",
    };
    insert("delivery", {
      ...{ ...delivery, state: "'pending'", created_at: `${now} - n`, updated_at: `${now}`, attempts: "0" },
    });
    const owed = { due_at: `${now + HOUR_MS} + n`, failures: "0", replay: "0" };
    insert("outbox", {
      delivery_id: id("d"),
      endpoint_id: `'${endpointId}'`,
      event_id: id("e"),
      body: "'{}'",
      ...owed,
    });
    insert("attempt", { seq: "n", delivery_id: id("d"), at: `${now}`, attempt: "'{}'" });
    // Used by an open request, and expired: none of them may be deleted.
    const upload = { id: id("u"), object_key: id("o"), key_id: "'k'", user: "'anna'", name: "'n'", terms: "'{}'" };
    insert("upload", { ...upload, created_at: `${now}`, stored_at: "1", expires_at: "1" });
    insert("upload_use", { request_id: "'open'", upload_id: id("u") });
    const later = `${now + DAY_MS}`;
    const key = { key_id: "'k'", user: "''", idempotency_key: id("i") };
    insert("idempotency", { ...key, request_id: id("r"), body_hash: "''", expires_at: later });
    insert("recent_post", { name: id("p"), request_id: id("r"), expires_at: later });
    insert("counter", { id: id("c"), used: "1", reset_at: later });
    insert("alert_published", { name: id("a"), reset_at: later });
    const job = { id: id("j"), filter: "'{}'", state: "'done'", counts: "'{}'", actor: "'{}'", created_at: `${now}` };
    insert("replay_job", { ...job, updated_at: `${now}` });
    insert("removal_job", { subject: id("s"), ordered_at: "1", requests: "1", finished_at: `${now}` });
    insert("removal", { request_id: id("r"), subject: id("s"), due_at: later, tries: "0" });
    insert("frozen_user", { user: id("f"), frozen_at: "1" });
    const sums = Object.fromEntries(names("usage").map((name) => [name, "1"]));
    insert("usage", { ...sums, day: id("d"), model: "'m'", user: "'anna'", key_id: "'k'", tag: "''" });
    insert("usage_hour", {
      ...sums,
      hour: `${Math.floor(now / HOUR_MS)} + n`,
      model: "'m'",
      user: "'anna'",
      key_id: "'k'",
    });
    insert("mint", { key_id: "'k'", ip: id("x"), minted_until: later });
    insert("old_digest", { digest: id("g"), key_id: "'k'", valid_until: later });
    insert("audit", {
      seq: "(SELECT max(seq) FROM audit) + n",
      at: `${now}`,
      actor: "'k'",
      action: "'a'",
      detail: "'{}'",
    });
  });
}

const CALLS = [
  "admit",
  "settle",
  "report",
  "me",
  "identify",
  "list",
  "user's list",
  "deliveries",
  "events",
  "uploads",
  "alarm",
] as const;

/** The rows that each call reads, in a team that holds so many rows of everything. */
async function readsWith(count: number): Promise<Record<(typeof CALLS)[number], Rows>> {
  const team = await TeamObject.create({ limits });
  const { stub } = team;
  const acting = { credential: team.credential, user: "anna", visitor: null, ip: null, network: null, tags: {} };
  await stub.endpoints.create(
    { url: "https://hooks.example/own", events: null, tags: {}, description: "", headers: {} },
    "https://sluice.example",
    SOMEBODY,
  );
  // What the pages answer with is there in every team.
  for (let n = 0; n < 25; n++) {
    const id = await team.admitted({ user: "anna", measures });
    await stub.settle(anEnd(id, "charge", { hasWebhook: true }));
    const file = { objectKey: `o${n}`, name: "cat.png", contentType: "image/png", size: 1 };
    await stub.uploads.announce({ ...acting, ...file, id: newId("upl") });
  }
  await fill(team, count);
  const post = await team.post({ user: "anna", tags: { client: "acme" }, idempotencyKey: "again", measures });
  const end = anEnd(post.requestId, "charge", { hasWebhook: true });
  let report: DeliveryReport | null = null;
  const counted = (call: () => unknown) => countRows(stubOf(team), async () => call());
  const admit = await counted(() => stub.admit(post));
  const settle = await counted(async () => {
    const { deliveries } = await stub.settle(end);
    const about = { deliveryId: deliveries[1]?.id ?? "", requestId: post.requestId, outcome: "failing" as const };
    report = { ...about, status: 500, category: "server_error", attempts: 1, failedReplay: false, at: Date.now() };
  });
  return {
    admit,
    settle,
    report: await counted(() => report && stub.deliveries.report(report)),
    me: await counted(() => stub.me(acting)),
    identify: await counted(() => stub.identify(team.credential)),
    list: await counted(() => stub.requests.list({ limit: 20 })),
    "user's list": await counted(() => stub.requests.list({ limit: 20, user: "anna" })),
    deliveries: await counted(() => stub.deliveries.list({ cursor: undefined, limit: 20 })),
    events: await counted(() => stub.events.feed({ after: null, types: null, limit: 20 })),
    uploads: await counted(() => stub.uploads.list({ user: null, cursor: undefined, limit: 20 })),
    alarm: await counted(() => runInDurableObject(stubOf(team), (instance) => (instance as Team).alarm())),
  };
}

test("no call of the road reads more rows with 1,000 or 10,000 rows stored and owed than with none", async ({
  task,
}) => {
  const [none, some, many] = [await readsWith(0), await readsWith(1_000), await readsWith(10_000)];
  // `npm run bench:growth` prints them.
  task.meta.growth = CALLS.map((call) => ({
    call: `team: ${call}`,
    reads: [none, some, many].map((each) => each[call].read),
  }));
  for (const call of CALLS) {
    const [first, ...grown] = [none[call].read, some[call].read, many[call].read];
    for (const read of grown) expect(read, `${call}: ${first}, ${grown.join(", ")}`).toBeLessThanOrEqual(first * 1.1);
  }
});
