// What a copy by parts remembers between two tries, so that a kill costs at most the part that was under way. The tracker keeps
// it in rows (requests/engine/multipart-rows.ts). Types only.

/** An unfinished multipart upload of R2. Nobody else lists those: one that is forgotten lies there until R2's own rule ends it. */
export interface UnfinishedUpload {
  /** Of R2, and the key that it belongs to: both are needed to go on or to abort. */
  uploadId: string;
  key: string;
  /** Digest of the URL that is copied; the URL itself may be a secret. */
  source: string;
  /** What names the bytes in `If-Range`; null: they cannot be asked for in parts, so nobody goes on with this upload. */
  validator: string | null;
  /** Size of the whole file; null while it is not known. */
  total: number | null;
  /** Every part but the last has this size. */
  partBytes: number;
  contentType: string;
  /** Stored parts, from number 1 on without a gap. */
  parts: { partNumber: number; etag: string }[];
}

/** The rows of one file, for one try. Each write answers false, and writes nothing, once another try has taken over. */
export interface UploadLog {
  readUpload(): UnfinishedUpload | null;
  beginUpload(upload: UnfinishedUpload): boolean;
  /** Saves a stored part. It also tells that the copy makes progress: the lease begins anew. */
  savePart(part: { partNumber: number; etag: string }): boolean;
  /** Once R2 has finished or dropped the upload. */
  discardUpload(): boolean;
}
