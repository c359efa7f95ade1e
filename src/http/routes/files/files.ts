// GET, HEAD /files/{team}/{request}.{mark}/{n}/{name}: the stored bytes, as browsers and players want them; the same by a link
// that ends. The mark is checked before storage is touched, the tracker is asked only for share links and missing files.

import { type Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { outputKey } from "../../../files/keys.ts";
import { isShownInline, OCTET_STREAM } from "../../../files/media-types.ts";
import { FILE_NAME_MAX_CHARS, type FileAddress, type FileLink, readFilePath } from "../../../files/urls.ts";
import { requireConfig } from "../../../platform/config.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTracker } from "../../../platform/stubs.ts";
import { DAY_MS, SECOND_MS } from "../../../platform/time.ts";
import type { AppEnv } from "../../app-env.ts";
import { noRoute, problemResponse } from "../../problem.ts";

/** Edge copies of files live at most this long, so a deletion holds within it; browsers keep them for good. */
const FILE_EDGE_CACHE_S = 300;

/** Safe on every answer: any page may read it, no type is guessed, nothing in it runs. */
const COMMON_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "accept-ranges, content-disposition, content-length, content-range, etag, x-request-id",
  "cross-origin-resource-policy": "cross-origin",
  "timing-allow-origin": "*",
  "x-content-type-options": "nosniff",
  // A file opened by itself is a page on our origin: it gets an origin of its own and may load itself (a player) only.
  "content-security-policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'",
};

const BROWSER_CACHE_S = (365 * DAY_MS) / SECOND_MS;
/** The bytes of a path never change, but a deletion must reach shared caches soon (docs/decisions/served-files.md). */
const CACHE_FOR_GOOD = `public, max-age=${BROWSER_CACHE_S}, s-maxage=${FILE_EDGE_CACHE_S}, immutable`;

/** Mounted at `/files`. Expects what app.ts does before: a call id, a valid configuration, an answer to OPTIONS. */
export const files = new Hono<AppEnv>();

export const openToAll = createMiddleware<AppEnv>(async function openToAll(context, next) {
  await next();
  for (const [name, value] of Object.entries(COMMON_HEADERS)) context.res.headers.set(name, value);
});
files.use(openToAll);

// Hono answers HEAD through this route too, with the body taken off.
files.get("/*", serveFile);

files.all("/*", (context) => noRoute(context, ["GET", "HEAD", "OPTIONS"]));

async function serveFile(context: Context<AppEnv>): Promise<Response> {
  const file = await readFilePath(requireConfig(context.env).SIGNING_KEY, new URL(context.req.url).pathname);
  if (file === null) return noSuchFile(context, null);
  const ended = await linkFault(context, file);
  if (ended !== null) return problemResponse(refusal("gone", ended), context.get("callId"));
  const key = outputKey(file.team, file.request, file.n);
  const stored = { key, name: file.name, cacheControl: cacheControlOf(file.link) };
  return (await serveStored(context, stored)) ?? noSuchFile(context, file);
}

/** An object of the bucket as this call wants it; null when it is not there. `type`: where the object's own is not the last word. */
export async function serveStored(
  context: Context<AppEnv>,
  { key, name, cacheControl, type }: { key: string; name: string | null; cacheControl: string; type?: string | null },
): Promise<Response | null> {
  const bucket = context.env.FILES;
  const wants: Wants = {
    range: parseRange(context.req.header("range")),
    ifRange: context.req.header("if-range"),
    ifMatch: context.req.header("if-match"),
    ifNoneMatch: context.req.header("if-none-match"),
    ifModifiedSince: context.req.header("if-modified-since"),
    pathName: name,
    download: context.req.query("download") ?? null,
    cacheControl,
    type: type ?? null,
  };
  if (context.req.method === "HEAD") {
    const object = await bucket.head(key);
    return object && answer(object, { ...wants, range: null });
  }
  const part = await readPart(bucket, key, wants);
  if (part !== null) return answer(part, wants);
  const whole = await bucket.get(key, { onlyIf: unlessHeld(wants) });
  return whole && answer(whole, { ...wants, range: null });
}

/** Why a link is good no longer; null when it is good. A revoked one is found out at its next call, so nothing may keep it for long. */
async function linkFault(context: Context<AppEnv>, { link, ...file }: FilePlace): Promise<string | null> {
  if (link === null) return null;
  if (Date.now() >= link.endsAtS * SECOND_MS) return "The link has expired.";
  const { share } = link;
  if (share === null) return null;
  const isGood = await askTracker(context.env, file.request, (tracker) => tracker.isShared(file.team, share, file.n));
  return isGood ? null : "The link was revoked, or the file deleted.";
}

/** A copy of a file behind a link that ends must not outlive the link, nor lie where others find it. */
function cacheControlOf(link: FileLink | null): string {
  if (link === null) return CACHE_FOR_GOOD;
  const leftS = Math.floor(link.endsAtS - Date.now() / SECOND_MS);
  return `private, max-age=${Math.max(0, Math.min(FILE_EDGE_CACHE_S, leftS))}`;
}

/** The same for a path that we never made, one that was changed, and a file that is not there. Only a path of ours (`file`) is told of a deletion. */
async function noSuchFile(context: Context<AppEnv>, file: FileAddress | null): Promise<Response> {
  const letGo =
    file !== null &&
    (await askTracker(context.env, file.request, (tracker) => tracker.isFileDeleted(file.team, file.n)));
  if (letGo) return problemResponse(refusal("gone", "The file was deleted."), context.get("callId"));
  return problemResponse(refusal("not_found", "There is no such file."), context.get("callId"));
}

type FilePlace = FileAddress & { link: FileLink | null };

interface Wants {
  range: ByteRange | null;
  ifRange: string | undefined;
  ifMatch: string | undefined;
  ifNoneMatch: string | undefined;
  ifModifiedSince: string | undefined;
  pathName: string | null;
  download: string | null;
  cacheControl: string;
  type: string | null;
}

/**
 * The part that is wanted, in one read; without its body where the range lies outside the file or the visitor has the file.
 * Null when the whole is to be sent: no range, no such file, or an `If-Range` that names other bytes (a date names none).
 */
async function readPart(bucket: R2Bucket, key: string, wants: Wants): Promise<R2Object | R2ObjectBody | null> {
  const { range, ifRange } = wants;
  if (range === null) return null;
  const same = ifRange === undefined ? undefined : /^"([^"]*)"$/.exec(ifRange)?.[1];
  if (ifRange !== undefined && same === undefined) return null;
  const onlyIf = same === undefined ? unlessHeld(wants) : { ...unlessHeld(wants), etagMatches: same };
  const object = await bucket.get(key, { range, onlyIf }).catch(async (error: unknown) => {
    // R2 rejects a range that lies outside; the object without its body tells the size.
    const known = await bucket.head(key);
    if (known !== null && spanOf(range, known.size) !== null) throw error;
    return known;
  });
  return object !== null && ifRange !== undefined && ifRange !== object.httpEtag ? null : object;
}

/** Lets R2 leave the body out when the visitor has it. One tag is the common case; for more the answer decides alone. */
function unlessHeld({ ifNoneMatch }: Wants): R2Conditional {
  const held = /^(?:W\/)?"([^"]*)"$/.exec(ifNoneMatch ?? "")?.[1];
  return held === undefined ? {} : { etagDoesNotMatch: held };
}

function bodyOf(object: R2Object | R2ObjectBody): ReadableStream | null {
  return "body" in object ? object.body : null;
}

async function answer(object: R2Object | R2ObjectBody, wants: Wants): Promise<Response> {
  const body = bodyOf(object);
  const { httpEtag: etag, size } = object;
  const headers = new Headers({
    etag,
    "last-modified": object.uploaded.toUTCString(),
    "cache-control": wants.cacheControl,
    "accept-ranges": "bytes",
  });
  const status = conditionStatus(wants, etag, object.uploaded.getTime());
  if (status !== null) {
    await body?.cancel();
    return new Response(null, { status, headers });
  }
  const type = wants.type ?? object.httpMetadata?.contentType ?? OCTET_STREAM;
  headers.set("content-type", type.startsWith("text/") ? `${type}; charset=utf-8` : type);
  headers.set("content-disposition", disposition(type, wants.pathName, wants.download));
  if (wants.range === null) {
    headers.set("content-length", String(size));
    return new Response(body, { headers });
  }
  const span = spanOf(wants.range, size);
  if (span === null) {
    await body?.cancel();
    headers.set("content-range", `bytes */${size}`);
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

/** Larger than any file, and small enough to count with. */
function wholeNumber(digits: string): number {
  return Math.min(Number(digits), 2 ** 50);
}

/** First and last byte of a range in a file of `size` bytes; null when it has none of them. */
export function spanOf(range: ByteRange, size: number): { first: number; last: number } | null {
  if ("suffix" in range) {
    return range.suffix === 0 || size === 0 ? null : { first: Math.max(0, size - range.suffix), last: size - 1 };
  }
  if (range.offset >= size) return null;
  const last = range.length === undefined ? size - 1 : Math.min(size, range.offset + range.length) - 1;
  return { first: range.offset, last };
}

/** What the conditions of a call come to (RFC 9110, 13.2.2); null: it is answered. `modifiedAt` in epoch ms, headers know seconds. */
export function conditionStatus(
  { ifMatch, ifNoneMatch, ifModifiedSince }: Pick<Wants, "ifMatch" | "ifNoneMatch" | "ifModifiedSince">,
  etag: string,
  modifiedAt: number,
): 304 | 412 | null {
  // Compared strongly (13.1.1): a weakened tag does not promise the same bytes.
  if (ifMatch !== undefined && !listed(ifMatch).some((tag) => tag === "*" || tag === etag)) return 412;
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, etag) ? 304 : null;
  const since = Date.parse(ifModifiedSince ?? "");
  return Math.floor(modifiedAt / SECOND_MS) * SECOND_MS <= since ? 304 : null;
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
 * `Content-Disposition` (RFC 6266). `download` is what `?download=` says: null when absent, empty for "the name in the path".
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

/** No path, no quotes, no control or direction characters, no leading dots: nothing that changes where or as what it is saved. */
function safeName(name: string): string {
  const clean = name
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}"\\/:*?<>|%]/gu, "_")
    .replace(/^[.\s]+|\s+$/g, "");
  return [...clean].slice(0, FILE_NAME_MAX_CHARS).join("");
}
