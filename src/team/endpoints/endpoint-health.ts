// Endpoint health: notices about runs of failures, automatic disabling, and the delivery rate around an outage. Pure.

import type { EndpointHealth } from "../../contracts/team-webhooks.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../platform/time.ts";

/** Run of failures after which the first notice is sent: the fourth attempt has failed by then. */
export const ENDPOINT_NOTICE_AFTER_MS = HOUR_MS;
/** Run of failures after which the second notice is sent, a day before disabling. */
export const ENDPOINT_WARN_AFTER_MS = 4 * DAY_MS;
/** Run of failures that disables an endpoint: longer than all attempts of one event. */
export const ENDPOINT_DISABLE_AFTER_MS = 5 * DAY_MS;
/** Run of failures that counts as an outage: a single failure must not slow a busy endpoint. */
const ENDPOINT_OUTAGE_AFTER_MS = 5 * MINUTE_MS;
/** Minimum interval between attempts, by time since the end of an outage; the first applies during one. */
const BACKLOG_RAMP_MS = [
  { untilMs: MINUTE_MS, spacingMs: SECOND_MS },
  { untilMs: 10 * MINUTE_MS, spacingMs: 200 },
  { untilMs: HOUR_MS, spacingMs: 100 },
] as const;

export const NEW_HEALTH: EndpointHealth = {
  failingSince: null,
  lastFailureAt: null,
  lastSuccessAt: null,
  failures: 0,
  notified: "nothing",
  recoveredAt: null,
};

/** Result of a delivery. `failed_again`: its first failure was counted before. */
export type DeliveryResult = "delivered" | "failed" | "failed_again";

/** Health after a result. A success ends any run of failures. */
export function recordResult(health: EndpointHealth, what: DeliveryResult, at: number): EndpointHealth {
  if (what !== "delivered") {
    const failures = health.failures + (what === "failed" ? 1 : 0);
    return { ...health, failingSince: health.failingSince ?? at, lastFailureAt: at, failures };
  }
  const recoveredAt = isOutage(health, at) ? at : health.recoveredAt;
  return { ...health, failingSince: null, failures: 0, notified: "nothing", lastSuccessAt: at, recoveredAt };
}

/** Action due for a run of failures. */
export type HealthVerdict = "nothing" | "notify_failing" | "notify_disabling_soon" | "disable";

/**
 * First notice after an hour, second after four days, disabled after five. A single delivery never disables an endpoint: its
 * event may be the cause.
 */
export function verdictOf({ failingSince, failures, notified }: EndpointHealth, now: number): HealthVerdict {
  if (failingSince === null) return "nothing";
  const lasted = now - failingSince;
  if (failures > 1 && notified === "disabling_soon" && lasted >= ENDPOINT_DISABLE_AFTER_MS) return "disable";
  if (failures > 1 && notified === "failing" && lasted >= ENDPOINT_WARN_AFTER_MS) return "notify_disabling_soon";
  if (notified === "nothing" && lasted >= ENDPOINT_NOTICE_AFTER_MS) return "notify_failing";
  return "nothing";
}

/** When the next action may be due; null until another result. */
export function checkAt({ failingSince, failures, notified }: EndpointHealth): number | null {
  if (failingSince === null) return null;
  if (notified === "nothing") return failingSince + ENDPOINT_NOTICE_AFTER_MS;
  if (failures <= 1) return null;
  return failingSince + (notified === "failing" ? ENDPOINT_WARN_AFTER_MS : ENDPOINT_DISABLE_AFTER_MS);
}

/**
 * Minimum interval between attempts in ms; 0 without an outage. The rate grows after an outage, so that the backlog does not
 * overload the receiver.
 */
export function spacingMs(health: EndpointHealth, now: number): number {
  if (isOutage(health, now)) return BACKLOG_RAMP_MS[0].spacingMs;
  if (health.recoveredAt === null) return 0;
  const since = now - health.recoveredAt;
  return BACKLOG_RAMP_MS.find(({ untilMs }) => since < untilMs)?.spacingMs ?? 0;
}

function isOutage({ failingSince }: EndpointHealth, now: number): boolean {
  return failingSince !== null && now - failingSince >= ENDPOINT_OUTAGE_AFTER_MS;
}
