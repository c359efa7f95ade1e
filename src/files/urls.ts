// URLs of stored files: permanent, `/files/{team}/{request}.{mark}/{n}/{name}`, or expiring,
// `/files/{team}/{request}.{share}.{end}.{mark}/{n}/{name}`. The mark is a signature, checked without storage; the name is
// informational.

import { REQUEST_ID, TEAM_ID } from "../platform/ids.ts";
import { checkMark, makeMark } from "../platform/signing.ts";
import { SECOND_MS } from "../platform/time.ts";
import type { RequestFile } from "./request-file.ts";
import { FILES_PER_REQUEST_MAX } from "./request-file.ts";
import { extensionOf, typeOfName } from "./type-names.ts";

/** File name in a URL or a download: people paste URLs. */
export const FILE_NAME_MAX_CHARS = 100;
/** Of UTF-8: file systems take 255, and a browser may add " (12)". */
const FILE_NAME_MAX_BYTES = 240;

export interface FileAddress {
  team: string;
  request: string;
  n: number;
}

/** The path of a file, for good: the same file has the same path as long as the first signing key stays. */
export async function filePath(keys: readonly string[], file: FileAddress & { name: string }): Promise<string> {
  const { team, request, n, name } = file;
  const mark = await makeMark(keys, "file", markedParts(file));
  return `/files/${team}/${request}.${mark}/${n}/${encodeURIComponent(name)}`;
}

/** A link that ends. */
export interface FileLink {
  /** The share that it belongs to, which can be revoked; null: nothing but its end ends it. */
  share: string | null;
  /** Epoch seconds. */
  endsAtS: number;
}

/** Stands where a link has no share. */
const NO_SHARE = "-";
const SHARE_ID = /^(-|shr_[0-9A-Za-z]{20})$/;

/** The path of a file by a link that ends. */
export async function linkPath(
  keys: readonly string[],
  file: FileAddress & { name: string },
  link: FileLink,
): Promise<string> {
  const { team, request, n, name } = file;
  const mark = await makeMark(keys, "file_link", [...markedParts(file), ...linkParts(link)]);
  return `/files/${team}/${request}.${linkParts(link).join(".")}.${mark}/${n}/${encodeURIComponent(name)}`;
}

function linkParts({ share, endsAtS }: FileLink): [string, string] {
  return [share ?? NO_SHARE, String(endsAtS)];
}

/**
 * When a link of a private file ends that is given out now (epoch ms): after one to two times `linkS` seconds. Links of the same
 * stretch of time are the same text, so that what is unchanged is spelled unchanged.
 */
export function linkEndS(now: number, linkS: number): number {
  return (Math.floor(now / SECOND_MS / linkS) + 2) * linkS;
}

/** The file that a path stands for, or null when the path is malformed or we did not make its mark. Touches no storage. */
export async function readFilePath(
  keys: readonly string[],
  path: string,
): Promise<(FileAddress & { name: string | null; link: FileLink | null }) | null> {
  const [empty, files, team = "", place = "", index = "", name = "", ...more] = path.split("/");
  const [request = "", ...marks] = place.split(".");
  if (empty !== "" || files !== "files" || more.length > 0) return null;
  if (!TEAM_ID.test(team) || !REQUEST_ID.test(request) || !/^(0|[1-9][0-9]{0,5})$/.test(index)) return null;
  const address = { team, request, n: Number(index) };
  if (address.n >= FILES_PER_REQUEST_MAX) return null;
  const link = await checkedLink(keys, address, marks);
  return link === null ? null : { ...address, name: decoded(name), link: link === "for good" ? null : link };
}

async function checkedLink(
  keys: readonly string[],
  address: FileAddress,
  marks: readonly string[],
): Promise<FileLink | "for good" | null> {
  const [first = "", end = "", mark = ""] = marks;
  if (marks.length === 1) return (await checkMark(keys, "file", markedParts(address), first)) ? "for good" : null;
  if (marks.length !== 3 || !SHARE_ID.test(first) || !/^[1-9][0-9]{9,11}$/.test(end)) return null;
  const link = { share: first === NO_SHARE ? null : first, endsAtS: Number(end) };
  const parts = [...markedParts(address), ...linkParts(link)];
  return (await checkMark(keys, "file_link", parts, mark)) ? link : null;
}

function markedParts({ team, request, n }: FileAddress): string[] {
  return [team, request, String(n)];
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment) || null;
  } catch {
    return null;
  }
}

/**
 * The name in a file's path: upstream's `file_name` or the last part of its URL, in letters of any script, with the extension of
 * the type that was stored. An extension that a stored type contradicts is dropped; an unlisted one (`.safetensors`) stays, and any
 * while the type is not known yet.
 */
export function fileName(file: Pick<RequestFile, "n" | "source" | "claimedName" | "contentType">): string {
  const sourceName = file.source.kind === "url" ? URL.parse(file.source.url)?.pathname.split("/").at(-1) : undefined;
  const given = file.claimedName ?? (sourceName === undefined ? null : decoded(sourceName)) ?? "";
  const [, stem = "", ownExtension = ""] = /^(.*?)(?:\.([a-z0-9]{1,12}))?$/is.exec(given) ?? [];
  const mayStay = ownExtension !== "" && (file.contentType === null || typeOfName(given) === null);
  const extension = extensionOf(file.contentType ?? "") ?? (mayStay ? ownExtension.toLowerCase() : "bin");
  const clean = stem
    .normalize("NFC")
    .replace(/[^\p{L}\p{M}\p{N}\p{Extended_Pictographic}_-]+/gu, "-")
    .replace(/^-+|-+$/g, "");
  const safe = shortenedName(clean, extension.length + 1);
  return `${safe || `file-${file.n}`}.${extension}`;
}

/** The beginning of a name that leaves room for `reserved` characters of its extension, cut between whole characters. */
export function shortenedName(name: string, reserved: number): string {
  let kept = "";
  let bytes = reserved;
  for (const character of [...name].slice(0, FILE_NAME_MAX_CHARS - reserved)) {
    bytes += new TextEncoder().encode(character).length;
    if (bytes > FILE_NAME_MAX_BYTES) break;
    kept += character;
  }
  return kept;
}
