export declare const MEASURE_MAX = 1000000000000;
export interface Measures {
    images: number | null;
    megapixels: number | null;
    seconds: number | null;
    characters: number | null;
}
export interface Size {
    width: number;
    height: number;
}
export declare const COUNT_FIELDS: readonly ["num_images", "num_samples", "number_of_images", "max_images"];
export declare const SIZE_FIELDS: readonly ["image_size", "width", "height"];
export declare const TEXT_FIELDS: readonly ["gen_text", "text", "script", "lyrics", "lyrics_prompt", "prompt", "texts", "inputs"];
declare const DURATIONS: {
    readonly duration: 1;
    readonly duration_seconds: 1;
    readonly seconds_total: 1;
    readonly total_seconds: 1;
    readonly duration_ms: 0.001;
    readonly music_length_ms: 0.001;
};
export declare const DURATION_FIELDS: (keyof typeof DURATIONS)[];
export type PricedField = (typeof COUNT_FIELDS | typeof SIZE_FIELDS | typeof TEXT_FIELDS)[number] | keyof typeof DURATIONS;
export type FieldAmounts = Partial<Record<PricedField, number | null>>;
export interface InputMeasures extends Measures {
    fields: FieldAmounts | null;
}
export declare function measureInput(model: string, plainInput: unknown): InputMeasures;
export declare function imagesIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null;
export declare function megapixelsIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null;
export declare function secondsIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null;
export declare function charactersIn(amounts: FieldAmounts, named: readonly PricedField[]): number | null;
export declare function measureOutput(plainOutput: unknown): Measures;
export declare function sizeOf(value: unknown): Size | null;
export declare function lenientNumber(value: unknown): number | null;
export {};
