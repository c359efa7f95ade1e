// Formats refusals as RFC 9457 problem+json with extension members; surfaces with another format bring their own `Refuse`. Internal
// errors become a fixed message and an id, never an internal text.

import type { Context } from "hono";
import { ERRORS, type Refusal, refusal, userMessageOf } from "../platform/errors.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { versionNeeded } from "../platform/stored-version.ts";
import { isOverloaded } from "../platform/stubs.ts";
import { isoTime } from "../platform/time.ts";
import type { AppEnv, ProblemExtras } from "./app-env.ts";
import { amountWire } from "./schemas.ts";

/** When to try again while another version of the Worker is being rolled out: it replaces this one within minutes. */
const ROLLOUT_RETRY_S = 30;
/** When to try again after an object had more calls in line than it answers: its line is some seconds long. */
const OVERLOADED_RETRY_S = 5;

/**
 * The response for a refusal. `message` repeats `detail`, because fal's JavaScript client shows `message`.
 * `request_id` is the Sluice request the refusal is about, else the call's own id (also in `instance` and X-Request-Id).
 */
export function problemResponse(refused: Refusal, callId: string, extras: ProblemExtras = {}): Response {
  const { title } = ERRORS[refused.code];
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
    retryable: refused.retryable ?? ERRORS[refused.code].retryable,
    user_message: refused.userMessage ?? userMessageOf(refused.code) ?? undefined,
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
  // Required with every 401 (RFC 9110, 11.6.1).
  if (status === 401) headers.set("WWW-Authenticate", "Bearer");
  return new Response(JSON.stringify(body), { status, headers });
}

/** The same as plain JSON, where clients of fal call: they read `detail` and `message` of that content type only. */
export function plainProblem(refused: Refusal, callId: string, extras: ProblemExtras = {}): Response {
  const headers = { ...extras.headers, "Content-Type": "application/json" };
  return problemResponse(refused, callId, { ...extras, headers });
}

/** The limits that a submit would exceed, in wire format; undefined when that is not the reason. */
export function violatedPolicies({ violated }: Refusal): Record<string, unknown>[] | undefined {
  return violated?.map(({ name, per, limit, used, resetAt }) => {
    const shown = (value: number | null) => (value === null ? null : amountWire(per, value));
    return { name, per, limit: shown(limit), used: shown(used), reset: isoTime(resetAt) };
  });
}

/**
 * The response to an internal error. The log has its class and the call's id, the caller the id. An object that is overloaded, and
 * one whose state needs newer code, are no bugs: they have events and answers of their own.
 */
export function onFault(fault: Error, context: Context<AppEnv>): Response {
  const callId = context.get("callId");
  const needed = versionNeeded(fault);
  if (needed !== null) {
    logEvent("call.failed", { call: callId, method: context.req.method, error: "StateNewer" });
    const detail = `Newer data: deploy a version of Sluice that reads format ${needed} or newer of what is stored here.`;
    const hint = "Nothing was written. The call succeeds as soon as the newer version is back.";
    return context.get("refuse")(refusal("misconfigured", detail, { hint, retryAfterS: ROLLOUT_RETRY_S }), callId);
  }
  if (isOverloaded(fault)) {
    logEvent("call.overloaded", { call: callId, method: context.req.method });
    const detail = "More calls arrive at once than the deployment can answer.";
    const hint = "Try again after the seconds in Retry-After, with fewer calls at a time.";
    return context.get("refuse")(refusal("overloaded", detail, { hint, retryAfterS: OVERLOADED_RETRY_S }), callId);
  }
  logEvent("call.failed", { call: callId, method: context.req.method, error: faultName(fault) });
  const detail = "Internal error.";
  const hint = `Try again. If the problem persists, send the operator this id: ${callId}.`;
  return context.get("refuse")(refusal("internal", detail, { hint }), callId);
}

/** The response when no route matches: 405 if the path has other methods, else 404. */
export function noRoute(context: Context<AppEnv>, allowed: readonly string[]): Response {
  const callId = context.get("callId");
  if (allowed.length === 0) {
    const hint = "API paths begin with /v1/.";
    return context.get("refuse")(refusal("not_found", "Unknown path.", { hint }), callId);
  }
  const allow = allowed.join(", ");
  const refused = refusal("invalid_request", `Method ${context.req.method} is not allowed on this path.`, {
    hint: `Allowed methods: ${allow}.`,
  });
  return context.get("refuse")(refused, callId, { status: 405, headers: { Allow: allow } });
}
