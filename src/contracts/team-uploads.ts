// Uploads of a team. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { Hold } from "../team/quota/limits.ts";
import type { Answer } from "./rpc.ts";
import type { ActingFor } from "./team-keys.ts";

/** Files of one input. */
export interface InputFiles {
  /** Uploads of this team that the input references by URL. */
  used: { id: string; field: string }[];
  /** Inline files that are moved out of the input. */
  inline: { id: string; objectKey: string; field: string; name: string; bytes: number; contentType: string }[];
}

/** Terms of an upload, fixed when it is created. */
export interface UploadTerms {
  /** Name of the plan, for messages. */
  plan: string;
  maxBytes: number;
  /** The rule of the plan that sets `maxBytes`; left out: `max_bytes`. A stored key. */
  maxBytesBy?: "browser_max_bytes";
  /** The visitor who made it. A stored key. */
  visitor?: string;
  types: string[] | null;
  /** Retention of the stored file. */
  keepMs: number;
  /** Holds on the limits of the plan. A stored key. */
  holds: Hold[];
  /** Content type detected from the first part of a multipart upload in progress. */
  partsType: string | null;
}

/** An upload. */
export interface Upload {
  id: string;
  /** R2 object key. */
  objectKey: string;
  /** Request of an inline file; null for an upload created by itself. */
  requestId: string | null;
  keyId: string;
  user: string | null;
  name: string;
  /** Declared content type or null; once stored, the detected one. */
  contentType: string | null;
  /** Declared size or null; once stored, the actual one. */
  bytes: number | null;
  /** Hex; null if the file was sent in parts. */
  sha256: string | null;
  terms: UploadTerms;
  /** R2 id of the multipart upload in progress. */
  multipart: string | null;
  createdAt: number;
  storedAt: number | null;
  /** End of the upload window; once stored, expiry of the file. */
  expiresAt: number;
}

export interface UploadPart {
  n: number;
  bytes: number;
  /** Null while the part is being sent. */
  etag: string | null;
}

export interface AnnouncedUpload extends ActingFor {
  id: string;
  objectKey: string;
  name: string;
  /** A supported type; null: omitted or unknown. */
  contentType: string | null;
  /** Bytes; null: omitted. */
  size: number | null;
}

export type AnnounceAnswer = { kind: "announced"; upload: Upload } | Refused;

/** `bytes` null: the body has no length; `atMost` is its upper bound, null if unknown. */
export interface BeginUpload {
  id: string;
  /** Random, of the call that sends. */
  sender: string;
  bytes: number | null;
  atMost: number | null;
}

export type BeginUploadAnswer =
  /** Maximum bytes accepted now, and where this sender's bytes go. */
  { kind: "begun"; upload: Upload; maxBytes: number; objectKey: string } | { kind: "stored"; upload: Upload } | Refused;

export interface BeginPart {
  id: string;
  sender: string;
  n: number;
  bytes: number;
}

export type BeginPartAnswer = { kind: "begun"; upload: Upload } | { kind: "stored"; upload: Upload } | Refused;

/** A stored part. `contentType` is detected from the first part. */
export interface FinishedPart extends UploadPart {
  id: string;
  sender: string;
  contentType: string | null;
}

export type UploadPartsAnswer =
  | { kind: "parts"; upload: Upload; parts: UploadPart[] }
  | { kind: "stored"; upload: Upload }
  | Refused;

/** A stored file. `sender` null: it was completed from parts. */
export interface FinishUpload {
  id: string;
  sender: string | null;
  objectKey: string;
  bytes: number;
  contentType: string;
  sha256: string | null;
}

export type FinishUploadAnswer = { kind: "stored"; upload: Upload } | Refused;

/** `missing`: not stored yet. */
export type InputFileAnswer = { kind: "found"; upload: Upload } | { kind: "missing" } | { kind: "gone" };

/** `user` null: all users. */
export interface UploadListInput {
  user: string | null;
  cursor: string | undefined;
  /** At least 1. */
  limit: number;
}

export type UploadListAnswer = { kind: "page"; data: Upload[]; nextCursor: string | null } | Refused;

/** An upload as a caller addresses it. `user` null: of any user; `keyId` null: made with any key. */
export interface UploadName {
  id: string;
  user: string | null;
  keyId: string | null;
}

export type FindUploadAnswer = { kind: "found"; upload: Upload } | Refused;

/**
 * Bytes are reserved before they are accepted and corrected to the actual size, so that parallel uploads never exceed a limit.
 */
export interface TeamUploads {
  /** Creates an upload and reserves its declared size. Idempotent by `id`. */
  announce(input: AnnouncedUpload): Answer<AnnounceAnswer>;
  /** Makes the call the file's only sender and reserves its bytes before they are accepted. Idempotent by sender. */
  begin(input: BeginUpload): Answer<BeginUploadAnswer>;
  /** The same for one part. All parts together stay within the limits; a repeated part counts once. */
  beginPart(part: BeginPart): Answer<BeginPartAnswer>;
  /**
   * Stores the R2 id of a multipart upload before it is used, so that it can be aborted. The first id wins; null if the upload
   * is already stored.
   */
  keepMultipart(id: string, multipart: string): Answer<string | null>;
  /** Stores the R2 id of a sender's own multipart upload before it is used. False: the sender lost its lease. */
  keepSenderMultipart(sender: string, multipart: string): Answer<boolean>;
  /** Renews the lease of a sender. False: it lost its lease. */
  renewSender(sender: string): Answer<boolean>;
  /** Ends a sender's lease. Its bytes are deleted. */
  endSender(sender: string): Answer<void>;
  /** Records a part. False: the sender lost its lease, and nothing was recorded. */
  finishPart(part: FinishedPart): Answer<boolean>;
  /** Stored parts of an upload. */
  parts(id: string): Answer<UploadPartsAnswer>;
  /**
   * Marks the upload as stored where the sender's bytes are, if that still has its lease. Idempotent. Unused reserved bytes are released. Another
   * key in the answer: another file was stored before.
   */
  finish(input: FinishUpload): Answer<FinishUploadAnswer>;
  /** A file for a caller that holds its signed URL. */
  inputFile(id: string): Answer<InputFileAnswer>;
  /** One page, newest first. Inline files are not listed. */
  list(input: UploadListInput): Answer<UploadListAnswer>;
  /** One upload. An upload of another user is not found. */
  find(name: UploadName): Answer<FindUploadAnswer>;
  /** Deletes an upload; one that an open request uses only with `evenIfUsed`. Its URLs expire at once; bytes that R2 cannot delete now are deleted by the next alarm. */
  delete(name: UploadName, evenIfUsed?: boolean): Answer<{ kind: "deleted" } | Refused>;
}
