export type CallInit = Omit<RequestInit, "redirect" | "signal">;
export type CallOutcome = {
    kind: "answered";
    response: Response;
    end: () => void;
} | {
    kind: "failed";
    reason: "timeout" | "network";
    sent: "no" | "maybe";
    fault?: NetworkFault;
};
export type NetworkFault = "lost" | "unreachable";
export declare function callOut(url: string, init: CallInit, { timeoutMs }: {
    timeoutMs: number;
}): Promise<CallOutcome>;
