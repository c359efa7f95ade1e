// The only spelling of R2 keys: `outputs/{team}/{request}/{n}` for files, `texts/{team}/{request}/{name}.{digest}` for large
// texts, `uploads/{team}/{id}` and below for files that inputs use, `archive/{team}/{month}/{part}.jsonl`, `doctor/{nonce}` for a
// self-test. Pure. Team ids, request ids and upload ids hold no slash (ids.ts), so no prefix reaches into a neighbour.

/** File `n` of a request's output. */
export function outputKey(team: string, request: string, n: number): string {
  return `outputs/${team}/${request}/${n}`;
}

/** A file for inputs, or what the places of its senders begin with. One that came inside a request's input has the request's id in its own. */
export function uploadKey(team: string, id: string): string {
  return `uploads/${team}/${id}`;
}

/** The bytes of one sender of an upload: two that send at once never write to one place. */
export function senderKey(upload: string, sender: string): string {
  return `${upload}/${sender}`;
}

/** The file of an upload in parts, which senders of parts share. */
export function partsKey(upload: string): string {
  return `${upload}/parts`;
}

/** Texts of a request that may be too long for a row. */
export type BucketTextName = "input" | "payload" | "output";

/**
 * A text of a request. The key carries the content's digest: two reports of one end may differ in their bytes, and the
 * later one must not overwrite what the row of the first one names.
 */
export function textKey(team: string, request: string, name: BucketTextName, sha256: string): string {
  return `texts/${team}/${request}/${name}.${sha256.slice(0, 16)}`;
}

/** A small file that a self-test writes, reads by its URL and deletes. */
export function probeKey(nonce: string): string {
  return `${PROBE_ROOT}${nonce}`;
}

/** Outside the roots of teams: what an interrupted self-test left goes with the next one. */
export const PROBE_ROOT = "doctor/";

/** A part of a team's archive: lines of requests of one month ("2026-11"). */
export function archiveKey(team: string, month: string, n: number): string {
  return `${ARCHIVE_ROOT}${team}/${month}/${String(n).padStart(ARCHIVE_NUMBER_DIGITS, "0")}.jsonl`;
}

/** So that names sort as numbers do. */
const ARCHIVE_NUMBER_DIGITS = 6;
const ARCHIVE_ROOT = "archive/";

/** What belongs to a request or an upload lies below these. */
export const BUCKET_ROOTS = ["outputs/", "texts/", "uploads/"] as const;

/** Everything that one team stored lies below these. */
export function teamPrefixes(team: string): string[] {
  return [...BUCKET_ROOTS, ARCHIVE_ROOT].map((root) => `${root}${team}/`);
}
