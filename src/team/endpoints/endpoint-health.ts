// How an endpoint's answers are judged: when a run of failures is worth a notice, when it ends in disabling, and how slowly
// deliveries come in around an outage. Pure: the clock is passed in.

import type { EndpointHealth } from "../../contracts/team-webhooks.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../platform/time.ts";

/** A run of failures as long as this is told: by then the fourth try has failed as well. */
export const ENDPOINT_NOTICE_AFTER_MS = HOUR_MS;
/** It is told again a day before the endpoint is disabled. */
export const ENDPOINT_WARN_AFTER_MS = 4 * DAY_MS;
/** Only failures for this long disable an endpoint: longer than all tries at one event. */
export const ENDPOINT_DISABLE_AFTER_MS = 5 * DAY_MS;
/** From here on a run of failures counts as an outage: one bad answer must not slow a busy endpoint down. */
const ENDPOINT_OUTAGE_AFTER_MS = 5 * MINUTE_MS;
/** Least gap between two tries at an endpoint, by the time since it came back from an outage; during one, the first. */
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
  told: "nothing",
  recoveredAt: null,
};

/** What was heard of a delivery. `failed_again` is about one whose first failure was heard before. */
export type DeliveryResult = "delivered" | "failed" | "failed_again";

/** The health after that. Any success ends a run of failures, however long. */
export function recordResult(health: EndpointHealth, what: DeliveryResult, at: number): EndpointHealth {
  if (what !== "delivered") {
    const failures = health.failures + (what === "failed" ? 1 : 0);
    return { ...health, failingSince: health.failingSince ?? at, lastFailureAt: at, failures };
  }
  const recoveredAt = isOutage(health, at) ? at : health.recoveredAt;
  return { ...health, failingSince: null, failures: 0, told: "nothing", lastSuccessAt: at, recoveredAt };
}

/** What is to be done about a run of failures now. */
export type HealthVerdict = "nothing" | "notify_failing" | "notify_disabling_soon" | "disable";

/**
 * A notice once a run has lasted an hour, another a day before the end, the end after five days. One delivery alone never
 * warns of an end nor brings it: the event may be at fault, not the endpoint.
 */
export function verdictOf({ failingSince, failures, told }: EndpointHealth, now: number): HealthVerdict {
  if (failingSince === null) return "nothing";
  const lasted = now - failingSince;
  if (failures > 1 && told === "disabling_soon" && lasted >= ENDPOINT_DISABLE_AFTER_MS) return "disable";
  if (failures > 1 && told === "failing" && lasted >= ENDPOINT_WARN_AFTER_MS) return "notify_disabling_soon";
  if (told === "nothing" && lasted >= ENDPOINT_NOTICE_AFTER_MS) return "notify_failing";
  return "nothing";
}

/** When the verdict may next be another one; null: not without further news. */
export function checkAt({ failingSince, failures, told }: EndpointHealth): number | null {
  if (failingSince === null) return null;
  if (told === "nothing") return failingSince + ENDPOINT_NOTICE_AFTER_MS;
  if (failures <= 1) return null;
  return failingSince + (told === "failing" ? ENDPOINT_WARN_AFTER_MS : ENDPOINT_DISABLE_AFTER_MS);
}

/**
 * Least time between two tries at an endpoint, in ms; 0 while all is well. During an outage and after it the rest comes in at
 * a pace that grows, so that a receiver which has just come back is not felled by what it missed.
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
