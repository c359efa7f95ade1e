// Copies one file into R2: from its URL, or from the data URI that it is. Safe to repeat, nothing half is ever visible
// (R2 shows an object once its put is whole), no credentials, no redirects. Imports net, limits, ids, mirror's pure files.

import { hex, sha256Hex } from "../ids.ts";
import {
  FILE_COPY_CHUNK_BYTES,
  FILE_COPY_TIMEOUT_MS,
  FILE_MAX_BYTES,
  FILE_SNIFF_BYTES,
  FILE_UNKNOWN_LENGTH_MAX_BYTES,
} from "../limits.ts";
import { discard, readCapped } from "../net/body.ts";
import { callOut } from "../net/fetch.ts";
import type { StoredFile } from "../requests/types.ts";
import { dataUriBytes, readDataUri } from "./data-uri.ts";
import type { AllowedUrl } from "./hosts.ts";
import { decideType, OCTET_STREAM, sniff } from "./types.ts";

/** `later` may be tried again (`ours`: R2 did not take it, the source is not to blame), `gone` and `too_large` are final. Reasons are for people and name no URL. */
export type CopyOutcome =
  | { kind: "stored"; stored: StoredFile }
  | { kind: "later"; reason: string; ours?: true }
  | { kind: "gone"; reason: string }
  | { kind: "too_large" };

const NOT_WRITTEN = "The file could not be written.";

/** Where a file goes and what upstream said about it. */
interface Target {
  bucket: R2Bucket;
  key: string;
  claimedType: string | null;
}

export interface UrlCopy extends Target {
  url: string;
  claimedName: string | null;
  allowed: AllowedUrl;
}

/**
 * Encodings that the runtime takes off a body although none was asked for; it leaves others (deflate, zstd) in place
 * (developers.cloudflare.com/workers/configuration/compatibility-flags, "Brotli content encoding support").
 */
const DECODED = new Set(["identity", "gzip", "br"]);

/**
 * Copies what stands at a URL. A known length streams straight through, whatever its size up to FILE_MAX_BYTES; a body
 * without one is buffered up to FILE_UNKNOWN_LENGTH_MAX_BYTES, since R2 takes no stream of unknown length
 * (developers.cloudflare.com/r2/api/workers/workers-api-reference). What an earlier try that was cut off has stored is
 * answered without a second download; its digest is then null, as the bytes did not pass by here.
 */
export async function copyUrl(copy: UrlCopy): Promise<CopyOutcome> {
  const url = URL.parse(copy.url);
  if (url === null || !copy.allowed(url)) return gone("The file is not on a host that may be copied from.");
  const source = await sha256Hex(copy.url);
  const stored = await storedBefore(copy, source);
  if (stored !== null) return { kind: "stored", stored };

  // An encoded body has no length that counts.
  const headers = { accept: "*/*", "accept-encoding": "identity" };
  const call = await callOut(copy.url, { headers }, { timeoutMs: FILE_COPY_TIMEOUT_MS });
  if (call.kind === "failed") return later(`The source could not be reached (${call.reason}).`);
  try {
    return await copyAnswer(copy, call.response, source);
  } finally {
    call.end();
  }
}

/** An object carries a digest of the URL it came from: a signed URL itself is a secret that must not be kept twice. */
async function storedBefore({ bucket, key }: UrlCopy, source: string): Promise<StoredFile | null> {
  const object = await bucket.head(key).catch(() => null);
  if (object === null || object.customMetadata?.source !== source) return null;
  return { contentType: object.httpMetadata?.contentType ?? OCTET_STREAM, bytes: object.size, sha256: null };
}

async function copyAnswer(copy: UrlCopy, response: Response, source: string): Promise<CopyOutcome> {
  const { status } = response;
  if (status !== 200) {
    discard(response);
    const reason = `The source answered ${status}.`;
    return status >= 500 || status === 408 || status === 425 || status === 429 ? later(reason) : gone(reason);
  }
  if (!DECODED.has(encodingOf(response))) {
    discard(response);
    return gone("The source sent an encoding that was not asked for.");
  }
  const words = {
    claimed: copy.claimedType,
    header: response.headers.get("content-type"),
    name: copy.claimedName ?? URL.parse(copy.url)?.pathname ?? null,
  };
  const length = knownLength(response);
  if (length !== null) {
    if (length <= FILE_MAX_BYTES) return store(copy, { length, chunks: bodyChunks(response), words, source });
    discard(response);
    return { kind: "too_large" };
  }
  const read = await readCapped(response, FILE_UNKNOWN_LENGTH_MAX_BYTES);
  if (read.kind === "too_large") return { kind: "too_large" };
  if (read.kind === "broken") return later("The source broke off.");
  try {
    return await store(copy, { length: read.bytes.length, chunks: [read.bytes], words, source });
  } finally {
    read.permit.release();
  }
}

/** Stores the bytes of a data URI. They are decoded in slices, so that nothing is held beside the text itself. */
export async function copyData(copy: Target & { dataUri: string }): Promise<CopyOutcome> {
  const uri = readDataUri(copy.dataUri);
  if (uri === null) return gone("The data URI cannot be decoded.");
  const words = { claimed: copy.claimedType, header: uri.type, name: null };
  return store(copy, { length: uri.bytes, chunks: dataUriBytes(copy.dataUri, uri), words, source: "data" });
}

/** Reads a stored object once and digests it, for copies whose bytes did not pass in one piece. */
export async function hashStored({
  bucket,
  key,
}: {
  bucket: R2Bucket;
  key: string;
}): Promise<{ kind: "hashed"; sha256: string } | { kind: "missing" } | { kind: "later"; reason: string }> {
  try {
    const object = await bucket.get(key);
    if (object === null) return { kind: "missing" };
    const digest = new crypto.DigestStream("SHA-256");
    const [, sum] = await Promise.all([object.body.pipeTo(digest), digest.digest]);
    return { kind: "hashed", sha256: hex(sum) };
  } catch {
    return later("The stored file could not be read to its end.");
  }
}

interface Content {
  /** Bytes that `chunks` must come to. */
  length: number;
  /** The first holds FILE_SNIFF_BYTES, or all there is. A chunk is not read again once the next is asked for. */
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  words: { claimed: string | null; header: string | null; name: string | null };
  /** Kept with the object: what it was copied from. */
  source: string;
}

/**
 * One pass: each chunk goes to R2 and to the digest before the next is asked for, so a slow bucket slows the source and
 * nothing piles up (a `tee` would buffer for the slower branch). A put whose stream is aborted leaves no object.
 */
async function store({ bucket, key }: Target, content: Content): Promise<CopyOutcome> {
  const pipe = new FixedLengthStream(content.length);
  const toBucket = pipe.writable.getWriter();
  const digest = new crypto.DigestStream("SHA-256");
  const toDigest = digest.getWriter();
  let fault: string | null = null;
  let contentType = OCTET_STREAM;
  let put: Promise<void> | null = null;

  function beginPut(head: Uint8Array): Promise<void> {
    contentType = decideType({ ...content.words, sniffed: sniff(head) });
    const options = { httpMetadata: { contentType }, customMetadata: { source: content.source } };
    return bucket.put(key, pipe.readable, options).then(
      () => undefined,
      (error: unknown) => {
        fault ??= NOT_WRITTEN;
        return toBucket.abort(error).catch(() => undefined);
      },
    );
  }

  try {
    let sent = 0;
    for await (const chunk of content.chunks) {
      put ??= beginPut(chunk);
      sent += chunk.length;
      if (sent > content.length) break;
      await Promise.all([toBucket.write(chunk), toDigest.write(chunk)]);
    }
    put ??= beginPut(new Uint8Array(0));
    if (sent === content.length) await Promise.all([toBucket.close(), toDigest.close()]);
    else fault ??= `The source sent ${sent > content.length ? "more" : "fewer"} bytes than it announced.`;
  } catch {
    fault ??= "The source broke off.";
  }
  if (fault !== null) {
    const error = new Error(fault);
    await Promise.allSettled([toBucket.abort(error), toDigest.abort(error), digest.digest]);
  }
  await put;
  if (fault === NOT_WRITTEN) return { ...later(fault), ours: true };
  if (fault !== null) return later(fault);
  return { kind: "stored", stored: { contentType, bytes: content.length, sha256: hex(await digest.digest) } };
}

/** A body in chunks of at most FILE_COPY_CHUNK_BYTES, all in one buffer that is used again. */
async function* bodyChunks(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(FILE_COPY_CHUNK_BYTES);
  try {
    for (;;) {
      const { done, value } = await reader.readAtLeast(FILE_SNIFF_BYTES, new Uint8Array(buffer));
      if (value !== undefined && value.length > 0) {
        yield value;
        buffer = value.buffer;
      }
      if (done) return;
    }
  } finally {
    // Reached also when the reader of this generator stops early; after the end it does nothing.
    reader.cancel().catch(() => undefined);
  }
}

/** Content-Length where it is the length of what will be read. */
function knownLength(response: Response): number | null {
  const text = response.headers.get("content-length") ?? "";
  return encodingOf(response) === "identity" && /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
}

function encodingOf(response: Response): string {
  return (response.headers.get("content-encoding") ?? "identity").toLowerCase();
}

function later(reason: string): { kind: "later"; reason: string } {
  return { kind: "later", reason };
}

function gone(reason: string): { kind: "gone"; reason: string } {
  return { kind: "gone", reason };
}
