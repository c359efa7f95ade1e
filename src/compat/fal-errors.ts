// Refusals of the compatible surfaces: one JSON body that every client of fal and Maton can read, and statuses that clients do not
// retry where a retry cannot succeed.

import type { ProblemExtras } from "../http/app-env.ts";
import { violatedPolicies } from "../http/problem.ts";
import { ERRORS, type Refusal } from "../platform/errors.ts";
import { objectText, RawText } from "../platform/json.ts";
import type { FalError } from "../requests/view/replayed-failure.ts";
import { isRetriedByClients } from "./fal-format.ts";

/** The response for an error: fal's body, the members that other clients read, and `more`. */
export function falErrorResponse(
  error: FalError,
  headers: Record<string, string> = {},
  more: Record<string, unknown> = {},
): Response {
  const { status, detail, type, message, retryable } = error;
  const body = objectText({ ...more, detail, error_type: type, message, error: { message, code: status } });
  const hint = retryable ? "1" : "0";
  return falJson(status, body, {
    "x-fal-error-type": type,
    // The older and the newer name of the same header; clients read either.
    "x-fal-retryable": hint,
    "x-fal-needs-retry": hint,
    ...headers,
  });
}

/** A JSON response; these clients treat any other content type as text. */
export function falJson(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...headers,
    },
  });
}

/** The `Refuse` of paths below `/fal` and `/maton`. The hint is part of the message, because clients show only that. */
export function falRefusal(refused: Refusal, callId: string, extras: ProblemExtras = {}): Response {
  const { status: usual } = ERRORS[refused.code];
  const retryable = refused.retryable ?? ERRORS[refused.code].retryable;
  const own = extras.status ?? refused.status ?? usual;
  const status = isRetriedByClients(own) && !retryable ? 400 : own;
  const message = refused.hint === undefined ? refused.detail : `${refused.detail} ${refused.hint}`;
  // Clients expect a list of fields with a 422 (fal.ai/docs/documentation/model-apis/errors).
  const fields = [{ loc: ["body"], msg: message, type: "value_error" }];
  const detail = refused.code === "invalid_input" ? new RawText(JSON.stringify(fields)) : message;
  const more = { request_id: refused.requestId ?? callId, violated_policies: violatedPolicies(refused) };
  const headers = {
    ...(refused.retryAfterS === undefined ? {} : { "Retry-After": String(refused.retryAfterS) }),
    ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
    ...extras.headers,
  };
  return falErrorResponse({ status, detail, type: refused.code, message, retryable }, headers, more);
}
