// Storage of one tracker: the document and the parts beside it (document.ts). Changes stay in memory until `flush`, which the
// caller runs at the end of each transaction.

import { uploadKey } from "../../files/bucket-keys.ts";
import { inlineUploadId } from "../../files/input-urls.ts";
import type { StoredText } from "../../files/stored-text.ts";
import { assertReadable, versionToWrite } from "../../platform/stored-version.ts";
import type { RequestRecord, RequestState, StartInput, TimelineEntry, TimelineNote } from "../machine/types.ts";
import {
  changedChunks,
  DOCUMENT_KEY,
  ENTRIES_IN_DOCUMENT,
  ENTRIES_PER_CHUNK,
  emptyDocument,
  type FileChunk,
  isSameRecord,
  type RequestDocument,
  recordOf,
  type StoredDocument,
  TEXT_IN_DOCUMENT_MAX_CHARS,
  type TextName,
  type Tombstone,
  TRACKER_VERSION,
  withRecord,
} from "./document.ts";

export class RequestStore {
  readonly #storage: DurableObjectStorage;
  /** What is stored, with the changes that are still to be flushed; null: not read yet, or nothing. */
  #document: StoredDocument | null = null;
  /** The record of the document: an output of hundreds of files is read thousands of times. */
  #record: RequestRecord | null = null;
  #isChanged = false;
  /** Parts beside the document that the next flush writes; undefined: deletes. */
  readonly #parts = new Map<string, unknown>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Whether changes wait for a flush. */
  get hasUnsaved(): boolean {
    return this.#isChanged || this.#parts.size > 0;
  }

  /** Writes what changed: one row for the document, one for each part. */
  flush(): void {
    const { kv } = this.#storage;
    for (const [key, value] of this.#parts) {
      if (value === undefined) kv.delete(key);
      else kv.put(key, value);
    }
    this.#parts.clear();
    if (this.#isChanged && this.#document !== null) kv.put(DOCUMENT_KEY, this.#document);
    this.#isChanged = false;
  }

  /** After a transaction that was rolled back: what it changed is dropped. */
  rolledBack(): void {
    this.#dropCache();
  }

  // --- Record ----------------------------------------------------------------------------------------------------------

  loadRecord(): RequestRecord | null {
    this.#read();
    return this.#record;
  }

  /** A new request, in memory until the next flush. */
  createRecord({ id, team, input, inlineFiles }: StartInput, record: RequestRecord): void {
    this.#document = emptyDocument(record.state);
    this.saveRecord(record);
    this.saveText("input", input);
    if (input.at === "r2") this.addBucketKey(input.key);
    for (let n = 0; n < inlineFiles; n++) this.addBucketKey(uploadKey(team, inlineUploadId(id, n)));
  }

  saveRecord(after: RequestRecord): void {
    if (isSameRecord(this.#record, after)) return;
    for (const [n, chunk] of changedChunks(this.#record, after)) this.#parts.set(`files:${n}`, chunk);
    this.#change(withRecord(this.#requireDocument(), after));
    this.#record = after;
  }

  /** Keys in R2, beyond the output's files, that may hold bytes of this request. */
  bucketKeys(): readonly string[] {
    return this.#requireDocument().bucketKeys;
  }

  addBucketKey(key: string): void {
    const document = this.#requireDocument();
    if (!document.bucketKeys.includes(key)) this.#change({ ...document, bucketKeys: [...document.bucketKeys, key] });
  }

  // --- Timeline --------------------------------------------------------------------------------------------------------

  appendTimeline({ stage }: RequestState, notes: readonly TimelineNote[], at: number): void {
    if (notes.length === 0) return;
    const document = this.#requireDocument();
    let { olderEntries } = document;
    const before = olderEntries + document.timeline.length;
    let timeline = [...document.timeline, ...notes.map((note, n) => ({ seq: before + n + 1, at, stage, ...note }))];
    while (timeline.length > ENTRIES_IN_DOCUMENT) {
      this.#parts.set(timelineKey(olderEntries), timeline.slice(0, ENTRIES_PER_CHUNK));
      timeline = timeline.slice(ENTRIES_PER_CHUNK);
      olderEntries += ENTRIES_PER_CHUNK;
    }
    this.#change({ ...document, timeline, olderEntries });
  }

  timeline(afterSeq: number): TimelineEntry[] {
    const document = this.#requestDocument();
    if (document === null) return [];
    const older: TimelineEntry[] = [];
    const first = Math.floor(afterSeq / ENTRIES_PER_CHUNK) * ENTRIES_PER_CHUNK;
    for (let n = first; n < document.olderEntries; n += ENTRIES_PER_CHUNK) {
      older.push(...(this.#readPart<TimelineEntry[]>(timelineKey(n)) ?? []));
    }
    return [...older, ...document.timeline].filter(({ seq }) => seq > afterSeq);
  }

  timelineSeq(): number {
    const document = this.#requestDocument();
    return document === null ? 0 : document.olderEntries + document.timeline.length;
  }

  // --- Texts -----------------------------------------------------------------------------------------------------------

  storedText(name: TextName): StoredText | null {
    const stored = this.#requestDocument()?.texts[name];
    if (stored === undefined) return null;
    return stored.at === "key" ? (this.#readPart<StoredText>(textKey(name)) ?? null) : stored;
  }

  saveText(name: TextName, stored: StoredText): void {
    const document = this.#requireDocument();
    const isLong = stored.at === "row" && stored.text.length > TEXT_IN_DOCUMENT_MAX_CHARS;
    if (isLong) this.#parts.set(textKey(name), stored);
    else if (document.texts[name]?.at === "key") this.#parts.set(textKey(name), undefined);
    if (isLong && document.texts[name]?.at === "key") return;
    this.#change({ ...document, texts: { ...document.texts, [name]: isLong ? { at: "key" } : stored } });
  }

  deleteText(name: TextName): void {
    const document = this.#requireDocument();
    const { [name]: deleted, ...texts } = document.texts;
    if (deleted === undefined) return;
    if (deleted.at === "key") this.#parts.set(textKey(name), undefined);
    this.#change({ ...document, texts });
  }

  // --- Tombstone -------------------------------------------------------------------------------------------------------

  tombstone(): Tombstone | null {
    const document = this.#read();
    return document !== null && "tombstone" in document ? document.tombstone : null;
  }

  /** Prevents any later start of a request that never started. */
  writeTombstone(at: number): void {
    if (this.#read() === null) this.#change({ ...TRACKER_VERSION, tombstone: { at, team: null, user: null } });
  }

  /** Removes the user from the tombstone. */
  anonymizeTombstone(): void {
    const document = this.#read();
    if (document === null || !("tombstone" in document) || document.tombstone.user === null) return;
    this.#change({ ...document, tombstone: { ...document.tombstone, user: null } });
  }

  /**
   * Deletes everything, pages, tables and alarm included, and writes a tombstone in the same turn. Not in a transaction: the
   * runtime forbids it. Should only the first half reach the disk, the request is unknown (404) instead of deleted (410).
   */
  async replaceWithTombstone(tombstone: Tombstone): Promise<void> {
    const version = versionToWrite(this.#read() ?? undefined, TRACKER_VERSION);
    this.#dropCache();
    const deleted = this.#storage.deleteAll();
    this.#change({ ...version, tombstone });
    this.flush();
    await deleted;
  }

  // --- Document --------------------------------------------------------------------------------------------------------

  /** Throws when the document requires newer code. */
  #read(): StoredDocument | null {
    if (this.#document !== null) return this.#document;
    const document = this.#storage.kv.get<StoredDocument>(DOCUMENT_KEY) ?? null;
    if (document !== null) assertReadable(document, TRACKER_VERSION);
    this.#document = document;
    if (document !== null && "state" in document) {
      this.#record = recordOf(document, (n) => this.#readPart<FileChunk>(`files:${n}`));
    }
    return document;
  }

  #requestDocument(): RequestDocument | null {
    const document = this.#read();
    return document !== null && "state" in document ? document : null;
  }

  #requireDocument(): RequestDocument {
    const document = this.#requestDocument();
    if (document === null) throw new Error("the request does not exist");
    return document;
  }

  #change<T extends StoredDocument>(document: T): void {
    this.#document = { ...document, ...versionToWrite(document, TRACKER_VERSION) };
    this.#isChanged = true;
  }

  #readPart<T>(key: string): T | undefined {
    return this.#parts.has(key) ? (this.#parts.get(key) as T | undefined) : this.#storage.kv.get<T>(key);
  }

  #dropCache(): void {
    this.#document = null;
    this.#record = null;
    this.#isChanged = false;
    this.#parts.clear();
  }
}

function textKey(name: TextName): string {
  return `text:${name}`;
}

/** Of the entries after the first `n`. */
function timelineKey(n: number): string {
  return `timeline:${n}`;
}
