// Finds inline files of a model's input: data URIs anywhere, bare base64 in URL fields. What a limit for uploads counts is what is
// found here. Pure.

import type { JsonPath, JsonTree } from "../platform/json.ts";
import { beginsAsDataUri, type DataUri, dataUriBytes, readDataUri, type UriPlace } from "./data-uri.ts";
import { eachString } from "./input-urls.ts";
import { decideType, sniff } from "./media-types.ts";
import { OCTET_STREAM } from "./type-names.ts";

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

/**
 * A field that wants a URL: `url`, `image_url`, `image_urls`, `imageUrl`. One that is named after base64 wants base64, and keeps it.
 */
const URL_FIELD = /(^|[_-])urls?$|[a-z]Urls?$/i;
const BARE_BASE64 = /^[A-Za-z0-9+/_\s-]+(?:=\s*){0,2}$/;

/**
 * The files of an input that are longer than INLINE_KEEP_MAX_CHARS, in document order. Bare base64 counts in a field that
 * wants a URL, and only when its bytes begin as a file does: no model could have fetched it as a URL.
 */
export function inlineFiles(tree: JsonTree): InlineFile[] {
  const files = new Map<string, InlineFile>();
  /** Texts that are files in URL fields alone. */
  const inUrlFields = new Set<string>();
  eachString(tree, (text, path) => {
    if (text.length <= INLINE_KEEP_MAX_CHARS) return;
    const place: UriPlace = URL_FIELD.test(nameOf(path)) ? "url_field" : "any_field";
    const before = files.get(text);
    if (before !== undefined && (place === "url_field" || !inUrlFields.has(text))) {
      before.paths.push(path);
      return;
    }
    const found = before === undefined ? inlineFile(text, place) : null;
    if (found === null) return;
    files.set(text, { ...found, paths: [path] });
    if (place === "url_field" && readDataUri(text, "any_field") === null) inUrlFields.add(text);
  });
  return [...files.values()];
}

function inlineFile(text: string, place: UriPlace): Omit<InlineFile, "paths"> | null {
  if (beginsAsDataUri(text)) {
    const uri = readDataUri(text, place);
    return uri === null ? null : { dataUri: text, bytes: uri.bytes, contentType: typeOf(uri) };
  }
  if (place === "any_field" || !BARE_BASE64.test(text)) return null;
  const dataUri = `data:;base64,${text}`;
  const uri = readDataUri(dataUri, place);
  const contentType = uri === null ? OCTET_STREAM : typeOf(uri);
  return uri === null || contentType === OCTET_STREAM ? null : { dataUri, bytes: uri.bytes, contentType };
}

function typeOf(uri: DataUri): string {
  const head = dataUriBytes(uri).next().value ?? new Uint8Array(0);
  return decideType({ claimed: null, header: uri.type, sniffed: sniff(head), name: null });
}

/** The name of the field, or of the list that the value is in. */
function nameOf(path: JsonPath): string {
  return String(path.findLast((step) => typeof step === "string") ?? "");
}
