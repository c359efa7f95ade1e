// Files of an output that is no JSON: the URLs of media in its text, where they stand, each by its first and last character. And what
// of an output's media is not copied, with the reason. Pure.

import type { JsonPath } from "../platform/json.ts";
import type { AllowedUrl } from "./media-hosts.ts";
import type { FileSource } from "./request-file.ts";
import { isMediaName } from "./type-names.ts";

/** Media of one output that are listed as not copied; a model that cites a thousand pictures of the web made none of them. */
export const MEDIA_NOT_COPIED_MAX = 100;
/** A longer text of a `url` field is not repeated in the list of files. */
const SHOWN_URL_MAX_CHARS = 4_096;

export type FoundUrl = FileSource["source"];

/** Every place of the output where a file stands, by the file's number. */
interface FilePlace {
  path: JsonPath;
  n: number;
}

export interface FoundFiles {
  /** `text`: the output is no JSON, and every character of it counts. */
  format: "json" | "text";
  files: FileSource[];
  places: FilePlace[];
  /** Files beyond the maximum, which stay at their source. */
  skipped: number;
  /**
   * JSON without white space and with its strings escaped one way only, so that it reads the same by whatever road it came. Text as
   * it is.
   */
  canonical: string;
  /** The same with a string of one's own at each file's place. */
  withPlaces(stringOf: (n: number) => string): string;
}

/** A URL in running text; in something like JSON its slashes may be escaped. */
const URL_IN_TEXT = /https?:(?:\\?\/){2}(?:\\\/|[^\s"'<>\\^`{|}])+/gi;
/** What follows a URL in a sentence or in Markdown and is seldom part of it. */
const AFTER_URL = ".,;:!?*_~])";

/** The media in a text that is no JSON, in their order. `path` is empty: the text has no fields. */
export function findInText(text: string, allowed: AllowedUrl, max: number): FoundFiles {
  const files: FileSource[] = [];
  const spans: { n: number; start: number; end: number }[] = [];
  const numbers = new Map<string, number>();
  let skipped = 0;
  let left = 0;
  for (const match of text.matchAll(URL_IN_TEXT)) {
    const written = withoutEnd(match[0]);
    const value = written.replaceAll("\\/", "/");
    const url = URL.parse(value);
    if (url === null) continue;
    const known = numbers.get(value);
    const isCopied = allowed(url);
    if (known === undefined) {
      if (!isCopied && !isMediaName(url.pathname)) continue;
      if (files.length === max || (!isCopied && left === MEDIA_NOT_COPIED_MAX)) {
        skipped++;
        continue;
      }
      numbers.set(value, files.length);
      if (!isCopied) left++;
      const claims = { claimedType: null, claimedName: null };
      files.push(
        isCopied ? { path: [], source: { kind: "url", url: value }, ...claims } : notCopied([], value, claims),
      );
    }
    const n = known ?? files.length - 1;
    if (isCopied) spans.push({ n, start: match.index, end: match.index + written.length });
  }
  return {
    format: "text",
    files,
    places: spans.map(({ n }) => ({ path: [], n })),
    skipped,
    canonical: text,
    withPlaces(stringOf) {
      let filled = "";
      let from = 0;
      for (const { n, start, end } of spans) {
        filled += text.slice(from, start) + stringOf(n);
        from = end;
      }
      return filled + text.slice(from);
    },
  };
}

/** Without the signs after it; a bracket that was opened inside stays. */
function withoutEnd(match: string): string {
  let unopened = match.split(")").length - match.split("(").length;
  let end = match.length;
  for (; AFTER_URL.includes(match.charAt(end - 1)); end--) {
    if (match.charAt(end - 1) !== ")") continue;
    if (unopened <= 0) break;
    unopened--;
  }
  return match.slice(0, end);
}

/** A media field as it is listed when its file is not copied. */
export function notCopied(
  path: JsonPath,
  value: string,
  claims: Pick<FileSource, "claimedType" | "claimedName">,
): FileSource {
  const url = value.length <= SHOWN_URL_MAX_CHARS ? value : "";
  return { path: [...path], source: { kind: "url", url }, ...claims, notCopied: whyNotCopied(value) };
}

/** Says why, for the caller, and what can be done. */
function whyNotCopied(value: string): string {
  const trimmed = value.trim();
  if (/^data:/i.test(trimmed)) return "The model's `url` is a data URI that cannot be decoded.";
  const url = /^https?:/i.test(trimmed) ? URL.parse(trimmed) : null;
  if (url === null) return "The model's `url` is no http or https URL.";
  if (/\s/.test(trimmed)) return "The model's `url` has white space inside.";
  if (url.username !== "" || url.password !== "") return "The model's `url` contains credentials.";
  const host = url.protocol === "https:" ? url.host : url.origin;
  return `${host} is not in FAL_MEDIA_HOSTS, so the file stays at its source. The operator can add the host.`;
}

/** The host, or origin, that an operator would have to list for this file; null where that is not what it lacks. */
export function unlistedHost(file: FileSource): string | null {
  if (file.notCopied === undefined || file.source.kind !== "url") return null;
  const url = URL.parse(file.source.url.trim());
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return null;
  if (/\s/.test(file.source.url.trim())) return null;
  return url.protocol === "https:" ? url.host : url.origin;
}
