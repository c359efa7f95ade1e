// The pace of one Maton account: at most `rps` calls in any window, a queue of turns behind them, closed after a 429.
// Pure: the clock is a parameter, a pace is a value. Imports limits.

import { GRANT_USE_MS, GRANT_WAIT_IN_PLACE_MS, PACE_SLACK, RETRY_AFTER_MAX_MS, SECOND_MS } from "../limits.ts";

/** Times are epoch milliseconds. Maton allows 10 calls in a second per account (maton-ai/api-gateway-skill:SKILL.md). */
export interface Pace {
  readonly rps: number;
  /** Turns that count: of the last window, and those given for the near future. Ascending. */
  readonly turns: readonly number[];
  /** Turns before this are assumed: an object that woke does not remember them. */
  readonly since: number;
  /** No turn before this: upstream said 429. */
  readonly closedUntil: number;
  /** The turn that the next caller who is sent away may expect: they stand in a line that only they know their place in. */
  readonly lineEnd: number;
}

export type Ask =
  | { kind: "turn"; at: number }
  /** `retryAt`: a little before the expected turn, so that the rest of the wait is spent in place. */
  | { kind: "away"; retryAt: number; position: number };

/** How long before its expected turn a caller comes back: alarms and calls have their own delays. */
const EARLY_MS = GRANT_WAIT_IN_PLACE_MS / 2;

export function newPace(rps: number): Pace {
  return { rps, turns: [], since: 0, closedUntil: 0, lineEnd: 0 };
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

/**
 * A turn, when it is near enough to be waited for in place; else when to come back. `promisedAt` is what the caller was told
 * before, if it was: once that is here the next turn is its own, and who comes too early keeps its place. Newcomers stand
 * behind the line, or those in it would never get a turn; but a turn that is free this very moment is anybody's, since
 * some of the line never come back.
 */
export function ask(pace: Pace, now: number, promisedAt: number | null): { pace: Pace; ask: Ask } {
  const free = freeAt(pace, now);
  const isDue = promisedAt !== null && promisedAt <= now + GRANT_USE_MS;
  const turn = isDue || free === now ? free : Math.max(free, pace.lineEnd);
  if (turn - now <= GRANT_WAIT_IN_PLACE_MS) {
    const next = nextTurn(pace, now);
    return { pace: next.pace, ask: { kind: "turn", at: next.at } };
  }
  if (promisedAt !== null && !isDue) return { pace, ask: away(pace, promisedAt, free) };
  const end = Math.max(free, pace.lineEnd);
  const retryAt = Math.max(now + GRANT_USE_MS, Math.floor(end - EARLY_MS));
  return { pace: { ...pace, lineEnd: end + spacingMs(pace) }, ask: away(pace, retryAt, free) };
}

function away(pace: Pace, retryAt: number, free: number): Ask {
  return {
    kind: "away",
    retryAt,
    position: Math.max(1, Math.round((retryAt + EARLY_MS - free) / spacingMs(pace)) + 1),
  };
}

/** A turn that was not used. Later turns stay as they are. */
export function handBack(pace: Pace, at: number): Pace {
  const index = pace.turns.lastIndexOf(at);
  return index < 0 ? pace : { ...pace, turns: pace.turns.toSpliced(index, 1) };
}

/** Upstream said 429: nothing leaves before the pause is over. A shorter pause never reopens a longer one. */
export function close(pace: Pace, now: number, pauseMs: number): Pace {
  const until = now + Math.min(RETRY_AFTER_MAX_MS, Math.max(0, pauseMs));
  return { ...pace, closedUntil: Math.max(pace.closedUntil, until) };
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

function freeAt(pace: Pace, now: number): number {
  const turns = pace.turns.filter((turn) => turn + windowMs() > now);
  const last = turns.at(-1) ?? 0;
  const oldestInWindow = turns.at(-pace.rps);
  const windowFree = turns.length < pace.rps || oldestInWindow === undefined ? 0 : oldestInWindow + windowMs();
  const earliest = Math.max(now, last, pace.closedUntil, windowFree);
  return earliest === now ? now : Math.ceil(Math.max(earliest, last + spacingMs(pace)));
}

function spacingMs(pace: Pace): number {
  return windowMs() / pace.rps;
}
