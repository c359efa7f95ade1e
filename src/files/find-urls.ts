// Finds the files of a model's output, wherever they stand in it. Pure. The whole tree is walked: fal's models name their files
// as they like.

import { isRawNumber, type JsonPath, type JsonTree } from "../platform/json.ts";
import { readDataUri } from "./data-uri.ts";
import type { AllowedUrl } from "./media-hosts.ts";
import type { FileSource } from "./request-file.ts";

/** Every place of the output where a file stands, by the file's number. */
export interface FilePlace {
  path: JsonPath;
  n: number;
}

/**
 * The files of an output in document order, at most `max`; `skipped` counts the ones beyond it, which stay at their source. A URL
 * that stands in several places is one file, described as its first place does.
 *
 * A file is a string that is, as a whole, an http(s) URL on an allowed host (in a `url` field or bare: fal has both) or a
 * data URI. A base64 data URI counts anywhere, the percent form only in a `url` field. Text that merely contains a URL is
 * no file. `content_type` and `file_name` are read beside a `url` field only.
 */
export function findFiles(
  tree: JsonTree,
  allowed: AllowedUrl,
  max: number,
): { files: FileSource[]; places: FilePlace[]; skipped: number } {
  const files: FileSource[] = [];
  const places: FilePlace[] = [];
  const numbers = new Map<string, number>();
  const path: JsonPath = [];
  let skipped = 0;

  function visit(node: JsonTree, parent: JsonTree): void {
    if (typeof node === "string") {
      const inUrlField = path.at(-1) === "url";
      const source = sourceOf(node, inUrlField, allowed);
      if (source === null) return;
      const known = numbers.get(node);
      if (known === undefined && files.length === max) {
        skipped++;
        return;
      }
      places.push({ path: [...path], n: known ?? files.length });
      if (known !== undefined) return;
      if (source.kind === "url") numbers.set(node, files.length);
      files.push({
        path: [...path],
        source,
        claimedType: inUrlField ? textField(parent, "content_type") : null,
        claimedName: inUrlField ? textField(parent, "file_name") : null,
      });
    } else if (node !== null && typeof node === "object" && !isRawNumber(node)) {
      const steps = Array.isArray(node) ? node.entries() : Object.entries(node);
      for (const [step, child] of steps) {
        path.push(step);
        visit(child, node);
        path.pop();
      }
    }
  }

  visit(tree, null);
  return { files, places, skipped };
}

function sourceOf(text: string, inUrlField: boolean, allowed: AllowedUrl): FileSource["source"] | null {
  if (/^https?:/i.test(text)) {
    // The parser would drop white space around and inside: a URL with any is a sentence.
    const url = /\s/.test(text) ? null : URL.parse(text);
    return url !== null && allowed(url) ? { kind: "url", url: text } : null;
  }
  if (!/^data:/i.test(text)) return null;
  const dataUri = readDataUri(text);
  return dataUri !== null && (dataUri.encoding === "base64" || inUrlField) ? { kind: "data" } : null;
}

function textField(node: JsonTree, name: string): string | null {
  if (node === null || typeof node !== "object" || Array.isArray(node) || isRawNumber(node)) return null;
  const value = Object.hasOwn(node, name) ? node[name] : undefined;
  return typeof value === "string" ? value : null;
}
