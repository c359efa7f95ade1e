// fal's queue behind the gateway: status, stream, result and cancel of a request, as strict as fal. Submits are in submit.ts.

import { falError, methodNotAllowed, type QueueCall, sleep } from "./call.ts";
import { cancelAt, logsAt, type State, stateAt } from "./lifecycle.ts";
import { outcomeNumber } from "./outcomes.ts";
import { type QueueRoute, readQueuePath } from "./paths.ts";
import { randomFrom } from "./random.ts";
import { renderResult } from "./results.ts";
import type { UpstreamRequest } from "./store.ts";
import { expiryOf, idsAndUrls, submit } from "./submit.ts";
import { resultOf } from "./webhooks.ts";

/** Polling interval of a stream: positions and log lines depend on time, and a cancel can end it early. */
const STREAM_TICK_MS = 50;

type RequestRoute = Extract<QueueRoute, { kind: "request" }>;

/** One call of queue.fal.run. */
export async function queue(call: QueueCall): Promise<Response> {
  const route = readQueuePath(call.path);
  switch (route.kind) {
    case "submit":
      call.note.kind = "submit";
      return call.request.method === "POST" ? await submit(call, route.model, route.app) : methodNotAllowed("POST");
    case "unknown":
      return falError(404, `Application "${call.path}" not found`);
    case "request":
      call.note.kind = route.verb;
      return await aboutRequest(call, route);
  }
}

async function aboutRequest(call: QueueCall, route: RequestRoute): Promise<Response> {
  const method = route.verb === "cancel" ? "PUT" : "GET";
  if (call.request.method !== method) return methodNotAllowed(method);
  if (route.lenient && !call.settings.lenientPaths) return methodNotAllowed("POST");
  const request = findRequest(call, route);
  if (!request) return Response.json({ status: "NOT_FOUND" }, { status: 404 });
  const fault = forcedFault(call, request);
  if (fault) return fault;
  switch (route.verb) {
    case "status":
      return statusAnswer(call, request);
    case "stream":
      return streamAnswer(call, request);
    case "result":
      return await resultAnswer(call, request);
    case "cancel":
      return await cancelAnswer(call, request);
  }
}

/** Null for a request that has expired or belongs to another app or connection. */
function findRequest(call: QueueCall, route: RequestRoute): UpstreamRequest | null {
  const { store, settings, now } = call;
  const request = store.request(route.id);
  if (!request || request.app !== route.app) return null;
  call.note.requestId = request.id;
  if (settings.requestsScoped && request.connectionId !== call.connection.connectionId) return null;
  if (now > expiryOf(request, settings)) return null;
  if (request.outcomes["status-404"] && stateAt(request.timing, now, 0).status !== "IN_QUEUE") return null;
  const { end, startsAt, endsAt } = request.timing;
  const cancelledInQueue = end === "cancelled" && startsAt === null && now >= endsAt;
  return cancelledInQueue && settings.cancelledInQueue === "not_found" ? null : request;
}

/** The outcome `status-500`: the first calls about a request fail, all of them unless a number is given. */
function forcedFault(call: QueueCall, request: UpstreamRequest): Response | null {
  const times = outcomeNumber(request.outcomes, "status-500", Number.POSITIVE_INFINITY);
  if (times === undefined) return null;
  const counts = call.store.callCounts(request.id);
  const before = (counts.status ?? 0) + (counts.result ?? 0) + (counts.stream ?? 0) + (counts.cancel ?? 0);
  return before < times ? falError(500, "Internal Server Error", "internal_error") : null;
}

function wantsLogs(url: URL): boolean {
  return ["1", "true"].includes(url.searchParams.get("logs") ?? "");
}

function statusAnswer(call: QueueCall, request: UpstreamRequest): Response {
  const state = stateAt(request.timing, call.now, call.settings.queueLength);
  const logs = wantsLogs(call.url) ? wireLogs(request, call.now, 0) : null;
  return Response.json(statusBody(call, request, state, logs), {
    status: state.status === "COMPLETED" ? 200 : 202,
    headers: { "x-fal-request-id": request.id },
  });
}

interface WireLog {
  message: string;
  timestamp: string;
  level: "INFO";
  source: "USER";
}

function wireLogs(request: UpstreamRequest, now: number, after: number): WireLog[] {
  return logsAt(request.timing, now)
    .slice(after)
    .map(({ message, at }) => ({ message, timestamp: new Date(at).toISOString(), level: "INFO", source: "USER" }));
}

/** Shapes: https://fal.ai/docs/documentation/model-apis/inference/queue. The key `logs` is there, null, when not asked for. */
function statusBody(call: QueueCall, request: UpstreamRequest, state: State, logs: WireLog[] | null): object {
  const base = { status: state.status, ...idsAndUrls(request) };
  switch (state.status) {
    case "IN_QUEUE":
      return { ...base, queue_position: state.position };
    case "IN_PROGRESS":
      return { ...base, logs };
    case "COMPLETED": {
      const { startsAt, endsAt } = request.timing;
      const metrics = startsAt === null ? {} : { inference_time: (endsAt - startsAt) / 1_000 };
      const { error, status } = resultOf(request);
      const shown = error !== null && (call.settings.statusShowsModelErrors || status >= 500);
      return { ...base, logs, metrics, ...(shown && { error: error.message, error_type: error.type }) };
    }
  }
}

/** One event per change, with keep-alive comments; closed right after COMPLETED. Each log line is sent once. */
function streamAnswer(call: QueueCall, first: UpstreamRequest): Response {
  const encoder = new TextEncoder();
  const wantLogs = wantsLogs(call.url);
  let last = "";
  let sentLogs = 0;
  let lastSentAt = Date.now();
  let disconnected = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      while (!disconnected) {
        const now = call.clock();
        const request = call.store.request(first.id);
        if (!request) return controller.close();
        const state = stateAt(request.timing, now, call.settings.queueLength);
        const logs = wantLogs ? wireLogs(request, now, sentLogs) : null;
        const mark = JSON.stringify(state);
        if (mark !== last || (logs !== null && logs.length > 0)) {
          last = mark;
          sentLogs += logs?.length ?? 0;
          lastSentAt = Date.now();
          const text = JSON.stringify(statusBody(call, request, state, logs));
          controller.enqueue(encoder.encode(`data: ${text}\n\n`));
          if (state.status === "COMPLETED") controller.close();
          return;
        }
        if (Date.now() - lastSentAt >= call.settings.sseKeepAliveMs) {
          lastSentAt = Date.now();
          controller.enqueue(encoder.encode(": ping\n\n"));
          return;
        }
        await sleep(STREAM_TICK_MS);
      }
    },
    cancel() {
      disconnected = true;
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "x-fal-request-id": first.id } });
}

async function resultAnswer(call: QueueCall, request: UpstreamRequest): Promise<Response> {
  if (call.now < request.timing.endsAt) return falError(400, "Request is still in progress");
  const result = resultOf(request);
  const { contentType, body } = await renderResult(result);
  return new Response(body, {
    status: result.status,
    headers: {
      "content-type": contentType,
      "x-fal-request-id": request.id,
      "x-fal-served-from": randomFrom(request.id, "runner").uuid(),
      ...result.headers,
    },
  });
}

/** https://fal.ai/docs/documentation/model-apis/inference/queue, "Cancel": 202 only requests it; 400 and 404 are not errors of the sandbox. */
async function cancelAnswer(call: QueueCall, request: UpstreamRequest): Promise<Response> {
  const { settings, now, store } = call;
  const stopsAfterMs = request.outcomes["ignore-cancel"] ? null : settings.cancelRunningMs;
  const step = cancelAt(request.timing, now, stopsAfterMs);
  if (step.kind === "too_late") return Response.json({ status: "ALREADY_COMPLETED" }, { status: 400 });
  if (step.timing !== request.timing) {
    store.saveRequest({ ...request, timing: step.timing });
    store.moveDeliveries(request.id, settings.webhookOnCancel ? step.timing.endsAt : null);
    await call.pump();
  }
  if (step.kind === "removed" && settings.cancelQueuedStatus === 200) return Response.json({ status: "OK" });
  return Response.json({ status: "CANCELLATION_REQUESTED" }, { status: 202 });
}
