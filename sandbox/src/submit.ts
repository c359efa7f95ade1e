// A submit to fal's queue: what is refused, what is accepted, and how its response can be lost. The whole life of the request is
// planned here.

import { BREAK_AFTER_MS, falError, matonError, type QueueCall, sleep } from "./call.ts";
import { type QueueOptions, readQueueOptions } from "./headers.ts";
import { isRecord, parseExact, parseObject } from "./json.ts";
import { planTiming, type Timing } from "./lifecycle.ts";
import { checkInput, type FieldError, findModel, type Model, NOT_AN_OBJECT } from "./models.ts";
import { type Outcomes, outcomeNumber, readOutcomes } from "./outcomes.ts";
import { type Random, randomFrom } from "./random.ts";
import { planResult, renderResult } from "./results.ts";
import type { Settings } from "./settings.ts";
import type { UpstreamRequest } from "./store.ts";
import { isPrivateTarget, planDeliveries } from "./webhooks.ts";

/** Larger bodies are not stored for the control API: a row holds 2 MB. */
const INPUT_KEPT_MAX_CHARS = 500_000;
const QUEUE_ORIGIN = "https://queue.fal.run";

/** Answers a submit of `model`, whose first segments are `app`. */
export async function submit(call: QueueCall, model: string, app: string): Promise<Response> {
  const known = findModel(model);
  if (!known) return falError(404, `Application "${model}" not found`);
  const read = readQueueOptions(call.request.headers, call.url.searchParams);
  if (!read.ok) return falError(400, read.detail, "bad_request");
  const text = call.body;
  const input = parseObject(text);
  const words = readOutcomes(call.request.headers.get("x-sandbox-outcome"), input ?? {});
  if (!words.ok) return falError(400, `Unknown sandbox outcome "${words.word}"`, "bad_request");
  const { outcomes } = words;

  const refused = forcedRefusal(call, outcomes);
  if (refused && !outcomes.taken) return refused;
  const { maxQueueLength } = read.options;
  if (maxQueueLength !== null && call.store.waiting(app, call.now) > maxQueueLength) {
    return falError(429, "The queue is longer than fal_max_queue_length allows", "queue_length_exceeded");
  }
  const faults = input === null ? [NOT_AN_OBJECT] : checkInput(known, input);
  if (call.settings.validateAtSubmit && faults.length > 0) return falError(422, faults);

  const submitted: Submitted = { model, app, known, input: input ?? {}, text, outcomes, faults, options: read.options };
  const request = await accept(call, submitted);
  call.note.requestId = request.id;
  if (outcomes["webhook-first"] && call.settings.webhooks === "push") await call.deliverNow(request.id);
  else await call.pump();
  return refused ?? (await submitAnswer(call, request));
}

interface Submitted {
  model: string;
  app: string;
  known: Model;
  input: Record<string, unknown>;
  text: string;
  outcomes: Outcomes;
  faults: FieldError[];
  options: QueueOptions;
}

async function accept(call: QueueCall, submitted: Submitted): Promise<UpstreamRequest> {
  const { store, settings } = call;
  const { model, app, known, text, outcomes, options } = submitted;
  const number = store.nextRequestNumber();
  const random = randomFrom(settings.seed, "request", number);
  const id = random.uuid();
  // Only a request that fal retried has a last attempt with another id.
  const gatewayId = outcomes.crash && !options.noRetry ? random.uuid() : id;
  const timing = timingOf(call, submitted, random);
  const result = planResult({
    model: known,
    input: submitted.input,
    inputSeed: seedText(text),
    inputText: submitted.faults.length === 0 ? text : "{}",
    faults: submitted.faults,
    outcomes,
    random,
    cdnOrigin: settings.cdnOrigin ?? call.url.origin,
    inferenceMs: timing.startsAt === null ? 0 : timing.endsAt - timing.startsAt,
  });
  const request: UpstreamRequest = {
    id,
    gatewayId,
    number,
    model,
    app,
    kind: known.kind,
    connectionId: call.connection.connectionId,
    timing,
    result,
    outcomes,
    resultBytes: 0,
    webhookUrl: options.webhookUrl,
    fileTtlMs: options.fileTtlMs,
    headers: shownHeaders(call.request.headers),
    inputText: text.length <= INPUT_KEPT_MAX_CHARS ? text : null,
    inputBytes: new TextEncoder().encode(text).length,
  };
  store.saveRequest(request); // before the first await: reserves the number
  store.saveFiles(id, result.files);
  if (options.webhookUrl !== null && (settings.webhookPrivateTargets || !isPrivateTarget(options.webhookUrl))) {
    for (const { id: deliveryId, variant, dueAt } of planDeliveries(id, outcomes, timing.endsAt, settings)) {
      store.addDelivery(deliveryId, id, variant, dueAt);
    }
  }
  const { body } = await renderResult(result);
  const sized = { ...request, resultBytes: typeof body === "string" ? new Blob([body]).size : body.length };
  store.saveRequest(sized);
  return sized;
}

function timingOf(call: QueueCall, submitted: Submitted, random: Random): Timing {
  const { settings, now } = call;
  const { known, outcomes, options } = submitted;
  if (outcomes["webhook-first"]) return { submittedAt: now, startsAt: now, endsAt: now, end: "finished" };
  const usual = settings.runMs[known.kind] * (1 + settings.jitter * (random.next() * 2 - 1));
  return planTiming({
    now,
    queueMs: settings.queueMs[known.kind],
    runMs: Math.round(outcomeNumber(outcomes, "slow", settings.slowMs) ?? usual),
    slotFreeAt: call.store.slotFreeAt(settings.concurrency, now),
    startTimeoutMs: options.startTimeoutMs,
  });
}

/** The refusal that an outcome asks for. 401 and 403 are raised before the queue, so they carry no request id. */
function forcedRefusal(call: QueueCall, outcomes: Outcomes): Response | null {
  if (outcomes.locked || call.settings.accountFault === "locked") {
    return falError(403, "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.");
  }
  if (outcomes["submit-401"]) return falError(401, "invalid key credentials");
  if (outcomes["gateway-429"]) return matonError(call.settings, 429, "Rate limit exceeded");
  if (outcomes["gateway-500"]) return matonError(call.settings, 500, "Internal server error");
  if (outcomes["submit-400"]) return falError(400, "The request could not be read", "bad_request");
  if (outcomes["submit-422"]) {
    return falError(422, [{ loc: ["body", "prompt"], msg: "Field required", type: "missing" }]);
  }
  if (outcomes["submit-429"]) return falError(429, "Too many requests", "concurrent_requests_limit");
  if (outcomes["submit-500"]) return falError(500, "Internal Server Error", "internal_error");
  if (outcomes["submit-503"]) return falError(503, "No runner could be scheduled", "runner_scheduling_failure");
  return null;
}

async function submitAnswer(call: QueueCall, request: UpstreamRequest): Promise<Response> {
  const { outcomes } = request;
  if (outcomes["submit-timeout"]) await sleep(call.settings.hangMs);
  const body = {
    status: "IN_QUEUE",
    gateway_request_id: request.id,
    ...idsAndUrls(request),
    logs: null,
    metrics: {},
    queue_position: call.settings.queueLength,
  };
  const headers = { "content-type": "application/json", "x-fal-request-id": request.id };
  if (outcomes["submit-garbage"])
    return new Response("<html><body>OK</body></html>", { headers: { "content-type": "text/html" } });
  if (outcomes["submit-drop"]) return new Response(brokenHalfway(JSON.stringify(body)), { headers });
  return new Response(JSON.stringify(body), { status: call.settings.submitStatus, headers });
}

/** Sends half of a text, then breaks the connection. */
function brokenHalfway(text: string): ReadableStream {
  const pipe = new IdentityTransformStream();
  const writer = pipe.writable.getWriter();
  const half = new TextEncoder().encode(text.slice(0, text.length / 2));
  const broken = async () => {
    await writer.write(half);
    await sleep(BREAK_AFTER_MS);
    await writer.abort(new Error("connection broken by the outcome submit-drop"));
  };
  broken().catch(() => undefined); // the client disconnected first
  return pipe.readable;
}

/** Ids and URLs as fal returns them: always on queue.fal.run, without the model's sub-path. */
export function idsAndUrls(request: UpstreamRequest): Record<string, string> {
  const url = `${QUEUE_ORIGIN}/${request.app}/requests/${request.id}`;
  return { request_id: request.id, response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` };
}

/** When fal deletes a result: larger ones sooner. */
export function expiryOf(request: UpstreamRequest, settings: Settings): number {
  const big = request.resultBytes >= settings.bigResultBytes;
  return request.timing.endsAt + (big ? settings.bigResultTtlMs : settings.resultTtlMs);
}

/** The source text of a top-level integer `seed`; null without one. */
function seedText(text: string): string | null {
  try {
    const value = parseExact(text);
    const seed = isRecord(value) ? JSON.stringify(value.seed) : undefined;
    return seed !== undefined && /^-?[0-9]+$/.test(seed) ? seed : null;
  } catch {
    return null;
  }
}

function shownHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name !== "authorization" && name !== "cookie"));
}
