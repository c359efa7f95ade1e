export interface JsonEvents {
    open?(isArray: boolean, at: number): void;
    close?(end: number): void;
    key?(start: number, end: number): void;
    string?(start: number, end: number): void;
    literal?(start: number, end: number): void;
    gap?(start: number, end: number): void;
}
export interface JsonBounds {
    depth: number;
    values: number;
    nonFinite?: boolean;
}
export declare const NON_FINITE: JsonBounds;
export type JsonFault = {
    kind: "syntax";
    at: number;
} | {
    kind: "too_deep";
} | {
    kind: "too_many_values";
};
export declare function scanJson(text: string, events: JsonEvents, bounds?: JsonBounds): JsonFault | null;
export declare function fieldsOf(text: string): Map<string, string> | null;
export declare function isJson(text: string): boolean;
export declare function stringsAt(text: string, paths: readonly (readonly (string | number)[])[]): (string | null)[];
export declare function stringAt(text: string, start: number, end: number): string;
