// The rows of one file's unfinished upload, kept in memory: what a try at a copy writes down for the next.

import type { UnfinishedUpload, UploadLog } from "../../src/files/multipart-uploads.ts";

export class UploadRows implements UploadLog {
  #upload: UnfinishedUpload | null = null;
  /** Whether another try has taken over: then nothing is written any more. */
  superseded = false;
  /** Ids of uploads whose row has gone, in that order. */
  readonly forgotten: string[] = [];

  readUpload(): UnfinishedUpload | null {
    return this.#upload;
  }

  beginUpload(upload: UnfinishedUpload): boolean {
    if (this.superseded) return false;
    this.#upload = upload;
    return true;
  }

  savePart(part: { partNumber: number; etag: string }): boolean {
    if (this.superseded || this.#upload === null) return false;
    this.#upload = { ...this.#upload, parts: [...this.#upload.parts, part] };
    return true;
  }

  discardUpload(): boolean {
    if (this.superseded) return false;
    if (this.#upload !== null) this.forgotten.push(this.#upload.uploadId);
    this.#upload = null;
    return true;
  }
}
