// fal's CDN: serves the files of finished requests, whole or in ranges, with the faults that outcomes ask for. Runs in the
// Worker, not in the Durable Object: bytes are generated while they are sent.

import { BREAK_AFTER_MS, sleep } from "./call.ts";
import { MEDIA_TYPES, type MediaRecipe, makeMedia } from "./media/recipe.ts";
import { type OutcomeName, type Outcomes, outcomeNumber } from "./outcomes.ts";
import type { Settings } from "./settings.ts";

export type FileFault =
  | { kind: "status"; status: 403 | 404 | 500 }
  | { kind: "truncated" | "chunked" | "html" | "wrong-type" | "endless" | "silent" }
  | { kind: "slow"; ms: number }
  /** Padded to this many bytes; each `version` has different content. */
  | { kind: "huge"; bytes: number; version: number; ranges: boolean; breakAfter: number }
  | { kind: "redirect"; target: string | null };

/** The stored file behind a path, and the fault to serve it with. */
export type FileAnswer = { kind: "missing" } | { kind: "file"; recipe: MediaRecipe; fault: FileFault | null };

const STATUS_FAULTS = { "file-403": 403, "file-404": 404, "file-500": 500 } as const;
const PLAIN_FAULTS = {
  "file-truncated": "truncated",
  "file-chunked": "chunked",
  "file-html": "html",
  "file-wrong-type": "wrong-type",
  "file-endless": "endless",
  "file-silent": "silent",
} as const;

/**
 * The fault of file `n` of a request. A number after most words means that file only (from 0); after `file-flaky` it is how
 * many GETs fail, after `file-huge` the length in bytes. `file-no-ranges`, `file-changing` and `file-breaking` are about huge files.
 */
export function faultOf(outcomes: Outcomes, n: number, gets: number, settings: Settings): FileFault | null {
  const hits = (name: OutcomeName) => outcomes[name] === true || outcomes[name] === n;
  if (gets < (outcomeNumber(outcomes, "file-flaky", 1) ?? 0)) return { kind: "status", status: 500 };
  for (const name of Object.keys(STATUS_FAULTS) as (keyof typeof STATUS_FAULTS)[]) {
    if (hits(name)) return { kind: "status", status: STATUS_FAULTS[name] };
  }
  for (const name of Object.keys(PLAIN_FAULTS) as (keyof typeof PLAIN_FAULTS)[]) {
    if (hits(name)) return { kind: PLAIN_FAULTS[name] };
  }
  if (hits("file-slow")) return { kind: "slow", ms: settings.fileSlowMs };
  if (hits("file-redirect")) return { kind: "redirect", target: settings.redirectTarget };
  const bytes = outcomeNumber(outcomes, "file-huge", settings.hugeBytes);
  if (bytes === undefined) return null;
  const version = Math.min(gets, outcomeNumber(outcomes, "file-changing", 1) ?? 0);
  const ranges = outcomes["file-no-ranges"] === undefined;
  const breakAfter = outcomeNumber(outcomes, "file-breaking", BREAK_AFTER_BYTES) ?? Number.POSITIVE_INFINITY;
  return { kind: "huge", bytes, version, ranges, breakAfter };
}

/** Bytes after which `file-breaking` breaks the connection when it has no number. */
const BREAK_AFTER_BYTES = 10_000_000;
const SILENCE_MS = 10 * 60_000;
const HTML = "<!doctype html><title>Not a picture</title><p>This is a web page.</p>";
/** Repeated after the media of a huge file; 64 KiB per chunk keeps the runtime's pipes full. */
const FILLER = new Uint8Array(64 * 1024).map((_, i) => (i * 31 + (i >> 8)) & 0xff);
const SLOW_PIECES = 20;

/** Answers GET and HEAD of a file. */
export async function serveFile(request: Request, answer: FileAnswer): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
  }
  if (answer.kind === "missing") return Response.json({ detail: "File not found" }, { status: 404 });
  const { recipe, fault } = answer;
  if (fault?.kind === "status") return Response.json({ detail: "File not available" }, { status: fault.status });
  if (fault?.kind === "redirect") {
    const url = new URL(request.url);
    return new Response(null, {
      status: 302,
      headers: { location: fault.target ?? `${url.origin}${url.pathname}?direct=1` },
    });
  }
  const media: Uint8Array = fault?.kind === "html" ? new TextEncoder().encode(HTML) : await makeMedia(recipe);
  const huge = fault?.kind === "huge" ? fault : null;
  const endless = fault?.kind === "endless";
  const size = endless ? Number.MAX_SAFE_INTEGER : Math.max(huge?.bytes ?? 0, media.length);
  const headers = new Headers({
    "content-type": fault?.kind === "wrong-type" ? "text/plain" : MEDIA_TYPES[recipe.kind],
    etag: `"${await etagOf(media, size)}-${huge?.version ?? 0}"`,
    "accept-ranges": huge?.ranges === false ? "none" : "bytes",
    "access-control-allow-origin": "*",
    "cache-control": "public, max-age=31536000",
  });
  if (request.headers.get("if-none-match") === headers.get("etag")) return new Response(null, { status: 304, headers });

  const ifRange = request.headers.get("if-range");
  const isRanged = huge?.ranges !== false && (ifRange === null || ifRange === headers.get("etag"));
  const range = isRanged ? readRange(request.headers.get("range"), size) : null;
  if (range === "unsatisfiable") {
    headers.set("content-range", `bytes */${size}`);
    return new Response(null, { status: 416, headers });
  }
  const { start, end } = range ?? { start: 0, end: size };
  if (range) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  if (fault?.kind !== "chunked" && !endless) headers.set("content-length", String(end - start));
  const status = range ? 206 : 200;
  if (request.method === "HEAD") return new Response(null, { status, headers });
  const parts = pieces(media, start, end, huge?.version ?? 0);
  return new Response(bodyOf(parts, end - start, fault), { status, headers });
}

async function etagOf(media: Uint8Array, size: number): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", media));
  return `${Array.from(digest.subarray(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("")}-${size}`;
}

type Range = { start: number; end: number };

/** A single byte range (RFC 9110, 14.1.2); several, or another unit, are ignored, as a server may. `end` is exclusive. */
function readRange(header: string | null, size: number): Range | "unsatisfiable" | null {
  const [, first = "", last = ""] = /^bytes=([0-9]*)-([0-9]*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return null;
  if (first === "") return last === "0" ? "unsatisfiable" : { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  if (last !== "" && Number(last) < start) return null;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(size, Number(last) + 1) };
}

/** The bytes from `start` to `end` of the media followed by filler, which differs between versions. */
function* pieces(media: Uint8Array, start: number, end: number, version: number): Generator<Uint8Array> {
  let at = start;
  if (at < media.length) {
    yield media.subarray(at, end);
    at = Math.min(end, media.length);
  }
  while (at < end) {
    const offset = (at - media.length + version) % FILLER.length;
    const piece = FILLER.subarray(offset, offset + Math.min(FILLER.length - offset, end - at));
    yield piece;
    at += piece.length;
  }
}

function bodyOf(parts: Iterable<Uint8Array>, length: number, fault: FileFault | null): ReadableStream {
  // A stream that has a length makes the runtime send Content-Length; one without is sent in chunks.
  const pipe =
    fault?.kind === "chunked" || fault?.kind === "endless"
      ? new IdentityTransformStream()
      : new FixedLengthStream(length);
  const writer = pipe.writable.getWriter();
  // A client that disconnects, or the break that an outcome asks for, ends the copy; nobody is left to receive an error.
  copy(writer, parts, length, fault).catch((reason: unknown) => writer.abort(reason).catch(() => undefined));
  return pipe.readable;
}

async function copy(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  parts: Iterable<Uint8Array>,
  length: number,
  fault: FileFault | null,
): Promise<void> {
  const breakAfter = breakPoint(length, fault);
  let left = Math.min(length, breakAfter);
  if (fault?.kind === "silent") left = 0;
  const step = fault?.kind === "slow" ? Math.ceil(length / SLOW_PIECES) : FILLER.length;
  for (const part of parts) {
    if (left <= 0) break;
    for (let at = 0; at < part.length && left > 0; at += step) {
      const piece = part.subarray(at, Math.min(at + step, at + left, part.length));
      await writer.write(piece);
      left -= piece.length;
      if (fault?.kind === "slow") await sleep(fault.ms / SLOW_PIECES);
    }
  }
  if (fault?.kind === "silent") await sleep(SILENCE_MS);
  if (breakAfter < length) {
    await sleep(BREAK_AFTER_MS);
    throw new Error("connection broken by an outcome");
  }
  await writer.close();
}

/** The number of bytes after which the connection is broken. */
function breakPoint(length: number, fault: FileFault | null): number {
  if (fault?.kind === "truncated") return Math.floor(length / 2);
  return fault?.kind === "huge" ? fault.breakAfter : length;
}
