// Bindings and variables of the sandbox. All variables are optional. README.md lists them.
// Type imports only.

import type { World } from "./world.ts";

export interface Env {
  WORLD: DurableObjectNamespace<World>;
  /** The one key that is accepted; without it the setting `api_keys` counts. */
  SANDBOX_API_KEY?: string;
  /** "push" (default) or "hold": whether webhooks are sent, or lie in the outbox for a test. */
  SANDBOX_WEBHOOKS?: string;
  /** Origin of file URLs; without it the origin that the submit came in on. */
  SANDBOX_CDN_ORIGIN?: string;
  /** Where ids, keys and pictures start from. */
  SANDBOX_SEED?: string;
}

/** There is one world: one account system, one queue, one clock. */
export const WORLD_NAME = "world";
