// fal's queue over the same core as v1: submit, status, status stream, result, cancel. Translates only: who may, how much and
// what happens is decided behind requests/submit.ts and in the tracker. `base` is where the caller's surface begins.

import type * as z from "zod";
import type { Refusal } from "../errors.ts";
import { viewerOf } from "../http/auth.ts";
import { byteStream, EVENT_STREAM_HEADERS, withComments } from "../http/event-stream.ts";
import { limitHeaders } from "../http/limit-headers.ts";
import { noSuchRequest as whyNoRequest } from "../http/no-such-request.ts";
import type { submitHeaders } from "../http/request-schemas.ts";
import type { Call } from "../http/route.ts";
import { submitWork } from "../http/submit-work.ts";
import { printTree } from "../json.ts";
import { SSE_COMMENT_MS } from "../limits.ts";
import { askTracker } from "../requests/stub.ts";
import { submitRequest } from "../requests/submit.ts";
import { hasEnded, type RequestView } from "../requests/types.ts";
import { changes, type Watched } from "../requests/watch.ts";
import { endOf, newsOf } from "./holds.ts";
import { falErrorResponse, falJson } from "./refusal.ts";
import { failureResponse, pendingResponse, resultResponse } from "./result.ts";
import { failureOf, finalFailure, isOfApp, logLines, statusText, submittedText } from "./words.ts";

/** What these need of a route's call. */
export type CompatCall = Pick<
  Call<"run", unknown, unknown, unknown, unknown>,
  "request" | "url" | "env" | "execution" | "config" | "caller"
>;
export type SubmitCall = CompatCall &
  Pick<
    Call<"run", unknown, unknown, z.output<typeof submitHeaders>, unknown>,
    "headers" | "body" | "bodyTree" | "releaseBody"
  >;

export type CompatOutcome = { response: Response } | { refusal: Refusal; headers?: Record<string, string> };

/** Which request a path speaks of: the app (or a whole model id of it), and our id. */
export interface Named {
  app: string;
  id: string;
}

/** Admits and starts a run of `model` with the body as input, and answers what became of it so far. */
export async function startRun(
  call: SubmitCall,
  model: string,
): Promise<
  { kind: "started"; view: RequestView; headers: Record<string, string> } | Extract<CompatOutcome, { refusal: Refusal }>
> {
  const { caller, url, headers, bodyTree } = call;
  const webhookUrl = url.searchParams.get("fal_webhook") ?? undefined;
  const asked = await submitWork({
    ...{ caller, headers, config: call.config(), origin: url.origin, model, webhookUrl },
    ...{ input: bodyTree, plainInput: call.body },
    said: JSON.stringify([model, printTree(bodyTree), webhookUrl]),
  });
  if (asked.kind === "refused") return { refusal: asked.refusal };
  call.releaseBody();
  const submitted = await submitRequest(call.env, call.execution, asked.work);
  const limits = limitHeaders(submitted.limits, Date.now());
  if (submitted.kind === "refused") return { refusal: submitted.refusal, headers: limits };
  const replayed = submitted.replayed ? { "Idempotent-Replayed": "true" } : {};
  return { kind: "started", view: submitted.view, headers: { ...limits, ...replayed } };
}

/** `POST {base}/{model}`. What fal refuses at once, for nothing, is refused here too; all else is in the queue. */
export async function submitToQueue(call: SubmitCall, model: string, base: string): Promise<CompatOutcome> {
  const started = await startRun(call, model);
  if ("refusal" in started) return started;
  const { view, headers } = started;
  const failure = failureOf(view.state);
  if (failure !== null && view.state.endedBy === "submit" && view.state.error?.charged === false) {
    return { response: failureResponse(finalFailure(failure), view.state, headers) };
  }
  return { response: falJson(200, submittedText(view, base), { "x-fal-request-id": view.state.id, ...headers }) };
}

/** `GET …/requests/{id}/status?logs=`: 202 until it is over, 200 then; held until there is news. */
export async function queueStatus(call: CompatCall, named: Named, base: string): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const logs = wantsLogs(call.url);
  const { keyId, identity } = call.caller;
  const spell = (view: RequestView): string => statusText(view, base, { logs });
  const watch = logs ? "following" : "waiting";
  const view = await newsOf(found.view, { watched: found.watched, keyId, holdS: identity.plan.hold_s, watch, spell });
  if (view === null) return noSuchRequest(call, named);
  const status = hasEnded(view.state.stage) ? 200 : 202;
  return { response: falJson(status, spell(view), { "x-fal-request-id": named.id }) };
}

/** `GET …/requests/{id}/status/stream?logs=`: an event for each change, comments in between, over with COMPLETED. */
export async function queueStream(call: CompatCall, named: Named, base: string): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const views = changes(found.watched, Number.POSITIVE_INFINITY, "following");
  const texts = statusEvents(views, base, wantsLogs(call.url));
  const body = byteStream(withComments(texts, SSE_COMMENT_MS));
  return { response: new Response(body, { headers: { ...EVENT_STREAM_HEADERS, "x-fal-request-id": named.id } }) };
}

/** `GET …/requests/{id}`: the output, the failure's own code and body, or 400 while it is not over. */
export async function queueResult(call: CompatCall, named: Named): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const view = await endOf(found.view, found.watched, call.caller.identity.plan.hold_s);
  if (view === null) return noSuchRequest(call, named);
  if (!hasEnded(view.state.stage)) return { response: pendingResponse(view.state) };
  return { response: await resultResponse(call.env.FILES, call.config(), view) };
}

/** `PUT …/requests/{id}/cancel`: 202 is a wish, also where it was granted at once; 400 when it is over, 404 for no such id. */
export async function queueCancel(call: CompatCall, named: Named): Promise<CompatOutcome> {
  const found = await find(call, named);
  const { env, caller } = call;
  const answer = found && (await askTracker(env, named.id, (tracker) => tracker.cancel(viewerOf(caller))));
  if (!answer || answer.kind === "not_found") return noSuchRequest(call, named);
  if (answer.kind !== "already_ended") return { response: falJson(202, '{"status":"CANCELLATION_REQUESTED"}') };
  const message = "The request is already completed.";
  const error = { status: 400, detail: message, type: "bad_request", message, retryable: false };
  return { response: falErrorResponse(error, {}, { status: "ALREADY_COMPLETED" }) };
}

async function find(
  { env, caller }: CompatCall,
  { app, id }: Named,
): Promise<{ view: RequestView; watched: Watched } | null> {
  const viewer = viewerOf(caller);
  const view = (await askTracker(env, id, (tracker) => tracker.read(viewer))) as RequestView | null;
  return view !== null && isOfApp(view.state, app) ? { view, watched: { env, id, viewer } } : null;
}

async function* statusEvents(views: AsyncIterable<RequestView>, base: string, logs: boolean): AsyncGenerator<string> {
  let told = "";
  let linesTold = 0;
  for await (const view of views) {
    const bare = statusText(view, base, { logs: false });
    const lines = logs ? logLines(view) : 0;
    if (bare !== told || lines > linesTold) {
      yield `data: ${statusText(view, base, { logs, logsAfter: linesTold })}\n\n`;
    }
    told = bare;
    linesTold = Math.max(lines, linesTold);
    if (hasEnded(view.state.stage)) return;
  }
}

/** JavaScript sends 0 and 1, Python true and false (fal-ai/fal-js:libs/client/src/queue.ts, fal-ai/fal:…/client.py). */
function wantsLogs(url: URL): boolean {
  return /^(1|true)$/i.test(url.searchParams.get("logs") ?? "");
}

/** Also what somebody else's id gets, and one of another app, as at fal. One that this caller deleted is 410. */
async function noSuchRequest({ env, caller }: CompatCall, { id }: Named): Promise<CompatOutcome> {
  const refused = await whyNoRequest(env, id, viewerOf(caller));
  if (refused.code === "gone") return { refusal: refused };
  const message = refused.detail;
  const error = { status: 404, detail: message, type: "not_found", message, retryable: false };
  return { response: falErrorResponse(error, {}, { status: "NOT_FOUND" }) };
}
