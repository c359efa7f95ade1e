// Multipart copies to R2: each part is recorded before the next is read, so that the next attempt resumes there. Parts are equal
// except the last, 5 MiB to 5 GiB (developers.cloudflare.com/r2/objects/upload-objects).

import { openPermit } from "../net/byte-budget.ts";
import { SECOND_MS } from "../platform/time.ts";
import type { Digest, Feed } from "./byte-reader.ts";
import type { UnfinishedUpload, UploadLog } from "./multipart-uploads.ts";
import { complete, type Stored, sendBytes, storeUnknown } from "./pump.ts";
import type { StoredFile } from "./request-file.ts";

/**
 * Part of a larger one: the most that a kill makes us download again. R2 takes 5 MiB to 5 GiB and 10,000 of them; of sources without a
 * length a part is held in memory, and six fit the byte budget.
 */
export const FILE_PART_BYTES = 8 * 1024 * 1024;
/** Time limit for one part: a source below 100 kB/s fails. */
export const FILE_PART_TIMEOUT_MS = 90 * SECOND_MS;

/**
 * `paused`: the time slice ended at a part boundary, where the next attempt resumes. `later` may be retried (`ours`: R2 failed, not the
 * source); `gone` and `too_large` are final. Reasons are for people and contain no URL.
 */
export type CopyOutcome =
  | { kind: "stored"; stored: StoredFile }
  | { kind: "paused" }
  | { kind: "later"; reason: string; ours?: true }
  | { kind: "gone"; reason: string }
  | { kind: "too_large" };

/** Destination of a copy and the attempt's resources. */
export interface Target {
  bucket: R2Bucket;
  key: string;
  uploads: UploadLog;
  maxBytes: number;
  /** Whether the attempt's time slice is over: checked at part boundaries. */
  isTimeSliceOver(): boolean;
}

/** What a fresh upload is begun with. */
type Content = Pick<UnfinishedUpload, "source" | "contentType">;

export const NOT_WRITTEN: CopyOutcome = { kind: "later", reason: "R2 did not store the file.", ours: true };
const SUPERSEDED: CopyOutcome = retryLater("Another attempt is copying the file.");

export function retryLater(reason: string): { kind: "later"; reason: string } {
  return { kind: "later", reason };
}

/** An object's metadata names its source, so that a completed copy is recognized. */
export function metadataOf({
  source,
  contentType,
}: Content): Required<Pick<R2MultipartOptions, "httpMetadata" | "customMetadata">> {
  return { httpMetadata: { contentType }, customMetadata: { source } };
}

export function outcomeOf(stored: Stored, { contentType }: Content): CopyOutcome {
  switch (stored.kind) {
    case "stored":
      return { kind: "stored", stored: { contentType, bytes: stored.bytes, sha256: stored.sha256 } };
    case "source":
      return retryLater(stored.reason);
    case "bucket":
      return NOT_WRITTEN;
  }
}

/** Resumes an upload, or begins one. `digest` is null for a resumed upload. */
export async function copyParts(
  target: Target,
  feed: Feed,
  begun: UnfinishedUpload | (Content & { total: number; validator: string }),
  digest: Digest | null,
): Promise<CopyOutcome> {
  const upload = "uploadId" in begun ? begun : await begin(target, { ...begun, partBytes: FILE_PART_BYTES });
  const outcome = upload === null ? NOT_WRITTEN : await uploadParts(target, feed, upload, digest);
  if (outcome.kind !== "stored") await digest?.discard();
  return outcome;
}

async function uploadParts(
  target: Target,
  feed: Feed,
  begun: UnfinishedUpload,
  digest: Digest | null,
): Promise<CopyOutcome> {
  const { total, partBytes } = begun;
  if (total === null) throw new Error("a multipart copy needs a known length");
  const multipart = target.bucket.resumeMultipartUpload(begun.key, begun.uploadId);
  let upload = begun;
  for (let offset = upload.parts.length * partBytes; offset < total; offset += partBytes) {
    if (upload !== begun && target.isTimeSliceOver()) return { kind: "paused" };
    const length = Math.min(partBytes, total - offset);
    const last = offset + length === total;
    const partNumber = upload.parts.length + 1;
    const send = (bytes: ReadableStream) => multipart.uploadPart(partNumber, bytes);
    const poured = await sendBytes({ feed, length, last, digest, send, timeoutMs: FILE_PART_TIMEOUT_MS });
    if (poured.kind === "source") return retryLater(poured.reason);
    if (poured.kind === "bucket") return notStoredByBucket(target, poured.fault);
    if (!target.uploads.savePart(poured.value)) return SUPERSEDED;
    upload = { ...upload, parts: [...upload.parts, poured.value] };
  }
  return finish(target, upload, digest);
}

/** Copies a source of unknown length. Such a copy cannot be resumed: the next attempt aborts its upload. */
export async function copyBuffered(target: Target, feed: Feed, content: Content): Promise<CopyOutcome> {
  const { bucket, key, maxBytes, uploads } = target;
  const partBytes = FILE_PART_BYTES;
  const stored = await storeUnknown(
    { bucket, key, metadata: metadataOf(content) },
    {
      feed,
      maxBytes,
      partBytes,
      open: openPermit,
      begun: (uploadId) =>
        uploads.beginUpload({ ...content, uploadId, key, validator: null, total: null, partBytes, parts: [] }),
      partStored: (part) => uploads.savePart(part),
    },
  );
  if (stored.kind === "superseded") return SUPERSEDED;
  if (stored.kind === "overloaded" || stored.kind === "too_slow") return NOT_WRITTEN;
  const left = uploads.readUpload();
  if (stored.kind === "too_large") {
    return left === null || (await abortUpload(bucket, left, uploads)) ? stored : NOT_WRITTEN;
  }
  if (stored.kind === "stored" && left !== null) uploads.discardUpload();
  return outcomeOf(stored, content);
}

/** Saves the upload's row before its first use, because R2 does not list uploads. Null when it cannot be created now. */
async function begin(
  target: Target,
  content: Omit<UnfinishedUpload, "uploadId" | "key" | "parts">,
): Promise<UnfinishedUpload | null> {
  const { bucket, key, uploads } = target;
  const created = await bucket.createMultipartUpload(key, metadataOf(content)).catch(() => null);
  if (created === null) return null;
  const upload = { ...content, key, uploadId: created.uploadId, parts: [] };
  if (uploads.beginUpload(upload)) return upload;
  await created.abort().catch(() => undefined);
  return null;
}

/** Completes the multipart upload. */
export async function finish(target: Target, upload: UnfinishedUpload, digest: Digest | null): Promise<CopyOutcome> {
  const { bucket, uploads } = target;
  const { key, uploadId, parts, total, contentType } = upload;
  if (total === null) throw new Error("a multipart copy needs a known length");
  const completed = await complete(target, bucket.resumeMultipartUpload(key, uploadId), parts, total);
  if (completed.kind === "bucket") return notStoredByBucket(target, completed.fault);
  uploads.discardUpload();
  if (completed.kind === "source") return retryLater(completed.reason);
  return { kind: "stored", stored: { contentType, bytes: total, sha256: digest === null ? null : await digest.hex() } };
}

/** Aborts an upload. False when R2 is unavailable: its row stays for the next attempt. */
export async function abortUpload(
  bucket: R2Bucket,
  upload: Pick<UnfinishedUpload, "key" | "uploadId">,
  uploads: UploadLog,
): Promise<boolean> {
  try {
    await bucket.resumeMultipartUpload(upload.key, upload.uploadId).abort();
  } catch (fault) {
    if (!isDead(fault)) return false;
  }
  return uploads.discardUpload();
}

function notStoredByBucket({ uploads }: Target, fault: unknown): CopyOutcome {
  if (isDead(fault)) uploads.discardUpload();
  return NOT_WRITTEN;
}

/**
 * No such upload (10024) or no such part (10025): aborted by R2's lifecycle rule, or by another attempt
 * (developers.cloudflare.com/r2/api/error-codes).
 */
function isDead(fault: unknown): boolean {
  return fault instanceof Error && /\(1002[45]\)/.test(fault.message);
}
