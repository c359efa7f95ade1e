// Counts the rows that calls of Durable Objects read and write, as Cloudflare bills them: what every cursor says once it is read.

import { runInDurableObject } from "cloudflare:test";

export interface Rows {
  read: number;
  written: number;
}

type Exec = SqlStorage["exec"];

/** Runs calls of one object and counts their rows. No other object may run SQL meanwhile. */
export async function countRows(stub: DurableObjectStub, calls: () => Promise<unknown>): Promise<Rows> {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  // The runtime has one class for the SQL of all objects of an isolate.
  const prototype = await runInDurableObject(stub, (_instance, { storage }) => {
    return Object.getPrototypeOf(storage.sql) as { exec: Exec };
  });
  const { exec } = prototype;
  prototype.exec = function (this: SqlStorage, ...args: Parameters<Exec>) {
    const cursor = exec.apply(this, args);
    cursors.push(cursor);
    return cursor;
  } as Exec;
  try {
    await calls();
  } finally {
    prototype.exec = exec;
  }
  // A cursor belongs to its object.
  return runInDurableObject(stub, () => ({
    read: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
    written: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
  }));
}
