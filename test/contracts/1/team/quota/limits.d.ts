import type { LimitPer, Violation } from "../../platform/errors.ts";
import { type AppliedLimit, type CounterWrite, type LimitCounter, type ReadCounter, type Subjects } from "./counters.ts";
import type { LimitCount, LimitScope, LimitWindow } from "./plan-limits.ts";
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
    kept?: true;
    limit?: {
        name: string;
        scope: LimitScope;
        setBy?: "operator";
    };
}
export interface LimitState {
    name: string;
    scope: LimitScope;
    per: LimitPer;
    window: LimitWindow | null;
    count: LimitCount | null;
    limit: number;
    setBy: "plan" | "operator";
    used: number;
    remaining: number;
    resetAt: number | null;
}
export interface LimitViolation extends Violation {
    limit: number;
    used: number;
    resetAt: number;
    scope: LimitScope;
    per: LimitPer;
    window: LimitWindow | null;
    setBy: "plan" | "operator";
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
export declare function limitStates(limits: readonly AppliedLimit[], read: ReadCounter, subjects: Subjects, now: number): LimitState[];
export declare function waitMs(counter: LimitCounter, value: number, demand: number | null, now: number): number;
export declare function check(limits: readonly AppliedLimit[], read: ReadCounter, subjects: Subjects, demand: Demand, now: number): QuotaAnswer;
export declare function over(violated: LimitViolation[], now: number): Extract<QuotaAnswer, {
    kind: "over";
}>;
