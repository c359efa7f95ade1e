// Copies by parts: R2's multipart uploads, one part at a time, each recorded before the next is asked for. Parts of a known
// length stream through; those of a source without one are held in memory, one at a time, under the isolate's byte budget.
// Facts: parts are equal but for the last, 5 MiB to 5 GiB (developers.cloudflare.com/r2/objects/upload-objects).

import { acquire } from "../net/byte-budget.ts";
import { FILE_PART_BYTES, FILE_PART_TIMEOUT_MS } from "../platform/limits.ts";
import { Digest, type Feed, withinTime } from "./feed.ts";
import type { Upload, UploadLog } from "./multipart-uploads.ts";
import { BROKE_OFF, pour } from "./pump.ts";
import type { StoredFile } from "./request-file.ts";

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
type Content = Pick<Upload, "source" | "contentType">;

export const NOT_WRITTEN: CopyOutcome = { kind: "later", reason: "The file could not be written.", ours: true };
const SUPERSEDED = later("Another try has taken over.");

export function later(reason: string): { kind: "later"; reason: string } {
  return { kind: "later", reason };
}

/** Goes on with an upload, or begins one. `digest` is null where bytes went by before. */
export async function copyParts(
  target: Target,
  feed: Feed,
  begun: Upload | (Content & { total: number; validator: string }),
  digest: Digest | null,
): Promise<CopyOutcome> {
  const upload = "uploadId" in begun ? begun : await begin(target, { ...begun, partBytes: FILE_PART_BYTES });
  const outcome = upload === null ? NOT_WRITTEN : await uploadParts(target, feed, upload, digest);
  if (outcome.kind !== "stored") await digest?.drop();
  return outcome;
}

async function uploadParts(target: Target, feed: Feed, begun: Upload, digest: Digest | null): Promise<CopyOutcome> {
  const { total, partBytes } = begun;
  if (total === null) throw new Error("only a copy of known length goes on by parts");
  const multipart = target.bucket.resumeMultipartUpload(begun.key, begun.uploadId);
  let upload = begun;
  for (let offset = upload.parts.length * partBytes; offset < total; offset += partBytes) {
    if (upload !== begun && target.isTurnOver()) return { kind: "paused" };
    const length = Math.min(partBytes, total - offset);
    const last = offset + length === total;
    const partNumber = upload.parts.length + 1;
    const send = (bytes: ReadableStream) => multipart.uploadPart(partNumber, bytes);
    const poured = await pour({ feed, length, last, digest, send });
    if (poured.kind === "source") return later(poured.reason);
    if (poured.kind === "bucket") return notTaken(target, poured.fault);
    if (!target.uploads.keepPart(poured.value)) return SUPERSEDED;
    upload = { ...upload, parts: [...upload.parts, poured.value] };
  }
  return finish(target, upload, digest);
}

/**
 * A source that does not tell its length. What fits one part is stored in one put. The permit is taken anew for each part, and
 * nothing else is waited for while it is held but the source, for a limited time, and the bucket.
 */
export async function copyBuffered(target: Target, feed: Feed, content: Content): Promise<CopyOutcome> {
  const digest = new Digest();
  const outcome = await uploadBuffered(target, feed, content, digest);
  if (outcome.kind !== "stored") await digest.drop();
  return outcome;
}

async function uploadBuffered(target: Target, feed: Feed, content: Content, digest: Digest): Promise<CopyOutcome> {
  const { bucket, key, maxBytes, uploads } = target;
  const partBytes = FILE_PART_BYTES;
  let upload: Upload | null = null;
  for (let size = 0; ; ) {
    const permit = await acquire(partBytes);
    if (permit === null) throw new Error("one part is more than the whole byte budget");
    try {
      const read = await withinTime(feed, FILE_PART_TIMEOUT_MS, () => fill(feed, partBytes)).catch(() => null);
      if (read === null) return later(BROKE_OFF);
      const { bytes, ended } = read;
      size += bytes.length;
      if (size > maxBytes) {
        if (upload !== null && !(await abandon(bucket, upload, uploads))) return NOT_WRITTEN;
        return { kind: "too_large" };
      }
      await digest.write(bytes);
      if (upload === null && ended) {
        const { contentType, source } = content;
        await bucket.put(key, bytes, { httpMetadata: { contentType }, customMetadata: { source } });
        return { kind: "stored", stored: { contentType, bytes: size, sha256: await digest.hex() } };
      }
      upload ??= await begin(target, { ...content, total: null, validator: null, partBytes });
      if (upload === null) return NOT_WRITTEN;
      const multipart = bucket.resumeMultipartUpload(key, upload.uploadId);
      const part = await multipart.uploadPart(upload.parts.length + 1, bytes);
      if (!uploads.keepPart(part)) return SUPERSEDED;
      upload = { ...upload, parts: [...upload.parts, part] };
      if (ended) return await finish(target, { ...upload, total: size }, digest);
    } catch (fault) {
      return notTaken(target, fault);
    } finally {
      permit.release();
    }
  }
}

/** Reads `capBytes`, or all there is. */
async function fill(feed: Feed, capBytes: number): Promise<{ bytes: Uint8Array; ended: boolean }> {
  const buffer = new Uint8Array(capBytes);
  let length = 0;
  while (length < capBytes) {
    const piece = await feed.next(capBytes - length);
    if (piece === null) return { bytes: buffer.subarray(0, length), ended: true };
    buffer.set(piece, length);
    length += piece.length;
  }
  return { bytes: buffer, ended: (await feed.peek()).length === 0 };
}

/** The row comes before the first use: an upload that nobody remembers cannot be found again. Null when it cannot be begun now. */
async function begin(target: Target, wish: Omit<Upload, "uploadId" | "key" | "parts">): Promise<Upload | null> {
  const { bucket, key, uploads } = target;
  const { contentType, source } = wish;
  const options = { httpMetadata: { contentType }, customMetadata: { source } };
  const created = await bucket.createMultipartUpload(key, options).catch(() => null);
  if (created === null) return null;
  const upload = { ...wish, key, uploadId: created.uploadId, parts: [] };
  if (uploads.begin(upload)) return upload;
  await created.abort().catch(() => undefined);
  return null;
}

/** Puts the parts together. The object's size has the last word. */
export async function finish(target: Target, upload: Upload, digest: Digest | null): Promise<CopyOutcome> {
  const { bucket, key, uploads } = target;
  try {
    const object = await bucket.resumeMultipartUpload(upload.key, upload.uploadId).complete(upload.parts);
    uploads.forget();
    if (object.size !== upload.total) {
      await bucket.delete(key);
      return later("The stored file has another size than its source.");
    }
  } catch (fault) {
    return notTaken(target, fault);
  }
  const { contentType, total } = upload;
  return { kind: "stored", stored: { contentType, bytes: total, sha256: digest === null ? null : await digest.hex() } };
}

/** Drops an upload that is of no use any more. False when R2 cannot be reached: its row stays, so that it is tried again. */
export async function abandon(
  bucket: R2Bucket,
  upload: Pick<Upload, "key" | "uploadId">,
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
