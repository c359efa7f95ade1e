// Reads bodies into memory: never more than the cap, always under a permit of the isolate's byte budget, which grows as bytes come.
// A stream that is not read to its end is cancelled.

import { type Refusal, refusal } from "../platform/errors.ts";
import { HELD_BODY, type PaceRule } from "./body-pace.ts";
import { type GrowingPermit, openInboundPermit, openPermit, type Permit, type Sender } from "./byte-budget.ts";
import { PacedReads } from "./paced-reads.ts";

/** A body up to this is not counted: nobody who holds bytes may have to wait for a short answer. */
export const FREE_BODY_BYTES = 16 * 1024;
/** How much more is taken and held at a time: a silent sender holds little beyond what it sent. */
const GROWTH_MAX_BYTES = 1024 * 1024;
/** When to send again after the budget was full: bodies of others are read within seconds. */
const OVERLOADED_RETRY_S = 5;

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

/** What else may come of a caller's body: `too_slow` is the sender's fault, `overloaded` is ours. */
export type Unheard = { kind: "too_slow" } | { kind: "overloaded" };

/**
 * Reads a body of at most `capBytes`. Up to FREE_BODY_BYTES it takes nothing of the budget, so that a short answer never waits
 * behind who waits for a long one. The call that the body answers has a time limit over the whole.
 */
export async function readCapped(message: Message, capBytes: number): Promise<BytesRead> {
  const read = await readWhole(message, capBytes, openPermit, null);
  return read.kind === "too_slow" || read.kind === "overloaded" ? { kind: "broken" } : read;
}

/** The same for a caller's body: out of its sender's share, at a minimum rate. */
export function readInbound(message: Message, capBytes: number, sender: Sender): Promise<BytesRead | Unheard> {
  return readWhole(message, capBytes, (mostBytes) => openInboundPermit(sender, mostBytes), HELD_BODY);
}

/** What a caller is told whose body was not heard to its end. */
export function unheardRefusal({ kind }: Unheard): Refusal {
  switch (kind) {
    case "too_slow":
      return refusal("invalid_request", "The request body came too slowly, or stopped.", {
        hint: `Send it again. A body must not pause for more than ${HELD_BODY.patienceMs / 1_000} seconds and must bring ${HELD_BODY.bytesPerS / 1024} KiB per second on average.`,
        status: 408,
      });
    case "overloaded":
      return refusal("overloaded", "Too many request bodies are being received. This one was not processed.", {
        hint: "Send it again after the time in `Retry-After`.",
        retryAfterS: OVERLOADED_RETRY_S,
      });
  }
}

async function readWhole(
  message: Message,
  capBytes: number,
  open: (mostBytes: number) => GrowingPermit,
  pace: PaceRule | null,
): Promise<BytesRead | Unheard> {
  const declared = declaredBytes(message.headers);
  const most = declared ?? capBytes;
  if (most > capBytes) {
    discard(message);
    return { kind: "too_large" };
  }
  const buffer = new GrowingBuffer(Math.min(declared ?? FREE_BODY_BYTES, FREE_BODY_BYTES), most, open);
  const end = await fill(buffer, message, pace);
  if (end !== "whole") {
    buffer.permit?.release();
    return { kind: end === "over" ? (declared === null ? "too_large" : "broken") : end };
  }
  const bytes = buffer.takeBytes();
  buffer.permit?.shrink(bytes.byteLength);
  buffer.permit?.settle();
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
  const read = await readCapped(message, capBytes);
  return read.kind === "read" ? asText(read) : read;
}

function asText({ bytes, permit }: Extract<BytesRead, { kind: "read" }>): Extract<TextRead, { kind: "read" }> {
  return { kind: "read", text: new TextDecoder().decode(bytes), permit };
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

/** What was read so far. It takes its bytes of the budget before it holds more than is free. */
export class GrowingBuffer {
  permit: GrowingPermit | null = null;
  readonly #maxBytes: number;
  readonly #open: (mostBytes: number) => GrowingPermit;
  #buffer: ArrayBuffer;
  #length = 0;

  constructor(firstBytes: number, maxBytes: number, open: (mostBytes: number) => GrowingPermit) {
    this.#maxBytes = maxBytes;
    this.#open = open;
    this.#buffer = new ArrayBuffer(Math.min(firstBytes, maxBytes));
  }

  /** `over`: the bytes do not fit under the cap. */
  async add(chunk: Uint8Array): Promise<"added" | "over" | "overloaded" | "lapsed"> {
    const length = this.#length + chunk.byteLength;
    if (length > this.#maxBytes) return "over";
    const held = this.#buffer.byteLength;
    const more = Math.max(length, held + Math.min(held, GROWTH_MAX_BYTES));
    const size = length > held ? Math.min(this.#maxBytes, more) : held;
    if (size > FREE_BODY_BYTES) {
      this.permit ??= this.#open(this.#maxBytes);
      // With each chunk, because that renews the lease.
      const grown = await this.permit.grow(size);
      if (grown !== "granted") return grown;
    }
    if (size > held) this.#buffer = this.#buffer.transfer(size);
    new Uint8Array(this.#buffer).set(chunk, this.#length);
    this.#length = length;
    return "added";
  }

  takeBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.transfer(this.#length));
  }
}

type Filled = "whole" | "over" | "broken" | "too_slow" | "overloaded";

async function fill(buffer: GrowingBuffer, message: Message, pace: PaceRule | null): Promise<Filled> {
  if (message.body === null) return "whole";
  let paced: PacedReads | null = null;
  try {
    const reader = message.body.getReader();
    const cancel = () => void reader.cancel().catch(() => undefined);
    paced = pace === null ? null : new PacedReads(pace, cancel);
    for (;;) {
      const { done, value } = await (paced === null ? reader.read() : paced.read(() => reader.read()));
      if (paced?.lapsed) return "too_slow";
      if (done) return "whole";
      const added = await buffer.add(value);
      if (added === "added") continue;
      cancel();
      return added === "lapsed" ? "too_slow" : added;
    }
  } catch {
    // A read that is cancelled ends in workerd with an error, elsewhere as the body's end.
    return paced?.lapsed ? "too_slow" : "broken";
  }
}
