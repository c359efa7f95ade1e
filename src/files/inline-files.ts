// Finds inline files of a model's input: data URIs anywhere, bare base64 in URL fields. Pure.

import type { JsonPath, JsonTree } from "../platform/json.ts";
import { dataUriBytes, HEAD_MAX_CHARS, readDataUri } from "./data-uri.ts";
import { eachString } from "./input-urls.ts";
import { decideType, OCTET_STREAM, sniff } from "./media-types.ts";

/** Files inside an input above this many characters are stored and sent as URLs; fal advises data URIs for a few KB only. */
export const INLINE_KEEP_MAX_CHARS = 8 * 1024;

/** A file inside an input. */
export interface InlineFile {
  /** Everywhere it stands: the same text twice is one file. */
  paths: JsonPath[];
  dataUri: string;
  bytes: number;
  contentType: string;
}

/** A field that wants a URL: `url`, `image_url`, `image_urls`. One that is named after base64 wants base64, and keeps it. */
const URL_FIELD = /(^|_)urls?$/i;
const BASE64_URI = /^data:[^,]*;base64,/i;
const BARE_BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The files of an input that are longer than INLINE_KEEP_MAX_CHARS, in document order. Bare base64 counts in a field that
 * wants a URL, and only when its bytes begin as a file does: no model could have fetched it as a URL.
 */
export function inlineFiles(tree: JsonTree): InlineFile[] {
  const files = new Map<string, InlineFile>();
  eachString(tree, (text, path) => {
    if (text.length <= INLINE_KEEP_MAX_CHARS) return;
    const inUrlField = URL_FIELD.test(nameOf(path));
    // The same text may be a file in one kind of field and none in the other.
    const before = files.get(text);
    if (before !== undefined) {
      if (inUrlField || BASE64_URI.test(text.slice(0, HEAD_MAX_CHARS))) before.paths.push(path);
      return;
    }
    const found = inlineFile(text, inUrlField);
    if (found !== null) files.set(text, { ...found, paths: [path] });
  });
  return [...files.values()];
}

function inlineFile(text: string, inUrlField: boolean): Omit<InlineFile, "paths"> | null {
  if (/^data:/i.test(text)) {
    const uri = readDataUri(text);
    if (uri === null || (uri.encoding === "percent" && !inUrlField)) return null;
    return { dataUri: text, bytes: uri.bytes, contentType: typeOf(text, uri) };
  }
  if (!inUrlField || !BARE_BASE64.test(text)) return null;
  const dataUri = `data:;base64,${text}`;
  const uri = readDataUri(dataUri);
  const contentType = uri === null ? OCTET_STREAM : typeOf(dataUri, uri);
  return uri === null || contentType === OCTET_STREAM ? null : { dataUri, bytes: uri.bytes, contentType };
}

function typeOf(text: string, uri: NonNullable<ReturnType<typeof readDataUri>>): string {
  const head = dataUriBytes(text, uri).next().value ?? new Uint8Array(0);
  return decideType({ claimed: null, header: uri.type, sniffed: sniff(head), name: null });
}

/** The name of the field, or of the list that the value is in. */
function nameOf(path: JsonPath): string {
  return String(path.findLast((step) => typeof step === "string") ?? "");
}
