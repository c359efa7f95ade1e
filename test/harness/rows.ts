// Counts the rows that calls of Durable Objects read and write, as Cloudflare bills them: what every cursor says once it is read, and
// one for each key of the key-value store.

import { runInDurableObject } from "cloudflare:test";

export interface Rows {
  read: number;
  written: number;
}

/** Rows read with none, 1,000 and 10,000 rows stored and owed. */
export interface Growth {
  call: string;
  reads: number[];
}

declare module "vitest" {
  interface TaskMeta {
    growth?: Growth[];
  }
}

type Exec = SqlStorage["exec"];
type Kv = SyncKvStorage;

/** Runs calls of one object and counts their rows. No other object may run SQL meanwhile. */
export async function countRows(stub: DurableObjectStub, calls: () => Promise<unknown>): Promise<Rows> {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  const keys: Rows = { read: 0, written: 0 };
  // The runtime has one class for the SQL of all objects of an isolate, and one for their key-value stores.
  const [sql, kv] = await runInDurableObject(stub, (_instance, { storage }) => {
    return [Object.getPrototypeOf(storage.sql) as { exec: Exec }, Object.getPrototypeOf(storage.kv) as Kv] as const;
  });
  const { exec } = sql;
  const { get, put, delete: remove, list } = kv;
  sql.exec = function (this: SqlStorage, ...args: Parameters<Exec>) {
    const cursor = exec.apply(this, args);
    cursors.push(cursor);
    return cursor;
  } as Exec;
  kv.get = function (this: Kv, ...args: Parameters<Kv["get"]>) {
    keys.read += 1;
    return get.apply(this, args);
  } as Kv["get"];
  kv.put = function (this: Kv, ...args: Parameters<Kv["put"]>) {
    keys.written += 1;
    put.apply(this, args);
  } as Kv["put"];
  kv.delete = function (this: Kv, ...args: Parameters<Kv["delete"]>) {
    keys.written += 1;
    return remove.apply(this, args);
  } as Kv["delete"];
  kv.list = function* (this: Kv, ...args: Parameters<Kv["list"]>) {
    for (const entry of list.apply(this, args)) {
      keys.read += 1;
      yield entry;
    }
  } as Kv["list"];
  try {
    await calls();
  } finally {
    sql.exec = exec;
    Object.assign(kv, { get, put, delete: remove, list });
  }
  // A cursor belongs to its object.
  return runInDurableObject(stub, () => ({
    read: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, keys.read),
    written: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, keys.written),
  }));
}
