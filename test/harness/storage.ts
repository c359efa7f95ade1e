// Storage that is slow, or fails, to say that it has written.

import { runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import { account } from "./objects.ts";

/**
 * From now on `sync` of every object takes `ms` of the stopped clock, or fails; so many `times`, or until the answered function is
 * called.
 */
export async function slowStorage(
  ms: number,
  { times = Number.POSITIVE_INFINITY, fails = false } = {},
): Promise<() => void> {
  const prototype = await runInDurableObject(
    account(),
    (_instance, { storage }) => Object.getPrototypeOf(storage) as DurableObjectStorage,
  );
  const real = prototype.sync;
  let left = times;
  const spy = vi.spyOn(prototype, "sync").mockImplementation(async function (this: DurableObjectStorage) {
    if (left-- <= 0) return real.call(this);
    vi.setSystemTime(Date.now() + ms);
    if (fails) throw new Error("storage is away");
  });
  return () => spy.mockRestore();
}
