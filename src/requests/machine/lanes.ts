// Lanes: which attempts of one request run side by side, which effect is next, and when the alarm has to ring. Pure.

import { MINUTE_MS } from "../../platform/time.ts";
import { attentionAt, nextDue } from "./effect-schedule.ts";
import type { Effect, EffectKind } from "./effect-types.ts";

/**
 * While an attempt runs, its conclusion goes on with whatever is due. The alarm is the net for an object that dies meanwhile: then
 * the lease counts as over as soon as the alarm wakes the object, not at its end.
 */
export const ALARM_NET_MS = MINUTE_MS;

/** Deliveries have a lane of their own, so that a hanging receiver delays neither other effects nor other receivers. */
export type AttemptLane = "work" | "tell";

/** Attempts side by side: a slow copy must not hold a settle back. Together they stay within a Worker's six outgoing connections. */
const LANE_WIDTH: Readonly<Record<AttemptLane, number>> = { work: 2, tell: 4 };

function laneOf(kind: EffectKind): AttemptLane {
  switch (kind) {
    case "deliver":
    case "report":
      return "tell";
    case "submit":
    case "poll":
    case "fetch_result":
    case "mirror":
    case "hash":
    case "settle":
    case "cancel":
    case "expire":
    case "delete":
      return "work";
  }
}

/** The effect that has waited longest among those whose lane has room; undefined when there is none. */
export function nextRunnable(effects: readonly Effect[], now: number): Effect | undefined {
  const hasRoom = lanesWithRoom(effects, now);
  return nextDue(
    effects.filter(({ kind }) => hasRoom[laneOf(kind)]),
    now,
  );
}

/** When the alarm has to ring at the latest; null when nothing is owed. */
export function alarmDueAt(effects: readonly Effect[], now: number): number | null {
  const hasRoom = lanesWithRoom(effects, now);
  let at: number | null = null;
  for (const effect of effects) {
    if (effect.parkedAt !== null) continue;
    const due = attentionAt(effect);
    const waitsForLane = due <= now && !hasRoom[laneOf(effect.kind)];
    const ringAt = isRunning(effect, now) || waitsForLane ? now + ALARM_NET_MS : due;
    if (at === null || ringAt < at) at = ringAt;
  }
  return at;
}

function lanesWithRoom(effects: readonly Effect[], now: number): Record<AttemptLane, boolean> {
  const busy: Record<AttemptLane, number> = { work: 0, tell: 0 };
  for (const effect of effects) if (isRunning(effect, now)) busy[laneOf(effect.kind)]++;
  return { work: busy.work < LANE_WIDTH.work, tell: busy.tell < LANE_WIDTH.tell };
}

/** An attempt holds its lease. Leases of dead instances are over (withoutDeadLeases). */
function isRunning({ leaseUntil }: Effect, now: number): boolean {
  return leaseUntil !== null && leaseUntil > now;
}
