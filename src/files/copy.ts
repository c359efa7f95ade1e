// Copies one file into R2, from its URL or its data URI. Idempotent, and never visible before it is complete. Small files and sources
// without ranges are copied in one pass, others in parts (parts.ts).

import { sha256Hex } from "../platform/ids.ts";
import { Digest, type Feed, SliceFeed, withinTime } from "./byte-reader.ts";
import { dataUriBytes, readDataUri } from "./data-uri.ts";
import { type Opened, openSource } from "./download.ts";
import type { AllowedUrl } from "./media-hosts.ts";
import { decideType, sniff } from "./media-types.ts";
import type { UnfinishedUpload } from "./multipart-uploads.ts";
import {
  abortUpload,
  type CopyOutcome,
  copyBuffered,
  copyParts,
  FILE_PART_TIMEOUT_MS,
  finish,
  metadataOf,
  NOT_WRITTEN,
  outcomeOf,
  retryLater,
  type Target,
} from "./parts.ts";
import { CONNECTION_CLOSED, storeKnown } from "./pump.ts";
import type { StoredFile } from "./request-file.ts";
import { FILE_COPY_TIMEOUT_MS } from "./request-file.ts";
import { OCTET_STREAM } from "./type-names.ts";

/** Up to this size a file is copied in one pass: downloading it again costs less than a multipart upload. */
const FILE_ONE_PASS_MAX_BYTES = 16 * 1024 * 1024;

export interface UrlCopy extends Target {
  url: string;
  claimedType: string | null;
  claimedName: string | null;
  allowed: AllowedUrl;
}

/**
 * Copies the file at a URL. A file that an interrupted attempt stored is not downloaded again, and an unfinished upload is resumed; its
 * digest is then null, because not all bytes were read here.
 */
export async function copyUrl(copy: UrlCopy): Promise<CopyOutcome> {
  const url = URL.parse(copy.url);
  if (url === null || !copy.allowed(url)) return gone("The file's host is not in FAL_MEDIA_HOSTS.");
  const source = await sha256Hex(copy.url);
  const stored = await storedBefore(copy, source);
  if (stored !== null) {
    copy.uploads.discardUpload();
    return { kind: "stored", stored };
  }
  const left = copy.uploads.readUpload();
  const begun = left !== null && left.source === source && resumeOf(left) !== null ? left : null;
  if (left !== null && begun === null && !(await abortUpload(copy.bucket, left, copy.uploads))) return NOT_WRITTEN;
  const resume = begun && resumeOf(begun);
  if (begun !== null && resume?.offset === begun.total) return finish(copy, begun, null);

  const opened = await openSource(copy.url, resume);
  switch (opened.kind) {
    case "open":
      try {
        return await copyOpened(copy, opened, source, begun);
      } finally {
        opened.feed.close();
        opened.end();
      }
    case "changed":
      if (begun !== null && !(await abortUpload(copy.bucket, begun, copy.uploads))) return NOT_WRITTEN;
      return retryLater("The source file changed during the copy.");
    case "later":
    case "gone":
      return opened;
  }
}

/** An object stores a digest of its source URL: a signed URL is a secret and must not be stored twice. */
async function storedBefore({ bucket, key }: Target, source: string): Promise<StoredFile | null> {
  const object = await bucket.head(key).catch(() => null);
  if (object === null || object.customMetadata?.source !== source) return null;
  return { contentType: object.httpMetadata?.contentType ?? OCTET_STREAM, bytes: object.size, sha256: null };
}

/** Where an unfinished upload can resume; null when no part is stored or the source has no ranges. */
function resumeOf({ parts, partBytes, total, validator }: UnfinishedUpload) {
  if (total === null || validator === null || parts.length === 0) return null;
  return { offset: Math.min(total, parts.length * partBytes), total, validator };
}

async function copyOpened(
  copy: UrlCopy,
  opened: Extract<Opened, { kind: "open" }>,
  source: string,
  begun: UnfinishedUpload | null,
): Promise<CopyOutcome> {
  const { feed, total, validator } = opened;
  if (begun !== null && opened.offset > 0) return copyParts(copy, feed, begun, null);
  // The source ignored the range and sent the whole file: it changed, or has no ranges.
  if (begun !== null && !(await abortUpload(copy.bucket, begun, copy.uploads))) return NOT_WRITTEN;
  if (total !== null && total > copy.maxBytes) return { kind: "too_large" };
  const head = await withinTime(feed, FILE_PART_TIMEOUT_MS, () => feed.peek()).catch(() => null);
  if (head === null) return retryLater(CONNECTION_CLOSED.reason);
  const contentType = decideType({
    claimed: copy.claimedType,
    header: opened.contentType,
    name: copy.claimedName ?? URL.parse(copy.url)?.pathname ?? null,
    sniffed: sniff(head),
  });
  const content = { source, contentType };
  if (total === null) return copyBuffered(copy, feed, content);
  if (total <= FILE_ONE_PASS_MAX_BYTES)
    return putWhole(copy, feed, { ...content, total, timeoutMs: FILE_PART_TIMEOUT_MS });
  if (validator === null || begun !== null) {
    return putWhole(copy, feed, { ...content, total, timeoutMs: FILE_COPY_TIMEOUT_MS });
  }
  return copyParts(copy, feed, { ...content, total, validator }, new Digest());
}

/** Stores the bytes of a data URI, decoded in slices to save memory. */
export async function copyData(
  copy: Pick<Target, "bucket" | "key"> & { dataUri: string; claimedType: string | null },
): Promise<CopyOutcome> {
  const uri = readDataUri(copy.dataUri, "url_field");
  if (uri === null) return gone("The data URI is not valid.");
  const feed = new SliceFeed(dataUriBytes(uri));
  const words = { claimed: copy.claimedType, header: uri.type, name: null };
  const contentType = decideType({ ...words, sniffed: sniff(await feed.peek()) });
  return putWhole(copy, feed, { source: "data", contentType, total: uri.bytes, timeoutMs: FILE_PART_TIMEOUT_MS });
}

/** One pass. */
async function putWhole(
  { bucket, key }: Pick<Target, "bucket" | "key">,
  feed: Feed,
  content: { source: string; contentType: string; total: number; timeoutMs: number },
): Promise<CopyOutcome> {
  const { total: length, timeoutMs } = content;
  const to = { bucket, key, metadata: metadataOf(content) };
  return outcomeOf(await storeKnown(to, { feed, length, timeoutMs }), content);
}

function gone(reason: string): { kind: "gone"; reason: string } {
  return { kind: "gone", reason };
}
