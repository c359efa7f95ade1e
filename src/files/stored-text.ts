// Texts of a request: short ones are stored in their row, longer ones in R2 with key, size and digest in the row. R2 is written
// first, so that a row never references a missing object.

import { acquire, type Permit } from "../net/byte-budget.ts";
import { sha256Hex } from "../platform/ids.ts";
import { type BucketTextName, textKey } from "./bucket-keys.ts";

/** A SQLite row holds 2 MB and a state row is written often; longer text goes to R2 and the row keeps key and hash. */
export const ROW_TEXT_MAX_BYTES = 512 * 1024;

/** Text that may be too long for a row: then it lies in R2 and the row keeps where and what. */
export type StoredText = { at: "row"; text: string } | { at: "r2"; key: string; sha256: string; bytes: number };

export interface TextPlace {
  team: string;
  request: string;
  name: BucketTextName;
}

/** Told of the key of a long text before it is put there, so that a deletion finds it whatever becomes of the put. */
export type NoteKey = (key: string) => void;

/**
 * Puts a text where it belongs; size counts in UTF-8 bytes. Takes no bytes of the budget: the caller holds them for the text
 * already, and whoever waits for bytes while holding some can wait for ever. Rejects when R2 does not take it.
 */
export async function keepText(
  bucket: R2Bucket,
  place: TextPlace,
  text: string,
  noteKey?: NoteKey,
): Promise<StoredText> {
  // One UTF-16 unit is at most three bytes.
  if (text.length * 3 <= ROW_TEXT_MAX_BYTES) return { at: "row", text };
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= ROW_TEXT_MAX_BYTES) return { at: "row", text };
  const sha256 = await sha256Hex(bytes);
  const key = textKey(place.team, place.request, place.name, sha256);
  noteKey?.(key);
  await bucket.put(key, bytes, { sha256, httpMetadata: { contentType: "application/json" } });
  return { at: "r2", key, sha256, bytes: bytes.length };
}

/** Keeps what was read of an output: its text with places, and the payload while data URIs still have to be copied. */
export async function keepDescribed(
  bucket: R2Bucket,
  { team, id }: { team: string; id: string },
  described: { outputText: string; payloadText: string | null },
  noteKey: NoteKey,
): Promise<{ output: StoredText; payload?: StoredText }> {
  const output = await keepText(bucket, { team, request: id, name: "output" }, described.outputText, noteKey);
  if (described.payloadText === null) return { output };
  const payload = { team, request: id, name: "payload" } as const;
  return { output, payload: await keepText(bucket, payload, described.payloadText, noteKey) };
}

/**
 * Brings a text back, under a permit that the caller releases. Hold one at a time: see `keepText`. `missing` also when the
 * bytes are not the ones that were kept. Rejects when R2 cannot be read just now.
 */
export async function loadText(
  bucket: R2Bucket,
  stored: StoredText,
): Promise<{ kind: "loaded"; text: string; permit: Permit } | { kind: "missing" }> {
  if (stored.at === "row") return { kind: "loaded", text: stored.text, permit: ROW_PERMIT };
  const permit = await acquire(stored.bytes);
  if (permit === null) throw new Error("a stored text exceeds the byte budget");
  try {
    const object = await bucket.get(stored.key);
    const bytes = object && new Uint8Array(await object.arrayBuffer());
    if (bytes !== null && (await sha256Hex(bytes)) === stored.sha256) {
      return {
        kind: "loaded",
        text: new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(bytes),
        permit,
      };
    }
  } catch (error) {
    permit.release();
    throw error;
  }
  permit.release();
  return { kind: "missing" };
}

/** A row's text is in memory with its row: it takes nothing of the budget. */
const ROW_PERMIT: Permit = { bytes: 0, shrink: () => undefined, release: () => undefined };
