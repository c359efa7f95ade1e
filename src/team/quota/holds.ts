// Holds after their admission: corrected at the end of a request, resized while an upload is sent. Counters are passed in and
// returned as writes. Pure.

import {
  aheadUs,
  type CounterWrite,
  isSliding,
  type LimitCounter,
  limitCounter,
  type ReadCounter,
  raised,
  slidingExpiry,
  stepUs,
  usedOf,
} from "./counters.ts";
import { type Hold, type LimitViolation, over, type QuotaAnswer, waitMs } from "./limits.ts";
import type { Verdict } from "./prices.ts";

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

/** Resizes the holds of an upload to `bytes`: growth must fit entirely, the rest is released. */
export function resizeUpload(holds: readonly Hold[], bytes: number, read: ReadCounter, now: number): QuotaAnswer {
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
      const { name = per, scope = "team", setBy = "plan" } = hold.limit ?? {};
      const used = usedOf(counter, value, now);
      violated.push({ name, scope, per, window, limit: size, setBy, used, resetAt: now + wait });
    }
    const after = raised(counter, value, bytes - held, now);
    writes.push({ id: counter.id, ...after });
    return { ...hold, ...counter, amount: bytes, ...after };
  });
  return violated.length === 0 ? { kind: "ok", holds: resized, writes } : over(violated, now);
}

/**
 * Settles holds. `charge`: money is corrected to the charge and output bytes are counted. `refund`: everything is released but what
 * counts as admitted. `undo`: that too, because nothing was admitted after all. `keep`: only the concurrent hold is released.
 * Expired windows are not changed; output bytes count in the window of the end.
 */
export function settleHolds(
  holds: readonly Hold[],
  how: Verdict | "undo",
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
  how: Exclude<Verdict, "keep"> | "undo",
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
      return corrected(hold, how === "charge" ? (actual.usdMicro ?? hold.amount) : 0, read, now);
    case "request":
    case "concurrent":
    case "upload":
    case "upload_byte":
      return how === "undo" || (how === "refund" && hold.kept !== true) ? corrected(hold, 0, read, now) : null;
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
