// Rate limiter of one Maton account: at most `rps` calls arrive in any second; paused after a 429. Maton counts arrivals and only
// departures are known here, so a call occupies the window until its answer arrives, longer for a slow answer: delayed calls
// cannot arrive in a burst. Pure: the clock is a parameter, a pace is a value.

import { RETRY_AFTER_MAX_MS } from "../net/retry-after.ts";
import { SECOND_MS } from "../platform/time.ts";
import { GRANT_WAIT_IN_PLACE_MS } from "../requests/machine/effect-schedule.ts";

/** A grant is used within this time of its start, or returned. */
export const GRANT_USE_MS = 500;
/** A call without an answer for this long has arrived or never will: its tracker may have died. */
export const CALL_LOST_AFTER_MS = 10 * SECOND_MS;
/** Measurement noise of the fastest answer. */
export const ANSWER_NOISE_MS = 25;
/** Slack over Maton's window of one second, so that clock and network differences do not cause an 11th call. */
const PACE_SLACK = 1.05;

/** Reserved time of one call, epoch milliseconds. `n` distinguishes calls of the same millisecond. */
export interface CallTime {
  readonly n: number;
  readonly at: number;
}

/** `until`: when the call leaves the window; null while it has no answer. */
interface PacedCall extends CallTime {
  readonly until: number | null;
}

/** Times are epoch milliseconds. Maton allows 10 calls in a second per account (maton-ai/api-gateway-skill:SKILL.md). */
export interface Pace {
  readonly rps: number;
  /** Calls that may have arrived within the last window, and reserved ones. Ascending. */
  readonly calls: readonly PacedCall[];
  /** Calls before this are assumed: a restarted object does not remember them. */
  readonly since: number;
  /** No call before this: upstream answered 429. */
  readonly closedUntil: number;
  readonly nextN: number;
}

export function newPace(rps: number): Pace {
  return { rps, calls: [], since: 0, closedUntil: 0, nextN: 1 };
}

/** The window that holds `rps` calls: a little over Maton's second, since no two calls are equally long on their way. */
export function windowMs(): number {
  return SECOND_MS * PACE_SLACK;
}

/**
 * Reserves the next call time. A free window allows a burst of `rps` calls; calls that wait are spaced evenly, because bursts
 * with different network delays could arrive within one second at Maton.
 */
export function reserveCallTime(pace: Pace, now: number): { pace: Pace; callTime: CallTime } {
  const callTime: CallTime = { n: pace.nextN, at: nextCallTimeAt(pace, now) };
  const calls = [...pace.calls.filter((call) => untilOf(call) > now), { ...callTime, until: null }];
  return { pace: { ...pace, calls, nextN: pace.nextN + 1 }, callTime };
}

/** Releases an unused call time. Later ones stay. */
export function releaseCallTime(pace: Pace, callTime: CallTime): Pace {
  return { ...pace, calls: pace.calls.filter((call) => !isSame(call, callTime)) };
}

/**
 * The answer arrived at `now`. The call may have reached Maton later than others by as much as its answer took longer than the
 * fastest of its kind, `quickestMs` (0: unknown), so it stays in the window that much longer.
 */
export function withAnsweredCall(pace: Pace, callTime: CallTime, now: number, quickestMs: number): Pace {
  const lateMs = Math.max(0, now - callTime.at - quickestMs) + ANSWER_NOISE_MS;
  const until = callTime.at + Math.max(windowMs(), SECOND_MS + lateMs);
  return { ...pace, calls: pace.calls.map((call) => (isSame(call, callTime) ? { ...call, until } : call)) };
}

/**
 * Upstream answered 429: no call until the pause is over, then a single call whose answer is awaited before the next. A shorter
 * pause never ends a longer one early.
 */
export function pausePace(pace: Pace, now: number, pauseMs: number): Pace {
  const until = now + Math.min(RETRY_AFTER_MAX_MS, Math.max(0, pauseMs));
  if (until <= pace.closedUntil) return pace;
  const assumedAt = Math.max(pace.calls.at(-1)?.at ?? 0, until - callSpacingMs(pace));
  const calls = [...pace.calls, ...assumedCalls(pace.rps - 1, assumedAt, assumedAt + windowMs())];
  return { ...pace, calls, closedUntil: until };
}

/** Whether more than half of the window is in use: a restart then assumes a full one. */
export function isPaceBusy(pace: Pace, now: number): boolean {
  return (
    pace.calls.filter((callTime) => callTime.at >= pace.since && untilOf(callTime) > now).length >
    unrecordedCalls(pace.rps)
  );
}

/**
 * The pace after a restart, which loses the calls in memory. Unless the account had recorded that it was busy, at most half a
 * window is in use and the other half is available at once; otherwise a full window passes first.
 */
export function paceAfterWaking(rps: number, now: number, busyUntil: number): Pace {
  const wasBusy = busyUntil > now;
  const lastTurn = wasBusy ? now + GRANT_WAIT_IN_PLACE_MS : now - 1;
  const calls = assumedCalls(wasBusy ? rps : unrecordedCalls(rps), lastTurn, lastTurn + GRANT_USE_MS + windowMs());
  return { ...newPace(rps), calls, since: now };
}

function unrecordedCalls(rps: number): number {
  return Math.floor(rps / 2);
}

/** Calls that may have been made and will not be reported. */
function assumedCalls(count: number, at: number, until: number): PacedCall[] {
  return Array.from({ length: count }, () => ({ n: 0, at, until }));
}

/** The next call time, if no answer arrives before. */
export function nextCallTimeAt(pace: Pace, now: number): number {
  return firstFree(pace, now, untilOf);
}

/** The next call time, if answers arrive as expected. */
export function expectedCallTimeAt(pace: Pace, now: number): number {
  return firstFree(pace, now, ({ at, until }) => until ?? Math.max(at + windowMs(), now + 1));
}

function firstFree(pace: Pace, now: number, until: (call: PacedCall) => number): number {
  const calls = pace.calls.filter((call) => until(call) > now);
  const last = calls.at(-1)?.at ?? 0;
  const ends = calls.map(until).sort((a, b) => a - b);
  const windowFree = ends.at(-pace.rps) ?? 0;
  const earliest = Math.max(now, last, pace.closedUntil, windowFree);
  return earliest === now ? now : Math.ceil(Math.max(earliest, last + callSpacingMs(pace)));
}

/** Gap between waiting calls: evenly over the window. */
export function callSpacingMs(pace: Pace): number {
  return windowMs() / pace.rps;
}

/** A call without an answer leaves the window after CALL_LOST_AFTER_MS. */
function untilOf({ at, until }: PacedCall): number {
  return until ?? at + CALL_LOST_AFTER_MS + windowMs();
}

function isSame(a: CallTime, b: CallTime): boolean {
  return a.n === b.n && a.at === b.at;
}
