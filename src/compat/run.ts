// fal.run's synchronous calls, over the queue: they wait as long as the client is connected. If it disconnects, the paid run continues
// and v1 lists it. `/stream` sends keep-alive comments and the final output as its single event. Accepted loss: partial outputs,
// because Maton does not proxy fal.run.

import { viewerOf } from "../http/auth.ts";
import { byteStream, EVENT_STREAM_HEADERS, lingering, SSE_COMMENT_MS, withComments } from "../http/event-stream.ts";
import { openHold } from "../http/holds.ts";
import { noSuchRequest } from "../http/no-such-request.ts";
import type { Config } from "../platform/config.ts";
import type { Refusal } from "../platform/errors.ts";
import type { CallHold } from "../platform/hold-counter.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { hasEnded, type RequestView } from "../requests/machine/types.ts";
import { waitForRequest } from "../requests/service/wait-for-change.ts";
import { FAILED_FOR_GOOD, failureOf } from "../requests/view/replayed-failure.ts";
import { falErrorResponse, falJson, falRefusal } from "./fal-errors.ts";
import { finalFailure } from "./fal-format.ts";
import { failureResponse, resultResponse, resultText } from "./result.ts";
import { type CompatOutcome, type CompatSubmit, startRun } from "./submit.ts";

/** `POST {base}/{model}`: the output, or the failure with a status that clients do not retry. */
export async function run(call: CompatSubmit, model: string, query: URLSearchParams): Promise<CompatOutcome> {
  const started = await startHeld(call, model, query);
  if ("refusal" in started) return started;
  const answer = await finalAnswer(call, started, resultResponse);
  if ("response" in answer)
    for (const [name, value] of Object.entries(started.headers)) answer.response.headers.set(name, value);
  return answer;
}

/**
 * `POST {base}/{model}/stream`. A failure before the first comment is due is an ordinary error response; later it is an `error` event with
 * the error's body, after which the stream ends as any other: a stream that breaks off loses what was queued last.
 */
export async function runStream(call: CompatSubmit, model: string, query: URLSearchParams): Promise<CompatOutcome> {
  const started = await startHeld(call, model, query);
  if ("refusal" in started) return started;
  const answered = finalAnswer(call, started, eventResponse);
  const early = await Promise.race([answered, quiet()]);
  if (early !== null && !("response" in early && early.response.ok)) return early;
  const headers = { ...started.headers, ...EVENT_STREAM_HEADERS, "x-fal-request-id": started.view.state.id };
  return {
    response: new Response(byteStream(lingering(withComments(lastEvent(call, answered), SSE_COMMENT_MS))), { headers }),
  };
}

async function* lastEvent(call: CompatSubmit, answered: Promise<CompatOutcome>): AsyncGenerator<string> {
  const answer = await answered;
  if ("response" in answer && answer.response.ok) {
    yield `data: ${await answer.response.text()}\n\n`;
    return;
  }
  const response = "response" in answer ? answer.response : falRefusal(answer.refusal, call.callId);
  const text = await response.text();
  yield `event: error\ndata: ${text}\n\n`;
}

type Started = { view: RequestView; headers: Record<string, string>; hold: CallHold };

/** Starts a run that this call waits for. Without room to wait nothing is submitted. */
async function startHeld(
  call: CompatSubmit,
  model: string,
  query: URLSearchParams,
): Promise<Started | Extract<CompatOutcome, { refusal: Refusal }>> {
  const held = openHold(call.caller);
  if (held.kind === "refused") return { refusal: held.refusal };
  const { hold } = held;
  let isStarted = false;
  try {
    const started = await startRun(call, model, query);
    if ("refusal" in started) return started;
    isStarted = true;
    return { view: started.view, headers: started.headers, hold };
  } finally {
    if (!isStarted) hold.release();
  }
}

/** Waits for the end without a time limit. After a paid start no error may become a 5xx: clients would pay twice. */
async function finalAnswer(
  call: CompatSubmit,
  { view: started, hold }: Started,
  respond: typeof resultResponse,
): Promise<CompatOutcome> {
  const { env, caller } = call;
  const { id } = started.state;
  const viewer = viewerOf(caller);
  const isEnded = ({ state }: RequestView): boolean => hasEnded(state.stage);
  const noDeadline = Number.POSITIVE_INFINITY;
  const view = isEnded(started) ? started : await waitForRequest({ env, id, viewer }, hold, noDeadline, isEnded);
  hold.release();
  if (view === null) return { refusal: await noSuchRequest(env, id, viewer) };
  const failure = failureOf(view.state);
  if (failure !== null) return { response: failureResponse(finalFailure(failure), view.state) };
  try {
    return { response: await respond(env.FILES, call.config(), view) };
  } catch (fault) {
    logEvent("run.output_unreadable", { request: id, error: faultName(fault) });
    const message = `The run completed, but its output could not be read. Retrieve it with GET /v1/requests/${id}.`;
    const error = { status: FAILED_FOR_GOOD, detail: message, type: "storage_failed", message, retryable: false };
    return { response: falErrorResponse(error, { "x-fal-request-id": id }) };
  }
}

/** The output for an event; a file is given by its URL, because events are text. */
async function eventResponse(bucket: R2Bucket, config: Config, view: RequestView): Promise<Response> {
  return falJson(200, await resultText(bucket, config, view));
}

function quiet(): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), SSE_COMMENT_MS));
}
