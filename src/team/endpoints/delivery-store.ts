// SQL of the delivery index: one coarse row per event and target; attempts are stored by the sender.

import type { Delivery, DeliveryFilter, DeliveryReport } from "../../contracts/team-webhooks.ts";
import type { DeliveryState } from "../../webhooks/attempt.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import type { ListPosition } from "../cursor.ts";
import type { TeamDatabase } from "../database.ts";

/** Rows that one page reads: a page of a rare filter ends there and continues with the next. */
export const DELIVERY_SCAN_MAX_ROWS = 2_000;

/** A page. `lookedTo`: the last row that was read, if the page ends before it is full. */
export interface DeliveryScan {
  found: Delivery[];
  lookedTo: ListPosition | null;
}

type DeliveryRow = {
  id: string;
  endpoint_id: string | null;
  request_id: string | null;
  event_id: string;
  event_type: string;
  state: string;
  created_at: number;
  updated_at: number;
  attempts: number;
  status: number | null;
  category: string | null;
  replay_id: string | null;
};

const COLUMNS =
  "id, endpoint_id, request_id, event_id, event_type, state, created_at, updated_at, attempts, status, category, replay_id";

export class DeliveryStore {
  readonly #db: TeamDatabase;

  constructor(db: TeamDatabase) {
    this.#db = db;
  }

  insert(delivery: Delivery): void {
    const { id, endpointId, requestId, eventId, eventType, state, createdAt, updatedAt } = delivery;
    const { attempts, status, category, replayId } = delivery;
    this.#db.run(
      `INSERT INTO delivery (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      endpointId,
      requestId,
      eventId,
      eventType,
      state,
      createdAt,
      updatedAt,
      attempts,
      status,
      category,
      replayId,
    );
  }

  findDelivery(id: string): Delivery | null {
    const [row] = this.#db.rows<DeliveryRow>(`SELECT ${COLUMNS} FROM delivery WHERE id = ?`, id);
    return row === undefined ? null : deliveryOf(row);
  }

  /** Deliveries for one end of a request. */
  deliveriesOfEnd(requestId: string, eventId: string): Delivery[] {
    const query = `SELECT ${COLUMNS} FROM delivery WHERE request_id = ? AND event_id = ? ORDER BY id`;
    return this.#db.rows<DeliveryRow>(query, requestId, eventId).map(deliveryOf);
  }

  /** Whether the attempts at a delivery of this request are exhausted. */
  hasParked(requestId: string): boolean {
    const query = "SELECT 1 FROM delivery WHERE request_id = ? AND state = 'parked' LIMIT 1";
    return this.#db.first(query, requestId) !== null;
  }

  recordReport({ deliveryId, outcome, status, category, attempts, at }: DeliveryReport): void {
    this.#db.run(
      "UPDATE delivery SET state = ?, status = ?, category = ?, attempts = ?, updated_at = ? WHERE id = ?",
      outcome,
      status,
      category,
      attempts,
      at,
      deliveryId,
    );
  }

  /** One page, newest first, after `position`. */
  list(filter: DeliveryFilter, position: ListPosition | null, limit: number): DeliveryScan {
    const { conditions, values } = spanOf(filter);
    if (position !== null) {
      conditions.push("(created_at, id) < (?, ?)");
      values.push(position.createdAt, position.id);
    }
    return this.#scan(`${conditions.join(" AND ")} ORDER BY created_at DESC, id DESC`, values, filter, limit);
  }

  /** Deliveries of a bulk replay, oldest first, after `position`, created before it started. */
  toReplay(filter: DeliveryFilter, position: ListPosition | null, begunAt: number, limit: number): DeliveryScan {
    const { conditions, values } = spanOf(filter);
    const { createdAt, id } = position ?? { createdAt: 0, id: "" };
    conditions.push("created_at <= ?", "(created_at, id) > (?, ?)");
    values.push(begunAt, createdAt, id);
    return this.#scan(`${conditions.join(" AND ")} ORDER BY created_at, id`, values, filter, limit);
  }

  #scan(where: string, values: readonly (string | number)[], filter: DeliveryFilter, limit: number): DeliveryScan {
    const query = `SELECT ${COLUMNS} FROM delivery WHERE ${where}`;
    const found: Delivery[] = [];
    let looked = 0;
    for (const row of this.#db.each<DeliveryRow>(query, ...values)) {
      if (matches(row, filter)) found.push(deliveryOf(row));
      if (found.length >= limit) break;
      if (++looked === DELIVERY_SCAN_MAX_ROWS) {
        return { found, lookedTo: { createdAt: row.created_at, id: row.id } };
      }
    }
    return { found, lookedTo: null };
  }

  /** Restores a row. */
  restore({ id, state, category, updatedAt, replayId }: Delivery): void {
    this.#db.run(
      "UPDATE delivery SET state = ?, category = ?, updated_at = ?, replay_id = ? WHERE id = ?",
      state,
      category,
      updatedAt,
      replayId,
      id,
    );
  }

  /** Marks a delivery as pending again for a replay. */
  reopen(id: string, replayId: string | null, at: number): void {
    const state: DeliveryState = "pending";
    const query =
      "UPDATE delivery SET state = ?, category = NULL, replay_id = coalesce(?, replay_id), updated_at = ? WHERE id = ?";
    this.#db.run(query, state, replayId, at, id);
  }

  skipUndelivered(endpointId: string, category: string, at: number): void {
    this.#db.run(
      `UPDATE delivery SET state = 'gone', category = ?, updated_at = ?
       WHERE endpoint_id = ? AND state IN ('pending', 'failing')`,
      category,
      at,
      endpointId,
    );
  }

  /** Deletes the deliveries of a deleted request. */
  deleteOfRequest(requestId: string): void {
    this.#db.run("DELETE FROM delivery WHERE request_id = ?", requestId);
  }

  /** Deletes rows without a report for DELIVERY_KEEP_MS, together with their outbox rows. */
  cleanUp(now: number, limit: number): void {
    const before = now - DELIVERY_KEEP_MS;
    const over = this.#db.rows<{ id: string }>(
      "SELECT id FROM delivery WHERE created_at < ?1 AND updated_at < ?1 ORDER BY created_at, id LIMIT ?2",
      before,
      limit,
    );
    if (over.length === 0) return;
    const ids = JSON.stringify(over.map(({ id }) => id));
    this.#db.run("DELETE FROM delivery WHERE id IN (SELECT value FROM json_each(?))", ids);
    this.#db.run("DELETE FROM outbox WHERE delivery_id IN (SELECT value FROM json_each(?))", ids);
  }

  /** First expiry; null if there are none. A replayed delivery delays younger ones by at most the retention. */
  nextExpiryAt(): number | null {
    const query = "SELECT updated_at FROM delivery ORDER BY created_at, id LIMIT 1";
    const [oldest] = this.#db.rows<{ updated_at: number }>(query);
    return oldest === undefined ? null : oldest.updated_at + DELIVERY_KEEP_MS;
  }
}

/** Conditions that an index answers. Those of its partial index are spelled as there. */
function spanOf({ endpointId, requestId, state, from, to }: DeliveryFilter): {
  conditions: string[];
  values: (string | number)[];
} {
  const conditions = ["TRUE"];
  const values: (string | number)[] = [];
  const also = (condition: string, ...bound: (string | number)[]) => {
    conditions.push(condition);
    values.push(...bound);
  };
  if (endpointId !== undefined) also("endpoint_id = ?", endpointId);
  if (requestId !== undefined) also("request_id = ?", requestId);
  if (state !== undefined && state !== "delivered") also("state <> 'delivered'");
  if (from !== undefined) also("created_at >= ?", from);
  if (to !== undefined) also("created_at < ?", to);
  return { conditions, values };
}

/** The rest of the filter. */
function matches(row: DeliveryRow, { state, eventType }: DeliveryFilter): boolean {
  if (eventType !== undefined && row.event_type !== eventType) return false;
  if (state === "undelivered") return row.state !== "delivered" && row.state !== "pending";
  return state === undefined || row.state === state;
}

function deliveryOf(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    endpointId: row.endpoint_id,
    requestId: row.request_id,
    eventId: row.event_id,
    eventType: row.event_type,
    state: row.state as DeliveryState,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    attempts: row.attempts,
    status: row.status,
    category: row.category,
    replayId: row.replay_id,
  };
}
