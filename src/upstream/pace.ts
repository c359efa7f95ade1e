// The pace of one Maton account: at most `rps` calls arrive in any second, turns ahead of time, closed after a 429.
// Maton counts arrivals and we only know departures: a call keeps its place until its answer was heard, and longer the later
// that was, so calls that are held up on their way cannot bunch. Pure: the clock is a parameter, a pace is a value.

import { RETRY_AFTER_MAX_MS } from "../net/retry-after.ts";
import { SECOND_MS } from "../platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS } from "../requests/machine/effect-schedule.ts";

/** A grant is used within this long of its start, or handed back. A call that is late within it keeps its place for longer. */
export const GRANT_USE_MS = 500;
/** A call whose answer was not heard for so long after its turn has arrived or never will: its tracker may be dead. */
export const CALL_UNHEARD_MS = 10 * SECOND_MS;
/** How far the quickest answer may be from what the next one could have been: clocks tick, loops turn. */
export const ANSWER_NOISE_MS = 25;
/** Slack over Maton's window of one second, so that clocks and networks that differ do not make an 11th call. */
const PACE_SLACK = 1.05;

/** Times are epoch milliseconds. `n` tells turns of one moment apart. */
export interface Turn {
  readonly n: number;
  readonly at: number;
}

/** `until`: when its place is free again; null while its answer was not heard. */
interface QueuePosition extends Turn {
  readonly until: number | null;
}

/** Times are epoch milliseconds. Maton allows 10 calls in a second per account (maton-ai/api-gateway-skill:SKILL.md). */
export interface Pace {
  readonly rps: number;
  /** Turns that count: those whose call may have arrived within the last window, and those of the near future. Ascending. */
  readonly turns: readonly QueuePosition[];
  /** Turns before this are assumed: an object that woke does not remember them. */
  readonly since: number;
  /** No turn before this: upstream said 429. */
  readonly closedUntil: number;
  readonly nextN: number;
}

export function newPace(rps: number): Pace {
  return { rps, turns: [], since: 0, closedUntil: 0, nextN: 1 };
}

/** The window that holds `rps` calls: a little over Maton's second, since no two calls are equally long on their way. */
export function windowMs(): number {
  return SECOND_MS * PACE_SLACK;
}

/**
 * Takes the next turn. While nobody waits it is now, so a burst of `rps` goes out at once; turns that have to wait are also
 * spaced evenly, since bursts that meet different delays on their way could fall into one of Maton's seconds.
 */
export function nextTurn(pace: Pace, now: number): { pace: Pace; turn: Turn } {
  const turn: Turn = { n: pace.nextN, at: freeAt(pace, now) };
  const turns = [...pace.turns.filter((place) => untilOf(place) > now), { ...turn, until: null }];
  return { pace: { ...pace, turns, nextN: pace.nextN + 1 }, turn };
}

/** A turn that was not used. Later turns stay as they are. */
export function returnGrant(pace: Pace, turn: Turn): Pace {
  return { ...pace, turns: pace.turns.filter((place) => !isSame(place, turn)) };
}

/**
 * The answer to a turn's call was heard at `now`. The call may have arrived as much later than others as its answer took
 * longer than the quickest of its kind, `quickestMs` (0: not known): its place is kept for that much longer.
 */
export function answered(pace: Pace, turn: Turn, now: number, quickestMs: number): Pace {
  const lateMs = Math.max(0, now - turn.at - quickestMs) + ANSWER_NOISE_MS;
  const until = turn.at + Math.max(windowMs(), SECOND_MS + lateMs);
  return { ...pace, turns: pace.turns.map((place) => (isSame(place, turn) ? { ...place, until } : place)) };
}

/**
 * Upstream said 429: nothing leaves before the pause is over, and then one call first, whose answer is back before the next
 * goes. A shorter pause never reopens a longer one.
 */
export function close(pace: Pace, now: number, pauseMs: number): Pace {
  const until = now + Math.min(RETRY_AFTER_MAX_MS, Math.max(0, pauseMs));
  if (until <= pace.closedUntil) return pace;
  const assumedAt = Math.max(pace.turns.at(-1)?.at ?? 0, until - turnSpacingMs(pace));
  const turns = [...pace.turns, ...assumed(pace.rps - 1, assumedAt, assumedAt + windowMs())];
  return { ...pace, turns, closedUntil: until };
}

/** Whether more than half of a window is in use: then a fresh start has to assume a full one. */
export function isBusy(pace: Pace, now: number): boolean {
  return pace.turns.filter((turn) => turn.at >= pace.since && untilOf(turn) > now).length > unnotedTurns(pace.rps);
}

/**
 * The pace of an object that just woke and remembers nothing. Unless it had noted that it was busy, at most half a window can
 * be out, so the other half may go at once; otherwise all turns that may be out, waiting ones too, are let pass first.
 */
export function paceAfterWaking(rps: number, now: number, busyUntil: number): Pace {
  const wasBusy = busyUntil > now;
  const lastTurn = wasBusy ? now + GRANT_WAIT_IN_PLACE_MS : now - 1;
  const turns = assumed(wasBusy ? rps : unnotedTurns(rps), lastTurn, lastTurn + GRANT_USE_MS + windowMs());
  return { ...newPace(rps), turns, since: now };
}

function unnotedTurns(rps: number): number {
  return Math.floor(rps / 2);
}

/** Places of turns that nobody will tell of. */
function assumed(count: number, at: number, until: number): QueuePosition[] {
  return Array.from({ length: count }, () => ({ n: 0, at, until }));
}

/** When the next turn is, if no answer is heard until then. */
export function freeAt(pace: Pace, now: number): number {
  return firstFree(pace, now, untilOf);
}

/** When the next turn is expected: answers come in time. */
export function expectedAt(pace: Pace, now: number): number {
  return firstFree(pace, now, ({ at, until }) => until ?? Math.max(at + windowMs(), now + 1));
}

function firstFree(pace: Pace, now: number, until: (place: QueuePosition) => number): number {
  const turns = pace.turns.filter((place) => until(place) > now);
  const last = turns.at(-1)?.at ?? 0;
  const ends = turns.map(until).sort((a, b) => a - b);
  const windowFree = ends.at(-pace.rps) ?? 0;
  const earliest = Math.max(now, last, pace.closedUntil, windowFree);
  return earliest === now ? now : Math.ceil(Math.max(earliest, last + turnSpacingMs(pace)));
}

/** Between turns of those who wait: evenly over the window. */
export function turnSpacingMs(pace: Pace): number {
  return windowMs() / pace.rps;
}

/** A call that is never heard of has arrived, or is dead, by some time. */
function untilOf({ at, until }: QueuePosition): number {
  return until ?? at + CALL_UNHEARD_MS + windowMs();
}

function isSame(a: Turn, b: Turn): boolean {
  return a.n === b.n && a.at === b.at;
}
