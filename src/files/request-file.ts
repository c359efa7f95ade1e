// A file of an output: where it stands, where its bytes come from, and what has become of them. Types only.

import type { ErrorCode } from "../platform/errors.ts";
import { MINUTE_MS } from "../platform/time.ts";

/** Files of one output that are copied; an output that names more keeps the rest at their source, with an error. */
export const FILES_PER_REQUEST_MAX = 1_000;
/** One stored file: what R2 takes in a single put, so that a source without ranges can be stored too. */
export const FILE_MAX_BYTES = 4_900 * 1024 * 1024;
/** Time for one try at copying one file. */
export const FILE_COPY_TIMEOUT_MS = 10 * MINUTE_MS;
/** Share links of one request; all are shown in one list. Ended ones make room. */
export const SHARES_PER_REQUEST_MAX = 100;

/** Where in the output a file stands, and where its bytes come from now. */
export interface FileSource {
  /** Keys and indices from the root of the output, e.g. ["images", 0, "url"]. */
  path: (string | number)[];
  /**
   * A data URI's bytes stay in the payload text; `path` finds them. So do those of an answer that was a file itself (`body`), and
   * readers who get the model's answer as it was get these bytes.
   */
  source: { kind: "url"; url: string } | { kind: "data" } | { kind: "body" };
  /** Upstream's `content_type` and `file_name` beside the URL, where given. A hint, never trusted. */
  claimedType: string | null;
  claimedName: string | null;
  /** Why a media field's file is not copied, as the caller is told; absent: it is. */
  notCopied?: string;
}

/** `not_copied`: the model gave a URL that is not copied from. `deleted`: its time by the plan's `files_days` is over. */
export type FileStatus = "pending" | "stored" | "failed" | "not_copied" | "deleted";

export interface RequestFile extends FileSource {
  n: number;
  status: FileStatus;
  /** When its copy was last owed for the first time: from here its deadline counts. */
  pendingSince: number;
  contentType: string | null;
  bytes: number | null;
  sha256: string | null;
  error: { code: ErrorCode; message: string } | null;
}

export interface StoredFile {
  contentType: string;
  bytes: number;
  /** Hex; null when the copy did not pass through in one piece. */
  sha256: string | null;
}
