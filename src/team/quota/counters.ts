// Where limits are counted: which counter a request falls on, how far it is, and what it is after an amount more. Pure: the
// time is a parameter. A counter is one number. Days, months: what is used in that window. `concurrent`: open requests.
// Minutes, hours: GCRA's theoretical arrival time in epoch microseconds, which leaks by itself: a burst may take the whole
// limit, then it refills evenly. Its steps are rounded down to a microsecond, so that N requests that fill a limit exactly fit.
// the loss is below one microsecond of refill per request.

import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../platform/time.ts";
import { countedFor, type LimitPer, type LimitScope, type LimitWindow, limitSize, type PlanLimit } from "./plan.ts";

/** Whom a request counts for. Without a user it counts for a bucket of its own key, so that `user` limits still bind. */
export interface Subjects {
  keyId: string;
  user: string | null;
  visitor: string | null;
  ip: string | null;
  tags: Readonly<Record<string, string>>;
}

/** Reads a counter; one that was never written, or is cleaned up, is 0. */
export type ReadCounter = (counterId: string) => number;

/** A counter's new value. `resetAt` (epoch ms): the row means nothing from then on; null = it never expires. */
export interface CounterWrite {
  id: string;
  value: number;
  resetAt: number | null;
}

export const SLIDING_US = { "1m": MINUTE_MS * 1_000, "1h": HOUR_MS * 1_000 } as const;

export function isSliding(window: LimitWindow | null): window is keyof typeof SLIDING_US {
  return window === "1m" || window === "1h";
}

/** First and first-after-last millisecond of the calendar window (UTC) that `now` lies in. */
function calendarWindow(window: "1d" | "1mo", now: number): { start: number; end: number } {
  switch (window) {
    case "1d": {
      const start = Math.floor(now / DAY_MS) * DAY_MS;
      return { start, end: start + DAY_MS };
    }
    case "1mo": {
      const date = new Date(now);
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
      return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
    }
  }
}

/** Whom a limit counts this request for; null where it does not apply: no visitor, no address, no such tag. */
function subjectOf(scope: LimitScope, subjects: Subjects): string | null {
  const counted = countedFor(scope);
  switch (counted.kind) {
    case "team":
      return "team";
    case "key":
      return `key:${subjects.keyId}`;
    case "user":
      return subjects.user === null ? `user-of-key:${subjects.keyId}` : `user:${subjects.user}`;
    case "visitor":
      return subjects.visitor === null ? null : `visitor:${subjects.visitor}`;
    case "ip":
      return subjects.ip === null ? null : `ip:${subjects.ip}`;
    case "tag": {
      const { name } = counted;
      const value = Object.hasOwn(subjects.tags, name) ? subjects.tags[name] : undefined;
      // The length keeps a name with "=" apart from a value with one.
      return value === undefined ? null : `tag:${name.length}:${name}=${value}`;
    }
  }
}

/** What one limit is counted on: like a take, before anything is taken. */
export interface LimitCounter {
  id: string;
  per: LimitPer;
  window: LimitWindow | null;
  subject: string;
  size: number;
  /** End of a calendar window. */
  resetAt: number | null;
}

/**
 * The counter's id carries what it depends on. Limits of days and months that count the same thing share one and keep it
 * when they are renamed or resized; a sliding one depends on its size and starts anew when that changes. The subject is
 * spelled last, so that its text cannot be taken for another part.
 */
export function limitCounter(
  per: LimitPer,
  window: LimitWindow | null,
  size: number,
  subject: string,
  now: number,
): LimitCounter {
  const counter = { per, window, subject, size };
  if (window === null) return { ...counter, id: `${per}//${subject}`, resetAt: null };
  if (isSliding(window)) return { ...counter, id: `${per}/${window}/${size}/${subject}`, resetAt: null };
  const { start, end } = calendarWindow(window, now);
  return { ...counter, id: `${per}/${window}/${start}/${subject}`, resetAt: end };
}

/** The limits that apply to these subjects, each with its counter. */
export function limitCounters(
  limits: readonly PlanLimit[],
  subjects: Subjects,
  now: number,
): { limit: PlanLimit; counter: LimitCounter }[] {
  return limits.flatMap((limit) => {
    const subject = subjectOf(limit.scope, subjects);
    if (subject === null) return [];
    return [{ limit, counter: limitCounter(limit.per, limit.window ?? null, limitSize(limit), subject, now) }];
  });
}

/** Microseconds of refill that an amount stands for. A limit of 0 lets only free requests through, which leave nothing. */
export function stepUs(counter: LimitCounter, window: keyof typeof SLIDING_US, amount: number): number {
  return counter.size === 0 ? 0 : Math.floor((amount * SLIDING_US[window]) / counter.size);
}

/** How far a sliding counter lies ahead of now: 0 = unused, the window's length = all used. */
export function aheadUs(value: number, now: number): number {
  return Math.max(0, value - now * 1_000);
}

/** What is used, in the limit's own units. */
export function usedOf(counter: LimitCounter, value: number, now: number): number {
  if (!isSliding(counter.window)) return value;
  // The steps' rounding leaves an amount a hair below a whole one, never above.
  return Math.ceil((aheadUs(value, now) * counter.size) / SLIDING_US[counter.window]);
}

/** A counter after an amount more. */
export function raised(
  counter: LimitCounter,
  value: number,
  amount: number,
  now: number,
): { value: number; resetAt: number | null } {
  if (!isSliding(counter.window)) return { value: value + amount, resetAt: counter.resetAt };
  const arrival = Math.max(value, now * 1_000) + stepUs(counter, counter.window, amount);
  return { value: arrival, resetAt: Math.ceil(arrival / 1_000) };
}
