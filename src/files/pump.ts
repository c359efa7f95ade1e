// Streams bytes into R2: a known length streams through, an unknown one is buffered part by part under permits that grow with it.
// Computes SHA-256, never shows incomplete objects, and distinguishes the source's faults from R2's.

import { FREE_BODY_BYTES, GrowingBuffer, type Unheard } from "../net/body.ts";
import type { GrowingPermit } from "../net/byte-budget.ts";
import { Digest, type Feed, withinTime } from "./byte-reader.ts";

export type Fault =
  /** The source broke off, or sent another number of bytes than it said; the reason is for people. */
  { kind: "source"; reason: string } | { kind: "bucket"; fault: unknown };

export type Stored = { kind: "stored"; bytes: number; sha256: string } | Fault;

/** Where a file goes. */
export interface Destination {
  bucket: Pick<R2Bucket, "put" | "createMultipartUpload" | "delete">;
  key: string;
  metadata: Pick<R2MultipartOptions, "httpMetadata" | "customMetadata">;
}

interface ByteTransfer<T> {
  feed: Feed;
  length: number;
  /** Whether the feed has to end with these bytes. */
  last: boolean;
  digest: Digest | null;
  /** Stores a stream of exactly `length` bytes: a put or a part upload. An aborted stream must leave nothing behind. */
  send(bytes: ReadableStream): Promise<T>;
  /** Null: no time limit. */
  timeoutMs: number | null;
}

interface Buffering {
  feed: Feed;
  maxBytes: number;
  /** Held at once. R2 takes 5 MiB and more; less where no more than one part can come. */
  partBytes: number;
  /** A permit for one part. */
  open(mostBytes: number): GrowingPermit;
  /** Records a multipart upload before its first part, so that it can be aborted later. False: the attempt lost its lease. */
  begun(uploadId: string): boolean | Promise<boolean>;
  /** Called for each stored part. False: the attempt lost its lease. */
  partStored(part: R2UploadedPart): boolean;
}

export const CONNECTION_CLOSED = { kind: "source", reason: "The source closed the connection early." } as const;
const SENT_FEWER: Fault = { kind: "source", reason: "The source sent fewer bytes than its Content-Length." };
const SENT_MORE: Fault = { kind: "source", reason: "The source sent more bytes than its Content-Length." };
const OTHER_SIZE: Fault = { kind: "source", reason: "The stored file and its source differ in size." };

/** Stores a feed of known length in one put. */
export async function storeKnown(
  { bucket, key, metadata }: Destination,
  { feed, length, timeoutMs }: { feed: Feed; length: number; timeoutMs: number | null },
): Promise<Stored> {
  const digest = new Digest();
  const send = (bytes: ReadableStream) => bucket.put(key, bytes, metadata);
  const poured = await sendBytes({ feed, length, last: true, digest, send, timeoutMs });
  if (poured.kind === "poured") return { kind: "stored", bytes: length, sha256: await digest.hex() };
  await digest.discard();
  return poured;
}

/**
 * Stores a feed of unknown length: with one put if it fits one part, otherwise in parts. Each part has a permit of its own, held
 * while waiting for the source, R2 and the upload's record. A failed upload is aborted, best effort. `overloaded`: a permit did not
 * grow in time; `too_slow`: its lease was over.
 */
export async function storeUnknown(
  to: Destination,
  { feed, maxBytes, partBytes, open, begun, partStored }: Buffering,
): Promise<Stored | { kind: "too_large" } | { kind: "superseded" } | Unheard> {
  const { bucket, key, metadata } = to;
  const digest = new Digest();
  const parts: R2UploadedPart[] = [];
  let multipart: R2MultipartUpload | null = null;
  let isStored = false;
  try {
    for (let size = 0; ; ) {
      const buffer = new GrowingBuffer(Math.min(partBytes, FREE_BODY_BYTES), partBytes, open);
      let bytes = new Uint8Array(0);
      try {
        const filled = await fill(feed, buffer, partBytes).catch(() => CONNECTION_CLOSED);
        if (filled.kind !== "filled") return filled;
        const { ended } = filled;
        bytes = buffer.takeBytes();
        buffer.permit?.settle();
        size += bytes.length;
        if (size + (ended ? 0 : 1) > maxBytes) return { kind: "too_large" };
        await digest.write(bytes);
        if (multipart === null && ended) {
          await bucket.put(key, bytes, metadata);
        } else {
          if (multipart === null) {
            multipart = await bucket.createMultipartUpload(key, metadata);
            if (!(await begun(multipart.uploadId))) return { kind: "superseded" };
          }
          const part = await multipart.uploadPart(parts.length + 1, bytes);
          if (!partStored(part)) return { kind: "superseded" };
          parts.push(part);
          if (!ended) continue;
          const completed = await complete(to, multipart, parts, size);
          if (completed.kind !== "complete") return completed;
        }
        isStored = true;
        return { kind: "stored", bytes: size, sha256: await digest.hex() };
      } finally {
        // Frees the memory with its permit, not at garbage collection.
        bytes.buffer.transfer(0);
        buffer.permit?.release();
      }
    }
  } catch (fault) {
    return { kind: "bucket", fault };
  } finally {
    if (!isStored) await Promise.allSettled([multipart?.abort(), digest.discard()]);
  }
}

/** Sends a number of bytes of a feed. The fault that came first is returned. */
export async function sendBytes<T>(pouring: ByteTransfer<T>): Promise<{ kind: "poured"; value: T } | Fault> {
  const pipe = new FixedLengthStream(pouring.length);
  const writer = pipe.writable.getWriter();
  const faults: Fault[] = [];
  const sent = pouring.send(pipe.readable).then(
    (value) => ({ kind: "poured" as const, value }),
    async (fault: unknown) => {
      faults.push({ kind: "bucket", fault });
      await writer.abort(fault).catch(() => undefined);
      return { kind: "bucket" as const, fault };
    },
  );
  const broken = await withinTime(pouring.feed, pouring.timeoutMs, () => write(pouring, writer));
  if (broken?.kind === "source") faults.push(broken);
  if (broken !== null) await writer.abort(new Error("the source sent an incomplete body")).catch(() => undefined);
  const came = await sent;
  return faults[0] ?? broken ?? came;
}

/** Each chunk is written before the next is read, so a slow bucket slows the source (a `tee` would buffer). */
async function write<T>(
  { feed, length, last, digest }: ByteTransfer<T>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<Fault | null> {
  try {
    for (let left = length; left > 0; ) {
      const piece = await feed.next(left).catch(() => CONNECTION_CLOSED);
      if (piece === null) return SENT_FEWER;
      if ("kind" in piece) return piece;
      await Promise.all([writer.write(piece), digest?.write(piece)]);
      left -= piece.length;
    }
    const rest = last ? await feed.peek().catch(() => CONNECTION_CLOSED) : null;
    if (rest !== null && "kind" in rest) return rest;
    if (rest !== null && rest.length > 0) return SENT_MORE;
    await writer.close();
    return null;
  } catch (fault) {
    return { kind: "bucket", fault };
  }
}

/** Completes a multipart upload and verifies the object's size. */
export async function complete(
  { bucket, key }: Pick<Destination, "bucket" | "key">,
  multipart: R2MultipartUpload,
  parts: R2UploadedPart[],
  bytes: number,
): Promise<{ kind: "complete" } | Fault> {
  try {
    const object = await multipart.complete(parts);
    if (object.size === bytes) return { kind: "complete" };
    await bucket.delete(key);
    return OTHER_SIZE;
  } catch (fault) {
    return { kind: "bucket", fault };
  }
}

/** Reads until the part is full, or all there is. */
async function fill(
  feed: Feed,
  buffer: GrowingBuffer,
  partBytes: number,
): Promise<{ kind: "filled"; ended: boolean } | Unheard | typeof CONNECTION_CLOSED> {
  for (let length = 0; length < partBytes; ) {
    const piece = await feed.next(partBytes - length);
    if (piece === null) return { kind: "filled", ended: true };
    const added = await buffer.add(piece);
    switch (added) {
      case "added":
        break;
      case "overloaded":
        return { kind: "overloaded" };
      case "lapsed":
        return { kind: "too_slow" };
      case "over":
        return CONNECTION_CLOSED;
    }
    length += piece.length;
  }
  return { kind: "filled", ended: (await feed.peek()).length === 0 };
}
