declare const CODES: {
    readonly minute: "1m";
    readonly hour: "1h";
    readonly day: "1d";
    readonly month: "1mo";
};
export type WindowWord = keyof typeof CODES;
export type LimitWindow = (typeof CODES)[WindowWord];
export declare const WINDOW_WORDS: readonly ["minute", "hour", "day", "month"];
export declare function windowWord(code: LimitWindow): WindowWord;
export declare function readWindow(text: string): LimitWindow | null;
export declare const limitWindow: () => import("zod").ZodPipe<import("zod").ZodPipe<import("zod").ZodString, import("zod").ZodTransform<"1d" | "1h" | "1m" | "1mo", string>>, import("zod").ZodEnum<{
    "1d": "1d";
    "1h": "1h";
    "1m": "1m";
    "1mo": "1mo";
}>>;
export {};
