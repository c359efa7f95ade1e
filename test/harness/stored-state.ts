// The whole storage of an object as text that can be committed, and an object made of such text.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";

/** Tables and indexes that the code made, in the order in which they were. */
const SCHEMA = `SELECT type, name, sql FROM sqlite_master
  WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY rowid`;

/** What one object stores: statements and rows of its tables, its key-value rows, its alarm (epoch ms). */
export interface StoredState {
  schema: string[];
  tables: Record<string, { columns: string[]; rows: SqlStorageValue[][] }>;
  keys: Record<string, unknown>;
  alarm: number | null;
}

/** Reads an object's storage. The object wakes for it, so with older code than the state's nothing may be asked of it before. */
export function dump(stub: DurableObjectStub): Promise<StoredState> {
  return runInDurableObject(stub, async (_instance, { storage }) => {
    const schema = storage.sql.exec<{ type: string; name: string; sql: string }>(SCHEMA).toArray();
    const tables = schema.filter(({ type }) => type === "table").map(({ name }) => [name, rowsOf(storage, name)]);
    const keys = [...storage.kv.list()].map(([key, value]) => [key, plain(value)]);
    return {
      schema: schema.map(({ sql }) => sql),
      tables: Object.fromEntries(tables),
      keys: Object.fromEntries(keys),
      alarm: await storage.getAlarm(),
    };
  });
}

/** Makes the object's storage what was dumped, and puts the object out of memory. */
export async function restore(stub: DurableObjectStub, { schema, tables, keys, alarm }: StoredState): Promise<void> {
  await runInDurableObject(stub, async (_instance, { storage }) => {
    await storage.deleteAll();
    for (const statement of schema) storage.sql.exec(statement);
    for (const [name, { columns, rows }] of Object.entries(tables)) {
      const places = columns.map(() => "?").join(", ");
      for (const row of rows)
        storage.sql.exec(`INSERT INTO ${name} (${columns.join(", ")}) VALUES (${places})`, ...row);
    }
    for (const [key, value] of Object.entries(keys)) storage.kv.put(key, value);
    if (alarm !== null) await storage.setAlarm(alarm);
  });
  await evictDurableObject(stub);
}

function rowsOf({ sql }: DurableObjectStorage, table: string): { columns: string[]; rows: SqlStorageValue[][] } {
  const cursor = sql.exec(`SELECT * FROM ${table}`);
  return { columns: cursor.columnNames, rows: [...cursor.raw()] };
}

/** A stored value as JSON tells it: what it cannot tell must not be stored, or the committed state would be another one. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each: unknown) => {
      const isTold =
        each === null || typeof each !== "object" || Array.isArray(each) || Object.getPrototypeOf(each) === PLAIN;
      if (!isTold || (typeof each === "number" && !Number.isFinite(each)))
        throw new Error(`${key} is not told by JSON`);
      return each;
    }),
  );
}

const PLAIN = Object.prototype;
