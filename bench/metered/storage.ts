// Counts what an object writes and reads: each statement of each `exec`, each key written or deleted by the key-value calls, and
// each alarm that is set (developers.cloudflare.com/durable-objects/platform/pricing says what counts).

import { splitStatements, writtenBy } from "./statements.ts";
import { bookWrite, countOf, type Writer } from "./tally.ts";

type Cursor = SqlStorageCursor<Record<string, SqlStorageValue>>;

/** Beyond so many, cursors are counted before the next is opened. */
const OPEN_CURSORS_MAX = 1_000;

const LOCAL_TABLE = "__miniflare_do_name";

/** Cursors whose rows are not counted yet: a cursor knows its rows once it is read. */
let open: { name: string; step: string; what: string; cursor: Cursor }[] = [];
const writerOf = new WeakMap<object, Writer>();
const wrapped = new WeakSet<object>();

/** Counts what is done with this storage from now on under its writer. */
export function meterStorage(writer: Writer, storage: DurableObjectStorage): void {
  for (const part of [storage, storage.sql, storage.kv]) writerOf.set(part, writer);
  wrapOnce(storage.sql, "exec", (exec, sql, writer, query, ...bindings) =>
    execCounted(exec, sql, writer, String(query), bindings),
  );
  for (const part of [storage, storage.kv]) {
    wrapOnce(part, "put", (put, self, writer, ...args) => {
      const [key] = args;
      bookKeys(writer, typeof key === "object" && key !== null ? Object.keys(key) : [String(key)]);
      return put.apply(self, args);
    });
    wrapOnce(part, "delete", (remove, self, writer, ...args) => {
      const [key] = args;
      bookKeys(writer, Array.isArray(key) ? key.map(String) : [String(key)]);
      return remove.apply(self, args);
    });
    wrapOnce(part, "get", (get, self, writer, ...args) => {
      const [key] = args;
      countOf(writer.name).rowsRead += Array.isArray(key) ? key.length : 1;
      return get.apply(self, args);
    });
  }
  wrapOnce(storage, "setAlarm", (setAlarm, self, writer, ...args) => {
    countOf(writer.name).alarmsSet += 1;
    bookWrite(writer.name, writer.step, "alarm", 1);
    return setAlarm.apply(self, args);
  });
  // The keys are deleted one by one; the tables go with their file.
  wrapOnce(storage, "deleteAll", (deleteAll, self, writer, ...args) => {
    bookKeys(
      writer,
      [...(self as DurableObjectStorage).kv.list()].map(([key]) => key),
    );
    return deleteAll.apply(self, args);
  });
  wrapOnce(storage, "transaction", () => {
    throw new Error("the meter does not count what is written through a DurableObjectTransaction: use transactionSync");
  });
}

/** Adds the rows of every cursor so far to the tally. */
export function settleCursors(): void {
  for (const { name, step, what, cursor } of open) {
    const count = countOf(name);
    count.rowsRead += cursor.rowsRead;
    count.rowsWritten += cursor.rowsWritten;
    bookWrite(name, step, what, cursor.rowsWritten);
  }
  open = [];
}

type Method = (...args: unknown[]) => unknown;

/** Bindings belong to the last statement: `exec` takes none for those before it. */
function execCounted(exec: Method, sql: object, writer: Writer, query: string, bindings: unknown[]): unknown {
  const statements = splitStatements(query);
  const last = statements.pop() ?? query;
  const run = (statement: string, values: unknown[]) => {
    const cursor = exec.call(sql, statement, ...values) as Cursor;
    const what = writtenBy(statement);
    // The local runtime keeps each object's name in a table of its own, which Cloudflare's has not.
    if (what.includes(LOCAL_TABLE)) return cursor;
    if (open.length >= OPEN_CURSORS_MAX) settleCursors();
    open.push({ name: writer.name, step: writer.step, what, cursor });
    return cursor;
  };
  for (const statement of statements) run(statement, []);
  return run(last, bindings);
}

/** Keys that stand for something are told by what stands before their first separator. */
function bookKeys({ name, step }: Writer, keys: readonly string[]): void {
  countOf(name).rowsWritten += keys.length;
  for (const key of keys) bookWrite(name, step, `key ${/^[^:/]*/.exec(key)?.[0] ?? key}`, 1);
}

/** The runtime's storage classes are the isolate's: a method is wrapped once, and looks up whose storage it is. */
function wrapOnce(
  of: object,
  method: string,
  counted: (original: Method, self: object, writer: Writer, ...args: unknown[]) => unknown,
): void {
  const prototype = Object.getPrototypeOf(of) as object;
  const original = Reflect.get(prototype, method) as Method;
  if (wrapped.has(original)) return;
  const wrapper = function (this: object, ...args: unknown[]) {
    return counted(original, this, writerOf.get(this) ?? { name: "?", step: "?" }, ...args);
  };
  wrapped.add(wrapper);
  Object.defineProperty(prototype, method, { value: wrapper, configurable: true, writable: true });
}
