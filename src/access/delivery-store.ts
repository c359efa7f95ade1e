// The SQL of the delivery index: one line for each event and place, coarse; what each try saw is kept where it was made.
// Imports types. Decides nothing; every method is synchronous.

import type { Delivery, DeliveryReport, DeliveryState } from "./webhook-types.ts";

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
      ...[id, endpointId, requestId, eventId, eventType, state, createdAt, updatedAt],
      ...[attempts, status, category, replayId],
    );
  }

  byId(id: string): Delivery | null {
    const [row] = this.#sql.exec<DeliveryRow>(`SELECT ${COLUMNS} FROM delivery WHERE id = ?`, id);
    return row === undefined ? null : deliveryOf(row);
  }

  /** All that were made of one end of a request. */
  ofEnd(requestId: string, eventId: string): Delivery[] {
    const query = `SELECT ${COLUMNS} FROM delivery WHERE request_id = ? AND event_id = ? ORDER BY id`;
    return this.#sql.exec<DeliveryRow>(query, requestId, eventId).toArray().map(deliveryOf);
  }

  report({ deliveryId, outcome, status, category, attempts, at }: DeliveryReport): void {
    this.#sql.exec(
      "UPDATE delivery SET state = ?, status = ?, category = ?, attempts = ?, updated_at = ? WHERE id = ?",
      ...[outcome, status, category, attempts, at, deliveryId],
    );
  }

  /** On its way once more; the job that sent it is noted. */
  reopen(id: string, replayId: string | null, at: number): void {
    const state: DeliveryState = "pending";
    const query = "UPDATE delivery SET state = ?, replay_id = coalesce(?, replay_id), updated_at = ? WHERE id = ?";
    this.#sql.exec(query, state, replayId, at, id);
  }

  cleanUp(before: number, limit: number): void {
    const over = "SELECT id FROM delivery WHERE created_at < ? AND updated_at < ? ORDER BY created_at LIMIT ?";
    this.#sql.exec(`DELETE FROM delivery WHERE id IN (${over})`, before, before, limit);
  }
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
