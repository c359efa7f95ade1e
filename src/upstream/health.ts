// Circuit breaker of a connection: closed on a refusal or a run of failures, for growing pauses, until a probe succeeds. A run of one
// team's failures alone closes it for all only when a probe fails too. Pure: the clock is a parameter.

import type { Closure, ConnectionSignal, PauseReason } from "../contracts/account.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** Failed calls in a row that close a connection, or put it in doubt. */
export const FAILURES_IN_A_ROW_MAX = 4;
/** Pauses of a closed connection: doubling. At most a minute, because a locked account is unlocked by a payment. */
export const HEALTH_PAUSE_FIRST_MS = 5 * SECOND_MS;
/** The longest pause between two probes of a closed connection. */
export const HEALTH_PAUSE_MAX_MS = MINUTE_MS;

export interface Health {
  /** Calls in a row that came to nothing. */
  failures: number;
  /** Whose calls they were, while it is one team; null: of several teams, or of none. */
  failedTeam: string | null;
  closure: Closure | null;
}

export const HEALTHY: Health = { failures: 0, failedTeam: null, closure: null };

/** A call whose answer says that calls work. A closed connection is opened by its probe alone: older calls may still come in. */
export function withSuccess(health: Health): Health {
  return health.failures === 0 ? health : { ...health, failures: 0, failedTeam: null };
}

/** A 5xx, a time-out, a broken line, in a call of this team. */
export function withFailure(health: Health, team: string, now: number): Health {
  const failures = health.failures + 1;
  const failedTeam = health.failures === 0 || health.failedTeam === team ? team : null;
  const failed = { ...health, failures, failedTeam };
  if (health.closure !== null || failures < FAILURES_IN_A_ROW_MAX || failedTeam !== null) return failed;
  return closedHealth(failed, "failing", now);
}

/** Whether a probe has to tell if the connection fails, or only what one team sends. */
export function isDoubted({ closure, failures }: Health): boolean {
  return closure === null && failures >= FAILURES_IN_A_ROW_MAX;
}

/** A clear no to whatever is asked. What it is closed for already is not said anew: answers of the same moment come in late. */
export function closedHealth(health: Health, why: PauseReason, now: number): Health {
  if (health.closure?.why === why) return health;
  const since = health.closure?.since ?? now;
  return { ...health, closure: { why, since, probeAt: now + pauseMs(0), probes: 0 } };
}

/** The probe came to nothing: the next one is later. `why` may have changed: a gateway that is back may refuse the key. */
export function withFailedProbe(health: Health, why: PauseReason, now: number): Health {
  if (health.closure === null) return closedHealth(health, why, now);
  const probes = health.closure.probes + 1;
  return { ...health, closure: { ...health.closure, why, probes, probeAt: now + pauseMs(probes) } };
}

/** While a probe is under way nobody starts another; one that is never answered is followed by the next. */
export function withStartedProbe(health: Health, now: number): Health {
  if (health.closure === null) return health;
  return { ...health, closure: { ...health.closure, probeAt: now + pauseMs(health.closure.probes + 1) } };
}

/** The probe was not made or showed nothing: the next may start at once. The failure count stays. */
export function withUnusedProbe(health: Health, now: number): Health {
  if (health.closure === null || health.closure.probeAt <= now) return health;
  return { ...health, closure: { ...health.closure, probeAt: now } };
}

export function isProbeDue({ closure }: Health, now: number): boolean {
  return closure !== null && closure.probeAt <= now;
}

function pauseMs(probes: number): number {
  return Math.min(HEALTH_PAUSE_MAX_MS, HEALTH_PAUSE_FIRST_MS * 2 ** Math.min(probes, 20));
}

/** After a call. `probe`: it was to tell whether the connection works. `team`: whose call it was. */
export function healthAfter(
  health: Health,
  { signal, probe, team }: { signal: ConnectionSignal; probe: boolean; team: string },
  now: number,
): Health {
  switch (signal) {
    case "ok":
      return probe ? HEALTHY : withSuccess(health);
    case "rate_limited":
      // Calls come through; a probe has not learned whether its own would be taken.
      return probe ? withUnusedProbe(health, now) : withSuccess(health);
    case "failed":
      return probe ? withFailedProbe(health, health.closure?.why ?? "failing", now) : withFailure(health, team, now);
    case "locked":
    case "key_refused":
      return probe ? withFailedProbe(health, signal, now) : closedHealth(health, signal, now);
  }
}
