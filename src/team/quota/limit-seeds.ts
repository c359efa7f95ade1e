// What the counters of a new limit begin with: the sums of the running day or month, and the requests that are open. Pure.

import type { LimitPer } from "../../platform/errors.ts";
import {
  type CounterWrite,
  type LimitCounter,
  limitCounters,
  type ReadCounter,
  type Subjects,
  windowStart,
} from "./counters.ts";
import type { Hold } from "./limits.ts";
import type { Plan } from "./plan.ts";
import { countedFor, type LimitCount, type LimitWindow, type PlanLimit } from "./plan-limits.ts";

/** Why the counters of a limit begin empty. */
export const SEED_GAPS = ["not_summed", "short_window", "too_many_sums", "too_many_open"] as const;
export type SeedGap = (typeof SEED_GAPS)[number];

/** A limit that counts from now on only, although it is new in a window that runs. */
export interface EmptyLimit {
  limit: string;
  reason: SeedGap;
}

/** What was used in a window by one subject of the sums: of a key, a user (null: none) and, where asked for, a tag. */
export interface UsedSums {
  keyId: string;
  user: string | null;
  tags: Readonly<Record<string, string>>;
  /** Requests, whatever became of them. */
  admitted: number;
  /** Those of them that were not given back. */
  completed: number;
  chargedMicro: number;
}

/** A request that is not settled, as far as limits count it. `isOpen`: it has not ended. */
export interface UnsettledRequest {
  keyId: string;
  user: string | null;
  tags: Readonly<Record<string, string>>;
  createdAt: number;
  isOpen: boolean;
  estimatedMicro: number | null;
  holds: readonly Hold[];
}

/** Limits of a plan that count what none of the plan's limits counted before. Another size or name makes no new counter. */
export function newLimits(before: Plan | null, after: Plan): PlanLimit[] {
  const nameOf = (limit: PlanLimit) => `${limit.per}/${limit.window ?? ""}/${limit.scope}/${countOf(limit) ?? ""}`;
  const known = new Set((before?.limits ?? []).map(nameOf));
  return after.limits.filter((limit) => !known.has(nameOf(limit)));
}

/** Why a limit cannot be seeded; null: it can. Sums know no visitors, addresses and bytes; a minute or an hour is soon over. */
export function seedGap(limit: PlanLimit): SeedGap | null {
  const { kind } = countedFor(limit.scope);
  if (kind === "visitor" || kind === "ip" || kind === "network") return "not_summed";
  if (limit.window === "1m" || limit.window === "1h") return "short_window";
  return amountOfSums(limit) === null ? "not_summed" : null;
}

/** What the limit says that it counts; undefined: it leaves that to the credential, or counts something else. */
function countOf(limit: PlanLimit): LimitCount | undefined {
  return "count" in limit ? limit.count : undefined;
}

/** How the sums answer a limit; null: they do not. One that leaves the count to the credential begins with what was completed. */
function amountOfSums(limit: PlanLimit): ((used: UsedSums) => number) | null {
  switch (limit.per) {
    case "request":
      return countOf(limit) === "admitted" ? ({ admitted }) => admitted : ({ completed }) => completed;
    case "usd":
      return ({ chargedMicro }) => chargedMicro;
    case "concurrent":
      return () => 0;
    case "output_byte":
    case "upload":
    case "upload_byte":
      return null;
  }
}

/** What an unsettled request adds to the sums, and what it holds from now on; null: nothing. */
function amountOf(per: LimitPer, request: UnsettledRequest): { added: number; held: number } | null {
  switch (per) {
    case "usd":
      return { added: request.estimatedMicro ?? 0, held: request.estimatedMicro ?? 0 };
    case "concurrent":
      return request.isOpen ? { added: 1, held: 1 } : null;
    // It is in the sums since its admission.
    case "request":
      return { added: 0, held: 1 };
    case "output_byte":
    case "upload":
    case "upload_byte":
      return null;
  }
}

/** When the window of a limit began; null: it has none, as a limit of open requests. */
export function seedFrom(window: LimitWindow | null | undefined, now: number): number | null {
  return window === "1d" || window === "1mo" ? windowStart(window, now) : null;
}

/**
 * Counters of one limit. A counter that is there keeps what it has if that is more: requests under other plans may have counted
 * there. `holds`: by index of the request, what it holds from now on, so that its end corrects the counter as any other's.
 */
export function seedLimit(
  limit: PlanLimit,
  used: readonly UsedSums[],
  unsettled: readonly UnsettledRequest[],
  read: ReadCounter,
  now: number,
): { writes: CounterWrite[]; holds: ReadonlyMap<number, Hold> } {
  const kept = countOf(limit) === "admitted" ? { kept: true as const } : {};
  const amounts = new Map<string, { counter: LimitCounter; amount: number }>();
  const add = (subjects: Pick<Subjects, "keyId" | "user" | "tags">, amount: number): LimitCounter | null => {
    const [found] = limitCounters([limit], { visitor: null, ip: null, network: null, ...subjects }, now);
    if (found === undefined) return null;
    const { counter } = found;
    const entry = amounts.get(counter.id) ?? { counter, amount: 0 };
    entry.amount += amount;
    amounts.set(counter.id, entry);
    return counter;
  };
  const ofSums = amountOfSums(limit);
  if (ofSums !== null) for (const each of used) add(each, ofSums(each));
  const from = seedFrom(limit.window, now);
  const held = new Map<number, { counter: LimitCounter; amount: number }>();
  for (const [n, request] of unsettled.entries()) {
    const amount = from !== null && request.createdAt < from ? null : amountOf(limit.per, request);
    if (amount === null) continue;
    const counter = add(request, amount.added);
    if (counter === null || request.holds.some(({ id }) => id === counter.id)) continue;
    held.set(n, { counter, amount: amount.held });
  }
  const values = new Map<string, number>();
  for (const [id, { amount }] of amounts) values.set(id, Math.max(read(id), amount));
  const writes = [...amounts.values()]
    .map(({ counter: { id, resetAt } }) => ({ id, resetAt, value: values.get(id) ?? 0 }))
    .filter(({ id, value }) => value > 0 && value !== read(id));
  const holds = new Map<number, Hold>();
  for (const [n, { counter, amount }] of held) {
    holds.set(n, { ...counter, ...kept, amount, value: values.get(counter.id) ?? amount });
  }
  return { writes, holds };
}
