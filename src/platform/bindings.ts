// What wrangler.toml binds. Vars and secrets arrive as text and are read through config.ts only.

export interface Env {
  TEAM: DurableObjectNamespace;
  TRACKER: DurableObjectNamespace;
  UPSTREAM: DurableObjectNamespace;
  SWEEPER: DurableObjectNamespace;
  FILES: R2Bucket;
}
