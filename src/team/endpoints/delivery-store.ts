// SQL of the delivery index: one coarse row per event and target; attempts are stored by the sender.

import type { Delivery, DeliveryFilter, DeliveryReport } from "../../contracts/team-webhooks.ts";
import type { DeliveryState } from "../../webhooks/attempt.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import type { ListPosition } from "../cursor.ts";

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
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  insert(delivery: Delivery): void {
    const { id, endpointId, requestId, eventId, eventType, state, createdAt, updatedAt } = delivery;
    const { attempts, status, category, replayId } = delivery;
    this.#sql.exec(
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
    const [row] = this.#sql.exec<DeliveryRow>(`SELECT ${COLUMNS} FROM delivery WHERE id = ?`, id);
    return row === undefined ? null : deliveryOf(row);
  }

  /** Deliveries for one end of a request. */
  deliveriesOfEnd(requestId: string, eventId: string): Delivery[] {
    const query = `SELECT ${COLUMNS} FROM delivery WHERE request_id = ? AND event_id = ? ORDER BY id`;
    return this.#sql.exec<DeliveryRow>(query, requestId, eventId).toArray().map(deliveryOf);
  }

  recordReport({ deliveryId, outcome, status, category, attempts, at }: DeliveryReport): void {
    this.#sql.exec(
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
  list(filter: DeliveryFilter, position: ListPosition | null, limit: number): Delivery[] {
    const { condition, values } = conditionOf(filter);
    const beyond = position === null ? "" : "AND (created_at, id) < (?, ?)";
    const query = `SELECT ${COLUMNS} FROM delivery WHERE ${condition} ${beyond} ORDER BY created_at DESC, id DESC LIMIT ?`;
    const after = position === null ? [] : [position.createdAt, position.id];
    return this.#sql
      .exec<DeliveryRow>(query, ...values, ...after, limit)
      .toArray()
      .map(deliveryOf);
  }

  /** Deliveries of a bulk replay, oldest first, after `position`, created before it started. */
  toReplay(filter: DeliveryFilter, position: ListPosition | null, begunAt: number, limit: number): Delivery[] {
    const { condition, values } = conditionOf(filter);
    const query = `SELECT ${COLUMNS} FROM delivery WHERE ${condition} AND created_at <= ? AND (created_at, id) > (?, ?)
       ORDER BY created_at, id LIMIT ?`;
    const { createdAt, id } = position ?? { createdAt: 0, id: "" };
    return this.#sql
      .exec<DeliveryRow>(query, ...values, begunAt, createdAt, id, limit)
      .toArray()
      .map(deliveryOf);
  }

  /** Restores a row. */
  restore({ id, state, category, updatedAt, replayId }: Delivery): void {
    this.#sql.exec(
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
    this.#sql.exec(query, state, replayId, at, id);
  }

  skipUndelivered(endpointId: string, category: string, at: number): void {
    this.#sql.exec(
      `UPDATE delivery SET state = 'gone', category = ?, updated_at = ?
       WHERE endpoint_id = ? AND state IN ('pending', 'failing')`,
      category,
      at,
      endpointId,
    );
  }

  /** Deletes the deliveries of a deleted request. */
  deleteOfRequest(requestId: string): void {
    this.#sql.exec("DELETE FROM delivery WHERE request_id = ?", requestId);
  }

  /** Deletes rows without a report for DELIVERY_KEEP_MS, together with their outbox rows. */
  cleanUp(now: number, limit: number): void {
    const before = now - DELIVERY_KEEP_MS;
    const over = this.#sql
      .exec<{ id: string }>(
        "SELECT id FROM delivery WHERE created_at < ?1 AND updated_at < ?1 ORDER BY created_at, id LIMIT ?2",
        before,
        limit,
      )
      .toArray();
    if (over.length === 0) return;
    const ids = JSON.stringify(over.map(({ id }) => id));
    this.#sql.exec("DELETE FROM delivery WHERE id IN (SELECT value FROM json_each(?))", ids);
    this.#sql.exec("DELETE FROM outbox WHERE delivery_id IN (SELECT value FROM json_each(?))", ids);
  }

  /** First expiry; null if there are none. A replayed delivery delays younger ones by at most the retention. */
  nextExpiryAt(): number | null {
    const query = "SELECT updated_at FROM delivery ORDER BY created_at, id LIMIT 1";
    const [oldest] = this.#sql.exec<{ updated_at: number }>(query);
    return oldest === undefined ? null : oldest.updated_at + DELIVERY_KEEP_MS;
  }
}

/** `undelivered` uses the condition of its partial index. */
function conditionOf({ endpointId, requestId, eventType, state, from, to }: DeliveryFilter): {
  condition: string;
  values: (string | number)[];
} {
  const where: string[] = [];
  const values: (string | number)[] = [];
  const also = (condition: string, ...bound: (string | number)[]) => {
    where.push(condition);
    values.push(...bound);
  };
  if (endpointId !== undefined) also("endpoint_id = ?", endpointId);
  if (requestId !== undefined) also("request_id = ?", requestId);
  if (eventType !== undefined) also("event_type = ?", eventType);
  if (state === "undelivered") also("state <> 'delivered' AND state <> 'pending'");
  else if (state === "delivered") also("state = 'delivered'");
  else if (state !== undefined) also("state <> 'delivered' AND state = ?", state);
  if (from !== undefined) also("created_at >= ?", from);
  if (to !== undefined) also("created_at < ?", to);
  return { condition: where.length === 0 ? "TRUE" : where.join(" AND "), values };
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
