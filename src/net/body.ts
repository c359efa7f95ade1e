// Reads bodies into memory: never more than the cap, always under a permit of the isolate's byte budget.
// A stream that is not read to its end is cancelled. Imports net/buffers.

import { acquire, type Permit } from "./buffers.ts";

/** A Request or a Response. */
export interface Message {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly headers: Headers;
}

/** `broken`: the body ended with a fault, or was longer than it said. The permit of a `read` is the caller's to release. */
export type BytesRead =
  | { kind: "read"; bytes: Uint8Array<ArrayBuffer>; permit: Permit }
  | { kind: "too_large" }
  | { kind: "broken" };

export type TextRead = { kind: "read"; text: string; permit: Permit } | { kind: "too_large" } | { kind: "broken" };

const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * Reads a body of at most `capBytes`. The bytes are acquired before the first is read and in one step (Content-Length,
 * or the cap where that says nothing), because readers that grow what they hold can wait for each other for ever.
 */
export async function readCapped(message: Message, capBytes: number): Promise<BytesRead> {
  const declared = declaredBytes(message.headers);
  const reserve = declared ?? capBytes;
  const permit = reserve > capBytes ? null : await acquire(reserve);
  if (permit === null) {
    discard(message);
    return { kind: "too_large" };
  }
  const read = await readInto(message, reserve, declared);
  if (read === "over" || read === "broken") {
    permit.release();
    return { kind: read === "over" && declared === null ? "too_large" : "broken" };
  }
  permit.shrink(read.byteLength);
  return { kind: "read", bytes: read, permit };
}

/**
 * The same as UTF-8 text. Bytes that are not UTF-8 become U+FFFD: a paid result is not lost over one of them. A byte
 * order mark is dropped, as JSON.parse does not take it. Whoever checks a signature reads bytes instead.
 */
export async function readTextCapped(message: Message, capBytes: number): Promise<TextRead> {
  const read = await readCapped(message, capBytes);
  if (read.kind !== "read") return read;
  return { kind: "read", text: new TextDecoder().decode(read.bytes), permit: read.permit };
}

/** Cancels a body that nobody will read, so that its connection is free again. */
export function discard(message: Message): void {
  message.body?.cancel().catch(() => undefined);
}

/** Content-Length where it tells the size of what will be read: an encoded body grows when it is decoded. */
function declaredBytes(headers: Headers): number | null {
  const text = headers.get("content-length");
  if (text === null || !/^[0-9]{1,15}$/.test(text)) return null;
  if ((headers.get("content-encoding") ?? "identity").toLowerCase() !== "identity") return null;
  return Number(text);
}

async function readInto(
  message: Message,
  maxBytes: number,
  declared: number | null,
): Promise<Uint8Array<ArrayBuffer> | "over" | "broken"> {
  if (message.body === null) return new Uint8Array(0);
  let buffer = new ArrayBuffer(declared ?? Math.min(FIRST_BUFFER_BYTES, maxBytes));
  let length = 0;
  try {
    const reader = message.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return new Uint8Array(buffer.transfer(length));
      if (length + value.byteLength > maxBytes) {
        reader.cancel().catch(() => undefined);
        return "over";
      }
      if (length + value.byteLength > buffer.byteLength) {
        buffer = buffer.transfer(Math.min(maxBytes, Math.max(2 * buffer.byteLength, length + value.byteLength)));
      }
      new Uint8Array(buffer).set(value, length);
      length += value.byteLength;
    }
  } catch {
    return "broken";
  }
}
