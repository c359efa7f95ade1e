// Byte sources that are pulled one chunk at a time, so that nothing is buffered: a body, or generated slices. Also the digest of a
// feed, and draining it.

import type { PaceRule } from "../net/body-pace.ts";
import { PacedReads } from "../net/paced-reads.ts";
import { hex } from "../platform/ids.ts";
import { FILE_SNIFF_BYTES } from "./media-types.ts";

/** Chunk size: below 64 KiB the overhead per chunk dominates, above this nothing is gained. */
export const FILE_COPY_CHUNK_BYTES = 256 * 1024;
/** The same for a caller's body until its sender has a permit for more: so much is held for each open call. */
const NARROW_CHUNK_BYTES = 16 * 1024;
/** Body of one upload call. Cloudflare's own cap (100 MB in most plans) would otherwise answer with a page of HTML. */
export const UPLOAD_PUT_MAX_BYTES = 100 * 1024 * 1024;

/** A chunk is only valid until the next one is read. */
export interface Feed {
  /** The next 1 to `max` bytes; null at the end. Rejects when the source breaks off, and after `close`. */
  next(max: number): Promise<Uint8Array | null>;
  /** The next bytes without consuming them: FILE_SNIFF_BYTES or more, or all that are left. */
  peek(): Promise<Uint8Array>;
  /** Closes the source. */
  close(): void;
}

/** Shared by all feeds: peeked bytes and `close`. */
abstract class HeldFeed implements Feed {
  #held: Uint8Array | null = null;
  #closed = false;

  /** The next piece, of any length. */
  protected abstract read(max: number): Promise<Uint8Array | null>;
  protected abstract closeSource(): void;

  async next(max: number): Promise<Uint8Array | null> {
    const piece = this.#held ?? (await this.#more(max));
    if (piece === null) return null;
    this.#held = piece.length > max ? piece.subarray(max) : null;
    return piece.subarray(0, max);
  }

  async peek(): Promise<Uint8Array> {
    let held = this.#held ?? new Uint8Array(0);
    for (let ended = false; !ended && held.length < FILE_SNIFF_BYTES; ) {
      // A copy: reading on uses the piece's memory again.
      const before = held.slice();
      const piece = await this.#more(FILE_COPY_CHUNK_BYTES);
      ended = piece === null;
      held = before.length === 0 ? (piece ?? before) : joined(before, piece ?? new Uint8Array(0));
    }
    this.#held = held.length === 0 ? null : held;
    return held;
  }

  /** A closed source ends without an error: that must not count as its end. */
  async #more(max: number): Promise<Uint8Array | null> {
    const piece = this.#closed ? null : await this.read(max);
    if (this.#closed) throw new Error("the source is closed");
    return piece;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.closeSource();
  }
}

/** A body, read into one buffer that is used again. */
export class BodyFeed extends HeldFeed {
  readonly #reader: ReadableStreamBYOBReader | null;
  readonly #paced: PacedReads | null;
  #buffer: ArrayBuffer;
  #chunkBytes: number;
  #renew: () => void = () => undefined;
  #ended: boolean;

  private constructor(body: ReadableStream<Uint8Array> | null, chunkBytes: number, pace: PaceRule | null) {
    super();
    this.#reader = body?.getReader({ mode: "byob" }) ?? null;
    this.#paced = pace === null ? null : new PacedReads(pace, () => this.close());
    this.#chunkBytes = chunkBytes;
    this.#buffer = new ArrayBuffer(chunkBytes);
    this.#ended = body === null;
  }

  /** A file of ours, or of a source; null: it comes as slowly as it likes. */
  static of(body: ReadableStream<Uint8Array> | null, pace: PaceRule | null): BodyFeed {
    return new BodyFeed(body, FILE_COPY_CHUNK_BYTES, pace);
  }

  /** A caller's body. */
  static ofSender(body: ReadableStream<Uint8Array> | null, pace: PaceRule): BodyFeed {
    return new BodyFeed(body, NARROW_CHUNK_BYTES, pace);
  }

  /** Whether the sender was too slow: then the body was cancelled. */
  get lapsed(): boolean {
    return this.#paced?.lapsed ?? false;
  }

  /** Reads in large chunks from now on, under a permit whose lease is renewed with each. */
  widen(permit: { renew(): void }): void {
    this.#chunkBytes = FILE_COPY_CHUNK_BYTES;
    this.#renew = () => permit.renew();
  }

  /** The rest may take no longer than this. */
  limitRest(ms: number): void {
    this.#paced?.limitRest(ms);
  }

  protected async read(max: number): Promise<Uint8Array | null> {
    const reader = this.#reader;
    if (this.#ended || reader === null) return null;
    this.#renew();
    if (this.#buffer.byteLength < this.#chunkBytes) this.#buffer = new ArrayBuffer(this.#chunkBytes);
    const view = new Uint8Array(this.#buffer, 0, Math.min(max, this.#chunkBytes));
    const read = () => reader.readAtLeast(Math.min(FILE_SNIFF_BYTES, view.length), view);
    const { done, value } = await (this.#paced === null ? read() : this.#paced.read(read));
    this.#ended = done;
    if (value === undefined || value.length === 0) return null;
    this.#buffer = value.buffer;
    return value;
  }

  protected closeSource(): void {
    this.#reader?.cancel().catch(() => undefined);
  }
}

/** Slices that are made as they are asked for. */
export class SliceFeed extends HeldFeed {
  readonly #slices: Iterator<Uint8Array> | AsyncIterator<Uint8Array>;

  constructor(slices: Iterator<Uint8Array> | AsyncIterator<Uint8Array>) {
    super();
    this.#slices = slices;
  }

  protected async read(): Promise<Uint8Array | null> {
    const { done, value } = await this.#slices.next();
    return done ? null : value;
  }

  protected closeSource(): void {
    Promise.resolve(this.#slices.return?.()).catch(() => undefined);
  }
}

/** Runs work under a time limit, if set: on expiry the source is closed and the work fails. */
export async function withinTime<T>(feed: Feed, limitMs: number | null, work: () => Promise<T>): Promise<T> {
  const timer = limitMs === null ? null : setTimeout(() => feed.close(), limitMs);
  try {
    return await work();
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

/** SHA-256 in hex of a whole feed; null when it breaks off. */
export async function digestOf(feed: Feed): Promise<string | null> {
  const digest = new Digest();
  try {
    for (;;) {
      const piece = await feed.next(FILE_COPY_CHUNK_BYTES);
      if (piece === null) return await digest.hex();
      await digest.write(piece);
    }
  } catch {
    await digest.discard();
    return null;
  }
}

/**
 * Reads the rest of a request body, up to the limit of one call: a browser whose upload is aborted reports "Failed to fetch" instead
 * of the response.
 */
export async function drain(feed: Feed): Promise<void> {
  try {
    for (let bytes = 0; bytes < UPLOAD_PUT_MAX_BYTES; ) {
      const piece = await feed.next(FILE_COPY_CHUNK_BYTES);
      if (piece === null) return;
      bytes += piece.length;
    }
    feed.close();
  } catch {
    // The client disconnected.
  }
}

/** Two chunks concatenated in new memory. */
export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** SHA-256 of bytes that pass by. End it with `hex` or `drop`. */
export class Digest {
  readonly #stream = new crypto.DigestStream("SHA-256");
  readonly #writer = this.#stream.getWriter();

  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  async hex(): Promise<string> {
    await this.#writer.close();
    return hex(await this.#stream.digest);
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#writer.abort(new Error("digest discarded")), this.#stream.digest]);
  }
}
