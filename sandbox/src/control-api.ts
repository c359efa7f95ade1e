// The control API below /_sandbox, for tests and for looking inside: settings, clock, received calls and requests, pending
// webhooks. It needs no key, because nothing real is behind it.

import * as z from "zod";
import type { Call } from "./call.ts";
import { parseExact } from "./json.ts";
import { stateAt } from "./lifecycle.ts";
import { changedSettings, type WireSettings } from "./settings.ts";
import type { Clock, Delivery, LoggedCall, UpstreamRequest } from "./store.ts";
import { deliveryHeaders, webhookBody } from "./webhooks.ts";

/** The state that FakeUpstream owns and the control API reads or changes. */
export interface Controls {
  wireSettings: () => WireSettings;
  setSettings: (settings: WireSettings) => void;
  readClock: () => Clock;
  setClock: (clock: Clock) => void;
  reset: () => Promise<void>;
}

const clockSchema = z.union([
  z.null(),
  z.strictObject({ now: z.int().min(0).nullable() }),
  z.strictObject({ advance_ms: z.int().min(0) }),
]);

const webhookSchema = z.strictObject({
  request_id: z.string(),
  variant: z.enum(["ok", "error", "null", "forged", "stale", "other_user"]).default("ok"),
  user_id: z.string().min(1).optional(),
  timestamp_offset_s: z.int().default(0),
  forged: z.boolean().default(false),
  body: z.string().optional(),
});

const connectionSchema = z.strictObject({
  status: z.enum(["PENDING", "ACTIVE", "FAILED"]),
  user_id: z.string().min(1).nullable().optional(),
});

/** Answers below `/_sandbox`. */
export async function controlApi(call: Call, controls: Controls): Promise<Response> {
  const [, , resource = "", id] = call.url.pathname.split("/");
  switch (`${call.request.method} ${resource}`) {
    case "GET settings":
      return Response.json(controls.wireSettings());
    case "PATCH settings":
      return await patchSettings(call, controls);
    case "GET clock":
      return clockAnswer(call, controls);
    case "POST clock":
      return await setClock(call, controls);
    case "GET requests":
      return listRequests(call, id);
    case "GET calls":
      return listCalls(call);
    case "GET outbox":
      return await listOutbox(call);
    case "DELETE outbox":
      return dropDelivery(call, id ?? "");
    case "POST webhooks":
      return await signedWebhook(call);
    case "POST connections":
      return setConnection(call, id ?? "");
    case "POST reset":
      await controls.reset();
      return Response.json({ ok: true });
    default:
      return problem(404, "", "no such control path; see sandbox/README.md");
  }
}

function problem(status: number, field: string, message: string): Response {
  return Response.json({ error: { field, message } }, { status });
}

type Parsed<T> = { ok: true; value: T } | { ok: false; answer: Response };

/** The parsed body of a call; undefined, which every schema rejects, when it is not JSON. */
function bodyOf(call: Call): unknown {
  try {
    return JSON.parse(call.body);
  } catch {
    return undefined;
  }
}

function readBody<T extends z.ZodType>(call: Call, schema: T): Parsed<z.infer<T>> {
  const parsed = schema.safeParse(bodyOf(call));
  if (parsed.success) return { ok: true, value: parsed.data };
  const issue = parsed.error.issues[0];
  const field = issue?.code === "unrecognized_keys" ? issue.keys[0] : issue?.path.join(".");
  return { ok: false, answer: problem(400, field ?? "", issue?.message ?? "is not valid") };
}

async function patchSettings(call: Call, controls: Controls): Promise<Response> {
  const answer = changedSettings(controls.wireSettings(), bodyOf(call));
  if (!answer.ok) return problem(400, answer.field, answer.message);
  controls.setSettings(answer.settings);
  await call.pump();
  return Response.json(answer.settings);
}

function clockAnswer(call: Call, controls: Controls): Response {
  return Response.json({ now: call.clock(), frozen: controls.readClock().frozenAt !== null });
}

/** `{now}` freezes the clock at that time, `{advance_ms}` moves it forward (frozen or running), `null` returns to real time. */
async function setClock(call: Call, controls: Controls): Promise<Response> {
  const read = readBody(call, clockSchema);
  if (!read.ok) return read.answer;
  const change = read.value;
  const clock = controls.readClock();
  if (change !== null && "advance_ms" in change) {
    const { advance_ms: step } = change;
    const { frozenAt, offsetMs } = clock;
    controls.setClock(
      frozenAt === null ? { frozenAt, offsetMs: offsetMs + step } : { frozenAt: frozenAt + step, offsetMs },
    );
  } else {
    controls.setClock({ frozenAt: change?.now ?? null, offsetMs: 0 });
  }
  await call.pump();
  return clockAnswer(call, controls);
}

function listRequests(call: Call, id: string | undefined): Response {
  if (id === undefined) {
    return Response.json({ requests: call.store.requests().map((request) => wireRequest(call, request)) });
  }
  const request = call.store.request(id);
  return request ? Response.json(wireRequest(call, request)) : problem(404, "request_id", "no such request");
}

function wireRequest(call: Call, request: UpstreamRequest): object {
  const { timing } = request;
  return {
    request_id: request.id,
    gateway_request_id: request.gatewayId,
    model: request.model,
    app: request.app,
    connection_id: request.connectionId,
    status: stateAt(timing, call.now, call.settings.queueLength).status,
    end: timing.end,
    submitted_at: timing.submittedAt,
    starts_at: timing.startsAt,
    ends_at: timing.endsAt,
    outcomes: request.outcomes,
    webhook_url: request.webhookUrl,
    headers: request.headers,
    input: exactOrText(request.inputText),
    input_bytes: request.inputBytes,
    result_bytes: request.resultBytes,
    calls: call.store.callCounts(request.id),
    files: call.store.filesOf(request.id),
    deliveries: call.store.deliveriesOf(request.id).map(wireDelivery),
  };
}

/** The input with its numbers as written; text that is not JSON is returned as a string. */
function exactOrText(text: string | null): unknown {
  if (text === null) return null;
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

function wireDelivery(delivery: Delivery): object {
  return {
    id: delivery.id,
    variant: delivery.variant,
    due_at: delivery.dueAt,
    attempts: delivery.attempts,
    done_at: delivery.doneAt,
    last_outcome: delivery.lastOutcome,
  };
}

/** Kinds of call that bypass the gateway and do not count against its rate limit. */
const OUTSIDE_GATEWAY = ["file", "jwks", "connect", "turnstile", "other"];

function listCalls(call: Call): Response {
  const all = call.store.calls();
  const gateway = all.filter(({ kind }) => !OUTSIDE_GATEWAY.includes(kind));
  const counts: Record<string, number> = {};
  for (const { kind } of all) counts[kind] = (counts[kind] ?? 0) + 1;
  return Response.json({
    total: gateway.length,
    counts,
    rate_limited: gateway.filter(({ status }) => status === 429).length,
    max_per_second: busiestSecond(gateway),
    calls: all.map(({ requestId, ...rest }) => ({ ...rest, request_id: requestId })),
  });
}

/** The highest number of calls within any one-second window. */
function busiestSecond(calls: LoggedCall[]): number {
  const times = calls.map(({ at }) => at).sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - 1_000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

async function listOutbox(call: Call): Promise<Response> {
  const dueBy = call.url.searchParams.has("all") ? Number.MAX_SAFE_INTEGER : call.now;
  const open = call.store.openDeliveries(dueBy);
  const deliveries = await Promise.all(
    open.map(async (delivery) => {
      const request = call.store.request(delivery.requestId);
      if (!request) return [];
      const body = await webhookBody(request, delivery.variant);
      const signing = { requestId: request.id, body, userId: userIdOf(call, request), now: call.now };
      const headers = await deliveryHeaders(call.settings, { ...signing, variant: delivery.variant });
      const { id, dueAt, requestId } = delivery;
      return [{ id, due_at: dueAt, request_id: requestId, url: request.webhookUrl, headers, body }];
    }),
  );
  return Response.json({ deliveries: deliveries.flat() });
}

function dropDelivery(call: Call, id: string): Response {
  return call.store.dropDelivery(id, call.now) ? Response.json({ ok: true }) : problem(404, "id", "no such delivery");
}

async function signedWebhook(call: Call): Promise<Response> {
  const read = readBody(call, webhookSchema);
  if (!read.ok) return read.answer;
  const options = read.value;
  const request = call.store.request(options.request_id);
  if (!request) return problem(404, "request_id", "no such request");
  const body = options.body ?? (await webhookBody(request, options.variant));
  const headers = await deliveryHeaders(call.settings, {
    requestId: request.id,
    body,
    userId: options.user_id ?? userIdOf(call, request),
    variant: options.forged ? "forged" : options.variant,
    now: call.now + options.timestamp_offset_s * 1_000,
  });
  return Response.json({ request_id: request.id, url: request.webhookUrl, headers, body });
}

/** The fal user in whose name a request's webhooks are signed. */
export function userIdOf(call: Pick<Call, "store" | "settings">, request: UpstreamRequest): string {
  return call.store.connection(request.connectionId)?.userId ?? call.settings.userId;
}

function setConnection(call: Call, id: string): Response {
  const connection = call.store.connection(id);
  if (!connection) return problem(404, "id", "no such connection");
  const read = readBody(call, connectionSchema);
  if (!read.ok) return read.answer;
  const { status, user_id: userId = connection.userId } = read.value;
  call.store.saveConnection({ ...connection, status, userId, updatedAt: call.now });
  return Response.json({ ok: true });
}
