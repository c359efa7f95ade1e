export type Answer<T> = T | Promise<T>;
export type Remote<T> = {
    readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : Remote<T[K]>;
};
export type Stub<T> = DurableObjectStub & Remote<T>;
