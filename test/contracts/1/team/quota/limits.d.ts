import type { LimitPer, Violation } from "../../platform/errors.ts";
import { type CounterWrite, type ReadCounter, type Subjects } from "./counters.ts";
import { type LimitScope, type LimitWindow, type PlanLimit } from "./plan.ts";
import type { Verdict } from "./prices.ts";
export declare const CONCURRENT_RETRY_AFTER_S = 5;
export type { CounterWrite, ReadCounter, Subjects } from "./counters.ts";
export interface Demand {
    requests?: 1;
    usdMicro?: number | null;
    uploads?: number;
    uploadBytes?: number | null;
}
export interface Hold extends CounterWrite {
    per: LimitPer;
    window: LimitWindow | null;
    subject: string;
    size: number;
    amount: number;
}
export interface LimitState {
    name: string;
    scope: LimitScope;
    per: LimitPer;
    window: LimitWindow | null;
    limit: number;
    used: number;
    remaining: number;
    resetAt: number | null;
}
export interface LimitViolation extends Violation {
    resetAt: number;
    scope: LimitScope;
    per: LimitPer;
    window: LimitWindow | null;
}
export type QuotaCode = "quota_exceeded" | "visitor_limit" | "rate_limited";
export type QuotaAnswer = {
    kind: "ok";
    holds: Hold[];
    writes: CounterWrite[];
} | {
    kind: "over";
    violated: LimitViolation[];
    code: QuotaCode;
    retryAfterS: number | null;
};
export interface Actual {
    usdMicro: number | null;
    outputBytes: number | null;
}
export interface SettledHolds {
    writes: CounterWrite[];
    open: Hold[];
}
export declare function limitStates(limits: readonly PlanLimit[], read: ReadCounter, subjects: Subjects, now: number): LimitState[];
export declare function check(limits: readonly PlanLimit[], read: ReadCounter, subjects: Subjects, demand: Demand, now: number): QuotaAnswer;
export declare function uploadRoom(holds: readonly Hold[], read: ReadCounter, now: number): number;
export declare function resizeUpload(holds: readonly Hold[], bytes: number, limits: readonly PlanLimit[], read: ReadCounter, now: number): QuotaAnswer;
export declare function settleHolds(holds: readonly Hold[], how: Verdict, actual: Actual, read: ReadCounter, now: number): SettledHolds;
