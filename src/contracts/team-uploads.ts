// The uploads of a team: what they are, what their part of Team is asked and what it answers. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { Hold } from "../team/quota/limits.ts";
import type { Answer } from "./rpc.ts";
import type { ActingFor } from "./team-keys.ts";

/** The files of one input, as the edge found them. */
export interface InputFiles {
  /** Uploads of this team that the input names by their URLs. */
  used: { id: string; field: string }[];
  /** Files that are taken out of it. */
  inline: { id: string; objectKey: string; field: string; name: string; bytes: number; contentType: string }[];
}

/** What the plan said when the upload was made; it holds for the upload whatever the plan says later. */
export interface UploadTerms {
  /** The plan's name, for sentences. */
  plan: string;
  maxBytes: number;
  types: string[] | null;
  /** How long the file is kept once it is there. */
  keepMs: number;
  /** What it holds of the plan's limits. */
  takes: Hold[];
  /** What the first part's bytes say, of an upload in parts that is under way. */
  partsType: string | null;
}

/** One uploaded file. */
export interface Upload {
  id: string;
  /** Where its bytes lie in R2. */
  objectKey: string;
  /** The request whose input it came in; null for one that was sent by itself. */
  requestId: string | null;
  keyId: string;
  user: string | null;
  name: string;
  /** As announced, or null; once stored, what its bytes say. */
  contentType: string | null;
  /** As announced, or null; once stored, what came. */
  bytes: number | null;
  /** Hex; null where the bytes did not pass in one piece. */
  sha256: string | null;
  terms: UploadTerms;
  /** R2's id of the multipart upload that is under way. */
  multipart: string | null;
  createdAt: number;
  storedAt: number | null;
  /** Until then bytes are taken; once stored, until then the file is there. */
  expiresAt: number;
}

export interface UploadPart {
  n: number;
  bytes: number;
  /** Null while it is being sent. */
  etag: string | null;
}

export interface AnnouncedUpload extends ActingFor {
  id: string;
  objectKey: string;
  name: string;
  /** A type of the list; null: not said, or not known. */
  contentType: string | null;
  /** Bytes; null: not said. */
  size: number | null;
}

export type AnnounceAnswer = { kind: "announced"; upload: Upload } | Refused;

/** `bytes` null: the body has no length; `atMost` is what may come all the same, null: nothing is known. */
export interface BeginUpload {
  id: string;
  bytes: number | null;
  atMost: number | null;
}

export type BeginUploadAnswer =
  /** Most bytes that may come now. */
  { kind: "begun"; upload: Upload; maxBytes: number } | { kind: "stored"; upload: Upload } | Refused;

/** A part that lies in R2. `contentType` is what the first part's bytes say. */
export interface FinishedPart extends UploadPart {
  id: string;
  contentType: string | null;
}

export type UploadPartsAnswer =
  | { kind: "parts"; upload: Upload; parts: UploadPart[] }
  | { kind: "stored"; upload: Upload }
  | Refused;

/** What came, once it lies in R2. */
export interface FinishUpload {
  id: string;
  bytes: number;
  contentType: string;
  sha256: string | null;
}

export type FinishUploadAnswer = { kind: "stored"; upload: Upload } | Refused;

/** `missing`: nothing has come yet. */
export type InputFileAnswer = { kind: "found"; upload: Upload } | { kind: "missing" } | { kind: "gone" };

/** `user` null: everybody's. */
export interface UploadListInput {
  user: string | null;
  cursor: string | undefined;
  /** At least 1. */
  limit: number;
}

export type UploadListAnswer = { kind: "page"; data: Upload[]; nextCursor: string | null } | Refused;

/** One upload, as somebody may see it. `user` null: whoever's it is. */
export interface UploadName {
  id: string;
  user: string | null;
}

export type FindUploadAnswer = { kind: "found"; upload: Upload } | Refused;

/**
 * Limits first, bytes after: bytes are reserved before they are taken and corrected to what came, so that uploads side by side
 * never pass a limit.
 */
export interface TeamUploads {
  /** Lets an upload in, and reserves what it said it would be. The same `id` again gives the same answer. */
  announce(input: AnnouncedUpload): Answer<AnnounceAnswer>;
  /** Before the bytes of a whole file are taken: reserves them. Again: the same, for the bytes that are coming now. */
  begin(input: BeginUpload): Answer<BeginUploadAnswer>;
  /** The same for one part of a file. All parts together keep to the limits; a part that is sent again counts once. */
  beginPart(part: { id: string; n: number; bytes: number }): Answer<BeginUploadAnswer>;
  /**
   * Keeps R2's id of a multipart upload before it is used, so that it can be found and ended. The first one counts; null when
   * there is nothing to send any more.
   */
  keepMultipart(id: string, multipart: string): Answer<string | null>;
  finishPart(part: FinishedPart): Answer<void>;
  /** What has come of an upload in parts. */
  parts(id: string): Answer<UploadPartsAnswer>;
  /** The whole file lies in R2. Again: the same answer. Bytes that were reserved and did not come are given back. */
  finish(input: FinishUpload): Answer<FinishUploadAnswer>;
  /** A file as whoever has its URL may read it. */
  inputFile(id: string): Answer<InputFileAnswer>;
  /** One page, newest first: those that are being sent, and those that are there. Files inside inputs are not among them. */
  list(input: UploadListInput): Answer<UploadListAnswer>;
  /** One of them. Somebody else's is answered like one that never was. */
  find(name: UploadName): Answer<FindUploadAnswer>;
  /** Deletes an upload with its bytes. What R2 does not take out just now goes with the next alarm; its URLs are over at once. */
  delete(name: UploadName): Answer<{ kind: "deleted" } | Refused>;
}
