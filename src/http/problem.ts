// How a refusal looks on the wire: RFC 9457 problem+json with our members; surfaces with other words bring their own `Refuse`.
// Also the one answer to a fault: a fixed sentence and an id, never an inner text.

import type { Context } from "hono";
import { ERRORS, type Refusal, refusal } from "../platform/errors.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { isoTime } from "../platform/time.ts";
import type { AppEnv, ProblemExtras } from "./app-env.ts";
import { amountWire } from "./schemas.ts";

/**
 * The response for a refusal. `message` repeats `detail`, because fal's JavaScript client shows that member.
 * `request_id` is the Sluice request the refusal is about, else the call's own id (also in `instance` and X-Request-Id).
 */
export function problemResponse(refused: Refusal, callId: string, extras: ProblemExtras = {}): Response {
  const { title, retryable } = ERRORS[refused.code];
  const status = extras.status ?? refused.status ?? ERRORS[refused.code].status;
  const body = {
    type: `urn:sluice:error:${refused.code}`,
    title,
    status,
    detail: refused.detail,
    instance: `urn:sluice:call:${callId}`,
    code: refused.code,
    message: refused.detail,
    hint: refused.hint,
    retryable,
    request_id: refused.requestId ?? callId,
    violated_policies: violatedPolicies(refused),
  };
  const headers = new Headers({
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...extras.headers,
  });
  if (refused.retryAfterS !== undefined) headers.set("Retry-After", String(refused.retryAfterS));
  // RFC 9110 11.6.1 asks for it with every 401.
  if (status === 401) headers.set("WWW-Authenticate", "Bearer");
  return new Response(JSON.stringify(body), { status, headers });
}

/** The limits that a submit would break, as the wire has them; undefined where that is not the reason. */
export function violatedPolicies({ violated }: Refusal): Record<string, unknown>[] | undefined {
  return violated?.map(({ name, per, limit, used, resetAt }) => {
    return { name, per, limit: amountWire(per, limit), used: amountWire(per, used), reset: isoTime(resetAt) };
  });
}

/** The one answer to a fault. The log has its class and the call's id, the caller has the id. */
export function onFault(fault: Error, context: Context<AppEnv>): Response {
  const callId = context.get("callId");
  logEvent("call.failed", { call: callId, method: context.req.method, error: faultName(fault) });
  const detail = "Something went wrong here, and it was noted.";
  const hint = `Try again; if it stays, tell the operator this id: ${callId}.`;
  return context.get("refuse")(refusal("internal", detail, { hint }), callId);
}

/** The answer where no route took the call: 405 where another method would have been, 404 otherwise. */
export function noRoute(context: Context<AppEnv>, allowed: readonly string[]): Response {
  const callId = context.get("callId");
  if (allowed.length === 0) {
    const hint = "The paths of the API begin with /v1/.";
    return context.get("refuse")(refusal("not_found", "There is nothing at this path.", { hint }), callId);
  }
  const allow = allowed.join(", ");
  const refused = refusal("invalid_request", `This path does not take ${context.req.method}.`, {
    hint: `It takes ${allow}.`,
  });
  return context.get("refuse")(refused, callId, { status: 405, headers: { Allow: allow } });
}
