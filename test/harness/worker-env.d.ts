// What `env` and `exports` of "cloudflare:workers" are for tests that run inside workerd with the main Worker.

import type { Env as WorkerEnv } from "../../src/platform/bindings.ts";

declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {}
    interface GlobalProps {
      mainModule: typeof import("../../src/index.ts");
    }
  }
}
