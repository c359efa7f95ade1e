// Finds the files of a model's output, wherever they stand in it. Pure. The whole text is read, once and without a tree of it: fal's
// models name their files as they like, and an output may be a few megabytes of numbers.

import type { JsonPath } from "../platform/json.ts";
import { type JsonEvents, NON_FINITE, scanJson, stringAt } from "../platform/json-scan.ts";
import { beginsAsDataUri, readDataUri } from "./data-uri.ts";
import { type FoundFiles, type FoundUrl, findInText, MEDIA_NOT_COPIED_MAX, notCopied } from "./find-in-text.ts";
import type { AllowedUrl } from "./media-hosts.ts";
import type { FileSource } from "./request-file.ts";
import { isMediaName } from "./type-names.ts";

/**
 * The files of an output in document order, at most `max`. A URL that stands in several places is one file, described as its first
 * place does.
 *
 * A file is a string that is, as a whole, an http(s) URL on an allowed host (in a `url` field or bare: fal has both) or a
 * data URI. A base64 data URI counts anywhere, the percent form only in a `url` field. A string that merely contains a URL is
 * no file. `content_type` and `file_name` are read beside a `url` field only. A media field that names no file to copy (a `url`
 * beside one of them, or any URL with the extension of a medium) is listed with the reason and keeps its text.
 *
 * Text that is JSON but for NaN and Infinity, as Python prints them, is read the same way, and kept as it is written. Of any other
 * text the URLs in it are found.
 */
export function findFiles(text: string, allowed: AllowedUrl, max: number): FoundFiles {
  const finder = new FileFinder(text, allowed, max, "canonical");
  if (scanJson(text, finder) === null) return finder.found("json");
  const lenient = new FileFinder(text, allowed, max, "verbatim");
  return scanJson(text, lenient, NON_FINITE) === null ? lenient.found("text") : findInText(text, allowed, max);
}

/** An open object or array. */
interface Frame {
  /** Null in an object. */
  index: number | null;
  name: string;
  /** What stands beside the `url` field, and the file in it. */
  contentType: string | null;
  fileName: string | null;
  file: FileSource | null;
  /** The text of a `url` field that is no file to copy. */
  otherUrl: string | null;
}

class FileFinder implements JsonEvents {
  readonly #text: string;
  readonly #allowed: AllowedUrl;
  readonly #max: number;
  readonly #spelling: "canonical" | "verbatim";
  readonly #open: Frame[] = [];
  readonly #files: FileSource[] = [];
  readonly #places: FoundFiles["places"] = [];
  readonly #numbers = new Map<string, number>();
  /** Texts of media fields that are listed as not copied. */
  readonly #notCopied = new Set<string>();
  #skipped = 0;
  /** The output in pieces; the one at `pieceOf[i]` is the string of place i. */
  readonly #pieces: string[] = [];
  readonly #pieceOf: number[] = [];
  /** Where the text goes on that is in no piece yet. */
  #from = 0;

  constructor(text: string, allowed: AllowedUrl, max: number, spelling: "canonical" | "verbatim") {
    this.#text = text;
    this.#allowed = allowed;
    this.#max = max;
    this.#spelling = spelling;
  }

  found(format: FoundFiles["format"]): FoundFiles {
    this.#cut(this.#text.length);
    const pieces = this.#pieces;
    return {
      format,
      files: this.#files,
      places: this.#places,
      skipped: this.#skipped,
      canonical: pieces.join(""),
      withPlaces: (stringOf) => {
        const filled = [...pieces];
        for (const [place, { n }] of this.#places.entries()) {
          const piece = this.#pieceOf[place];
          if (piece !== undefined) filled[piece] = JSON.stringify(stringOf(n));
        }
        return filled.join("");
      },
    };
  }

  open(isArray: boolean): void {
    this.#enter();
    this.#open.push({ index: isArray ? -1 : null, name: "", ...NOTHING_YET });
  }

  close(): void {
    const frame = this.#open.pop();
    if (frame === undefined) return;
    const { file, otherUrl, contentType, fileName } = frame;
    if (file !== null) {
      file.claimedType = contentType;
      file.claimedName = fileName;
    }
    if (otherUrl === null || (contentType === null && fileName === null && !isMediaUrl(otherUrl))) return;
    this.#leaveOut([...this.#path(), "url"], otherUrl, { claimedType: contentType, claimedName: fileName });
  }

  key(start: number, end: number): void {
    const frame = this.#open.at(-1);
    if (frame !== undefined) frame.name = stringAt(this.#text, start, end);
    this.#canonicalize(start, end);
  }

  literal(): void {
    this.#enter();
  }

  gap(start: number, end: number): void {
    if (this.#spelling === "verbatim") return;
    this.#cut(start);
    this.#from = end;
  }

  string(start: number, end: number): void {
    this.#enter();
    const frame = this.#open.at(-1);
    const isField = frame !== undefined && frame.index === null;
    if (isField && frame.name === "content_type") frame.contentType = stringAt(this.#text, start, end);
    if (isField && frame.name === "file_name") frame.fileName = stringAt(this.#text, start, end);
    this.#canonicalize(start, end);
    const inUrlField = isField && frame.name === "url";
    if (!inUrlField && !mayBeFile(this.#text.charCodeAt(start + 1))) return;
    const value = stringAt(this.#text, start, end);
    const source = sourceOf(value, inUrlField, this.#allowed);
    if (source === null) {
      if (inUrlField) frame.otherUrl = value;
      else if (isMediaUrl(value)) this.#leaveOut(this.#path(), value, { claimedType: null, claimedName: null });
      return;
    }
    const known = this.#numbers.get(value);
    if (known === undefined && this.#files.length === this.#max) {
      this.#skipped++;
      return;
    }
    const path = this.#path();
    this.#place(start, end);
    this.#places.push({ path, n: known ?? this.#files.length });
    if (known !== undefined) return;
    if (source.kind === "url") this.#numbers.set(value, this.#files.length);
    const file: FileSource = { path: [...path], source, claimedType: null, claimedName: null };
    this.#files.push(file);
    if (inUrlField) frame.file = file;
  }

  /** Lists a media field that keeps its text. */
  #leaveOut(path: JsonPath, value: string, claims: Pick<FileSource, "claimedType" | "claimedName">): void {
    if (this.#notCopied.has(value)) return;
    if (this.#files.length === this.#max || this.#notCopied.size === MEDIA_NOT_COPIED_MAX) {
      this.#skipped++;
      return;
    }
    this.#notCopied.add(value);
    this.#files.push(notCopied(path, value, claims));
  }

  /** A value begins: in an array, the next one. */
  #enter(): void {
    const frame = this.#open.at(-1);
    if (frame !== undefined && frame.index !== null) frame.index++;
  }

  #path(): JsonPath {
    return this.#open.map(({ index, name }) => index ?? name);
  }

  /** Ends a piece before `end`. */
  #cut(end: number): void {
    if (end > this.#from) this.#pieces.push(this.#text.slice(this.#from, end));
    this.#from = end;
  }

  /** A string with escapes is written as JSON.stringify does. */
  #canonicalize(start: number, end: number): void {
    if (this.#spelling === "verbatim" || !this.#text.slice(start, end).includes("\\")) return;
    this.#cut(start);
    this.#pieces.push(JSON.stringify(stringAt(this.#text, start, end)));
    this.#from = end;
  }

  /** The string becomes a piece of its own. */
  #place(start: number, end: number): void {
    if (this.#from <= start) {
      this.#cut(start);
      this.#cut(end);
    }
    this.#pieceOf.push(this.#pieces.length - 1);
  }
}

const NOTHING_YET = { contentType: null, fileName: null, file: null, otherUrl: null };

/** By the first character: `h` of http, `d` of data, an escape, white space, or what may be some beyond ASCII. */
function mayBeFile(code: number): boolean {
  const letter = code | 0x20;
  return letter === 0x68 || letter === 0x64 || code === 0x5c || code === 0x20 || code > 0x7f;
}

/** A URL as a whole, whose name has the extension of a medium. */
function isMediaUrl(text: string): boolean {
  const trimmed = text.trim();
  if (!/^https?:/i.test(trimmed) || /\s/.test(trimmed)) return false;
  return isMediaName(URL.parse(trimmed)?.pathname ?? null);
}

function sourceOf(text: string, inUrlField: boolean, allowed: AllowedUrl): FoundUrl | null {
  const trimmed = text.trim();
  if (/^https?:/i.test(trimmed)) {
    // A bare text with white space inside is a sentence. In a `url` field spaces are encoded; the parser would drop line breaks.
    const isSentence = inUrlField ? /[^\S ]/.test(trimmed) : /\s/.test(trimmed);
    const url = isSentence ? null : URL.parse(trimmed);
    return url !== null && allowed(url) ? { kind: "url", url: trimmed.includes(" ") ? url.href : trimmed } : null;
  }
  if (!beginsAsDataUri(text)) return null;
  const dataUri = readDataUri(text, inUrlField ? "url_field" : "any_field");
  return dataUri !== null && (dataUri.encoding === "base64" || inUrlField) ? { kind: "data" } : null;
}
