// The SQL of the deliveries that Team sends itself: what is owed, under leases, and what each try came to. A row without a due
// time is done; it keeps the body for a replay. Every method is synchronous.

import type { TeamDeliveryLog } from "../../contracts/team-webhooks.ts";
import type { Attempt } from "../../webhooks/attempt.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/schedule.ts";

/** A delivery of an event of the team, as it is sent. */
export interface OutboxRow {
  deliveryId: string;
  endpointId: string;
  eventId: string;
  /** Sent as it is, at every try. */
  body: string;
  dueAt: number | null;
  failures: number;
  /** Sent again by hand or by a job: one try, the schedule does not begin anew. */
  replay: boolean;
  /** While a try runs: until when it is believed to. */
  leaseUntil: number | null;
}

/** As an attempt is stored. Its group follows from the order; attempts that broke off are not counted here. */
export type StoredAttempt = Omit<Attempt, "delivery" | "group" | "cutOff">;

/** Whether a try of it is believed to be running. */
export function isUnderWay({ dueAt, leaseUntil }: Pick<OutboxRow, "dueAt" | "leaseUntil">, now: number): boolean {
  return dueAt !== null && leaseUntil !== null && leaseUntil > now;
}

type Row = {
  delivery_id: string;
  endpoint_id: string;
  event_id: string;
  body: string;
  due_at: number | null;
  failures: number;
  replay: number;
  lease_until: number | null;
};

const COLUMNS = "delivery_id, endpoint_id, event_id, body, due_at, failures, replay, lease_until";

export class OutboxStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  put({ deliveryId, endpointId, eventId, body, dueAt, failures, replay, leaseUntil }: OutboxRow): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO outbox (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      deliveryId,
      endpointId,
      eventId,
      body,
      dueAt,
      failures,
      replay ? 1 : 0,
      leaseUntil,
    );
  }

  findOutboxRow(deliveryId: string): OutboxRow | null {
    const [row] = this.#sql.exec<Row>(`SELECT ${COLUMNS} FROM outbox WHERE delivery_id = ?`, deliveryId);
    return row === undefined ? null : rowOf(row);
  }

  /** The row that has waited longest, of an endpoint to which nothing is under way: a slow one takes one lane, not all. */
  nextDue(now: number): OutboxRow | null {
    const [row] = this.#sql.exec<Row>(
      `SELECT ${COLUMNS} FROM outbox WHERE due_at IS NOT NULL AND due_at <= ? AND endpoint_id NOT IN (
         SELECT endpoint_id FROM outbox WHERE due_at IS NOT NULL AND lease_until > ?
       ) ORDER BY due_at LIMIT 1`,
      now,
      now,
    );
    return row === undefined ? null : rowOf(row);
  }

  /** When the next one can be taken; null when nothing is owed. */
  nextDueAt(): number | null {
    const query = `SELECT min(max(due_at, coalesce((
        SELECT max(other.lease_until) FROM outbox other
        WHERE other.due_at IS NOT NULL AND other.endpoint_id = outbox.endpoint_id
      ), 0))) AS at FROM outbox WHERE due_at IS NOT NULL`;
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** Puts `alias` where a body names a user; what is still to be sent goes out without the name, too. */
  anonymizeUser(user: string, alias: string): void {
    const names = `body ->> '$.type' = 'limit.reached' AND body ->> '$.data.scope' = 'user'
      AND body ->> '$.data.subject' = ?`;
    this.#sql.exec(`UPDATE outbox SET body = json_set(body, '$.data.subject', ?) WHERE ${names}`, alias, user);
  }

  addAttempt(deliveryId: string, attempt: StoredAttempt): void {
    const { at } = attempt;
    const text = JSON.stringify(attempt);
    this.#sql.exec("INSERT INTO attempt (delivery_id, at, attempt) VALUES (?, ?, ?)", deliveryId, at, text);
  }

  /** As readers get it. */
  log(deliveryId: string, now: number): TeamDeliveryLog {
    const row = this.findOutboxRow(deliveryId);
    const nextAt = row === null || isUnderWay(row, now) ? null : row.dueAt;
    return { body: row?.body ?? null, nextAt, tries: this.#attempts(deliveryId) };
  }

  /** Whether a receiver has taken it at any try. */
  wasAccepted(deliveryId: string): boolean {
    return this.#attempts(deliveryId).some(({ kind }) => kind === "taken");
  }

  /** Oldest first. */
  #attempts(deliveryId: string): Attempt[] {
    let replays = 0;
    return this.#sql
      .exec<{ attempt: string }>("SELECT attempt FROM attempt WHERE delivery_id = ? ORDER BY seq", deliveryId)
      .toArray()
      .map(({ attempt }) => {
        const stored = JSON.parse(attempt) as StoredAttempt;
        return { ...stored, delivery: deliveryId, group: stored.replay ? ++replays : 0, cutOff: null };
      });
  }

  /** Deletes tries that are DELIVERY_KEEP_MS old. A row goes with its line of the delivery index. */
  cleanUp(now: number, limit: number): void {
    const over = "SELECT seq FROM (SELECT seq, at FROM attempt ORDER BY seq LIMIT ?) WHERE at < ?";
    this.#sql.exec(`DELETE FROM attempt WHERE seq IN (${over})`, limit, now - DELIVERY_KEEP_MS);
  }

  /** When the first try is over; null when there are none. */
  nextExpiryAt(): number | null {
    const [first] = this.#sql.exec<{ at: number }>("SELECT at FROM attempt ORDER BY seq LIMIT 1");
    return first === undefined ? null : first.at + DELIVERY_KEEP_MS;
  }
}

function rowOf(row: Row): OutboxRow {
  return {
    deliveryId: row.delivery_id,
    endpointId: row.endpoint_id,
    eventId: row.event_id,
    body: row.body,
    dueAt: row.due_at,
    failures: row.failures,
    replay: row.replay === 1,
    leaseUntil: row.lease_until,
  };
}
