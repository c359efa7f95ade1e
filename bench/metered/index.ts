// Sluice with a meter around it, for bench/cost.ts: the same Worker and the same objects, every call, row, alarm and bucket
// operation counted on its way through. GET /_meter returns the counts.

import sluice, * as objects from "../../src/index.ts";
import type { Env } from "../../src/platform/bindings.ts";
import { type Count, emptyTally, type Tally } from "./tally.ts";

const tally: Tally = emptyTally();
/** Cursors whose rows are not in the tally yet: a cursor knows its rows once it is read. */
let open: { name: string; cursor: SqlStorageCursor<Record<string, SqlStorageValue>> }[] = [];
/** Which class a storage belongs to. */
const classOf = new WeakMap<object, string>();
const meteredEnvs = new WeakMap<object, Env>();

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/_meter") return Response.json(currentTally());
    tally.invocations += 1;
    return sluice.fetch(request, metered(env), context);
  },
};

export const Team = meteredClass("Team", objects.Team);
export const RequestTracker = meteredClass("RequestTracker", objects.RequestTracker);
export const UpstreamAccount = meteredClass("UpstreamAccount", objects.UpstreamAccount);
export const BucketSweeper = meteredClass("BucketSweeper", objects.BucketSweeper);

function currentTally(): Tally {
  settleCursors();
  return tally;
}

function settleCursors(): void {
  for (const { name, cursor } of open) {
    const count = countOf(name);
    count.rowsRead += cursor.rowsRead;
    count.rowsWritten += cursor.rowsWritten;
  }
  open = [];
}

function countOf(name: string): Count {
  tally.objects[name] ??= { requests: 0, alarms: 0, alarmsSet: 0, rowsRead: 0, rowsWritten: 0, activeMs: 0, bytes: {} };
  return tally.objects[name];
}

type ObjectClass = new (ctx: DurableObjectState, env: Env) => object;

/** The class as it is; every outermost stay in one of its methods is timed, and its storage is counted. */
function meteredClass(name: string, base: ObjectClass): ObjectClass {
  const ctxOf = new WeakMap<object, DurableObjectState>();
  const inside = new WeakMap<object, { calls: number; since: number }>();
  const subclass = class extends base {
    constructor(ctx: DurableObjectState, env: Env) {
      meterStorage(name, ctx.storage);
      super(ctx, metered(env));
      ctxOf.set(this, ctx);
      inside.set(this, { calls: 0, since: 0 });
    }
  };
  for (const method of methodsOf(base)) {
    const original = Reflect.get(base.prototype as object, method) as (...args: unknown[]) => unknown;
    Object.defineProperty(subclass.prototype, method, {
      value: function (this: object, ...args: unknown[]) {
        const stay = inside.get(this) ?? { calls: 0, since: 0 };
        if (method === "alarm") countOf(name).alarms += 1;
        if (stay.calls++ === 0) stay.since = Date.now();
        const leave = () => {
          if (--stay.calls > 0) return;
          countOf(name).activeMs += Date.now() - stay.since;
          const ctx = ctxOf.get(this);
          if (ctx !== undefined) countOf(name).bytes[ctx.id.toString()] = ctx.storage.sql.databaseSize;
        };
        return finished(() => original.apply(this, args), leave);
      },
    });
  }
  return subclass;
}

/** Runs `leave` when the work is over, however it ends. */
function finished(work: () => unknown, leave: () => void): unknown {
  let answer: unknown;
  try {
    answer = work();
  } catch (fault) {
    leave();
    throw fault;
  }
  if (answer instanceof Promise) return answer.finally(leave);
  leave();
  return answer;
}

function methodsOf(base: ObjectClass): string[] {
  const names = new Set<string>();
  for (let at = base.prototype as object; at.constructor.name !== "DurableObject"; at = Object.getPrototypeOf(at)) {
    if (at === Object.prototype) break;
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== "constructor" && typeof value === "function") names.add(name);
    }
  }
  return [...names];
}

/** The runtime's storage classes are the isolate's: their methods are wrapped once, and look up whose storage it is. */
function meterStorage(name: string, storage: DurableObjectStorage): void {
  classOf.set(storage, name);
  classOf.set(storage.sql, name);
  wrapOnce(Object.getPrototypeOf(storage), "setAlarm", (self) => {
    countOf(classOf.get(self) ?? "?").alarmsSet += 1;
  });
  wrapOnce(Object.getPrototypeOf(storage.sql), "exec", (self, cursor) => {
    if (open.length > 1_000) settleCursors();
    open.push({ name: classOf.get(self) ?? "?", cursor: cursor as (typeof open)[number]["cursor"] });
  });
}

const wrapped = new WeakSet<object>();
function wrapOnce(prototype: object, method: string, note: (self: object, answer: unknown) => void): void {
  const original = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
  if (wrapped.has(original)) return;
  const wrapper = function (this: object, ...args: unknown[]) {
    const answer = original.apply(this, args);
    note(this, answer);
    return answer;
  };
  wrapped.add(wrapper);
  Object.defineProperty(prototype, method, { value: wrapper, configurable: true, writable: true });
}

/** The bindings with calls of objects and bucket operations counted. One for each isolate's env, which keys caches. */
function metered(env: Env): Env {
  const known = meteredEnvs.get(env);
  if (known !== undefined) return known;
  const made: Env = {
    ...env,
    TEAM: meteredNamespace("Team", env.TEAM),
    TRACKER: meteredNamespace("RequestTracker", env.TRACKER),
    UPSTREAM: meteredNamespace("UpstreamAccount", env.UPSTREAM),
    SWEEPER: meteredNamespace("BucketSweeper", env.SWEEPER),
    FILES: meteredBucket(env.FILES),
  };
  meteredEnvs.set(env, made);
  meteredEnvs.set(made, made);
  return made;
}

function meteredNamespace<N extends object>(name: string, namespace: N): N {
  return new Proxy(namespace, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== "function") return value;
      const open = property === "get" || property === "getByName";
      return (...args: unknown[]) => {
        const answer: unknown = value.apply(target, args);
        return open ? meteredStub(name, answer as object) : answer;
      };
    },
  });
}

/** Each call of a stub's method is a request of its own (developers.cloudflare.com/durable-objects/platform/pricing). */
function meteredStub<S extends object>(name: string, stub: S): S {
  return new Proxy(stub, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? meteredMethod(name, target, value) : value;
    },
  });
}

/** A method of a stub, or a part of it: what is called through a part is one request as well. */
function meteredMethod(name: string, stub: object, method: object): object {
  return new Proxy(method, {
    apply: (target, _self, args: unknown[]) => {
      countOf(name).requests += 1;
      return Reflect.apply(target as (...args: unknown[]) => unknown, stub, args);
    },
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? meteredMethod(name, target, value) : value;
    },
  });
}

function meteredBucket(bucket: R2Bucket): R2Bucket {
  return new Proxy(bucket, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const name = String(property);
        tally.bucket[name] = (tally.bucket[name] ?? 0) + 1;
        return Reflect.apply(value, target, args);
      };
    },
  });
}
