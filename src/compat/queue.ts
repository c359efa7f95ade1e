// A queued request as fal's queue shows it: status, status stream, result, cancel. Translates only: who may see it and what
// happens is decided in the tracker. Its beginning is in submit.ts.

import { viewerOf } from "../http/auth.ts";
import { byteStream, EVENT_STREAM_HEADERS, SSE_COMMENT_MS, withComments } from "../http/event-stream.ts";
import { noSuchRequest as whyNoRequest } from "../http/no-such-request.ts";
import { askTracker } from "../platform/stubs.ts";
import { hasEnded, type RequestView } from "../requests/machine/types.ts";
import { type Watched, watchRequest } from "../requests/service/watch.ts";
import { endOf, newsOf } from "./holds.ts";
import { falErrorResponse, falJson } from "./refusal.ts";
import { pendingResponse, resultResponse } from "./result.ts";
import type { Asked, CompatCall, CompatOutcome } from "./submit.ts";
import { falStatus, isOfApp, logLines, statusText } from "./words.ts";

/** Which request a path speaks of: the app (or a whole model id of it), and our id. */
export interface Named {
  app: string;
  id: string;
}

/** `GET …/requests/{id}/status?logs=`: 202 until it is over, 200 then; held until there is news. */
export async function queueStatus(call: CompatCall, named: Named, { base, query }: Asked): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const logs = wantsLogs(query);
  const { keyId, identity } = call.caller;
  const spell = (view: RequestView): string => statusText(view, base, { logs });
  const watch = logs ? "following" : "waiting";
  const view = await newsOf(found.view, { watched: found.watched, keyId, holdS: identity.plan.hold_s, watch, spell });
  if (view === null) return noSuchRequest(call, named);
  const status = hasEnded(view.state.stage) ? 200 : 202;
  return { response: falJson(status, spell(view), { "x-fal-request-id": named.id }) };
}

/** `GET …/requests/{id}/status/stream?logs=`: an event for each change, comments in between, over with COMPLETED. */
export async function queueStream(call: CompatCall, named: Named, { base, query }: Asked): Promise<CompatOutcome> {
  const found = await find(call, named);
  if (found === null) return noSuchRequest(call, named);
  const views = watchRequest(found.watched, Number.POSITIVE_INFINITY, "following");
  const texts = statusEvents(views, base, wantsLogs(query));
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
  const view = await askTracker(env, id, (tracker) => tracker.read(viewer));
  return view !== null && isOfApp(view.state, app) ? { view, watched: { env, id, viewer } } : null;
}

async function* statusEvents(views: AsyncIterable<RequestView>, base: string, logs: boolean): AsyncGenerator<string> {
  let told = "";
  let linesTold = 0;
  for await (const view of views) {
    const bare = statusText(view, base, { logs: false });
    // In the queue a status has no lines to carry: they are for the next one.
    const lines = logs && falStatus(view.state) !== "IN_QUEUE" ? logLines(view) : 0;
    if (bare !== told || lines > linesTold) {
      yield `data: ${statusText(view, base, { logs, logsAfter: linesTold })}\n\n`;
    }
    told = bare;
    linesTold = Math.max(lines, linesTold);
    if (hasEnded(view.state.stage)) return;
  }
}

/** JavaScript sends 0 and 1, Python true and false (fal-ai/fal-js:libs/client/src/queue.ts, fal-ai/fal:…/client.py). */
function wantsLogs(query: URLSearchParams): boolean {
  return /^(1|true)$/i.test(query.get("logs") ?? "");
}

/** Also what somebody else's id gets, and one of another app, as at fal. One that this caller deleted is 410. */
async function noSuchRequest({ env, caller }: CompatCall, { id }: Named): Promise<CompatOutcome> {
  const refused = await whyNoRequest(env, id, viewerOf(caller));
  if (refused.code === "gone") return { refusal: refused };
  const message = refused.detail;
  const error = { status: 404, detail: message, type: "not_found", message, retryable: false };
  return { response: falErrorResponse(error, {}, { status: "NOT_FOUND" }) };
}
