// What every handler finds on Hono's context. Types only.

import type { Env } from "../platform/bindings.ts";
import type { Refuse } from "./problem.ts";

export interface AppEnv {
  Bindings: Env;
  Variables: {
    /** Names this call in `X-Request-Id`, in problem bodies and in the log. Not the id of a Sluice request. */
    callId: string;
    /** How refusals look on this path: problem+json, unless the surface speaks otherwise. */
    refuse: Refuse;
  };
}
