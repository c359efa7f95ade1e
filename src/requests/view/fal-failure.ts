// A failed or canceled request as fal would replay it: COMPLETED at first, then the model's own status and body instead of a
// result (fal.ai/docs/documentation/model-apis/inference/queue). Pure.

import { ERRORS } from "../../platform/errors.ts";
import { RawText } from "../../platform/json.ts";
import type { RequestError, RequestState } from "../machine/types.ts";

/** What an error says to clients of fal. */
export interface FalError {
  status: number;
  /** JSON text as fal wrote it, or a sentence. */
  detail: RawText | string;
  /** fal's machine name for it, or our code. */
  type: string;
  /** One sentence for people: the JavaScript client shows `message`, the AI SDK's speech model `error.message`. */
  message: string;
  retryable: boolean;
}

/** Maton's answer where there is no active connection (maton-ai/api-gateway-skill:SKILL.md). */
const NO_CONNECTION = 400;
/** For ends that fal has no status for: no client takes it for a reason to try again. */
export const FAILED_FOR_GOOD = 424;

/** A failure as it is replayed, with the headers that go with it. */
export interface FalFailure extends FalError {
  /** fal's mark of a start deadline that the caller set: clients never retry such a 504. */
  isUserTimeout: boolean;
}

/** What a failed or canceled request shows instead of a result; null for all others. */
export function failureOf({ stage, error, startTimeoutS }: RequestState): FalFailure | null {
  if (stage === "canceled") {
    const message = "The request was cancelled";
    const type = "client_cancelled";
    return { status: 499, detail: message, type, message, retryable: false, isUserTimeout: false };
  }
  if (stage !== "failed" || error === null) return null;
  const { message, retryable } = error;
  const isUserTimeout = error.code === "upstream_timeout" && startTimeoutS !== null && isStartTimeout(error);
  return {
    status: isUserTimeout ? 504 : replayedStatus(error),
    detail: error.detail === null ? message : new RawText(error.detail),
    type: error.upstreamType ?? (isUserTimeout ? "request_timeout" : error.code),
    message,
    retryable,
    isUserTimeout,
  };
}

/** Ours while it was held, or fal's own, by its machine name. */
function isStartTimeout({ upstreamStatus, upstreamType }: RequestError): boolean {
  return upstreamStatus === null || upstreamType === "request_timeout";
}

/** fal's own status, but for what is not about this request: the operator's account, or something that fal does not know. */
function replayedStatus({ code, upstreamStatus }: RequestError): number {
  if (code === "connection_missing") return upstreamStatus ?? NO_CONNECTION;
  const isAccounts = code === "misconfigured" || upstreamStatus === 401;
  if (!isAccounts && upstreamStatus !== null && upstreamStatus >= 400 && upstreamStatus <= 599) return upstreamStatus;
  const own = ERRORS[code].status;
  return isAccounts || own >= 500 ? FAILED_FOR_GOOD : own;
}
