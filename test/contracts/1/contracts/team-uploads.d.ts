import type { Refused } from "../platform/errors.ts";
import type { Hold } from "../team/quota/limits.ts";
import type { Answer } from "./rpc.ts";
import type { ActingFor } from "./team-keys.ts";
export interface InputFiles {
    used: {
        id: string;
        field: string;
    }[];
    inline: {
        id: string;
        objectKey: string;
        field: string;
        name: string;
        bytes: number;
        contentType: string;
    }[];
}
export interface UploadTerms {
    plan: string;
    maxBytes: number;
    maxBytesBy?: "browser_max_bytes";
    visitor?: string;
    types: string[] | null;
    keepMs: number;
    holds: Hold[];
    partsType: string | null;
}
export interface Upload {
    id: string;
    objectKey: string;
    requestId: string | null;
    keyId: string;
    user: string | null;
    name: string;
    contentType: string | null;
    bytes: number | null;
    sha256: string | null;
    terms: UploadTerms;
    multipart: string | null;
    createdAt: number;
    storedAt: number | null;
    expiresAt: number;
}
export interface UploadPart {
    n: number;
    bytes: number;
    etag: string | null;
}
export interface AnnouncedUpload extends ActingFor {
    id: string;
    objectKey: string;
    name: string;
    contentType: string | null;
    size: number | null;
}
export type AnnounceAnswer = {
    kind: "announced";
    upload: Upload;
} | Refused;
export interface BeginUpload {
    id: string;
    sender: string;
    bytes: number | null;
    atMost: number | null;
}
export type BeginUploadAnswer = {
    kind: "begun";
    upload: Upload;
    maxBytes: number;
    objectKey: string;
} | {
    kind: "stored";
    upload: Upload;
} | Refused;
export interface BeginPart {
    id: string;
    sender: string;
    n: number;
    bytes: number;
}
export type BeginPartAnswer = {
    kind: "begun";
    upload: Upload;
} | {
    kind: "stored";
    upload: Upload;
} | Refused;
export interface FinishedPart extends UploadPart {
    id: string;
    sender: string;
    contentType: string | null;
}
export type UploadPartsAnswer = {
    kind: "parts";
    upload: Upload;
    parts: UploadPart[];
} | {
    kind: "stored";
    upload: Upload;
} | Refused;
export interface FinishUpload {
    id: string;
    sender: string | null;
    objectKey: string;
    bytes: number;
    contentType: string;
    sha256: string | null;
}
export type FinishUploadAnswer = {
    kind: "stored";
    upload: Upload;
} | Refused;
export type InputFileAnswer = {
    kind: "found";
    upload: Upload;
} | {
    kind: "missing";
} | {
    kind: "gone";
};
export interface UploadListInput {
    user: string | null;
    cursor: string | undefined;
    limit: number;
}
export type UploadListAnswer = {
    kind: "page";
    data: Upload[];
    nextCursor: string | null;
} | Refused;
export interface UploadName {
    id: string;
    user: string | null;
    keyId: string | null;
}
export type FindUploadAnswer = {
    kind: "found";
    upload: Upload;
} | Refused;
export interface TeamUploads {
    announce(input: AnnouncedUpload): Answer<AnnounceAnswer>;
    begin(input: BeginUpload): Answer<BeginUploadAnswer>;
    beginPart(part: BeginPart): Answer<BeginPartAnswer>;
    keepMultipart(id: string, multipart: string): Answer<string | null>;
    keepSenderMultipart(sender: string, multipart: string): Answer<boolean>;
    renewSender(sender: string): Answer<boolean>;
    endSender(sender: string): Answer<void>;
    finishPart(part: FinishedPart): Answer<boolean>;
    parts(id: string): Answer<UploadPartsAnswer>;
    finish(input: FinishUpload): Answer<FinishUploadAnswer>;
    inputFile(id: string): Answer<InputFileAnswer>;
    list(input: UploadListInput): Answer<UploadListAnswer>;
    find(name: UploadName): Answer<FindUploadAnswer>;
    delete(name: UploadName, evenIfUsed?: boolean): Answer<{
        kind: "deleted";
    } | Refused>;
}
