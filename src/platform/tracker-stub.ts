// The one place that names a request's tracker. A made-up id is refused by `idFromString` before any object wakes.

import type { RequestTracker } from "../requests/engine/tracker.ts";
import type { Env } from "./config.ts";
import { askAgain } from "./stubs.ts";

type Bindings = Pick<Env, "TRACKER">;

/** The tracker of a request id that this deployment made; null for any other text. */
export function trackerOf({ TRACKER }: Bindings, id: string): DurableObjectStub<RequestTracker> | null {
  try {
    return TRACKER.get(TRACKER.idFromString(id));
  } catch {
    return null;
  }
}

/** For ids that are known to be ours: anything else is a bug. */
export function trackerFor({ TRACKER }: Bindings, id: string): DurableObjectStub<RequestTracker> {
  return TRACKER.get(TRACKER.idFromString(id));
}

/** Asks a request's tracker, again on a fresh stub if need be. Only for what may be asked twice. Null for a made-up id. */
export async function askTracker<T>(
  env: Bindings,
  id: string,
  ask: (tracker: DurableObjectStub<RequestTracker>) => T,
): Promise<Awaited<T> | null> {
  return trackerOf(env, id) === null ? null : askAgain(() => trackerFor(env, id), ask);
}
