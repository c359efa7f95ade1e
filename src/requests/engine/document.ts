// What one tracker stores: a document in the key-value store, written once per transaction, and larger parts beside it under keys
// of their own. Shapes and pure functions; request-store.ts reads and writes them.

import type { RequestFile } from "../../files/request-file.ts";
import type { StoredText } from "../../files/stored-text.ts";
import { type StoredVersion, withDefaults } from "../../platform/stored-version.ts";
import { NEW_EFFECT } from "../machine/effect-schedule.ts";
import type { Effect } from "../machine/effect-types.ts";
import { NEW_REQUEST } from "../machine/machine.ts";
import type { RequestRecord, RequestState, TimelineEntry } from "../machine/types.ts";

/** Version of these shapes (platform/stored-version.ts). */
export const TRACKER_VERSION: StoredVersion = { version: 1, min_reader: 1 };
export const DOCUMENT_KEY = "request";

/** Longer texts lie beside the document, because each step would write them again. */
export const TEXT_IN_DOCUMENT_MAX_CHARS = 2_048;
/** A request with more files keeps them beside the document, so many to a key. */
export const FILES_PER_CHUNK = 16;
/** The document keeps the newest timeline entries; older ones lie beside it, so many to a key. */
export const ENTRIES_IN_DOCUMENT = 48;
export const ENTRIES_PER_CHUNK = 32;

/** Texts that may lie in R2: the caller's input, the raw output while data URIs are copied, the output with places, logs. */
export type TextName = "input" | "payload" | "output" | "logs";

export interface RequestDocument extends StoredVersion {
  state: RequestState;
  /** Null: they lie in chunks beside it, with the effects of their copies. */
  files: RequestFile[] | null;
  fileCount: number;
  effects: Effect[];
  texts: Partial<Record<TextName, StoredText | { at: "key" }>>;
  timeline: TimelineEntry[];
  /** Entries that lie beside it. */
  olderEntries: number;
  /** Keys in R2, beyond those of the output's files, that may hold bytes of this request: a deletion lists nothing. */
  bucketKeys: string[];
}

/**
 * Remains of a request that never started (`team` null) or was deleted. `user` null: none, or anonymized. `keyId` is absent where
 * older code wrote it.
 */
export interface Tombstone {
  at: number;
  team: string | null;
  user: string | null;
  keyId?: string;
}

export interface TombstoneDocument extends StoredVersion {
  tombstone: Tombstone;
}

export type StoredDocument = RequestDocument | TombstoneDocument;

/** Files of a request that has many, with the effects of their copies. */
export interface FileChunk {
  files: RequestFile[];
  effects: Effect[];
}

export function emptyDocument(state: RequestState): RequestDocument {
  const none = { files: [], fileCount: 0, effects: [], texts: {}, timeline: [], olderEntries: 0, bucketKeys: [] };
  return { ...TRACKER_VERSION, state, ...none };
}

/** The document after a step: the record in it, except for what lies in chunks. */
export function withRecord(document: RequestDocument, { state, files, effects }: RequestRecord): RequestDocument {
  const isSmall = files.length <= FILES_PER_CHUNK;
  return {
    ...document,
    state,
    files: isSmall ? files : null,
    fileCount: files.length,
    effects: isSmall ? effects : effects.filter((effect) => chunkOfEffect(effect) === null),
  };
}

/** The record of a document; fields that the code which wrote it did not know have their defaults. */
export function recordOf(document: RequestDocument, readChunk: (n: number) => FileChunk | undefined): RequestRecord {
  const { state, fileCount } = document;
  const files = [...(document.files ?? [])];
  const effects = [...document.effects];
  for (let n = 0; document.files === null && n * FILES_PER_CHUNK < fileCount; n++) {
    const chunk = readChunk(n);
    files.push(...(chunk?.files ?? []));
    effects.push(...(chunk?.effects ?? []));
  }
  return {
    state: withDefaults<RequestState>(NEW_REQUEST, state),
    files,
    effects: effects.map((effect) => withDefaults<Effect>(NEW_EFFECT, effect)),
  };
}

/** The chunks that a step changed, by number. Each step makes new values of what it changes. */
export function changedChunks(before: RequestRecord | null, after: RequestRecord): Map<number, FileChunk> {
  if (after.files.length <= FILES_PER_CHUNK) return new Map();
  const wereChunked = before !== null && before.files.length > FILES_PER_CHUNK;
  const knownFiles = new Set(wereChunked ? before.files : []);
  const knownEffects = new Set(wereChunked ? before.effects : []);
  const effects = new Set(after.effects);
  const changed = new Set<number>();
  for (const file of after.files) if (!knownFiles.has(file)) changed.add(chunkOf(file.n));
  for (const effect of [
    ...after.effects.filter((each) => !knownEffects.has(each)),
    ...[...knownEffects].filter((each) => !effects.has(each)),
  ]) {
    const chunk = chunkOfEffect(effect);
    if (chunk !== null) changed.add(chunk);
  }
  return new Map([...changed].map((n) => [n, chunkAt(after, n)]));
}

function chunkAt({ files, effects }: RequestRecord, n: number): FileChunk {
  return {
    files: files.slice(n * FILES_PER_CHUNK, (n + 1) * FILES_PER_CHUNK),
    effects: effects.filter((effect) => chunkOfEffect(effect) === n),
  };
}

/** Whether a step changed nothing of the record. */
export function isSameRecord(before: RequestRecord | null, after: RequestRecord): boolean {
  return (
    before !== null &&
    before.state === after.state &&
    areSame(before.files, after.files) &&
    areSame(before.effects, after.effects)
  );
}

function areSame<T>(before: readonly T[], after: readonly T[]): boolean {
  return before.length === after.length && before.every((each, n) => each === after[n]);
}

/** The chunk that an effect lies in, should there be chunks; null: it lies in the document. */
function chunkOfEffect({ kind, target }: Effect): number | null {
  return (kind === "mirror" || kind === "hash") && target !== null ? chunkOf(Number(target)) : null;
}

function chunkOf(n: number): number {
  return Math.floor(n / FILES_PER_CHUNK);
}
