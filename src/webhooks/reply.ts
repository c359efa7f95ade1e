// What a receiver answered, as far as people want to see it: a bounded read of the body, its secrets taken out, cut short.
// A fault in the body changes nothing: the status has decided.

import { scrub } from "./scrub.ts";

/** How much of a receiver's answer is read; only its status counts. */
export const DELIVER_REPLY_READ_MAX_BYTES = 16 * 1024;
/** How much of it is kept for people, per try: a stack trace fits. */
export const DELIVER_REPLY_KEPT_MAX_CHARS = 4 * 1024;

export interface Reply {
  text: string;
  /** `cut`: there was more than is kept. `broken`: it stopped before its end (too slow, reset, not the encoding that it said). */
  end: "whole" | "cut" | "broken";
}

/**
 * Reads a short answer to its end, so that the receiver does not see a broken connection, and cancels the rest of a long
 * one. Holds at most the cap and the chunk that passes it, hence no byte permit. Never throws.
 */
export async function readReply(body: ReadableStream<Uint8Array> | null, known: readonly string[]): Promise<Reply> {
  const { bytes, end } = await firstBytes(body, DELIVER_REPLY_READ_MAX_BYTES);
  if (bytes.includes(0)) return { text: `[binary, ${bytes.byteLength} bytes]`, end };
  // Scrubbed before it is cut: half a secret would not look like one.
  const text = scrub(new TextDecoder().decode(bytes), known);
  if (text.length <= DELIVER_REPLY_KEPT_MAX_CHARS) return { text, end };
  return { text: text.slice(0, DELIVER_REPLY_KEPT_MAX_CHARS), end: end === "broken" ? "broken" : "cut" };
}

async function firstBytes(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<{ bytes: Uint8Array; end: Reply["end"] }> {
  const kept = new Uint8Array(maxBytes);
  let length = 0;
  if (body === null) return { bytes: kept.subarray(0, 0), end: "whole" };
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: kept.subarray(0, length), end: "whole" };
      const room = maxBytes - length;
      kept.set(value.subarray(0, room), length);
      length += Math.min(room, value.byteLength);
      if (value.byteLength > room) break;
    }
  } catch {
    return { bytes: kept.subarray(0, length), end: "broken" };
  }
  reader.cancel().catch(() => undefined);
  return { bytes: kept, end: "cut" };
}
