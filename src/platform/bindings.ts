// Bindings in wrangler.toml. Variables and secrets are read through config.ts only.

export interface Env {
  TEAM: DurableObjectNamespace;
  TRACKER: DurableObjectNamespace;
  UPSTREAM: DurableObjectNamespace;
  SWEEPER: DurableObjectNamespace;
  FILES: R2Bucket;
}
