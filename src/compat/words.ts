// A request in fal's words: three states, a failure that is a kind of COMPLETED, and the code and body that are replayed
// instead of a result (fal.ai/docs/documentation/model-apis/inference/queue). Pure; imports types, errors, json and model ids.

import { ERRORS } from "../errors.ts";
import { objectText, RawText } from "../json.ts";
import { hasEnded, type RequestError, type RequestState, type RequestView, statusOf } from "../requests/types.ts";
import { appOf, parseModelId } from "../upstream/model-id.ts";

/**
 * Statuses after which at least one client posts again: fal's JavaScript client (fal-ai/fal-js:libs/client/src/retry.ts), its
 * Python client (fal-ai/fal:projects/fal_client/src/fal_client/client.py) or the AI SDK (vercel/ai:packages/provider-utils).
 */
export function isRetriedByClients(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** What an error of these surfaces says. */
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

/** What a submit is answered with, wherever the request is by now. `base` is where this surface's paths begin. */
export function submittedText({ state }: RequestView, base: string): string {
  const position = state.queuePosition ?? 0;
  return objectText({ status: "IN_QUEUE", request_id: state.id, ...urls(state, base), queue_position: position });
}

/** What a status call is answered with. */
export function statusText(view: RequestView, base: string, options: { logs: boolean; logsAfter?: number }): string {
  const { state } = view;
  const fields: Record<string, unknown> = { status: falStatus(state), request_id: state.id, ...urls(state, base) };
  switch (fields.status) {
    case "IN_QUEUE":
      fields.queue_position = state.queuePosition ?? 0;
      break;
    case "IN_PROGRESS":
      fields.logs = logsText(view, options);
      break;
    default:
      fields.logs = logsText(view, options);
      fields.metrics = new RawText(state.metrics ?? "{}");
  }
  const failure = failureOf(state);
  if (failure !== null) Object.assign(fields, { error: failure.message, error_type: failure.type });
  return objectText(fields);
}

/** fal's three states: COMPLETED is not success, and only said once files are stored. */
export function falStatus({ stage }: Pick<RequestState, "stage">): "IN_QUEUE" | "IN_PROGRESS" | "COMPLETED" {
  if (hasEnded(stage)) return "COMPLETED";
  return statusOf(stage) === "IN_QUEUE" ? "IN_QUEUE" : "IN_PROGRESS";
}

/** Where a request lives: under the app alone, without the model's sub-path and without a query, which httpx drops. */
function urls({ id, model }: Pick<RequestState, "id" | "model">, base: string): Record<string, string> {
  const url = `${base}/${appOf(model)}/requests/${id}`;
  return { response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` };
}

/** Lines from `logsAfter` on when they are wanted; the key stays, null, when not: the Python client reads it blindly. */
function logsText(view: RequestView, { logs, logsAfter = 0 }: { logs: boolean; logsAfter?: number }): RawText | null {
  if (!logs) return null;
  const text = view.logs ?? "[]";
  return new RawText(logsAfter === 0 ? text : JSON.stringify((JSON.parse(text) as unknown[]).slice(logsAfter)));
}

/** How many log lines there are to tell. */
export function logLines({ logs }: RequestView): number {
  return logs === null ? 0 : (JSON.parse(logs) as unknown[]).length;
}

/** Whether a path that named this app, or a whole model id of it, speaks of this request. */
export function isOfApp({ model }: Pick<RequestState, "model">, named: string): boolean {
  const parsed = parseModelId(named);
  return parsed.ok && appOf(parsed.model) === appOf(model);
}

/** A failure as it is replayed, with the headers that go with it. */
export interface Failure extends FalError {
  /** fal's mark of a start deadline that the caller set: clients never retry such a 504. */
  isUserTimeout: boolean;
}

/** What a failed or canceled request shows instead of a result; null for all others. */
export function failureOf({ stage, error, startTimeoutS }: RequestState): Failure | null {
  if (stage === "canceled") {
    const message = "The request was cancelled.";
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
    ...{ message, retryable, isUserTimeout },
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

/** The same as the answer of a POST: nothing is retried into a second paid run. A start deadline cost nothing, and is no reason. */
export function finalFailure(failure: Failure): Failure {
  const isFinal = failure.isUserTimeout || !isRetriedByClients(failure.status);
  return isFinal ? failure : { ...failure, status: FAILED_FOR_GOOD };
}
