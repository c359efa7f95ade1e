export declare const GRANT_USE_MS = 500;
export declare const CALL_LOST_AFTER_MS: number;
export declare const ANSWER_NOISE_MS = 25;
export interface CallTime {
    readonly n: number;
    readonly at: number;
}
interface PacedCall extends CallTime {
    readonly until: number | null;
}
export interface Pace {
    readonly rps: number;
    readonly calls: readonly PacedCall[];
    readonly since: number;
    readonly closedUntil: number;
    readonly nextN: number;
}
export declare function newPace(rps: number): Pace;
export declare function windowMs(): number;
export declare function reserveCallTime(pace: Pace, now: number): {
    pace: Pace;
    callTime: CallTime;
};
export declare function releaseCallTime(pace: Pace, callTime: CallTime): Pace;
export declare function withAnsweredCall(pace: Pace, callTime: CallTime, now: number, quickestMs: number): Pace;
export declare function pausePace(pace: Pace, now: number, pauseMs: number): Pace;
export declare function isPaceBusy(pace: Pace, now: number): boolean;
export declare function paceAfterWaking(rps: number, now: number, busyUntil: number): Pace;
export declare function nextCallTimeAt(pace: Pace, now: number): number;
export declare function expectedCallTimeAt(pace: Pace, now: number): number;
export declare function callSpacingMs(pace: Pace): number;
export {};
