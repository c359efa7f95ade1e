// The version of an object's stored state. A rollback or a gradual deploy lets code of another version meet it: code at or above
// `min_reader` reads what it knows and leaves the rest in place; older code refuses with 503 and writes nothing.

/**
 * Stored in or beside the state; every object has a constant of its own. Raise `version` with each change of the format. Raise
 * `min_reader` to it only if older code would misread the state: a new field with a default does not need that.
 */
export interface StoredVersion {
  /** The newest code that wrote here. */
  version: number;
  /** The oldest code that may read and write here. */
  min_reader: number;
}

/** Key of the version in the key-value store of objects that keep their state in tables. */
const VERSION_KEY = "version";
/** Survives the way from object to object and to the Worker, on which an error keeps its message only. */
const NEWER = /stored state requires code of version (\d+)/;

/** Throws where this code is too old for the state: call it before anything else is read, and catch it in alarm handlers alone. */
export function assertReadable(stored: StoredVersion | undefined, code: StoredVersion): void {
  if (stored === undefined || code.version >= stored.min_reader) return;
  throw new Error(`stored state requires code of version ${stored.min_reader} or newer, and this is ${code.version}`);
}

/** Whether a call failed because the object's state requires newer code. */
export function isStateNewer(fault: unknown): boolean {
  return versionNeeded(fault) !== null;
}

/** The version of the format that such a call failed for; null: it failed for another reason. */
export function versionNeeded(fault: unknown): number | null {
  const found = fault instanceof Error ? NEWER.exec(fault.message) : null;
  return found === null ? null : Number(found[1]);
}

/** The version to write with the state. Never lower than the stored one. */
export function versionToWrite(stored: StoredVersion | undefined, code: StoredVersion): StoredVersion {
  return {
    version: Math.max(stored?.version ?? 0, code.version),
    min_reader: Math.max(stored?.min_reader ?? 0, code.min_reader),
  };
}

/** State as this code knows it: a field that older code did not write has its default, one of newer code stays. */
export function withDefaults<T extends object>(defaults: Partial<T>, stored: T): T {
  return { ...defaults, ...stored };
}

/**
 * Key-value rows of an object, with their version. Every use throws where newer code wrote what this code would misread; the version is
 * written with the first row, so that a question alone leaves no object behind.
 */
export class VersionedRows {
  readonly #kv: SyncKvStorage;
  readonly #code: StoredVersion;
  #isReadable = false;
  #isSaved = false;

  constructor(kv: SyncKvStorage, code: StoredVersion) {
    this.#kv = kv;
    this.#code = code;
  }

  get<T>(key: string): T | undefined {
    return this.#readable().get<T>(key);
  }

  list<T>(options: SyncKvListOptions): Iterable<[string, T]> {
    return this.#readable().list<T>(options);
  }

  put(key: string, value: unknown): void {
    const kv = this.#readable();
    if (!this.#isSaved) saveTablesVersion(kv, this.#code);
    this.#isSaved = true;
    kv.put(key, value);
  }

  delete(key: string): void {
    this.#readable().delete(key);
  }

  #readable(): SyncKvStorage {
    if (!this.#isReadable) assertTablesReadable(this.#kv, this.#code);
    this.#isReadable = true;
    return this.#kv;
  }
}

/** The version of a state in tables. Throws as `assertReadable` does. */
export function assertTablesReadable(kv: SyncKvStorage, code: StoredVersion): void {
  assertReadable(kv.get<StoredVersion>(VERSION_KEY), code);
}

/** The version of the tables that are stored; 0: none. */
export function tablesVersion(kv: SyncKvStorage): number {
  return kv.get<StoredVersion>(VERSION_KEY)?.version ?? 0;
}

/** Writes the version of a state in tables, in the transaction that makes or migrates them. Does not write what is stored already. */
export function saveTablesVersion(kv: SyncKvStorage, code: StoredVersion): void {
  const stored = kv.get<StoredVersion>(VERSION_KEY);
  const next = versionToWrite(stored, code);
  if (stored?.version !== next.version || stored.min_reader !== next.min_reader) kv.put(VERSION_KEY, next);
}
