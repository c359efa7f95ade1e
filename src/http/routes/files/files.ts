// GET, HEAD /files/{team}/{request}.{mark}/{n}/{name}: stored files for browsers and players, by permanent or expiring links. The mark is
// verified before storage is read; the tracker is called only for share links and missing files.

import { type Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { outputKey, probeKey } from "../../../files/bucket-keys.ts";
import { isShownInline, OCTET_STREAM } from "../../../files/type-names.ts";
import { type FileAddress, type FileLink, readFilePath, shortenedName } from "../../../files/urls.ts";
import { requireConfig } from "../../../platform/config.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTracker } from "../../../platform/stubs.ts";
import { DAY_MS, SECOND_MS } from "../../../platform/time.ts";
import type { AppEnv } from "../../app-env.ts";
import { readProbePath } from "../../doctor/probe-path.ts";
import { noRoute } from "../../problem.ts";

/** Maximum age of files in edge caches, within which a deletion takes effect; browsers keep them permanently. */
export const FILE_EDGE_CACHE_S = 300;

/** On every response: readable from any page, no content sniffing, no script execution. */
const COMMON_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "accept-ranges, content-disposition, content-length, content-range, etag, x-request-id",
  "cross-origin-resource-policy": "cross-origin",
  "timing-allow-origin": "*",
  "x-content-type-options": "nosniff",
  // A file opened directly is a page on our origin: it gets an opaque origin and may load only itself (a player).
  "content-security-policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'",
};

const BROWSER_CACHE_S = (365 * DAY_MS) / SECOND_MS;
/** The bytes of a path never change, but a deletion must reach shared caches soon (docs/decisions/served-files.md). */
const CACHE_PERMANENTLY = `public, max-age=${BROWSER_CACHE_S}, s-maxage=${FILE_EDGE_CACHE_S}, immutable`;

/** Mounted at `/files`, after the middleware of app.ts: call id, valid configuration, OPTIONS. */
export const files = new Hono<AppEnv>();

export const allowAllOrigins = createMiddleware<AppEnv>(async function allowAllOrigins(context, next) {
  await next();
  for (const [name, value] of Object.entries(COMMON_HEADERS)) context.res.headers.set(name, value);
});
files.use(allowAllOrigins);

// Hono serves HEAD through this route too, without the body.
files.get("/*", serveFile);

files.all("/*", (context) => noRoute(context, ["GET", "HEAD", "OPTIONS"]));

async function serveFile(context: Context<AppEnv>): Promise<Response> {
  const { SIGNING_KEY } = requireConfig(context.env);
  const { pathname } = new URL(context.req.url);
  const file = await readFilePath(SIGNING_KEY, pathname);
  if (file === null) {
    const nonce = await readProbePath(SIGNING_KEY, pathname);
    const probe = nonce === null ? null : { key: probeKey(nonce), name: null, cacheControl: "no-store" };
    return (probe && (await serveStored(context, probe))) ?? noSuchFile(context, null);
  }
  const fault = await linkFault(context, file);
  if (fault !== null) return context.get("refuse")(refusal("gone", fault), context.get("callId"));
  const key = outputKey(file.team, file.request, file.n);
  const stored = { key, name: file.name, cacheControl: cacheControlOf(file.link) };
  return (await serveStored(context, stored)) ?? noSuchFile(context, file);
}

/** The response for an object of the bucket; null when it does not exist. `type` overrides the object's own. */
export async function serveStored(
  context: Context<AppEnv>,
  { key, name, cacheControl, type }: { key: string; name: string | null; cacheControl: string; type?: string | null },
): Promise<Response | null> {
  const bucket = context.env.FILES;
  const requested: FileRequest = {
    range: parseRange(context.req.header("range")),
    ifRange: context.req.header("if-range"),
    ifMatch: context.req.header("if-match"),
    ifNoneMatch: context.req.header("if-none-match"),
    ifModifiedSince: context.req.header("if-modified-since"),
    ifUnmodifiedSince: context.req.header("if-unmodified-since"),
    pathName: name,
    download: context.req.query("download") ?? null,
    cacheControl,
    type: type ?? null,
  };
  if (context.req.method === "HEAD") {
    const object = await bucket.head(key);
    return object && answer(object, { ...requested, range: null });
  }
  const part = await readPart(bucket, key, requested);
  if (part !== null) return answer(part, requested);
  const whole = await bucket.get(key, { onlyIf: unlessHeld(requested) });
  return whole && answer(whole, { ...requested, range: null });
}

/** Why a link is no longer valid, or null. Revocation is checked on every call, so responses are cached only briefly. */
async function linkFault(context: Context<AppEnv>, { link, ...file }: FilePlace): Promise<string | null> {
  if (link === null) return null;
  if (Date.now() >= link.endsAtS * SECOND_MS) return "The link has expired.";
  const { share } = link;
  if (share === null) return null;
  const isValid = await askTracker(context.env, file.request, (tracker) => tracker.isShared(file.team, share, file.n));
  return isValid ? null : "The link was revoked or the file was deleted.";
}

/** A response by an expiring link must not be cached beyond its expiry, nor in shared caches. */
function cacheControlOf(link: FileLink | null): string {
  if (link === null) return CACHE_PERMANENTLY;
  const leftS = Math.floor(link.endsAtS - Date.now() / SECOND_MS);
  return `private, max-age=${Math.max(0, Math.min(FILE_EDGE_CACHE_S, leftS))}`;
}

/** The same 404 for a forged path, a changed one and a missing file. Only a valid path (`file`) reveals a deletion. */
async function noSuchFile(context: Context<AppEnv>, file: FileAddress | null): Promise<Response> {
  const wasDeleted =
    file !== null &&
    (await askTracker(context.env, file.request, (tracker) => tracker.isFileDeleted(file.team, file.n)));
  if (wasDeleted) return context.get("refuse")(refusal("gone", "The file was deleted."), context.get("callId"));
  return context.get("refuse")(refusal("not_found", "No file found at this URL."), context.get("callId"));
}

type FilePlace = FileAddress & { link: FileLink | null };

interface FileRequest {
  range: ByteRange | null;
  ifRange: string | undefined;
  ifMatch: string | undefined;
  ifNoneMatch: string | undefined;
  ifModifiedSince: string | undefined;
  ifUnmodifiedSince: string | undefined;
  pathName: string | null;
  download: string | null;
  cacheControl: string;
  type: string | null;
}

/**
 * The requested range, in one read; without a body if the range is outside the file or the client's copy is current. Null when the
 * whole file is to be sent: no range, no such file, or an `If-Range` that does not match (a date never does).
 */
async function readPart(
  bucket: R2Bucket,
  key: string,
  requested: FileRequest,
): Promise<R2Object | R2ObjectBody | null> {
  const { range, ifRange } = requested;
  if (range === null) return null;
  const same = ifRange === undefined ? undefined : /^"([^"]*)"$/.exec(ifRange)?.[1];
  if (ifRange !== undefined && same === undefined) return null;
  const onlyIf = same === undefined ? unlessHeld(requested) : { ...unlessHeld(requested), etagMatches: same };
  const object = await bucket.get(key, { range, onlyIf }).catch(async (error: unknown) => {
    // R2 rejects a range outside the object; HEAD returns its size.
    const known = await bucket.head(key);
    if (known !== null && spanOf(range, known.size) !== null) throw error;
    return known;
  });
  return object !== null && ifRange !== undefined && ifRange !== object.httpEtag ? null : object;
}

/** Lets R2 omit the body when the client's copy is current. Handles the common single tag; `conditionStatus` handles all. */
function unlessHeld({ ifNoneMatch }: FileRequest): R2Conditional {
  const held = /^(?:W\/)?"([^"]*)"$/.exec(ifNoneMatch ?? "")?.[1];
  return held === undefined ? {} : { etagDoesNotMatch: held };
}

function bodyOf(object: R2Object | R2ObjectBody): ReadableStream | null {
  return "body" in object ? object.body : null;
}

async function answer(object: R2Object | R2ObjectBody, requested: FileRequest): Promise<Response> {
  const body = bodyOf(object);
  const { httpEtag: etag, size } = object;
  const headers = new Headers({
    etag,
    "last-modified": object.uploaded.toUTCString(),
    "cache-control": requested.cacheControl,
    "accept-ranges": "bytes",
  });
  const status = conditionStatus(requested, etag, object.uploaded.getTime());
  if (status !== null) {
    await body?.cancel();
    if (status === 412) headers.set("cache-control", "no-store");
    return new Response(null, { status, headers });
  }
  const type = requested.type ?? object.httpMetadata?.contentType ?? OCTET_STREAM;
  headers.set("content-type", type.startsWith("text/") ? `${type}; charset=utf-8` : type);
  headers.set("content-disposition", disposition(type, requested.pathName, requested.download));
  if (requested.range === null) {
    headers.set("content-length", String(size));
    return new Response(body, { headers });
  }
  const span = spanOf(requested.range, size);
  if (span === null) {
    await body?.cancel();
    headers.set("content-range", `bytes */${size}`);
    headers.set("cache-control", "no-store");
    return new Response(null, { status: 416, headers });
  }
  headers.set("content-range", `bytes ${span.first}-${span.last}/${size}`);
  headers.set("content-length", String(span.last - span.first + 1));
  return new Response(body, { status: 206, headers });
}

export type ByteRange = { offset: number; length?: number } | { suffix: number };

/**
 * A `Range` of one byte range (RFC 9110, 14.1.2). Null for none, for several and for what is malformed: all of those get
 * the whole file, which the RFC allows and players understand.
 */
export function parseRange(header: string | undefined): ByteRange | null {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? "");
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? null : { suffix: wholeNumber(last) };
  const offset = wholeNumber(first);
  if (last === "") return { offset };
  const length = wholeNumber(last) - offset + 1;
  return length > 0 ? { offset, length } : null;
}

/** Clamped: larger than any file, and a safe integer. */
function wholeNumber(digits: string): number {
  return Math.min(Number(digits), 2 ** 50);
}

/** First and last byte of a range in a file of `size` bytes; null when it is not satisfiable. */
export function spanOf(range: ByteRange, size: number): { first: number; last: number } | null {
  if ("suffix" in range) {
    return range.suffix === 0 || size === 0 ? null : { first: Math.max(0, size - range.suffix), last: size - 1 };
  }
  if (range.offset >= size) return null;
  const last = range.length === undefined ? size - 1 : Math.min(size, range.offset + range.length) - 1;
  return { first: range.offset, last };
}

type Conditions = Pick<FileRequest, "ifMatch" | "ifNoneMatch" | "ifModifiedSince" | "ifUnmodifiedSince">;

/** The status that a call's preconditions require, in their order of RFC 9110, 13.2.2, or null. `modifiedAt` in epoch ms. */
export function conditionStatus(conditions: Conditions, etag: string, modifiedAt: number): 304 | 412 | null {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  // Headers have whole seconds.
  const modified = Math.floor(modifiedAt / SECOND_MS) * SECOND_MS;
  // Compared strongly (13.1.1): a weakened tag does not promise the same bytes.
  if (ifMatch !== undefined) {
    if (!listed(ifMatch).some((tag) => tag === "*" || tag === etag)) return 412;
  } else if (modified > httpDate(ifUnmodifiedSince)) return 412;
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etag) ? 304 : null;
  return modified <= httpDate(ifModifiedSince) ? 304 : null;
}

/** Epoch ms of an HTTP date; NaN, which compares with nothing, for what is none: such a condition is ignored (13.1.3, 13.1.4). */
function httpDate(text: string | undefined): number {
  return /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text ?? "") ? Date.parse(text ?? "") : Number.NaN;
}

/** `If-None-Match` (RFC 9110, 13.1.2): compared weakly, because a proxy that compresses weakens our tag. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return listed(header).some((tag) => tag === "*" || tag.replace(/^W\//, "") === etag);
}

function listed(header: string): string[] {
  return header.split(",").map((tag) => tag.trim());
}

/**
 * `Content-Disposition` (RFC 6266). `download` is the value of `?download=`: null when absent, empty for "the name in the path".
 * Types that a browser must not open on our origin are always saved.
 */
export function disposition(type: string, pathName: string | null, download: string | null): string {
  const kind = download === null && isShownInline(type) ? "inline" : "attachment";
  const name = safeName(download || pathName || "");
  if (name === "") return kind;
  const plain = name.replace(/[^ -~]/g, "_");
  const extended = encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"${plain === name ? "" : `; filename*=UTF-8''${extended}`}`;
}

/** Removes paths, quotes, control and direction characters and leading dots, which could change where or as what a file is saved. */
function safeName(name: string): string {
  const clean = name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}"\\/:*?<>|%]/gu, "_")
    .replace(/^[.\s]+|\s+$/g, "");
  // The extension stays when the name is shortened.
  const extension = /\.[\p{L}\p{N}]{1,12}$/u.exec(clean)?.[0] ?? "";
  const stem = extension === "" ? clean : clean.slice(0, -extension.length);
  return shortenedName(stem, [...extension].length) + extension;
}
