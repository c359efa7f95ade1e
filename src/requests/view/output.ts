// An output on its way in and out: which files it names, what it is as text with a place for each file's URL, and how the
// places are filled at read. Numbers keep their spelling.

import type { DescribedOutput } from "../../contracts/tracker.ts";
import { dataUriOf } from "../../files/data-uri.ts";
import { findFiles } from "../../files/find-urls.ts";
import { FILES_PER_REQUEST_MAX } from "../../files/request-file.ts";
import { sha256Hex } from "../../platform/ids.ts";
import type { RequestError } from "../machine/types.ts";

/** The mark that holds file `n`'s place. It cannot occur by chance or design: nobody knows the id before the submit. */
function filePlaceholder(requestId: string, n: number): string {
  return `sluice-file:${requestId}:${n}:`;
}

/** Reads an output once. `contentType` is upstream's own word, and counts for text that is no JSON. */
export async function describeOutput(
  requestId: string,
  { text, contentType }: { text: string; contentType: string | null },
  allowed: (url: URL) => boolean,
): Promise<DescribedOutput> {
  const found = findFiles(text, allowed, FILES_PER_REQUEST_MAX);
  const { files, skipped } = found;
  const asJson = (written: string): string => (found.format === "json" ? written : JSON.stringify(written));
  const canonical = asJson(found.canonical);
  return {
    files,
    skipped,
    outputText: files.length === 0 ? canonical : asJson(found.withPlaces((n) => filePlaceholder(requestId, n))),
    textType: found.format === "json" ? null : (contentType ?? "text/plain; charset=utf-8"),
    payloadText: files.some((file) => file.source.kind === "data") ? text : null,
    fingerprint: await fingerprintOf("output", canonical),
  };
}

/**
 * An answer that is a file itself, read as an output of one file in fal's shape for files
 * (fal-ai/fal:projects/fal/src/fal/toolkit/file/file.py). `contentType` is upstream's own word.
 */
export async function describeFile(
  requestId: string,
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
): Promise<DescribedOutput> {
  const shape = (url: string): string => JSON.stringify({ url, content_type: contentType, file_size: bytes.length });
  return {
    files: [{ path: ["url"], source: { kind: "body" }, claimedType: contentType, claimedName: null }],
    skipped: 0,
    textType: null,
    outputText: shape(filePlaceholder(requestId, 0)),
    payloadText: shape(dataUriOf(bytes, contentType)),
    fingerprint: await fingerprintOf("output", await sha256Hex(bytes)),
  };
}

/** Names the content of a terminal report, whichever road it came by. */
export function fingerprintOf(kind: "output" | "error" | "canceled" | "announced", content: string): Promise<string> {
  return sha256Hex(`${kind}\n${content}`);
}

/** What a failure is recognised by on both roads: upstream's own words, or ours where it gave none. */
export function errorFingerprint(error: RequestError): Promise<string> {
  return fingerprintOf("error", error.detail ?? error.code);
}

/** What a webhook without a payload claims: that there is an end. */
export function announcedClaim(): Promise<string> {
  return fingerprintOf("announced", "");
}

/** Fills the places of a stored output: `urlOf(n)` is what file n is called for this reader. */
export function filledOutput(requestId: string, outputText: string, urlOf: (n: number) => string): string {
  return outputText.replace(new RegExp(`sluice-file:${requestId}:([0-9]+):`, "g"), (_mark, n) =>
    JSON.stringify(urlOf(Number(n))).slice(1, -1),
  );
}
