// Asks a Durable Object, and asks again on a fresh stub when a deploy or a move reset it meanwhile: a stub that threw stays
// broken. Imports limits.

import { STUB_RETRY_MS, STUB_TRIES } from "./limits.ts";

/**
 * Only for methods that may run twice. An overloaded object is not asked again: that would feed the overload.
 * Source: developers.cloudflare.com/durable-objects/best-practices/error-handling
 */
export async function askAgain<S, T>(openStub: () => S, ask: (stub: S) => T): Promise<Awaited<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(openStub());
    } catch (fault) {
      if (attempt >= STUB_TRIES || !mayAskAgain(fault)) throw fault;
      await scheduler.wait(attempt * STUB_RETRY_MS);
    }
  }
}

function mayAskAgain(fault: unknown): boolean {
  if (typeof fault !== "object" || fault === null) return false;
  const { retryable, overloaded } = fault as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}
