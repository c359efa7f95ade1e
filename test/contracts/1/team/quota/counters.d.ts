import type { LimitPer } from "../../platform/errors.ts";
import { type LimitCount, type LimitWindow, type PlanLimit } from "./plan-limits.ts";
export interface Subjects {
    keyId: string;
    user: string | null;
    visitor: string | null;
    ip: string | null;
    network: string | null;
    tags: Readonly<Record<string, string>>;
}
export type AppliedLimit = PlanLimit & {
    counts?: LimitCount;
    setBy?: "operator";
};
export type ReadCounter = (counterId: string) => number;
export interface CounterWrite {
    id: string;
    value: number;
    resetAt: number | null;
}
export declare const SLIDING_US: {
    readonly "1m": number;
    readonly "1h": number;
};
export declare function isSliding(window: LimitWindow | null): window is keyof typeof SLIDING_US;
export declare function windowStart(window: "1d" | "1mo", now: number): number;
export interface LimitCounter {
    id: string;
    per: LimitPer;
    window: LimitWindow | null;
    subject: string;
    size: number;
    resetAt: number | null;
}
export declare function limitCounter(per: LimitPer, window: LimitWindow | null, size: number, subject: string, now: number): LimitCounter;
export declare function limitCounters(limits: readonly AppliedLimit[], subjects: Subjects, now: number): {
    limit: AppliedLimit;
    counter: LimitCounter;
}[];
export declare function stepUs(counter: LimitCounter, window: keyof typeof SLIDING_US, amount: number): number;
export declare function aheadUs(value: number, now: number): number;
export declare function usedOf(counter: LimitCounter, value: number, now: number): number;
export declare function raised(counter: LimitCounter, value: number, amount: number, now: number): {
    value: number;
    resetAt: number | null;
};
export declare function slidingExpiry(window: keyof typeof SLIDING_US, arrival: number): number;
export declare function subjectsOfUser(user: string): Subjects;
