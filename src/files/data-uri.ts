// Data URIs (RFC 2397): is this text one, how many bytes are in it, and the bytes in slices; and bytes as one. Pure. Decoding
// by slices means that a big one never lies in memory twice.

/** The head: media type, parameters, the word base64, a comma. Only the type and the word matter here. */
const HEAD = /^data:([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)?(?:;[a-z0-9_.-]+=[^;,\s]*)*(;base64)?,/i;
/** The head stands within this. */
export const HEAD_MAX_CHARS = 200;
const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,80}\/[a-z0-9!#$&^_.+-]{1,80}(?=;|\s|$)/i;
/** Bytes encoded at a time: a multiple of 3, and few enough to be arguments of one call. */
const SLICE_BYTES = 24 * 1024;
/** Characters decoded at a time: a multiple of 4, so that base64 is never cut inside a group. */
const SLICE_CHARS = 256 * 1024;

export interface DataUri {
  /** Media type as written, without parameters. */
  type: string | null;
  encoding: "base64" | "percent";
  /** Decoded size. */
  bytes: number;
  /** Where in the text the data begins and ends (base64 padding left out). */
  start: number;
  end: number;
}

/**
 * Reads a text that is a data URI from its first to its last character and holds something; null for any other text.
 * Base64 is the plain alphabet without white space. The percent form must name its media type and be plain ASCII
 * without spaces, as a URI is: otherwise every sentence after "data:" would pass.
 */
export function readDataUri(text: string): DataUri | null {
  const head = HEAD.exec(text.slice(0, HEAD_MAX_CHARS));
  if (head === null) return null;
  const start = head[0].length;
  const type = head[1] ?? null;
  if (head[2] !== undefined) {
    const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
    const end = text.length - padding;
    const chars = end - start;
    if (chars <= 0 || chars % 4 === 1 || /[^A-Za-z0-9+/]/.test(text.slice(start, end))) return null;
    return { type, encoding: "base64", bytes: Math.floor((chars * 3) / 4), start, end };
  }
  if (type === null || start === text.length || /[^!-~]/.test(text)) return null;
  const escapes = text.slice(start).match(/%[0-9a-f]{2}/gi)?.length ?? 0;
  return { type, encoding: "percent", bytes: text.length - start - 2 * escapes, start, end: text.length };
}

/** The decoded bytes, in slices. `text` is the one that `uri` was read from. */
export function* dataUriBytes(text: string, uri: DataUri): Generator<Uint8Array> {
  for (let at = uri.start; at < uri.end; ) {
    const slice = text.slice(at, Math.min(at + SLICE_CHARS, uri.end));
    if (uri.encoding === "base64") {
      at += slice.length;
      yield bytesOf(atob(slice));
    } else {
      const whole = at + slice.length === uri.end ? slice : slice.replace(/%[0-9a-f]?$/i, "");
      at += whole.length;
      yield bytesOf(
        whole.replace(/%([0-9a-f]{2})/gi, (_escape, pair) => String.fromCharCode(Number.parseInt(pair, 16))),
      );
    }
  }
}

/** Bytes as a data URI. What is no plain media type is left out; its parameters always are. */
export function dataUriOf(bytes: Uint8Array, contentType: string): string {
  const type = MEDIA_TYPE.exec(contentType)?.[0] ?? "";
  let base64 = "";
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    base64 += btoa(String.fromCharCode(...bytes.subarray(at, at + SLICE_BYTES)));
  }
  return `data:${type};base64,${base64}`;
}

/** A string of characters below 256, as bytes. */
function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
