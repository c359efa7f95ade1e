// How a stored file is called from outside: `/files/{team}/{request}.{mark}/{n}/{name}`. The mark makes it unguessable and
// is checked without storage; the name is for people and decides nothing. Imports signing, ids, limits, types.

import { REQUEST_ID, TEAM_ID } from "../ids.ts";
import { FILE_NAME_MAX_CHARS, FILES_PER_REQUEST_MAX } from "../limits.ts";
import type { RequestFile } from "../requests/types.ts";
import { checkMark, makeMark } from "../signing.ts";
import { extensionOf, typeOfName } from "./types.ts";

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

/** The file that a path stands for, or null when the path is malformed or we did not make its mark. Touches no storage. */
export async function readFilePath(
  keys: readonly string[],
  path: string,
): Promise<(FileAddress & { name: string | null }) | null> {
  const [empty, files, team = "", place = "", index = "", name = "", ...more] = path.split("/");
  const [request = "", mark = "", ...rest] = place.split(".");
  if (empty !== "" || files !== "files" || more.length > 0 || rest.length > 0) return null;
  if (!TEAM_ID.test(team) || !REQUEST_ID.test(request) || !/^(0|[1-9][0-9]{0,5})$/.test(index)) return null;
  const address = { team, request, n: Number(index) };
  if (address.n >= FILES_PER_REQUEST_MAX || !(await checkMark(keys, "file", markedParts(address), mark))) return null;
  return { ...address, name: decoded(name) };
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
 * The name in a file's path: upstream's `file_name` or the last part of its URL, in safe characters, with the extension of
 * the type that was stored. An extension that a stored type contradicts is dropped; an unlisted one (`.safetensors`) stays.
 */
export function fileName(file: Pick<RequestFile, "n" | "source" | "claimedName" | "contentType">): string {
  const sourceName = file.source.kind === "url" ? URL.parse(file.source.url)?.pathname.split("/").at(-1) : undefined;
  const given = file.claimedName ?? (sourceName === undefined ? null : decoded(sourceName)) ?? "";
  const [, stem = "", ownExtension = ""] = /^(.*?)(?:\.([a-z0-9]{1,12}))?$/is.exec(given) ?? [];
  const unlisted = ownExtension !== "" && typeOfName(given) === null ? ownExtension.toLowerCase() : "bin";
  const extension = extensionOf(file.contentType ?? "") ?? unlisted;
  const safe = stem
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, FILE_NAME_MAX_CHARS - extension.length - 1);
  return `${safe || `file-${file.n}`}.${extension}`;
}
