// URLs of input files: `/uploads/{team}/{id}.{mark}` accepts the bytes, `/inputs/{team}/{id}.{mark}/{name}` serves them. Separate
// marks, so that a model provider that may read cannot write. Both are checked without storage.

import { REQUEST_ID, TEAM_ID, UPLOAD_ID } from "../platform/ids.ts";
import { isRawNumber, type JsonPath, type JsonTree } from "../platform/json.ts";
import { checkMark, makeMark } from "../platform/signing.ts";

/** Uploads that one request may use: each is looked up in its admit. */
export const INPUT_UPLOADS_MAX = 50;

export interface UploadAddress {
  team: string;
  id: string;
}

/** Where the bytes of an upload are sent to. */
export async function uploadPath(keys: readonly string[], { team, id }: UploadAddress): Promise<string> {
  return `/uploads/${team}/${id}.${await makeMark(keys, "upload", [team, id])}`;
}

/** The upload that the last two steps of such a path stand for; null when they are malformed or not of our making. */
export function readUploadPlace(keys: readonly string[], team: string, place: string): Promise<UploadAddress | null> {
  return addressOf(keys, "upload", team, place);
}

/** Where a model fetches the file. */
export async function inputPath(keys: readonly string[], file: UploadAddress & { name: string }): Promise<string> {
  const { team, id, name } = file;
  return `/inputs/${team}/${id}.${await makeMark(keys, "input", [team, id])}/${encodeURIComponent(name)}`;
}

/** The file that such a path stands for, or null. */
export async function readInputPath(
  keys: readonly string[],
  path: string,
): Promise<(UploadAddress & { name: string }) | null> {
  const [empty, inputs, team = "", place = "", name = "", ...more] = path.split("/");
  if (empty !== "" || inputs !== "inputs" || more.length > 0) return null;
  const address = await addressOf(keys, "input", team, place);
  return address === null ? null : { ...address, name: decoded(name) };
}

/** A file inside a request's input; its id tells the request. */
export function inlineUploadId(request: string, n: number): string {
  return `${request}-${n}`;
}

/** An upload that an input names, and the field that does. */
export interface NamedUpload {
  id: string;
  field: string;
}

/**
 * The uploads of this team that an input names by their file URLs, wherever in it and whatever host they are spelled with.
 * `too_many`: more than one request may use.
 */
export async function uploadsNamedIn(
  keys: readonly string[],
  team: string,
  tree: JsonTree,
): Promise<NamedUpload[] | "too_many"> {
  const urls: { url: URL; field: string }[] = [];
  eachString(tree, (text, path) => {
    const url = text.includes(`/inputs/${team}/`) ? URL.parse(text) : null;
    if (url !== null) urls.push({ url, field: path.join(".") });
  });
  if (urls.length > INPUT_UPLOADS_MAX) return "too_many";
  const found = new Map<string, NamedUpload>();
  for (const { url, field } of urls) {
    const address = await readInputPath(keys, url.pathname);
    if (address?.team === team && !found.has(address.id)) found.set(address.id, { id: address.id, field });
  }
  return [...found.values()];
}

/** Every string of a tree, in document order. */
export function eachString(tree: JsonTree, visit: (text: string, path: JsonPath) => void): void {
  const path: JsonPath = [];
  const walk = (node: JsonTree): void => {
    if (typeof node === "string") {
      visit(node, [...path]);
    } else if (node !== null && typeof node === "object" && !isRawNumber(node)) {
      for (const [step, child] of Array.isArray(node) ? node.entries() : Object.entries(node)) {
        path.push(step);
        walk(child);
        path.pop();
      }
    }
  };
  walk(tree);
}

async function addressOf(
  keys: readonly string[],
  purpose: "upload" | "input",
  team: string,
  place: string,
): Promise<UploadAddress | null> {
  const [id = "", mark = "", ...rest] = place.split(".");
  if (rest.length > 0 || !TEAM_ID.test(team) || !isUploadId(id)) return null;
  return (await checkMark(keys, purpose, [team, id], mark)) ? { team, id } : null;
}

function isUploadId(id: string): boolean {
  if (UPLOAD_ID.test(id)) return true;
  const [request = "", n = "", ...rest] = id.split("-");
  return rest.length === 0 && REQUEST_ID.test(request) && /^[0-9]{1,3}$/.test(n);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}
