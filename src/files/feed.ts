// Bytes on their way to the bucket, in pieces that are asked for one at a time, so that nothing piles up: the body of an
// answer, or the slices of a text. Imports limits and ids.

import { hex } from "../platform/ids.ts";
import { FILE_COPY_CHUNK_BYTES, FILE_SNIFF_BYTES } from "../platform/limits.ts";

/** A piece must not be used any more once the next one is asked for. */
export interface Feed {
  /** The next 1 to `max` bytes; null at the end. Rejects when the source breaks off, and after `close`. */
  next(max: number): Promise<Uint8Array | null>;
  /** The coming bytes without taking them: FILE_SNIFF_BYTES or more, or all that are left. */
  peek(): Promise<Uint8Array>;
  /** Lets the source go. */
  close(): void;
}

const NOTHING = new Uint8Array(0);

/** What both feeds share: a piece that was looked at and not taken yet. `read` brings the next one of any length. */
abstract class HeldFeed implements Feed {
  #held: Uint8Array | null = null;

  protected abstract read(max: number): Promise<Uint8Array | null>;
  abstract close(): void;

  async next(max: number): Promise<Uint8Array | null> {
    const piece = this.#held ?? (await this.read(max));
    if (piece === null) return null;
    this.#held = piece.length > max ? piece.subarray(max) : null;
    return piece.subarray(0, max);
  }

  async peek(): Promise<Uint8Array> {
    this.#held ??= await this.read(FILE_COPY_CHUNK_BYTES);
    return this.#held ?? NOTHING;
  }
}

/** The body of an answer, read into one buffer that is used again. */
export class BodyFeed extends HeldFeed {
  readonly #reader: ReadableStreamBYOBReader | null;
  #buffer = new ArrayBuffer(FILE_COPY_CHUNK_BYTES);
  #ended: boolean;
  #closed = false;

  constructor(body: ReadableStream<Uint8Array> | null) {
    super();
    this.#reader = body?.getReader({ mode: "byob" }) ?? null;
    this.#ended = body === null;
  }

  protected async read(max: number): Promise<Uint8Array | null> {
    // A body that was let go ends without a fault: that must not pass for its end.
    if (this.#closed) throw new Error("the source was let go");
    if (this.#ended || this.#reader === null) return null;
    const view = new Uint8Array(this.#buffer, 0, Math.min(max, FILE_COPY_CHUNK_BYTES));
    const { done, value } = await this.#reader.readAtLeast(Math.min(FILE_SNIFF_BYTES, view.length), view);
    if (this.#closed) throw new Error("the source was let go");
    this.#ended = done;
    if (value === undefined || value.length === 0) return null;
    this.#buffer = value.buffer;
    return value;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader?.cancel().catch(() => undefined);
  }
}

/** Slices that are made as they are asked for. */
export class SliceFeed extends HeldFeed {
  readonly #slices: Iterator<Uint8Array>;

  constructor(slices: Iterable<Uint8Array>) {
    super();
    this.#slices = slices[Symbol.iterator]();
  }

  protected read(): Promise<Uint8Array | null> {
    const { done, value } = this.#slices.next();
    return Promise.resolve(done ? null : value);
  }

  close(): void {
    this.#slices.return?.();
  }
}

/** Runs a piece of work under a time limit: when that is over the source is let go, and the work finds it broken off. */
export async function withinTime<T>(feed: Feed, limitMs: number, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => feed.close(), limitMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
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

  async drop(): Promise<void> {
    await Promise.allSettled([this.#writer.abort(new Error("not wanted any more")), this.#stream.digest]);
  }
}
