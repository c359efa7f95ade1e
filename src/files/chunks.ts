// Bodies in chunks, without holding more than one: as they come, and with a first chunk that is long enough to be looked at.
// Imports limits.

import { FILE_COPY_CHUNK_BYTES, UPLOAD_PUT_MAX_BYTES } from "../platform/limits.ts";

/** A chunk means something until the next is asked for: its memory is used again. */
export type Chunks = AsyncIterable<Uint8Array>;

/** A body in chunks of at most FILE_COPY_CHUNK_BYTES, all in one buffer. Stopping early reads what is left and drops it. */
export async function* bodyChunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(FILE_COPY_CHUNK_BYTES);
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (value !== undefined && value.length > 0) {
        yield value;
        buffer = value.buffer;
      }
      if (done) return;
    }
  } finally {
    await readAway(reader, new ArrayBuffer(FILE_COPY_CHUNK_BYTES));
  }
}

/** Reads a body that nobody began to read: a browser whose body is cut off says "Failed to fetch", and shows no refusal. */
export async function drain({ body }: Request): Promise<void> {
  if (body === null || body.locked) return;
  await readAway(body.getReader({ mode: "byob" }), new ArrayBuffer(FILE_COPY_CHUNK_BYTES));
}

/** To the end of the body, or as far as one call may go. */
async function readAway(reader: ReadableStreamBYOBReader, first: ArrayBuffer): Promise<void> {
  let buffer = first;
  try {
    for (let bytes = 0; bytes < UPLOAD_PUT_MAX_BYTES; ) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done || value === undefined) return;
      bytes += value.length;
      buffer = value.buffer;
    }
    await reader.cancel();
  } catch {
    // The sender has gone.
  }
}

/** The same chunks, the first of them with at least `bytes`, or all there are. */
export async function* withHead(chunks: Chunks, bytes: number): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    const first: Uint8Array = head.length === 0 ? chunk : joined(head, chunk);
    if (first.length < bytes) {
      head = first === chunk ? chunk.slice() : first;
      continue;
    }
    head = null;
    yield first;
  }
  if (head !== null && head.length > 0) yield head;
}

/** Two pieces as one, in memory of its own. */
export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
