import { type JsonFault } from "./json-scan.ts";
export declare const JSON_DEPTH_MAX = 200;
export declare const JSON_VALUES_MAX = 500000;
interface RawNumber {
    readonly rawJSON: string;
}
export type JsonTree = null | boolean | string | number | RawNumber | JsonTree[] | {
    [key: string]: JsonTree;
};
export type JsonPath = (string | number)[];
export declare const isRawNumber: (value: unknown) => value is RawNumber;
export declare function numberOf(node: JsonTree | undefined): number;
export type ParsedJson = {
    kind: "parsed";
    tree: JsonTree;
    isPlain: boolean;
    duplicate: string | null;
} | {
    kind: "fault";
    fault: JsonFault;
};
export declare function readJson(text: string): ParsedJson;
export declare function parseTree(text: string): {
    tree: JsonTree;
} | null;
export declare function printTree(tree: JsonTree): string;
export declare function plainCopy(tree: JsonTree): unknown;
export declare function valueAt(tree: JsonTree, path: JsonPath): JsonTree | undefined;
export declare function withValueAt(tree: JsonTree, path: JsonPath, value: JsonTree): JsonTree;
export declare class RawText {
    readonly text: string;
    constructor(text: string);
}
export declare function objectText(fields: Record<string, unknown>): string;
export {};
