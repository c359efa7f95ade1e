// Counters of limits. Days and months count use in the window, `concurrent` counts open requests, minutes and hours store
// GCRA's theoretical arrival time in epoch microseconds: a burst may use the whole limit, then it refills evenly. Steps round
// down, so that exactly N requests fill a limit of N. Pure.

import type { LimitPer } from "../../platform/errors.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../platform/time.ts";
import {
  countedFor,
  type LimitCount,
  type LimitScope,
  type LimitWindow,
  limitSize,
  type PlanLimit,
} from "./plan-limits.ts";

/** Subjects of a request. Without a user it counts for a subject of its key, so that `user` limits still apply. */
export interface Subjects {
  keyId: string;
  user: string | null;
  visitor: string | null;
  ip: string | null;
  /** The IPv6 /48 around the address; null for IPv4. */
  network: string | null;
  tags: Readonly<Record<string, string>>;
}

/** A limit of a plan as it applies to a caller. `counts`: what it counts where it does not say so itself. */
export type AppliedLimit = PlanLimit & { counts?: LimitCount; setBy?: "operator" };

/** Reads a counter; missing and deleted ones are 0. */
export type ReadCounter = (counterId: string) => number;

/** New value of a counter. `resetAt` (epoch ms): expiry of the row; null: none. */
export interface CounterWrite {
  id: string;
  value: number;
  resetAt: number | null;
}

export const SLIDING_US = { "1m": MINUTE_MS * 1_000, "1h": HOUR_MS * 1_000 } as const;

export function isSliding(window: LimitWindow | null): window is keyof typeof SLIDING_US {
  return window === "1m" || window === "1h";
}

/** Start and end (exclusive) of the UTC calendar window that contains `now`. */
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

/** When the UTC day or month that contains `now` began. */
export function windowStart(window: "1d" | "1mo", now: number): number {
  return calendarWindow(window, now).start;
}

/** Subject of a limit for this request; null if the limit does not apply. */
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
    case "network":
      return subjects.network === null ? null : `network:${subjects.network}`;
    case "tag": {
      const { name } = counted;
      const value = Object.hasOwn(subjects.tags, name) ? subjects.tags[name] : undefined;
      // The length prevents ambiguity between names and values that contain "=".
      return value === undefined ? null : `tag:${name.length}:${name}=${value}`;
    }
  }
}

/** The counter of one limit and subject. */
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
 * The id contains everything that the counter depends on. Calendar limits that count the same share a counter and keep it when
 * renamed or resized; a sliding counter depends on the size and restarts when it changes. The subject comes last, so that its
 * text cannot be parsed as another part.
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

/** The applicable limits, each with its counter. */
export function limitCounters(
  limits: readonly AppliedLimit[],
  subjects: Subjects,
  now: number,
): { limit: AppliedLimit; counter: LimitCounter }[] {
  return limits.flatMap((limit) => {
    const subject = subjectOf(limit.scope, subjects);
    if (subject === null) return [];
    // Limits that say what they count differ from those that leave it to the credential, and have counters of their own.
    const counted = "count" in limit && limit.count !== undefined ? `${limit.count}/${subject}` : subject;
    return [{ limit, counter: limitCounter(limit.per, limit.window ?? null, limitSize(limit), counted, now) }];
  });
}

/** Refill time of an amount in microseconds. A limit of 0 admits only free requests, which add nothing. */
export function stepUs(counter: LimitCounter, window: keyof typeof SLIDING_US, amount: number): number {
  return counter.size === 0 ? 0 : Math.floor((amount * SLIDING_US[window]) / counter.size);
}

/** Microseconds that a sliding counter is ahead of now: 0 is unused, the window length is full. */
export function aheadUs(value: number, now: number): number {
  return Math.max(0, value - now * 1_000);
}

/** Used amount in units of the limit. */
export function usedOf(counter: LimitCounter, value: number, now: number): number {
  if (!isSliding(counter.window)) return value;
  // Steps round down, so the amount may be slightly below an integer, never above.
  return Math.ceil((aheadUs(value, now) * counter.size) / SLIDING_US[counter.window]);
}

/** The counter after adding an amount. */
export function raised(
  counter: LimitCounter,
  value: number,
  amount: number,
  now: number,
): { value: number; resetAt: number | null } {
  if (!isSliding(counter.window)) return { value: value + amount, resetAt: counter.resetAt };
  const arrival = Math.max(value, now * 1_000) + stepUs(counter, counter.window, amount);
  return { value: arrival, resetAt: slidingExpiry(counter.window, arrival) };
}

/**
 * When the row of a sliding counter may be deleted: once it is unused, rounded up to whole windows, because each change of an
 * expiry rewrites its index entry.
 */
export function slidingExpiry(window: keyof typeof SLIDING_US, arrival: number): number {
  const windowMs = SLIDING_US[window] / 1_000;
  return Math.ceil(arrival / 1_000 / windowMs) * windowMs;
}

/** Subjects of a user outside a request: only `user` limits apply. */
export function subjectsOfUser(user: string): Subjects {
  return { keyId: "", user, visitor: null, ip: null, network: null, tags: {} };
}
