// Data URIs (RFC 2397), as browsers and Python read them: is this text one, how many bytes are in it, and the bytes in slices; and
// bytes as one. Pure. What counts inline files and what decodes them read them by the one function here. Decoding by slices means
// that a big one never lies in memory twice.

/** The head: media type, parameters, the word base64. Only the type and the word matter here. */
const HEAD =
  /^\s*([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)?(?:\s*;\s*[a-z0-9_.-]+(?:\s*=\s*(?:"[^"]*"|[^;,\s"]*))?)*?(\s*;\s*base64)?\s*$/i;
/** The head of a URI that stands in any field stands within this. */
const HEAD_MAX_CHARS = 1_000;
const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,80}\/[a-z0-9!#$&^_.+-]{1,80}(?=;|\s|$)/i;
const NOT_BASE64 = /[^A-Za-z0-9+/]/;
/** Bytes encoded at a time: a multiple of 3, and few enough to be arguments of one call. */
const SLICE_BYTES = 24 * 1024;
/** Characters decoded at a time: a multiple of 4, so that base64 is never cut inside a group. */
const SLICE_CHARS = 256 * 1024;

/**
 * Where the text stands. A `url_field` wants a URL, so all that any reader could take for a data URI is one. In `any_field` a text
 * that begins with the word "data:" may be a sentence.
 */
export type UriPlace = "url_field" | "any_field";

export interface DataUri {
  /** Media type as written, without parameters. */
  type: string | null;
  encoding: "base64" | "percent";
  /** Decoded size. */
  bytes: number;
  /** The encoded data, from `start` to `end` (base64 padding left out). */
  text: string;
  start: number;
  end: number;
}

/** Whether a text begins as a data URI does. */
export function beginsAsDataUri(text: string): boolean {
  return /^\s*data:/i.test(text);
}

/**
 * Reads a text that is a data URI from its first to its last character and holds something; null for any other text. White space
 * around it and within its base64 does not count, nor do escapes (`%2B`) and the URL-safe alphabet. In any field base64 is nothing
 * else, and the percent form names its media type and is plain ASCII without spaces, as a URI is. In a field for URLs the head may
 * be anything, base64 is read past what is none, as Python does, and the percent form may hold what a browser lets pass.
 */
export function readDataUri(text: string, place: UriPlace): DataUri | null {
  if (!beginsAsDataUri(text)) return null;
  const trimmed = text.trim();
  const comma = trimmed.indexOf(",");
  if (comma < 0 || (place === "any_field" && comma > HEAD_MAX_CHARS)) return null;
  const head = trimmed.slice("data:".length, comma);
  const read = HEAD.exec(head.slice(0, HEAD_MAX_CHARS));
  if (read === null && place === "any_field") return null;
  const type = read?.[1] ?? null;
  const isBase64 = /;\s*base64\s*$/i.test(head.slice(-HEAD_MAX_CHARS));
  return isBase64 ? readBase64(trimmed, comma + 1, type, place) : readPercent(trimmed, comma + 1, type, place);
}

function readBase64(text: string, start: number, type: string | null, place: UriPlace): DataUri | null {
  const end = text.length - paddingOf(text);
  const isPlain = !NOT_BASE64.test(text.slice(start, end));
  const data = isPlain ? { text, start, end } : plainBase64(text.slice(start), place);
  const chars = data.end - data.start;
  if (chars <= 0 || NOT_BASE64.test(data.text.slice(data.start, data.end))) return null;
  if (chars % 4 === 1 && place === "any_field") return null;
  const whole = chars % 4 === 1 ? chars - 1 : chars;
  return { type, encoding: "base64", bytes: Math.floor((whole * 3) / 4), ...data, end: data.start + whole };
}

/** Base64 that was wrapped, escaped, or written in the URL-safe alphabet, in the plain one. */
function plainBase64(written: string, place: UriPlace): Pick<DataUri, "text" | "start" | "end"> {
  const text = unescaped(written).replace(/\s+/g, "").replaceAll("-", "+").replaceAll("_", "/");
  const data = text.slice(0, text.length - paddingOf(text));
  const kept = place === "url_field" ? data.replace(/[^A-Za-z0-9+/]+/g, "") : data;
  return { text: kept, start: 0, end: kept.length };
}

function paddingOf(text: string): number {
  return text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
}

function readPercent(text: string, start: number, type: string | null, place: UriPlace): DataUri | null {
  if (start === text.length) return null;
  const isPlain = !/[^!-~]/.test(text);
  if (place === "any_field" && (type === null || !isPlain)) return null;
  const data = isPlain ? { text, start, end: text.length } : escapedNonAscii(text.slice(start));
  const escapes = data.text.slice(data.start).match(/%[0-9a-f]{2}/gi)?.length ?? 0;
  return { type, encoding: "percent", bytes: data.end - data.start - 2 * escapes, ...data };
}

function escapedNonAscii(written: string): Pick<DataUri, "text" | "start" | "end"> {
  const text = written.toWellFormed().replace(/[^\p{ASCII}]+/gu, encodeURIComponent);
  return { text, start: 0, end: text.length };
}

/** The decoded bytes, in slices. */
export function* dataUriBytes({ text, encoding, start, end }: DataUri): Generator<Uint8Array> {
  for (let at = start; at < end; ) {
    const slice = text.slice(at, Math.min(at + SLICE_CHARS, end));
    if (encoding === "base64") {
      at += slice.length;
      yield bytesOf(atob(slice));
    } else {
      const whole = at + slice.length === end ? slice : slice.replace(/%[0-9a-f]?$/i, "");
      at += whole.length;
      yield bytesOf(unescaped(whole));
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

/** Escapes as the characters below 256 that they stand for. */
function unescaped(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_escape, pair) => String.fromCharCode(Number.parseInt(pair, 16)));
}

/** A string of characters below 256, as bytes. */
function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
