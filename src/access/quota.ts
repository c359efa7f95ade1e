// The rules of limits: which counter a request falls on, when its window ends, what is over, what a refund gives back.
// Pure: the time is a parameter and counters are handed in. Imports types and limits only.

import type { Violation } from "../errors.ts";
import { DAY_MS } from "../limits.ts";
import type { PlanLimit } from "./plan.ts";

/** Whom a request counts for. A request without a user has a bucket of its own key, so that `user` limits still bind. */
export interface Subjects {
  keyId: string;
  user: string | null;
}

/** Where a limit is counted. The id carries the window, so a new day or month starts at zero by itself. */
export interface Counter {
  id: string;
  resetAt: number;
}

/** A limit as a caller may see it. `resetAt` is epoch milliseconds. */
export interface LimitState {
  name: string;
  scope: PlanLimit["scope"];
  per: PlanLimit["per"];
  window: PlanLimit["window"];
  limit: number;
  used: number;
  remaining: number;
  resetAt: number;
}

/** What a request took at its admit, until it is settled. */
export interface Reservation {
  counters: string[];
  settledAt: number | null;
}

export type QuotaAnswer = { kind: "ok"; take: Counter[] } | { kind: "over"; violated: Violation[] };
export type Settlement = { kind: "settled"; giveBack: string[] } | { kind: "kept" } | { kind: "already_settled" };

/** First and first-after-last millisecond of the calendar window (UTC) that `now` lies in. */
export function windowOf(window: PlanLimit["window"], now: number): { start: number; end: number } {
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

/**
 * The counter of a limit for these subjects. Two limits that count the same thing share it, and a limit that is renamed or
 * resized keeps what was counted. A subject is spelled last, so its text cannot be taken for another part.
 */
export function counterOf(limit: PlanLimit, subjects: Subjects, now: number): Counter {
  const { start, end } = windowOf(limit.window, now);
  return { id: `${limit.per}/${limit.window}/${start}/${subjectOf(limit.scope, subjects)}`, resetAt: end };
}

function subjectOf(scope: PlanLimit["scope"], subjects: Subjects): string {
  switch (scope) {
    case "team":
      return "team";
    case "key":
      return `key:${subjects.keyId}`;
    case "user":
      return subjects.user === null ? `user-of-key:${subjects.keyId}` : `user:${subjects.user}`;
  }
}

/** Every limit of a plan with what is used of it. `used` reads a counter; one that was never taken is 0. */
export function limitStates(
  limits: readonly PlanLimit[],
  used: (counterId: string) => number,
  subjects: Subjects,
  now: number,
): LimitState[] {
  return limits.map((limit) => {
    const { id, resetAt } = counterOf(limit, subjects, now);
    const { name, scope, per, window } = limit;
    const count = used(id);
    return {
      name,
      scope,
      per,
      window,
      limit: limit.limit,
      used: count,
      remaining: Math.max(0, limit.limit - count),
      resetAt,
    };
  });
}

/** Whether one more request fits into every limit: all counters to take (each once), or every limit that is used up. */
export function checkQuota(
  limits: readonly PlanLimit[],
  used: (counterId: string) => number,
  subjects: Subjects,
  now: number,
): QuotaAnswer {
  const violated = limitStates(limits, used, subjects, now)
    .filter((state) => state.used >= state.limit)
    .map(({ name, limit, used: count, resetAt }) => ({ name, limit, used: count, resetAt }));
  if (violated.length > 0) return { kind: "over", violated };
  const take = new Map(limits.map((limit) => counterOf(limit, subjects, now)).map((counter) => [counter.id, counter]));
  return { kind: "ok", take: [...take.values()] };
}

/** Ends a reservation, once: a refund gives every counter back, in the window it was taken from. */
export function settleReservation(reservation: Reservation, how: "take" | "refund" | "keep"): Settlement {
  if (reservation.settledAt !== null) return { kind: "already_settled" };
  switch (how) {
    case "take":
      return { kind: "settled", giveBack: [] };
    case "refund":
      return { kind: "settled", giveBack: reservation.counters };
    case "keep":
      return { kind: "kept" };
  }
}
