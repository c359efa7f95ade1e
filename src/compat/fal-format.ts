// Serializes a request in fal's format: three states (COMPLETED includes failures), URLs, log lines
// (fal.ai/docs/documentation/model-apis/inference/queue). Pure.

import { appOf, parseModelId } from "../models/model-id.ts";
import { objectText, RawText } from "../platform/json.ts";
import { hasEnded, type RequestState, type RequestView, statusOf } from "../requests/machine/types.ts";
import { FAILED_FOR_GOOD, type FalFailure, failureOf } from "../requests/view/replayed-failure.ts";

/**
 * Statuses that at least one client retries: fal's JavaScript client (fal-ai/fal-js:libs/client/src/retry.ts), its
 * Python client (fal-ai/fal:projects/fal_client/src/fal_client/client.py) or the AI SDK (vercel/ai:packages/provider-utils).
 */
export function isRetriedByClients(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** The response to a submit, whatever the request's state. `base` is the prefix of this surface's URLs. */
export function submittedText({ state }: RequestView, base: string): string {
  const position = state.queuePosition ?? 0;
  return objectText({ status: "IN_QUEUE", request_id: state.id, ...urls(state, base), queue_position: position });
}

/** The response to a status call. */
export function statusText(view: RequestView, base: string, options: { logs: boolean; logsAfter?: number }): string {
  const { state } = view;
  const status = falStatus(state);
  const fields: Record<string, unknown> = { status, request_id: state.id, ...urls(state, base) };
  switch (status) {
    case "IN_QUEUE":
      fields.queue_position = state.queuePosition ?? 0;
      break;
    case "IN_PROGRESS":
      fields.logs = logsText(view, options);
      break;
    case "COMPLETED":
      fields.logs = logsText(view, options);
      fields.metrics = new RawText(state.metrics ?? "{}");
      break;
    default:
      status satisfies never;
  }
  const failure = failureOf(state);
  if (failure !== null) Object.assign(fields, { error: failure.message, error_type: failure.type });
  return objectText(fields);
}

/** fal's three states. COMPLETED includes failures, and is reported only once files are stored. */
export function falStatus({ stage }: Pick<RequestState, "stage">): "IN_QUEUE" | "IN_PROGRESS" | "COMPLETED" {
  if (hasEnded(stage)) return "COMPLETED";
  return statusOf(stage) === "IN_QUEUE" ? "IN_QUEUE" : "IN_PROGRESS";
}

/** A request's URLs: below the app, without the model's sub-path and without a query, which httpx drops. */
function urls({ id, model }: Pick<RequestState, "id" | "model">, base: string): Record<string, string> {
  const url = `${base}/${appOf(model)}/requests/${id}`;
  return { response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` };
}

/** Log lines from `logsAfter` on; null if not requested: the Python client requires the key. */
function logsText(view: RequestView, { logs, logsAfter = 0 }: { logs: boolean; logsAfter?: number }): RawText | null {
  if (!logs) return null;
  const text = view.logs ?? "[]";
  return new RawText(logsAfter === 0 ? text : JSON.stringify((JSON.parse(text) as unknown[]).slice(logsAfter)));
}

/** The number of log lines. */
export function logLines({ logs }: RequestView): number {
  return logs === null ? 0 : (JSON.parse(logs) as unknown[]).length;
}

/** Whether `named`, an app or a full model id, is the app of this request. */
export function isOfApp({ model }: Pick<RequestState, "model">, named: string): boolean {
  const parsed = parseModelId(named);
  return parsed.ok && appOf(parsed.model) === appOf(model);
}

/** The failure as the response to a POST, with a status that clients do not retry into a second paid run. A start timeout was free. */
export function finalFailure(failure: FalFailure): FalFailure {
  const isFinal = failure.isUserTimeout || !isRetriedByClients(failure.status);
  return isFinal ? failure : { ...failure, status: FAILED_FOR_GOOD };
}
