import { type Refusal } from "./errors.ts";
export type IfMatch = string[] | null;
export declare function versionTag(state: unknown): string;
export declare function matchFault(ifMatch: IfMatch, tag: string | null, what: string): Refusal | null;
