// SQL of team event deliveries: pending rows with leases, and their attempts. A row without a due time is finished; its body is
// kept for replays.

import type { TeamDeliveryLog } from "../../contracts/team-webhooks.ts";
import type { Attempt } from "../../webhooks/attempt.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import type { TeamDatabase } from "../database.ts";

/** A delivery of a team event. */
export interface OutboxRow {
  deliveryId: string;
  endpointId: string;
  eventId: string;
  /** Sent unchanged at every attempt. */
  body: string;
  dueAt: number | null;
  failures: number;
  /** A replay: one attempt, the schedule does not restart. */
  replay: boolean;
  /** Lease of the attempt in progress. */
  leaseUntil: number | null;
}

/** A stored attempt. The group follows from the order; interrupted attempts are not counted. */
export type StoredAttempt = Omit<Attempt, "delivery" | "group" | "cutOff">;

/** Whether an attempt is in progress. */
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
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  put({ deliveryId, endpointId, eventId, body, dueAt, failures, replay, leaseUntil }: OutboxRow): void {
    this.#db.run(
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
    const [row] = this.#db.rows<Row>(`SELECT ${COLUMNS} FROM outbox WHERE delivery_id = ?`, deliveryId);
    return row === undefined ? null : rowOf(row);
  }

  /** The oldest due row of an endpoint without an attempt in progress, so that a slow endpoint blocks one worker only. */
  nextDue(now: number): OutboxRow | null {
    const free = this.#owing().filter(({ dueAt, leasedUntil }) => dueAt <= now && leasedUntil <= now);
    const [first] = free.sort((a, b) => a.dueAt - b.dueAt);
    return first === undefined ? null : this.findOutboxRow(first.deliveryId);
  }

  /** When the next row can be leased; null if none is pending. */
  nextDueAt(): number | null {
    const times = this.#owing().map(({ dueAt, leasedUntil }) => Math.max(dueAt, leasedUntil));
    return times.length === 0 ? null : Math.min(...times);
  }

  /** The oldest pending row of each endpoint: two rows are read for each, however many are owed. */
  #owing(): { deliveryId: string; dueAt: number; leasedUntil: number }[] {
    const next = `SELECT delivery_id, endpoint_id, due_at FROM outbox WHERE due_at IS NOT NULL AND endpoint_id > ?
       ORDER BY endpoint_id, due_at LIMIT 1`;
    const lease = `SELECT lease_until FROM outbox WHERE lease_until IS NOT NULL AND endpoint_id = ?
       ORDER BY lease_until DESC LIMIT 1`;
    const owing: { deliveryId: string; dueAt: number; leasedUntil: number }[] = [];
    for (let after = ""; ; ) {
      const row = this.#db.first<{ delivery_id: string; endpoint_id: string; due_at: number }>(next, after);
      if (row === null) return owing;
      const leased = this.#db.first<{ lease_until: number }>(lease, row.endpoint_id);
      owing.push({ deliveryId: row.delivery_id, dueAt: row.due_at, leasedUntil: leased?.lease_until ?? 0 });
      after = row.endpoint_id;
    }
  }

  /** Replaces a user by `alias`, also in pending bodies. */
  anonymizeUser(user: string, alias: string): void {
    const names = `body ->> '$.type' = 'limit.reached' AND body ->> '$.data.scope' = 'user'
      AND body ->> '$.data.subject' = ?`;
    this.#db.run(`UPDATE outbox SET body = json_set(body, '$.data.subject', ?) WHERE ${names}`, alias, user);
  }

  addAttempt(deliveryId: string, attempt: StoredAttempt): void {
    const { at } = attempt;
    const text = JSON.stringify(attempt);
    this.#db.run("INSERT INTO attempt (delivery_id, at, attempt) VALUES (?, ?, ?)", deliveryId, at, text);
  }

  /** The log for readers. */
  log(deliveryId: string, now: number): TeamDeliveryLog {
    const row = this.findOutboxRow(deliveryId);
    const nextAt = row === null || isUnderWay(row, now) ? null : row.dueAt;
    return { body: row?.body ?? null, nextAt, tries: this.#attempts(deliveryId) };
  }

  /** Whether any attempt was accepted. */
  wasAccepted(deliveryId: string): boolean {
    return this.#attempts(deliveryId).some(({ kind }) => kind === "taken");
  }

  /** Oldest first. */
  #attempts(deliveryId: string): Attempt[] {
    let replays = 0;
    return this.#db
      .rows<{ attempt: string }>("SELECT attempt FROM attempt WHERE delivery_id = ? ORDER BY seq", deliveryId)
      .map(({ attempt }) => {
        const stored = JSON.parse(attempt) as StoredAttempt;
        return { ...stored, delivery: deliveryId, group: stored.replay ? ++replays : 0, cutOff: null };
      });
  }

  /** Deletes expired attempts. A row is deleted with its delivery. */
  cleanUp(now: number, limit: number): void {
    const over = "SELECT seq FROM (SELECT seq, at FROM attempt ORDER BY seq LIMIT ?) WHERE at < ?";
    this.#db.run(`DELETE FROM attempt WHERE seq IN (${over})`, limit, now - DELIVERY_KEEP_MS);
  }

  /** First expiry of an attempt; null if there are none. */
  nextExpiryAt(): number | null {
    const [first] = this.#db.rows<{ at: number }>("SELECT at FROM attempt ORDER BY seq LIMIT 1");
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
