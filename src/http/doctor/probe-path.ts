// The URL by which a self-test reads the file that it has just stored: `/files/_probe/{nonce}.{mark}`. No team has an id that begins with
// an underscore, so no file of a team has such a URL.

import { checkMark, makeMark } from "../../platform/signing.ts";

const PREFIX = "/files/_probe/";
const NONCE = /^[0-9A-Za-z]{20}$/;

/** The path of the probe with this nonce (20 characters of A-Z, a-z, 0-9). */
export async function probePath(keys: readonly string[], nonce: string): Promise<string> {
  return `${PREFIX}${nonce}.${await makeMark(keys, "probe", [nonce])}`;
}

/** The nonce of a probe's path; null when it is none, or one that we did not make. */
export async function readProbePath(keys: readonly string[], path: string): Promise<string | null> {
  if (!path.startsWith(PREFIX)) return null;
  const [nonce = "", mark = "", ...more] = path.slice(PREFIX.length).split(".");
  if (more.length > 0 || !NONCE.test(nonce)) return null;
  return (await checkMark(keys, "probe", [nonce], mark)) ? nonce : null;
}
