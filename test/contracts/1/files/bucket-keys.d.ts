export declare function outputKey(team: string, request: string, n: number): string;
export declare function uploadKey(team: string, id: string): string;
export declare function senderKey(upload: string, sender: string): string;
export declare function partsKey(upload: string): string;
export type BucketTextName = "input" | "payload" | "output";
export declare function textKey(team: string, request: string, name: BucketTextName, sha256: string): string;
export declare const BUCKET_ROOTS: readonly ["outputs/", "texts/", "uploads/"];
export declare function teamPrefixes(team: string): string[];
