// What every handler finds on Hono's context. Types only.

import type { Env } from "../platform/bindings.ts";
import type { Refusal } from "../platform/errors.ts";

export interface ProblemExtras {
  /** Only where the code's own status does not fit: 405 is an `invalid_request`. */
  status?: number;
  headers?: Record<string, string>;
}

/** Turns a refusal into a response. */
export type Refuse = (refused: Refusal, callId: string, extras?: ProblemExtras) => Response;

export interface AppEnv {
  Bindings: Env;
  Variables: {
    /** Names this call in `X-Request-Id`, in problem bodies and in the log. Not the id of a Sluice request. */
    callId: string;
    /** How refusals look on this path: problem+json, unless the surface speaks otherwise. */
    refuse: Refuse;
  };
}
