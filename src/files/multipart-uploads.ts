// State of a multipart copy between attempts, so that an interruption costs at most one part. Types only.

/** An unfinished multipart upload of R2, which cannot be listed: a lost one remains until R2's lifecycle rule aborts it. */
export interface UnfinishedUpload {
  /** R2's upload id. */
  uploadId: string;
  key: string;
  /** Digest of the URL that is copied; the URL itself may be a secret. */
  source: string;
  /** Validator for `If-Range`; null: the source has no ranges, so this upload cannot be resumed. */
  validator: string | null;
  /** Size of the whole file; null while it is not known. */
  total: number | null;
  /** Every part but the last has this size. */
  partBytes: number;
  contentType: string;
  /** Stored parts, from number 1 on without a gap. */
  parts: { partNumber: number; etag: string }[];
}

/** The upload rows of one file, for one attempt. Each write returns false, without writing, once the attempt lost its lease. */
export interface UploadLog {
  readUpload(): UnfinishedUpload | null;
  beginUpload(upload: UnfinishedUpload): boolean;
  /** Saves a stored part and renews the lease. */
  savePart(part: { partNumber: number; etag: string }): boolean;
  /** Deletes the rows once R2 has completed or aborted the upload. */
  discardUpload(): boolean;
}
