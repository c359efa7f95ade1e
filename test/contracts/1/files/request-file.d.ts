import type { ErrorCode } from "../platform/errors.ts";
export declare const FILES_PER_REQUEST_MAX = 1000;
export declare const FILE_MAX_BYTES: number;
export declare const FILE_COPY_TIMEOUT_MS: number;
export declare const SHARES_PER_REQUEST_MAX = 100;
export interface FileSource {
    path: (string | number)[];
    source: {
        kind: "url";
        url: string;
    } | {
        kind: "data";
    } | {
        kind: "body";
    };
    claimedType: string | null;
    claimedName: string | null;
    notCopied?: string;
}
export type FileStatus = "pending" | "stored" | "failed" | "not_copied" | "deleted";
export interface RequestFile extends FileSource {
    n: number;
    status: FileStatus;
    pendingSince: number;
    contentType: string | null;
    bytes: number | null;
    sha256: string | null;
    error: {
        code: ErrorCode;
        message: string;
    } | null;
}
export interface StoredFile {
    contentType: string;
    bytes: number;
    sha256: string | null;
}
