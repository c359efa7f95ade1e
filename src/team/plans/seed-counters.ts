// Lets a limit that is made later count from the beginning of its day or month: reads the sums and the requests that are not settled,
// and writes the counters and what these requests hold. In the transaction that stores the plan.

import {
  type EmptyLimit,
  newLimits,
  seedFrom,
  seedGap,
  seedLimit,
  type UnsettledRequest,
  type UsedSums,
} from "../quota/limit-seeds.ts";
import type { Hold } from "../quota/limits.ts";
import type { Plan } from "../quota/plan.ts";
import { countedFor, type PlanLimit } from "../quota/plan-limits.ts";
import type { TeamStores } from "../stores.ts";
import { dayOf } from "../usage/usage.ts";

/** Rows of sums that seeding reads; with more since the month began, limits of the month begin empty. */
export const SEED_SUMS_MAX_ROWS = 50_000;
/** Requests that are not settled which get a hold on the new counters. */
export const SEED_UNSETTLED_MAX = 1_000;

type SeedStores = Pick<TeamStores, "counters" | "requests" | "usage">;

/** Seeds the counters of limits that `after` has and `before` had not. Answers those that count from now on only. */
export function seedNewLimits(stores: SeedStores, before: Plan | null, after: Plan, now: number): EmptyLimit[] {
  const limits = newLimits(before, after);
  if (limits.length === 0) return [];
  const { counters, requests, usage } = stores;
  usage.rollUp();
  const rows = requests.unsettled(SEED_UNSETTLED_MAX + 1);
  const isTooMany = rows.length > SEED_UNSETTLED_MAX;
  const unsettled = rows.map((row): UnsettledRequest & { holds: Hold[] } => {
    return { ...row, isOpen: row.status === "open", holds: [...row.holds] };
  });
  const empty: EmptyLimit[] = [];
  for (const limit of limits) {
    const used = usedBy(stores, limit, now);
    const reason = seedGap(limit) ?? (isTooMany ? "too_many_open" : used === null ? "too_many_sums" : null);
    if (reason !== null || used === null) {
      empty.push({ limit: limit.name, reason: reason ?? "too_many_sums" });
      continue;
    }
    const seeds = seedLimit(limit, used, unsettled, (id) => counters.readCounter(id), now);
    counters.writeCounters(seeds.writes);
    for (const [n, hold] of seeds.holds) unsettled[n]?.holds.push(hold);
  }
  for (const [n, request] of rows.entries()) {
    const holds = unsettled[n]?.holds ?? [];
    if (holds.length > request.holds.length) requests.save(request, { ...request, holds });
  }
  return empty;
}

/** Null: there are too many. */
function usedBy({ usage }: SeedStores, { scope, window }: PlanLimit, now: number): UsedSums[] | null {
  const from = seedFrom(window, now);
  if (from === null) return [];
  const counted = countedFor(scope);
  return usage.usedSince(dayOf(from), counted.kind === "tag" ? counted.name : null, SEED_SUMS_MAX_ROWS);
}
