// fal's queue API for existing requests: status, status stream, result, cancel. Translates only; the tracker decides. Submits are in
// submit.ts.

import { viewerOf } from "../http/auth.ts";
import { byteStream, EVENT_STREAM_HEADERS, lingering, SSE_COMMENT_MS, withComments } from "../http/event-stream.ts";
import { openHold } from "../http/holds.ts";
import { noSuchRequest as noSuchRequestRefusal } from "../http/no-such-request.ts";
import { askTracker } from "../platform/stubs.ts";
import { hasEnded, type RequestView } from "../requests/machine/types.ts";
import { type Watched, watchRequest } from "../requests/service/wait-for-change.ts";
import { falErrorResponse, falJson } from "./fal-errors.ts";
import { falStatus, isOfApp, logLines, statusText } from "./fal-format.ts";
import { holdResult, holdStatus } from "./held-polls.ts";
import { pendingResponse, resultResponse } from "./result.ts";
import type { CompatCall, CompatOutcome, SurfaceUrl } from "./submit.ts";

/** The request in a path: the app (or a full model id of it), and the request id. */
export interface Named {
  app: string;
  id: string;
}

/** `GET …/requests/{id}/status?logs=`: 202 until it has ended, then 200; held until the status changes. */
export async function queueStatus(call: CompatCall, named: Named, { base, query }: SurfaceUrl): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const logs = wantsLogs(query);
  const serialize = (view: RequestView): string => statusText(view, base, { logs });
  const watch = logs ? "following" : "waiting";
  const view = await holdStatus(found.view, {
    watched: found.watched,
    caller: call.caller,
    holdS: call.caller.identity.plan.hold_s,
    watch,
    serialize,
  });
  if (view === null) return noSuchRequest(call, named);
  const status = hasEnded(view.state.stage) ? 200 : 202;
  return { response: falJson(status, serialize(view), { "x-fal-request-id": named.id }) };
}

/** `GET …/requests/{id}/status/stream?logs=`: an event for each change, keep-alive comments, closed after COMPLETED. */
export async function queueStream(call: CompatCall, named: Named, { base, query }: SurfaceUrl): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const held = openHold(call.caller);
  if (held.kind === "refused") return { refusal: held.refusal };
  const views = watchRequest(found.watched, held.hold, Number.POSITIVE_INFINITY, "following");
  const texts = statusEvents(views, base, wantsLogs(query));
  const body = byteStream(lingering(withComments(texts, SSE_COMMENT_MS)));
  return { response: new Response(body, { headers: { ...EVENT_STREAM_HEADERS, "x-fal-request-id": named.id } }) };
}

/** `GET …/requests/{id}`: the output, the failure's status and body, or 400 until it has ended. */
export async function queueResult(call: CompatCall, named: Named): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const { caller } = call;
  const view = await holdResult(found.view, { watched: found.watched, caller, holdS: caller.identity.plan.hold_s });
  if (view === null) return noSuchRequest(call, named);
  if (!hasEnded(view.state.stage)) return { response: pendingResponse(view.state) };
  return { response: await resultResponse(call.env.FILES, call.config(), view) };
}

/** `PUT …/requests/{id}/cancel`: 202 when cancellation is requested, even if it took effect at once; 400 when it has ended, 404 for an unknown id. */
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
  const view = await askTracker(env, id, (tracker) => tracker.read(viewer));
  return view !== null && isOfApp(view.state, app) ? { view, watched: { env, id, viewer } } : null;
}

async function* statusEvents(views: AsyncIterable<RequestView>, base: string, logs: boolean): AsyncGenerator<string> {
  let lastStatus = "";
  let linesSent = 0;
  for await (const view of views) {
    const status = statusText(view, base, { logs: false });
    // A queued status has no logs; they are sent with the next one.
    const lines = logs && falStatus(view.state) !== "IN_QUEUE" ? logLines(view) : 0;
    if (status !== lastStatus || lines > linesSent) {
      yield `data: ${statusText(view, base, { logs, logsAfter: linesSent })}\n\n`;
    }
    lastStatus = status;
    linesSent = Math.max(lines, linesSent);
    if (hasEnded(view.state.stage)) return;
  }
}

/** JavaScript sends 0 and 1, Python true and false (fal-ai/fal-js:libs/client/src/queue.ts, fal-ai/fal:…/client.py). */
function wantsLogs(query: URLSearchParams): boolean {
  return /^(1|true)$/i.test(query.get("logs") ?? "");
}

/** Also for the ids of other callers and other apps, as at fal. 410 for a request that this caller deleted. */
async function noSuchRequest({ env, caller }: CompatCall, { id }: Named): Promise<CompatOutcome> {
  const refused = await noSuchRequestRefusal(env, id, viewerOf(caller));
  if (refused.code === "gone") return { refusal: refused };
  const message = refused.detail;
  const error = { status: 404, detail: message, type: "not_found", message, retryable: false };
  return { response: falErrorResponse(error, {}, { status: "NOT_FOUND" }) };
}
