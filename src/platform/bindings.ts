// Bindings in wrangler.toml. Variables and secrets are read through config.ts only.

export interface Env {
  TEAM: DurableObjectNamespace;
  TRACKER: DurableObjectNamespace;
  UPSTREAM: DurableObjectNamespace;
  SWEEPER: DurableObjectNamespace;
  FILES: R2Bucket;
  /** The brakes of http/brakes.ts; a deployment may leave them out. */
  ADDRESS_BRAKE?: RateLimit;
  CREDENTIAL_BRAKE?: RateLimit;
  /** The static assets (console/dist). */
  ASSETS: Fetcher;
}
