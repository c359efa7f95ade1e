// Reads a receiver's response body for display: bounded, with secrets removed. A fault in the body changes nothing; the status
// decides.

import { scrub } from "./scrub.ts";

/** Bytes read of a receiver's response body. */
export const DELIVER_REPLY_READ_MAX_BYTES = 16 * 1024;
/** Characters stored of a response body per attempt: enough for a stack trace. */
export const DELIVER_REPLY_KEPT_MAX_CHARS = 4 * 1024;

export interface Reply {
  text: string;
  /** `cut`: truncated. `broken`: interrupted before its end (timeout, reset, invalid encoding). */
  end: "whole" | "cut" | "broken";
}

/**
 * Reads a short body to its end, so that the receiver sees no broken connection, and cancels the rest of a long one. Holds at
 * most the limit plus one chunk, hence no byte permit. Never throws.
 */
export async function readReply(body: ReadableStream<Uint8Array> | null, known: readonly string[]): Promise<Reply> {
  const { bytes, end } = await firstBytes(body, DELIVER_REPLY_READ_MAX_BYTES);
  if (bytes.includes(0)) return { text: `[binary, ${bytes.byteLength} bytes]`, end };
  // Scrub before truncating: half a secret does not match a pattern.
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
