// Bindings and variables of the sandbox. All variables are optional; README.md lists them.

import type { FakeUpstream } from "./fake-upstream.ts";

export interface Env {
  FAKE_UPSTREAM: DurableObjectNamespace<FakeUpstream>;
  /** The only accepted key; without it the setting `api_keys` applies. */
  SANDBOX_API_KEY?: string;
  /** "push" (default) or "hold": whether webhooks are sent, or stay in the outbox for a test. */
  SANDBOX_WEBHOOKS?: string;
  /** Origin of file URLs; by default the origin of the submit. */
  SANDBOX_CDN_ORIGIN?: string;
  /** Seed of ids, keys and media. */
  SANDBOX_SEED?: string;
}

/** The one instance: one account system, one queue, one clock. */
export const FAKE_UPSTREAM_NAME = "fake-upstream";
