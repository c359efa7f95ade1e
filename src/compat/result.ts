// What a result call answers: the model's output as it is, the failure's own code and body, or "still in progress".
// fal replays a model's answer (fal.ai/docs/documentation/model-apis/inference/queue); so does this.

import type { Config } from "../env.ts";
import { type Failure, failureOf } from "../requests/fal-failure.ts";
import { outputText } from "../requests/spell.ts";
import type { RequestState, RequestView } from "../requests/types.ts";
import { falErrorResponse, falJson } from "./refusal.ts";

/** Clients compare this to the letter (vercel/ai:packages/fal/src/fal-video-model.ts). */
const STILL_RUNNING = "Request is still in progress";

/** The answer for a request that has ended. Rejects when R2 cannot be read just now. */
export async function resultResponse(bucket: R2Bucket, config: Config, view: RequestView): Promise<Response> {
  const failure = failureOf(view.state);
  if (failure !== null) return failureResponse(failure, view.state);
  return falJson(200, (await outputText(bucket, config, view)) ?? "null", headersOf(view.state));
}

export function failureResponse(failure: Failure, state: RequestState, headers: Record<string, string> = {}): Response {
  return falErrorResponse(failure, {
    ...headersOf(state),
    ...(failure.isUserTimeout ? { "x-fal-request-timeout-type": "user" } : {}),
    ...headers,
  });
}

/** Not over yet: a 400, because the AI SDK takes any 2xx for the result. */
export function pendingResponse({ id }: Pick<RequestState, "id">): Response {
  const error = { status: 400, detail: STILL_RUNNING, type: "bad_request", message: STILL_RUNNING, retryable: false };
  return falErrorResponse(error, { "x-fal-request-id": id });
}

function headersOf({ id, billableUnits }: RequestState): Record<string, string> {
  return {
    "x-fal-request-id": id,
    ...(billableUnits === null ? {} : { "x-fal-billable-units": billableUnits }),
  };
}
