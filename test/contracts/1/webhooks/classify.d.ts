import type { CallOutcome } from "../net/fetch.ts";
export declare const WEBHOOK_TOLERANCE_S = 300;
export declare const GONE_STATUS = 410;
export type AttemptCategory = "accepted" | "redirect" | "refused" | "gone" | "rate_limited" | "server_error" | "timeout" | "dns" | "connection" | "tls" | "unreachable" | "network" | "blocked" | "disabled";
export interface Classification {
    kind: "taken" | "later" | "gone";
    category: AttemptCategory;
    reason: string;
    retryAfterMs: number | null;
}
export declare function classifyResponse(status: number, headers: Headers, nowMs: number): Classification;
export declare function classifyNetworkError({ reason, fault }: Extract<CallOutcome, {
    kind: "failed";
}>): Classification;
export declare function classifyBlocked(reason: string): Classification;
