// How Durable Objects call each other: what a method may return, and what its caller gets. Types only.

/** What a method of an object may return: the value, or a promise of it. */
export type Answer<T> = T | Promise<T>;

/**
 * An object as its callers see it: every method is asynchronous, and what it returns arrives as a copy. A part of it (a getter
 * that returns an `RpcTarget`) is called through in the same call.
 * Source: developers.cloudflare.com/workers/runtime-apis/rpc
 */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : Remote<T[K]>;
};

/** The same with what every stub has: its id, and `fetch` for WebSockets. */
export type Stub<T> = DurableObjectStub & Remote<T>;
