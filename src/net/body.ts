// Reads bodies into memory: never more than the cap, always under a permit of the isolate's byte budget. A stream that is not
// read to its end is cancelled.

import { SECOND_MS } from "../platform/time.ts";
import { acquire, acquireInbound, type Permit } from "./byte-budget.ts";

/** A body up to this is not counted: nobody who holds bytes may have to wait for a short answer. */
export const FREE_BODY_BYTES = 16 * 1024;
/** Callers who send slower than this for a whole body hold bytes that others wait for. */
const INBOUND_READ_TIMEOUT_MS = 30 * SECOND_MS;

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

/**
 * Reads a body of at most `capBytes`. Up to FREE_BODY_BYTES it takes nothing of the budget, so that a short answer never waits
 * behind who waits for a long one. Above that the bytes are acquired in one step (Content-Length, or the cap where that says
 * nothing), because readers that grow what they hold can wait for each other for ever.
 */
export function readCapped(message: Message, capBytes: number): Promise<BytesRead> {
  return read(message, capBytes, acquire, null);
}

/** The same for a caller's body: out of the inbound share, and with a time limit over the whole body. */
export function readInbound(message: Message, capBytes: number): Promise<BytesRead> {
  return read(message, capBytes, acquireInbound, INBOUND_READ_TIMEOUT_MS);
}

type Acquire = (bytes: number) => Promise<Permit | null>;

async function read(
  message: Message,
  capBytes: number,
  acquireBytes: Acquire,
  timeoutMs: number | null,
): Promise<BytesRead> {
  const declared = declaredBytes(message.headers);
  const reserve = declared ?? capBytes;
  if (reserve > capBytes) {
    discard(message);
    return { kind: "too_large" };
  }
  const buffer = new GrowingBuffer(declared, reserve, acquireBytes);
  const end = await fill(buffer, message, timeoutMs);
  if (end !== "whole") {
    buffer.permit?.release();
    return { kind: end === "over" && declared === null ? "too_large" : "broken" };
  }
  const bytes = buffer.takeBytes();
  buffer.permit?.shrink(bytes.byteLength);
  return { kind: "read", bytes, permit: buffer.permit ?? uncounted(bytes.byteLength) };
}

/** The permit of a body that is too short to count. */
function uncounted(bytes: number): Permit {
  return { bytes, shrink: () => undefined, release: () => undefined };
}

/**
 * The same as UTF-8 text. Bytes that are not UTF-8 become U+FFFD: a paid result is not lost over one of them. A byte
 * order mark is dropped, as JSON.parse does not take it. Whoever checks a signature reads bytes instead.
 */
export async function readTextCapped(message: Message, capBytes: number): Promise<TextRead> {
  return asText(await readCapped(message, capBytes));
}

export async function readInboundText(message: Message, capBytes: number): Promise<TextRead> {
  return asText(await readInbound(message, capBytes));
}

function asText(read: BytesRead): TextRead {
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

/** What was read so far. It takes its bytes of the budget once, when it is about to hold more than is free. */
class GrowingBuffer {
  permit: Permit | null = null;
  readonly #maxBytes: number;
  readonly #acquireBytes: Acquire;
  #buffer: ArrayBuffer;
  #length = 0;

  constructor(declared: number | null, maxBytes: number, acquireBytes: Acquire) {
    this.#maxBytes = maxBytes;
    this.#acquireBytes = acquireBytes;
    this.#buffer = new ArrayBuffer(Math.min(declared ?? FREE_BODY_BYTES, FREE_BODY_BYTES));
  }

  /** False when the bytes do not fit under the cap. */
  async add(chunk: Uint8Array): Promise<boolean> {
    const length = this.#length + chunk.byteLength;
    if (length > this.#maxBytes) return false;
    if (length > FREE_BODY_BYTES && this.permit === null) {
      this.permit = await this.#acquireBytes(this.#maxBytes);
      if (this.permit === null) return false;
    }
    if (length > this.#buffer.byteLength) {
      this.#buffer = this.#buffer.transfer(Math.min(this.#maxBytes, Math.max(2 * this.#buffer.byteLength, length)));
    }
    new Uint8Array(this.#buffer).set(chunk, this.#length);
    this.#length = length;
    return true;
  }

  takeBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.transfer(this.#length));
  }
}

async function fill(
  buffer: GrowingBuffer,
  message: Message,
  timeoutMs: number | null,
): Promise<"whole" | "over" | "broken"> {
  if (message.body === null) return "whole";
  let timer: ReturnType<typeof setTimeout> | null = null;
  let tookTooLong = false;
  try {
    const reader = message.body.getReader();
    if (timeoutMs !== null) {
      timer = setTimeout(() => {
        tookTooLong = true;
        reader.cancel().catch(() => undefined);
      }, timeoutMs);
    }
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return tookTooLong ? "broken" : "whole";
      if (await buffer.add(value)) continue;
      reader.cancel().catch(() => undefined);
      return "over";
    }
  } catch {
    return "broken";
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
