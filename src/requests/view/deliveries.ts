// Deliveries as people read them, and what a replay by hand may be: from a tracker's rows, decided without I/O.

import type { Attempt, DeliveryView, StoredEvent } from "../../webhooks/attempt.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import { REQUEST_TARGET } from "../machine/deliveries.ts";
import { effectName } from "../machine/effect-schedule.ts";
import type { Effect } from "../machine/effect-types.ts";
import type { RequestEvent } from "../machine/events.ts";
import type { RequestDelivery, RequestRecord } from "../machine/types.ts";

export function deliveryView(
  record: RequestRecord,
  delivery: RequestDelivery,
  event: StoredEvent | null,
  attempts: readonly Attempt[],
): DeliveryView {
  const row = rowOf(record, delivery);
  const planned = row !== undefined && row.parkedAt === null && row.leaseUntil === null;
  return {
    id: delivery.id,
    endpointId: delivery.target === REQUEST_TARGET ? null : delivery.target,
    requestId: record.state.id,
    eventId: delivery.eventId,
    eventType: delivery.eventType,
    state: delivery.status,
    attempts: delivery.attempts,
    nextAt: planned ? row.dueAt : null,
    body: event === null ? null : event.body,
    tries: attempts.filter((attempt) => attempt.delivery === delivery.id),
  };
}

/** What a wish to replay comes to; `wait`: it is being replayed already; `under_way`: a try is, which does as well. */
export function replayOf(
  record: RequestRecord,
  delivery: RequestDelivery,
  event: StoredEvent | null,
  now: number,
): RequestEvent | "wait" | "under_way" | "expired" {
  const row = rowOf(record, delivery);
  if (delivery.replay !== null) return "wait";
  if (row !== undefined && row.parkedAt === null && row.leaseUntil !== null) return "under_way";
  // An end that still holds can be told for the first time; one that was taken back only as it was told then.
  const tellable = event !== null || (delivery.endedAt === record.state.endedAt && delivery.attempts === 0);
  if (!tellable || delivery.endedAt < now - DELIVERY_KEEP_MS) return "expired";
  const resumeAt = row === undefined || row.parkedAt !== null ? null : row.dueAt;
  return { type: "delivery_replayed", delivery: delivery.id, resumeAt };
}

function rowOf({ effects }: RequestRecord, { id }: RequestDelivery): Effect | undefined {
  return effects.find(({ name }) => name === effectName("deliver", id));
}
