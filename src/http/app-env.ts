// The variables that every handler finds on Hono's context.

import type { Env } from "../platform/bindings.ts";
import type { ErrorCode, Refusal } from "../platform/errors.ts";

export interface ProblemExtras {
  /** Only where the code's own status does not fit: 405 is an `invalid_request`. */
  status?: number;
  headers?: Record<string, string>;
}

/** Formats a refusal as a response. */
export type Refuse = (refused: Refusal, callId: string, extras?: ProblemExtras) => Response;

export interface AppEnv {
  Bindings: Env;
  Variables: {
    /** Id of this call in `X-Request-Id`, problem bodies and the log. Not the id of a Sluice request. */
    callId: string;
    /** Formats refusals on this path: problem+json, unless the surface has its own format. */
    refuse: Refuse;
    /** For the call's log line: the code of its refusal, the declared path, and who called. */
    refusedAs?: ErrorCode;
    route?: string;
    team?: string;
    key?: string;
  };
}
