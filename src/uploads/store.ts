// Bytes of an upload into R2 in one pass, never more than a chunk (known length) or a part (unknown length) in memory. What
// does not come whole is never visible. Imports net/buffers, mirror's types, ids, limits.

import type { Chunks } from "../files/chunks.ts";
import { acquireInbound } from "../net/byte-budget.ts";
import { hex } from "../platform/ids.ts";
import { UPLOAD_PART_MIN_BYTES } from "../platform/limits.ts";

/** `broken`: the sender stopped, or sent another number of bytes than it said. A fault of R2's is thrown. */
export type StoreOutcome =
  | { kind: "stored"; bytes: number; sha256: string }
  | { kind: "broken" }
  | { kind: "too_large" };

interface Target {
  bucket: R2Bucket;
  key: string;
  contentType: string;
}

/** A body whose length is known streams straight through. */
export async function storeKnown(target: Target, chunks: Chunks, length: number): Promise<StoreOutcome> {
  const { bucket, key, contentType } = target;
  const digest = new crypto.DigestStream("SHA-256");
  const sent = await pump(chunks, length, digest, (body) => bucket.put(key, body, { httpMetadata: { contentType } }));
  return sent.kind === "sent" ? { kind: "stored", bytes: length, sha256: hex(await digest.digest) } : sent;
}

/** One part of a multipart upload. */
export async function storePart(
  upload: R2MultipartUpload,
  n: number,
  chunks: Chunks,
  length: number,
): Promise<{ kind: "sent"; done: R2UploadedPart } | { kind: "broken" }> {
  return pump(chunks, length, null, (body) => upload.uploadPart(n, body));
}

/**
 * A body without a length, of which R2 takes none: up to one part goes in one put, more in parts of R2's smallest size.
 * `keep` remembers the multipart upload before its first part, so that one that is cut off can be ended.
 */
export async function storeUnknown(
  { bucket, key, contentType }: Target,
  chunks: Chunks,
  { maxBytes, atMost }: { maxBytes: number; atMost: number },
  keep: (uploadId: string) => Promise<unknown>,
): Promise<StoreOutcome> {
  // A body up to a part's size takes its own size only; it grows no further, because more than `atMost` cannot come.
  const permit = await acquireInbound(Math.min(atMost, UPLOAD_PART_MIN_BYTES));
  if (permit === null) throw new Error("a part is larger than the whole byte budget");
  const buffer = new Uint8Array(permit.bytes);
  const digest = new crypto.DigestStream("SHA-256");
  const toDigest = digest.getWriter();
  const parts: R2UploadedPart[] = [];
  let upload: R2MultipartUpload | null = null;
  let filled = 0;
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (upload === null) {
      upload = await bucket.createMultipartUpload(key, { httpMetadata: { contentType } });
      await keep(upload.uploadId);
    }
    parts.push(await upload.uploadPart(parts.length + 1, buffer.subarray(0, filled)));
    filled = 0;
  };
  try {
    for await (const chunk of whole(chunks)) {
      if (chunk === "broken") return await given({ kind: "broken" });
      bytes += chunk.length;
      if (bytes > Math.min(maxBytes, atMost)) return await given({ kind: "too_large" });
      await toDigest.write(chunk);
      for (let at = 0; at < chunk.length; ) {
        if (filled === buffer.length) await flush();
        const piece = chunk.subarray(at, at + buffer.length - filled);
        buffer.set(piece, filled);
        filled += piece.length;
        at += piece.length;
      }
    }
    await toDigest.close();
    if (parts.length === 0) {
      await bucket.put(key, buffer.subarray(0, filled), { httpMetadata: { contentType } });
    } else {
      await flush();
      await (upload as R2MultipartUpload | null)?.complete(parts);
    }
    return { kind: "stored", bytes, sha256: hex(await digest.digest) };
  } catch (fault) {
    await given({ kind: "broken" });
    throw fault;
  } finally {
    permit.release();
  }

  /** Ends what was begun, best effort: what is left over is known by its kept id. */
  async function given(outcome: StoreOutcome): Promise<StoreOutcome> {
    await Promise.allSettled([upload?.abort(), toDigest.abort(), digest.digest]);
    return outcome;
  }
}

/** SHA-256 of a body that is not stored; null when it does not come whole. */
export async function digestOf(chunks: Chunks): Promise<string | null> {
  const digest = new crypto.DigestStream("SHA-256");
  const writer = digest.getWriter();
  for await (const chunk of whole(chunks)) {
    if (chunk === "broken") {
      await Promise.allSettled([writer.abort(), digest.digest]);
      return null;
    }
    await writer.write(chunk);
  }
  await writer.close();
  return hex(await digest.digest);
}

/** Chunk by chunk into R2 and the digest, so that a slow bucket slows the sender and nothing piles up. */
async function pump<T>(
  chunks: Chunks,
  length: number,
  digest: DigestStream | null,
  begin: (body: ReadableStream) => Promise<T>,
): Promise<{ kind: "sent"; done: T } | { kind: "broken" }> {
  const pipe = new FixedLengthStream(length);
  const writers = [pipe.writable.getWriter(), ...(digest === null ? [] : [digest.getWriter()])];
  let fault: unknown = null;
  const put = begin(pipe.readable).catch(async (error: unknown) => {
    fault = error;
    await writers[0]?.abort(error).catch(() => undefined);
    return null;
  });
  let sent = 0;
  let isWhole = true;
  try {
    for await (const chunk of whole(chunks)) {
      if (chunk === "broken" || sent + chunk.length > length) {
        isWhole = false;
        break;
      }
      sent += chunk.length;
      await Promise.all(writers.map((writer) => writer.write(chunk)));
    }
    isWhole &&= sent === length;
    if (isWhole) await Promise.all(writers.map((writer) => writer.close()));
  } catch (error) {
    fault ??= error;
  }
  if (!isWhole || fault !== null) {
    const ending = writers.map((writer) => writer.abort(new Error("the body did not come whole")));
    await Promise.allSettled([...ending, digest?.digest, put]);
    if (fault !== null && isWhole) throw fault;
    return { kind: "broken" };
  }
  const done = await put;
  if (fault !== null || done === null) throw fault ?? new Error("R2 stored nothing");
  return { kind: "sent", done };
}

/** The chunks, with a sender's fault as a last word instead of a throw, so that it is told apart from R2's. */
async function* whole(chunks: Chunks): AsyncGenerator<Uint8Array | "broken"> {
  const iterator = chunks[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await iterator.next().catch(() => null);
      ended = next === null || next.done === true;
      if (next === null) {
        yield "broken";
        return;
      }
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!ended) await iterator.return?.();
  }
}
