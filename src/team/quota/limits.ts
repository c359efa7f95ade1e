// Limit checks: violations, the holds of an admitted request, and corrections at its end. Counters are passed in and returned
// as writes. Pure.

import type { LimitPer, Violation } from "../../platform/errors.ts";
import { SECOND_MS } from "../../platform/time.ts";
import {
  aheadUs,
  type CounterWrite,
  isSliding,
  type LimitCounter,
  limitCounter,
  limitCounters,
  type ReadCounter,
  raised,
  SLIDING_US,
  type Subjects,
  slidingExpiry,
  stepUs,
  usedOf,
} from "./counters.ts";
import { type LimitScope, type LimitWindow, limitSize, type PlanLimit } from "./plan.ts";
import type { Verdict } from "./prices.ts";

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
}

/** State of a limit. Amounts are requests, bytes, or micro-USD if `per` is `usd`. `resetAt` is epoch ms. */
export interface LimitState {
  name: string;
  scope: LimitScope;
  per: LimitPer;
  window: LimitWindow | null;
  limit: number;
  used: number;
  remaining: number;
  /** End of the window, or when a sliding one is empty; null for `concurrent`. */
  resetAt: number | null;
}

/** A violated limit. `resetAt`: when the request would fit, if known. */
export interface LimitViolation extends Violation {
  resetAt: number;
  scope: LimitScope;
  per: LimitPer;
  window: LimitWindow | null;
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

/** Actual amounts of an ended request. Null: unknown, so the reserved amount stands. */
export interface Actual {
  usdMicro: number | null;
  outputBytes: number | null;
}

export interface SettledHolds {
  writes: CounterWrite[];
  /** Remaining holds. Empty once settled, so settling is idempotent. */
  open: Hold[];
}

function stateOf(limit: PlanLimit, counter: LimitCounter, value: number, now: number): LimitState {
  const used = usedOf(counter, value, now);
  const { name, scope, per } = limit;
  const resetAt = isSliding(counter.window) ? Math.ceil(Math.max(value / 1_000, now)) : counter.resetAt;
  const remaining = Math.max(0, counter.size - used);
  return { name, scope, per, window: counter.window, limit: counter.size, used, remaining, resetAt };
}

/** State of every applicable limit. */
export function limitStates(
  limits: readonly PlanLimit[],
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
function waitMs(counter: LimitCounter, value: number, demand: number | null, now: number): number {
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
  limits: readonly PlanLimit[],
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
      const { name, scope, per, window, limit: size, used } = stateOf(limit, counter, value, now);
      violated.push({ name, scope, per, window, limit: size, used, resetAt: now + wait });
    }
    // Limits may share a counter: the smaller size bounds the hold.
    const size = Math.min(counter.size, holds.get(counter.id)?.size ?? counter.size);
    holds.set(counter.id, { ...counter, size, amount: amount ?? 0, ...raised(counter, value, amount ?? 0, now) });
  }
  if (violated.length === 0) {
    const reserved = [...holds.values()];
    return { kind: "ok", holds: reserved, writes: reserved.filter((each) => each.amount > 0).map(writeOf) };
  }
  return over(violated, now);
}

function over(violated: LimitViolation[], now: number): Extract<QuotaAnswer, { kind: "over" }> {
  const wait = Math.max(...violated.map((violation) => violation.resetAt - now));
  const retryAfterS = Math.ceil(wait / SECOND_MS);
  if (violated.every(({ scope }) => scope === "visitor")) {
    const isLong = violated.some(({ window }) => isOfDays(window));
    return { kind: "over", violated, code: "visitor_limit", retryAfterS: isLong ? null : retryAfterS };
  }
  if (violated.some(isLasting)) return { kind: "over", violated, code: "quota_exceeded", retryAfterS: null };
  return { kind: "over", violated, code: "rate_limited", retryAfterS };
}

/** Current counter of a hold; in a later calendar window the hold counts nothing. */
function current(hold: Hold, now: number): { counter: LimitCounter; held: number } {
  const counter = limitCounter(hold.per, hold.window, hold.size, hold.subject, now);
  return { counter, held: counter.id === hold.id ? hold.amount : 0 };
}

/** Maximum bytes that these holds can grow to; Infinity without a limit. */
export function uploadRoom(holds: readonly Hold[], read: ReadCounter, now: number): number {
  const rooms = holds.flatMap((hold) => {
    if (hold.per !== "upload_byte") return [];
    const { counter, held } = current(hold, now);
    return [Math.max(0, counter.size - usedOf(counter, read(counter.id), now)) + held];
  });
  return Math.min(Number.POSITIVE_INFINITY, ...rooms);
}

/**
 * Resizes the holds of an upload to `bytes`: growth must fit entirely, the rest is released. `limits` provide the names for
 * violations.
 */
export function resizeUpload(
  holds: readonly Hold[],
  bytes: number,
  limits: readonly PlanLimit[],
  read: ReadCounter,
  now: number,
): QuotaAnswer {
  const violated: LimitViolation[] = [];
  const writes: CounterWrite[] = [];
  const resized = holds.map((hold): Hold => {
    if (hold.per !== "upload_byte") return hold;
    const { counter, held } = current(hold, now);
    const value = read(counter.id);
    if (bytes <= held) {
      const write = corrected(hold, bytes, read, now);
      if (write !== null) writes.push(write);
      return { ...hold, amount: bytes };
    }
    const wait = waitMs(counter, value, bytes - held, now);
    if (wait > 0) {
      const { per, window, size } = counter;
      const limit = limits.find((each) => each.per === per && each.window === window && limitSize(each) === size);
      const [name, scope] = [limit?.name ?? per, limit?.scope ?? "team"];
      violated.push({ name, scope, per, window, limit: size, used: usedOf(counter, value, now), resetAt: now + wait });
    }
    const after = raised(counter, value, bytes - held, now);
    writes.push({ id: counter.id, ...after });
    return { ...counter, amount: bytes, ...after };
  });
  return violated.length === 0 ? { kind: "ok", holds: resized, writes } : over(violated, now);
}

function writeOf({ id, value, resetAt }: CounterWrite): CounterWrite {
  return { id, value, resetAt };
}

/**
 * Settles holds. `charge`: money is corrected to the charge and output bytes are counted. `refund`: everything is released.
 * `keep`: only the concurrent hold is released. Expired windows are not changed; output bytes count in the window of the end.
 */
export function settleHolds(
  holds: readonly Hold[],
  how: Verdict,
  actual: Actual,
  read: ReadCounter,
  now: number,
): SettledHolds {
  const writes: CounterWrite[] = [];
  const open: Hold[] = [];
  for (const hold of holds) {
    if (hold.per === "concurrent") {
      writes.push({ id: hold.id, value: Math.max(0, read(hold.id) - hold.amount), resetAt: hold.resetAt });
    } else if (how === "keep") {
      open.push(hold);
    } else {
      const write = settledWrite(hold, how, actual, read, now);
      if (write !== null) writes.push(write);
    }
  }
  return { writes, open };
}

function settledWrite(
  hold: Hold,
  how: Exclude<Verdict, "keep">,
  actual: Actual,
  read: ReadCounter,
  now: number,
): CounterWrite | null {
  switch (hold.per) {
    case "output_byte": {
      const bytes = how === "charge" ? (actual.outputBytes ?? 0) : 0;
      const counter = limitCounter(hold.per, hold.window, hold.size, hold.subject, now);
      return bytes === 0 ? null : { id: counter.id, ...raised(counter, read(counter.id), bytes, now) };
    }
    case "usd":
      return corrected(hold, how === "refund" ? 0 : (actual.usdMicro ?? hold.amount), read, now);
    case "request":
    case "concurrent":
    case "upload":
    case "upload_byte":
      return corrected(hold, how === "refund" ? 0 : hold.amount, read, now);
  }
}

/** The counter with the hold corrected to `amount`; null if unchanged. */
function corrected(hold: Hold, amount: number, read: ReadCounter, now: number): CounterWrite | null {
  if (amount === hold.amount) return null;
  if (!isSliding(hold.window)) {
    if (hold.resetAt === null || hold.resetAt <= now) return null;
    return { id: hold.id, value: Math.max(0, read(hold.id) + amount - hold.amount), resetAt: hold.resetAt };
  }
  const value = read(hold.id);
  if (amount > hold.amount) return { id: hold.id, ...raised(hold, value, amount - hold.amount, now) };
  // Only the part that has not leaked can be released: the steps of the hold end at its arrival time.
  const steps = stepUs(hold, hold.window, hold.amount) - stepUs(hold, hold.window, amount);
  const arrival = value - Math.min(steps, aheadUs(hold.value, now), aheadUs(value, now));
  return arrival === value ? null : { id: hold.id, value: arrival, resetAt: slidingExpiry(hold.window, arrival) };
}
