// Schemas on first use. Zod and each schema are evaluated by the first call that needs them: a new isolate that serves a file, a
// shared link or a webhook needs none. `import type * as z from "zod"` stays for types; values come from here.

import { loadZod } from "./on-demand.cjs";

/** The functions of zod that are in the bundle; another one is added in zod-parts.mjs. */
export type Zod = ReturnType<typeof loadZod>;

export function zod(): Zod {
  return loadZod();
}

/** A value that is made of schemas, made at the first call and kept. */
export function lazy<T>(make: (z: Zod) => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make(zod()) };
    return made.value;
  };
}
