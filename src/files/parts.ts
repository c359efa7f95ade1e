// Copies by parts: R2's multipart uploads, one part at a time, each recorded before the next is asked for, so that the next try
// goes on where this one stops. Facts: parts are equal but for the last, 5 MiB to 5 GiB (developers.cloudflare.com/r2/objects/upload-objects).

import { acquire } from "../net/byte-budget.ts";
import { SECOND_MS } from "../platform/time.ts";
import type { Digest, Feed } from "./feed.ts";
import type { UnfinishedUpload, UploadLog } from "./multipart-uploads.ts";
import { complete, pour, type Stored, storeUnknown } from "./pump.ts";
import type { StoredFile } from "./request-file.ts";

/**
 * Part of a larger one: the most that a kill makes us download again. R2 takes 5 MiB to 5 GiB and 10,000 of them; of sources without a
 * length a part is held in memory, and six fit the byte budget.
 */
export const FILE_PART_BYTES = 8 * 1024 * 1024;
/** Time for one part of it: a source slower than 100 kB/s is no source. */
export const FILE_PART_TIMEOUT_MS = 90 * SECOND_MS;

/**
 * `paused`: a part boundary was reached after this try's turn; the next try goes on there. `later` may be tried again (`ours`:
 * R2 did not take it, the source is not to blame), `gone` and `too_large` are final. Reasons are for people and name no URL.
 */
export type CopyOutcome =
  | { kind: "stored"; stored: StoredFile }
  | { kind: "paused" }
  | { kind: "later"; reason: string; ours?: true }
  | { kind: "gone"; reason: string }
  | { kind: "too_large" };

/** Where a file goes, and what the try may use. */
export interface Target {
  bucket: R2Bucket;
  key: string;
  uploads: UploadLog;
  maxBytes: number;
  /** Whether others wait for this try's lane: asked at part boundaries. */
  isTurnOver(): boolean;
}

/** What a fresh upload is begun with. */
type Content = Pick<UnfinishedUpload, "source" | "contentType">;

export const NOT_WRITTEN: CopyOutcome = { kind: "later", reason: "R2 did not store the file.", ours: true };
const SUPERSEDED: CopyOutcome = later("Another attempt is copying the file.");

export function later(reason: string): { kind: "later"; reason: string } {
  return { kind: "later", reason };
}

/** An object carries what it was copied from, so that a copy that was cut off is known. */
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
      return later(stored.reason);
    case "bucket":
      return NOT_WRITTEN;
  }
}

/** Goes on with an upload, or begins one. `digest` is null where bytes went by before. */
export async function copyParts(
  target: Target,
  feed: Feed,
  begun: UnfinishedUpload | (Content & { total: number; validator: string }),
  digest: Digest | null,
): Promise<CopyOutcome> {
  const upload = "uploadId" in begun ? begun : await begin(target, { ...begun, partBytes: FILE_PART_BYTES });
  const outcome = upload === null ? NOT_WRITTEN : await uploadParts(target, feed, upload, digest);
  if (outcome.kind !== "stored") await digest?.drop();
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
    if (upload !== begun && target.isTurnOver()) return { kind: "paused" };
    const length = Math.min(partBytes, total - offset);
    const last = offset + length === total;
    const partNumber = upload.parts.length + 1;
    const send = (bytes: ReadableStream) => multipart.uploadPart(partNumber, bytes);
    const poured = await pour({ feed, length, last, digest, send, timeoutMs: FILE_PART_TIMEOUT_MS });
    if (poured.kind === "source") return later(poured.reason);
    if (poured.kind === "bucket") return notTaken(target, poured.fault);
    if (!target.uploads.keepPart(poured.value)) return SUPERSEDED;
    upload = { ...upload, parts: [...upload.parts, poured.value] };
  }
  return finish(target, upload, digest);
}

/** A source that does not tell its length. Nobody goes on with such a copy: the next try drops what is left of it. */
export async function copyBuffered(target: Target, feed: Feed, content: Content): Promise<CopyOutcome> {
  const { bucket, key, maxBytes, uploads } = target;
  const partBytes = FILE_PART_BYTES;
  const stored = await storeUnknown(
    { bucket, key, metadata: metadataOf(content) },
    {
      feed,
      maxBytes,
      partBytes,
      acquire,
      timeoutMs: FILE_PART_TIMEOUT_MS,
      begun: (uploadId) =>
        uploads.begin({ ...content, uploadId, key, validator: null, total: null, partBytes, parts: [] }),
      partStored: (part) => uploads.keepPart(part),
    },
  );
  if (stored.kind === "superseded") return SUPERSEDED;
  const left = uploads.read();
  if (stored.kind === "too_large") {
    return left === null || (await abandon(bucket, left, uploads)) ? stored : NOT_WRITTEN;
  }
  if (stored.kind === "stored" && left !== null) uploads.forget();
  return outcomeOf(stored, content);
}

/** The row comes before the first use: an upload that nobody remembers cannot be found again. Null when it cannot be begun now. */
async function begin(
  target: Target,
  wish: Omit<UnfinishedUpload, "uploadId" | "key" | "parts">,
): Promise<UnfinishedUpload | null> {
  const { bucket, key, uploads } = target;
  const created = await bucket.createMultipartUpload(key, metadataOf(wish)).catch(() => null);
  if (created === null) return null;
  const upload = { ...wish, key, uploadId: created.uploadId, parts: [] };
  if (uploads.begin(upload)) return upload;
  await created.abort().catch(() => undefined);
  return null;
}

/** Puts the parts together. */
export async function finish(target: Target, upload: UnfinishedUpload, digest: Digest | null): Promise<CopyOutcome> {
  const { bucket, uploads } = target;
  const { key, uploadId, parts, total, contentType } = upload;
  if (total === null) throw new Error("a multipart copy needs a known length");
  const completed = await complete(target, bucket.resumeMultipartUpload(key, uploadId), parts, total);
  if (completed.kind === "bucket") return notTaken(target, completed.fault);
  uploads.forget();
  if (completed.kind === "source") return later(completed.reason);
  return { kind: "stored", stored: { contentType, bytes: total, sha256: digest === null ? null : await digest.hex() } };
}

/** Drops an upload that is of no use any more. False when R2 cannot be reached: its row stays, so that it is tried again. */
export async function abandon(
  bucket: R2Bucket,
  upload: Pick<UnfinishedUpload, "key" | "uploadId">,
  uploads: UploadLog,
): Promise<boolean> {
  try {
    await bucket.resumeMultipartUpload(upload.key, upload.uploadId).abort();
  } catch (fault) {
    if (!isDead(fault)) return false;
  }
  return uploads.forget();
}

function notTaken({ uploads }: Target, fault: unknown): CopyOutcome {
  if (isDead(fault)) uploads.forget();
  return NOT_WRITTEN;
}

/**
 * No such upload (10024) or no such part (10025): ended by R2's rule of seven days, or by another try. Nothing to go on with
 * (developers.cloudflare.com/r2/api/error-codes).
 */
function isDead(fault: unknown): boolean {
  return fault instanceof Error && /\(1002[45]\)/.test(fault.message);
}
