// The pace of one Maton account: at most `rps` calls in any window, turns ahead of time, closed after a 429.
// Pure: the clock is a parameter, a pace is a value. Imports limits.

import { GRANT_WAIT_IN_PLACE_MS, PACE_SLACK, RETRY_AFTER_MAX_MS, SECOND_MS } from "../limits.ts";

/** Times are epoch milliseconds. Maton allows 10 calls in a second per account (maton-ai/api-gateway-skill:SKILL.md). */
export interface Pace {
  readonly rps: number;
  /** Turns that count: of the last window, and those given for the near future. Ascending. */
  readonly turns: readonly number[];
  /** Turns before this are assumed: an object that woke does not remember them. */
  readonly since: number;
  /** No turn before this: upstream said 429. */
  readonly closedUntil: number;
}

export function newPace(rps: number): Pace {
  return { rps, turns: [], since: 0, closedUntil: 0 };
}

/** The window that holds `rps` calls: a little over Maton's second, for a turn that is used late. */
export function windowMs(): number {
  return SECOND_MS * PACE_SLACK;
}

/**
 * Takes the next turn. While nobody waits it is now, so a burst of `rps` goes out at once; turns that have to wait are also
 * spaced evenly, since bursts that meet different delays on their way could fall into one of Maton's seconds.
 */
export function nextTurn(pace: Pace, now: number): { pace: Pace; at: number } {
  const at = freeAt(pace, now);
  const turns = [...pace.turns.filter((turn) => turn + windowMs() > now), at];
  return { pace: { ...pace, turns }, at };
}

/** A turn that was not used. Later turns stay as they are. */
export function handBack(pace: Pace, at: number): Pace {
  const index = pace.turns.lastIndexOf(at);
  return index < 0 ? pace : { ...pace, turns: pace.turns.toSpliced(index, 1) };
}

/**
 * Upstream said 429: nothing leaves before the pause is over, and then one call first, whose answer is back before the next
 * goes. A shorter pause never reopens a longer one.
 */
export function close(pace: Pace, now: number, pauseMs: number): Pace {
  const until = now + Math.min(RETRY_AFTER_MAX_MS, Math.max(0, pauseMs));
  if (until <= pace.closedUntil) return pace;
  const assumedAt = Math.max(pace.turns.at(-1) ?? 0, until - spacingMs(pace));
  const turns = [...pace.turns, ...Array<number>(pace.rps - 1).fill(assumedAt)];
  return { ...pace, turns, closedUntil: until };
}

/** Whether more than half of a window is in use: then a fresh start has to assume a full one. */
export function isBusy(pace: Pace, now: number): boolean {
  return pace.turns.filter((turn) => turn >= pace.since && turn + windowMs() > now).length > unnotedTurns(pace.rps);
}

/**
 * The pace of an object that just woke and remembers nothing. Unless it had noted that it was busy, at most half a window can
 * be out, so the other half may go at once; otherwise all turns that may be out, waiting ones too, are let pass first.
 */
export function paceAfterWaking(rps: number, now: number, busyUntil: number): Pace {
  const wasBusy = busyUntil > now;
  const lastTurn = wasBusy ? now + GRANT_WAIT_IN_PLACE_MS : now - 1;
  const turns = Array<number>(wasBusy ? rps : unnotedTurns(rps)).fill(lastTurn);
  return { ...newPace(rps), turns, since: now };
}

function unnotedTurns(rps: number): number {
  return Math.floor(rps / 2);
}

/** When the next turn would be. */
export function freeAt(pace: Pace, now: number): number {
  const turns = pace.turns.filter((turn) => turn + windowMs() > now);
  const last = turns.at(-1) ?? 0;
  const oldestInWindow = turns.at(-pace.rps);
  const windowFree = turns.length < pace.rps || oldestInWindow === undefined ? 0 : oldestInWindow + windowMs();
  const earliest = Math.max(now, last, pace.closedUntil, windowFree);
  return earliest === now ? now : Math.ceil(Math.max(earliest, last + spacingMs(pace)));
}

/** Between turns of those who wait: evenly over the window. */
export function spacingMs(pace: Pace): number {
  return windowMs() / pace.rps;
}
