import { type Permit } from "../net/byte-budget.ts";
import { type BucketTextName } from "./bucket-keys.ts";
export declare const ROW_TEXT_MAX_BYTES: number;
export type StoredText = {
    at: "row";
    text: string;
} | {
    at: "r2";
    key: string;
    sha256: string;
    bytes: number;
};
export interface TextPlace {
    team: string;
    request: string;
    name: BucketTextName;
}
export type NoteKey = (key: string) => void;
export declare function keepText(bucket: R2Bucket, place: TextPlace, text: string, noteKey?: NoteKey): Promise<StoredText>;
export declare function keepDescribed(bucket: R2Bucket, { team, id }: {
    team: string;
    id: string;
}, described: {
    outputText: string;
    payloadText: string | null;
}, noteKey: NoteKey): Promise<{
    output: StoredText;
    payload?: StoredText;
}>;
export declare function loadText(bucket: R2Bucket, stored: StoredText): Promise<{
    kind: "loaded";
    text: string;
    permit: Permit;
} | {
    kind: "missing";
}>;
