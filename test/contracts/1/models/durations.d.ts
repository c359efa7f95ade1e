export declare const DURATIONS_KEPT = 64;
export interface Durations {
    p50Ms: number;
    p95Ms: number;
    samples: number;
}
export type Sample = readonly number[];
export declare function withDuration(sample: Sample, ms: number): Sample;
export declare function durationsOf(sample: Sample): Durations | null;
