// Opens a file's source: the whole file, or the rest of it if it is unchanged. No credentials, no redirects.

import { discard } from "../net/body.ts";
import type { PaceRule } from "../net/body-pace.ts";
import { callOut } from "../net/fetch.ts";
import { SECOND_MS } from "../platform/time.ts";
import { BodyFeed, type Feed } from "./byte-reader.ts";
import { FILE_COPY_TIMEOUT_MS } from "./request-file.ts";

/** The longest pause of a source: then the copy is tried again later. */
export const SOURCE_SILENCE_MAX_MS = 30 * SECOND_MS;
/** The rate is that of FILE_PART_TIMEOUT_MS. */
const SOURCE_PACE: PaceRule = {
  bytesPerS: 93_000,
  patienceMs: SOURCE_SILENCE_MAX_MS,
  wholeMs: FILE_COPY_TIMEOUT_MS,
};

/** Where to resume. */
export interface Resume {
  offset: number;
  total: number;
  validator: string;
}

export type Opened =
  /** The bytes from `offset` on: 0, or the requested offset. */
  | {
      kind: "open";
      feed: Feed;
      offset: number;
      /** Of the whole file; null when it is not told. */
      total: number | null;
      /** Names these bytes in a later `If-Range`; null when they cannot be asked for in parts. */
      validator: string | null;
      contentType: string | null;
      /** Call once the feed is read or closed. */
      end(): void;
    }
  /** The file changed since the earlier attempt. */
  | { kind: "changed" }
  | { kind: "later"; reason: string }
  | { kind: "gone"; reason: string };

/**
 * Encodings that the runtime takes off a body although none was asked for; it leaves others (deflate, zstd) in place
 * (developers.cloudflare.com/workers/configuration/compatibility-flags, "Brotli content encoding support").
 */
const DECODED = new Set(["identity", "gzip", "br"]);

/** Opens the source. A server that cannot resume answers the whole instead (RFC 9110, 13.1.5 and 14.2). */
export async function openSource(url: string, resume: Resume | null): Promise<Opened> {
  // An encoded body has no length that counts.
  const headers: Record<string, string> = { accept: "*/*", "accept-encoding": "identity" };
  if (resume !== null) {
    headers.range = `bytes=${resume.offset}-`;
    headers["if-range"] = resume.validator;
  }
  const call = await callOut(url, { headers }, { timeoutMs: FILE_COPY_TIMEOUT_MS });
  if (call.kind === "failed") return { kind: "later", reason: `The source is unreachable (${call.reason}).` };
  const { response, end } = call;
  const judged = judge(response, resume);
  if (judged.kind === "open") return { ...judged, feed: BodyFeed.of(response.body, SOURCE_PACE), end };
  discard(response);
  end();
  return judged;
}

type Judged = Exclude<Opened, { kind: "open" }> | Omit<Extract<Opened, { kind: "open" }>, "feed" | "end">;

function judge(response: Response, resume: Resume | null): Judged {
  const { status, headers } = response;
  const contentType = headers.get("content-type");
  if (status === 200) {
    const encoding = encodingOf(headers);
    if (!DECODED.has(encoding)) {
      return { kind: "gone", reason: "The source sent an unsupported Content-Encoding." };
    }
    const total = encoding === "identity" ? wholeNumber(headers.get("content-length")) : null;
    return { kind: "open", offset: 0, total, contentType, validator: validatorOf(headers) };
  }
  if (resume !== null && status === 416) return { kind: "changed" };
  if (resume !== null && status === 206) {
    const { offset, total, validator } = resume;
    const range = `bytes ${offset}-${total - 1}/${total}`;
    // Some servers do not know If-Range: then only the tag tells.
    const etag = headers.get("etag") ?? validator;
    const same = headers.get("content-range") === range && (etag === validator || !validator.startsWith('"'));
    if (!same || encodingOf(headers) !== "identity") return { kind: "changed" };
    return { kind: "open", offset, total, contentType, validator };
  }
  const reason = `The source returned HTTP ${status}.`;
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return { kind: mayPass ? "later" : "gone", reason };
}

/** A strong tag or a date, of a source that says it has ranges. */
function validatorOf(headers: Headers): string | null {
  if (headers.get("accept-ranges")?.toLowerCase() !== "bytes") return null;
  const etag = headers.get("etag");
  if (etag !== null && /^"[^"]*"$/.test(etag)) return etag;
  return headers.get("last-modified");
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
}

function encodingOf(headers: Headers): string {
  return (headers.get("content-encoding") ?? "identity").toLowerCase();
}
