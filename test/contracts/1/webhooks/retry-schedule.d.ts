export declare const DELIVERY_KEEP_MS: number;
export declare const DELIVER_RETRY_MS: readonly [number, number, number, number, number, number, number, number, number];
export declare const DELIVER_RETRY_AFTER_MAX_MS: number;
export interface DueAttempt {
    at: number;
    why: "schedule" | "retry_after";
}
export declare function plannedAttempt(failures: number, retryAfterMs: number | null, now: number, random: number): DueAttempt | null;
export declare function resumedAttempt(resumeAt: number, retryAfterMs: number | null, now: number): DueAttempt;
