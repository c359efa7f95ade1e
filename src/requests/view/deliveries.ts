// Deliveries as people read them, and what a replay by hand may be: from a tracker's rows, decided without I/O.
// Imports limits and types only.

import type { DeliveryView } from "../../contracts/tracker.ts";
import { DELIVERY_KEEP_MS } from "../../platform/limits.ts";
import type { AttemptEntry, KeptEvent, NextTry } from "../../webhooks/attempt.ts";
import type { Effect } from "../machine/effect-types.ts";
import type { RequestEvent } from "../machine/events.ts";
import { effectName } from "../machine/schedule.ts";
import type { RequestDelivery, RequestRecord } from "../machine/types.ts";

export function deliveryView(
  record: RequestRecord,
  delivery: RequestDelivery,
  event: KeptEvent | null,
  tries: readonly AttemptEntry[],
): DeliveryView {
  const { replay: _replay, ...shown } = delivery;
  const row = rowOf(record, delivery);
  const planned = row !== undefined && row.parkedAt === null && row.leaseUntil === null;
  return {
    ...shown,
    requestId: record.state.id,
    event,
    nextAt: planned ? row.dueAt : null,
    tries: tries.filter((tried) => tried.delivery === delivery.id),
  };
}

/** What a wish to replay comes to; `wait`: it is being replayed already; `under_way`: a try is, which does as well. */
export function replayOf(
  record: RequestRecord,
  delivery: RequestDelivery,
  event: KeptEvent | null,
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

/** When the next try is due after this one, and why; `row` as it is now, if it is still this try's own. */
export function nextTry(
  row: Effect | undefined,
  tried: Pick<AttemptEntry, "kind" | "retryAfterMs" | "replay">,
  now: number,
): NextTry {
  if (tried.kind === "taken") return { at: null, why: "delivered" };
  if (row === undefined) return { at: null, why: tried.replay ? "replay_failed" : "overtaken" };
  if (row.parkedAt !== null) {
    return { at: null, why: tried.kind === "gone" ? "gone" : tried.replay ? "replay_failed" : "no_tries_left" };
  }
  const asWished = tried.retryAfterMs !== null && row.dueAt === now + tried.retryAfterMs;
  return { at: row.dueAt, why: asWished ? "retry_after" : "schedule" };
}

function rowOf({ effects }: RequestRecord, { id }: RequestDelivery): Effect | undefined {
  return effects.find(({ name }) => name === effectName("deliver", id));
}
