// Limit checks: violations, and the holds of an admitted request; holds.ts corrects them. Counters are passed in and returned as
// writes. Pure.

import type { LimitPer, Violation } from "../../platform/errors.ts";
import { SECOND_MS } from "../../platform/time.ts";
import {
  type AppliedLimit,
  aheadUs,
  type CounterWrite,
  isSliding,
  type LimitCounter,
  limitCounters,
  type ReadCounter,
  raised,
  SLIDING_US,
  type Subjects,
  stepUs,
  usedOf,
} from "./counters.ts";
import type { LimitCount, LimitScope, LimitWindow } from "./plan-limits.ts";

/** Retry-After for concurrent limits: most image requests finish within it. */
export const CONCURRENT_RETRY_AFTER_S = 5;

export type { CounterWrite, ReadCounter, Subjects } from "./counters.ts";

/**
 * Requested amounts; limits of omitted kinds are not checked. `usdMicro` is the estimate in micro-USD; null amounts are unknown
 * and add nothing.
 */
export interface Demand {
  requests?: 1;
  usdMicro?: number | null;
  uploads?: number;
  uploadBytes?: number | null;
}

/** Hold of a request on one counter until settlement. Stored with the reservation as JSON. */
export interface Hold extends CounterWrite {
  per: LimitPer;
  window: LimitWindow | null;
  subject: string;
  /** Size of the limit, on which sliding steps depend. */
  size: number;
  /** Requests or micro-USD. 0 if nothing is reserved: output bytes and unknown amounts. */
  amount: number;
  /** Not given back once admitted. */
  kept?: true;
  /** Of uploads: the limit, for violations while the bytes are sent. */
  limit?: { name: string; scope: LimitScope; setBy?: "operator" };
}

/** State of a limit. Amounts are requests, bytes, or micro-USD if `per` is `usd`. `resetAt` is epoch ms. */
export interface LimitState {
  name: string;
  scope: LimitScope;
  per: LimitPer;
  window: LimitWindow | null;
  /** Which requests or uploads it counts for this caller; null where `per` leaves no choice. */
  count: LimitCount | null;
  limit: number;
  /** `operator`: a cap, which no plan of the team changes. */
  setBy: "plan" | "operator";
  used: number;
  remaining: number;
  /** End of the window, or when a sliding one is empty; null for `concurrent`. */
  resetAt: number | null;
}

/** A violated limit. `resetAt`: when the request would fit, if known. */
export interface LimitViolation extends Violation {
  limit: number;
  used: number;
  resetAt: number;
  scope: LimitScope;
  per: LimitPer;
  window: LimitWindow | null;
  setBy: "plan" | "operator";
}

/** `visitor_limit`: only limits of this visitor are exceeded, so an app can tell a person's own limit from its own. */
export type QuotaCode = "quota_exceeded" | "visitor_limit" | "rate_limited";

export type QuotaAnswer =
  | { kind: "ok"; holds: Hold[]; writes: CounterWrite[] }
  | {
      kind: "over";
      violated: LimitViolation[];
      code: QuotaCode;
      /** Whole seconds; null: a wait is no way out. */
      retryAfterS: number | null;
    };

/** What a limit counts for this caller, where it has a choice. */
function countOf(limit: AppliedLimit): LimitCount | null {
  switch (limit.per) {
    case "request":
    case "upload":
    case "upload_byte":
      return limit.count ?? limit.counts ?? "completed";
    case "usd":
    case "output_byte":
    case "concurrent":
      return null;
  }
}

function stateOf(limit: AppliedLimit, counter: LimitCounter, value: number, now: number): LimitState {
  const used = usedOf(counter, value, now);
  const { name, scope, per } = limit;
  const resetAt = isSliding(counter.window) ? Math.ceil(Math.max(value / 1_000, now)) : counter.resetAt;
  const remaining = Math.max(0, counter.size - used);
  const count = countOf(limit);
  const { setBy = "plan" } = limit;
  return { name, scope, per, window: counter.window, count, limit: counter.size, setBy, used, remaining, resetAt };
}

/** State of every applicable limit. */
export function limitStates(
  limits: readonly AppliedLimit[],
  read: ReadCounter,
  subjects: Subjects,
  now: number,
): LimitState[] {
  return limitCounters(limits, subjects, now).map(({ limit, counter }) =>
    stateOf(limit, counter, read(counter.id), now),
  );
}

/** Amount of a demand for one kind of limit. Null: unknown until the end. Undefined: not requested. */
function demandOn(per: LimitPer, demand: Demand): number | null | undefined {
  switch (per) {
    case "request":
    case "concurrent":
      return demand.requests;
    case "usd":
      return demand.usdMicro;
    case "output_byte":
      return demand.requests === undefined ? undefined : null;
    case "upload":
      return demand.uploads;
    case "upload_byte":
      return demand.uploadBytes;
  }
}

/**
 * Milliseconds until a request fits; 0: now. Unknown amounts need one free unit. For amounts above the limit: time until it is
 * unused.
 */
export function waitMs(counter: LimitCounter, value: number, demand: number | null, now: number): number {
  const amount = demand ?? 1;
  if (!isSliding(counter.window)) {
    if (value + amount <= counter.size) return 0;
    return counter.resetAt === null ? CONCURRENT_RETRY_AFTER_S * SECOND_MS : counter.resetAt - now;
  }
  const windowUs = SLIDING_US[counter.window];
  const ahead = aheadUs(value, now);
  if (amount > counter.size) return Math.ceil(Math.max(ahead, windowUs) / 1_000);
  return Math.ceil(Math.max(0, ahead + stepUs(counter, counter.window, amount) - windowUs) / 1_000);
}

/** 402 for calendar windows and USD limits; 429 for sliding and concurrent limits. */
function isLasting({ per, window }: LimitViolation): boolean {
  return per === "usd" || isOfDays(window);
}

function isOfDays(window: LimitWindow | null): boolean {
  switch (window) {
    case "1d":
    case "1mo":
      return true;
    case "1m":
    case "1h":
    case null:
      return false;
  }
}

/**
 * Checks a request against every limit: returns its holds and writes, or every violation. Nothing is reserved unless all limits
 * allow it. Unknown amounts reserve nothing but need a free unit.
 */
export function check(
  limits: readonly AppliedLimit[],
  read: ReadCounter,
  subjects: Subjects,
  demand: Demand,
  now: number,
): QuotaAnswer {
  const violated: LimitViolation[] = [];
  const holds = new Map<string, Hold>();
  for (const { limit, counter } of limitCounters(limits, subjects, now)) {
    const amount = demandOn(limit.per, demand);
    if (amount === undefined) continue;
    const value = read(counter.id);
    const wait = waitMs(counter, value, amount, now);
    if (wait > 0) {
      const { name, scope, per, window, limit: size, setBy, used } = stateOf(limit, counter, value, now);
      violated.push({ name, scope, per, window, limit: size, setBy, used, resetAt: now + wait });
    }
    // Limits may share a counter: the smaller size bounds the hold.
    const before = holds.get(counter.id);
    const smaller = before !== undefined && before.size <= counter.size ? before : null;
    const size = smaller?.size ?? counter.size;
    holds.set(counter.id, {
      ...counter,
      size,
      amount: amount ?? 0,
      ...raised(counter, value, amount ?? 0, now),
      ...(countOf(limit) === "admitted" ? { kept: true as const } : {}),
      ...(limit.per === "upload_byte" ? { limit: smaller?.limit ?? namedLimit(limit) } : {}),
    });
  }
  if (violated.length === 0) {
    const reserved = [...holds.values()];
    return { kind: "ok", holds: reserved, writes: reserved.filter((each) => each.amount > 0).map(writeOf) };
  }
  return over(violated, now);
}

/** The refusal by these limits. */
export function over(violated: LimitViolation[], now: number): Extract<QuotaAnswer, { kind: "over" }> {
  const wait = Math.max(...violated.map((violation) => violation.resetAt - now));
  const retryAfterS = Math.ceil(wait / SECOND_MS);
  if (violated.every(({ scope }) => scope === "visitor")) {
    const isLong = violated.some(({ window }) => isOfDays(window));
    return { kind: "over", violated, code: "visitor_limit", retryAfterS: isLong ? null : retryAfterS };
  }
  if (violated.some(isLasting)) return { kind: "over", violated, code: "quota_exceeded", retryAfterS: null };
  return { kind: "over", violated, code: "rate_limited", retryAfterS };
}

function namedLimit({ name, scope, setBy }: AppliedLimit): NonNullable<Hold["limit"]> {
  return setBy === undefined ? { name, scope } : { name, scope, setBy };
}

function writeOf({ id, value, resetAt }: CounterWrite): CounterWrite {
  return { id, value, resetAt };
}
