// The Worker's bindings with every call of an object and every operation of the bucket counted.

import type { Env } from "../../src/platform/bindings.ts";
import { countOf, tally } from "./tally.ts";

const meteredEnvs = new WeakMap<object, Env>();

/** The bindings with calls of objects and bucket operations counted. One for each isolate's env, which keys caches. */
export function metered(env: Env): Env {
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
