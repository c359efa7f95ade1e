// A Durable Object's class with its calls, its time and its storage counted, and each row booked under the method that wrote it.

import { DurableObject, RpcTarget } from "cloudflare:workers";
import type { Env } from "../../src/platform/bindings.ts";
import { metered } from "./bindings.ts";
import { meterStorage } from "./storage.ts";
import { countOf, type Writer } from "./tally.ts";

type Method = (...args: unknown[]) => unknown;
type ObjectClass = new (ctx: DurableObjectState, env: Env) => object;

/** What an object is in at a moment: its calls, the last one that came in last, and since when. */
interface Stay {
  ctx: DurableObjectState;
  writer: Writer;
  calls: string[];
  since: number;
}

/** The step of what an object does between its calls: in background work, and when it is constructed. */
const NO_CALL = "woken or in the background";

/** Of an object, and of the parts that it is asked by. */
const stays = new WeakMap<object, Stay>();
const wrappedParts = new WeakSet<object>();

/** The class as it is; every outermost stay in one of its methods is timed, and its storage is counted. */
export function meteredClass(name: string, base: ObjectClass): ObjectClass {
  const subclass = class extends base {
    constructor(ctx: DurableObjectState, env: Env) {
      const writer = { name, step: NO_CALL };
      meterStorage(writer, ctx.storage);
      super(ctx, metered(env));
      stays.set(this, { ctx, writer, calls: [], since: 0 });
    }
  };
  for (const [member, { value, get }] of membersOf(base.prototype as object)) {
    if (typeof value === "function") wrapMethod(subclass.prototype, member, value as Method, member);
    if (get !== undefined) wrapPart(subclass.prototype, member, get);
  }
  return subclass;
}

/** What runs in a method is a stay in its object, under the method's name. */
function wrapMethod(on: object, method: string, original: Method, step: string): void {
  const value = function (this: object, ...args: unknown[]) {
    const stay = stays.get(this);
    if (stay === undefined) return original.apply(this, args);
    if (step === "alarm") countOf(stay.writer.name).alarms += 1;
    enter(stay, step);
    return finished(
      () => original.apply(this, args),
      () => leave(stay, step),
    );
  };
  Object.defineProperty(on, method, { value, configurable: true });
}

/** A part of an object has methods of its own: what runs in them is a stay in the object as well. */
function wrapPart(on: object, name: string, getPart: () => unknown): void {
  const get = function (this: object) {
    const part = getPart.call(this);
    const stay = stays.get(this);
    if (!(part instanceof RpcTarget) || stay === undefined) return part;
    stays.set(part, stay);
    const prototype = Object.getPrototypeOf(part) as object;
    if (!wrappedParts.has(prototype)) {
      wrappedParts.add(prototype);
      for (const [member, { value }] of membersOf(prototype)) {
        if (typeof value === "function") wrapMethod(prototype, member, value as Method, `${name}.${member}`);
      }
    }
    return part;
  };
  Object.defineProperty(on, name, { get, configurable: true });
}

function enter(stay: Stay, method: string): void {
  if (stay.calls.length === 0) stay.since = Date.now();
  stay.calls.push(method);
  stay.writer.step = method;
}

function leave({ ctx, writer, calls, since }: Stay, method: string): void {
  calls.splice(calls.lastIndexOf(method), 1);
  writer.step = calls.at(-1) ?? NO_CALL;
  if (calls.length > 0) return;
  const count = countOf(writer.name);
  count.activeMs += Date.now() - since;
  count.bytes[ctx.id.toString()] = ctx.storage.sql.databaseSize;
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

/** What RPC reaches: members of the prototypes up to the runtime's own classes. */
function membersOf(prototype: object): [string, PropertyDescriptor][] {
  if ([DurableObject, RpcTarget, Object].some((base) => base.prototype === prototype)) return [];
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(([name]) => name !== "constructor");
  return [...new Map([...membersOf(Object.getPrototypeOf(prototype)), ...own])];
}
