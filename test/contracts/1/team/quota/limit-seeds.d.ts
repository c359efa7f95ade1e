import { type CounterWrite, type ReadCounter } from "./counters.ts";
import type { Hold } from "./limits.ts";
import type { Plan } from "./plan.ts";
import { type LimitWindow, type PlanLimit } from "./plan-limits.ts";
export declare const SEED_GAPS: readonly ["not_summed", "short_window", "too_many_sums", "too_many_open"];
export type SeedGap = (typeof SEED_GAPS)[number];
export interface EmptyLimit {
    limit: string;
    reason: SeedGap;
}
export interface UsedSums {
    keyId: string;
    user: string | null;
    tags: Readonly<Record<string, string>>;
    admitted: number;
    completed: number;
    chargedMicro: number;
}
export interface UnsettledRequest {
    keyId: string;
    user: string | null;
    tags: Readonly<Record<string, string>>;
    createdAt: number;
    isOpen: boolean;
    estimatedMicro: number | null;
    holds: readonly Hold[];
}
export declare function newLimits(before: Plan | null, after: Plan): PlanLimit[];
export declare function seedGap(limit: PlanLimit): SeedGap | null;
export declare function seedFrom(window: LimitWindow | null | undefined, now: number): number | null;
export declare function seedLimit(limit: PlanLimit, used: readonly UsedSums[], unsettled: readonly UnsettledRequest[], read: ReadCounter, now: number): {
    writes: CounterWrite[];
    holds: ReadonlyMap<number, Hold>;
};
