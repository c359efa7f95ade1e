// The `deliver` effect sends the event of an end to one target; `report` sends the delivery's state to the team. Id and body are
// stored before the first attempt and shared by all targets, so that every attempt sends the same bytes.

import { objectText, RawText } from "../../../platform/json.ts";
import { accountFor, askTeam } from "../../../platform/stubs.ts";
import { type AttemptAnswer, notSent, type StoredEvent } from "../../../webhooks/attempt.ts";
import { clientWebhookSecrets } from "../../../webhooks/client-secret.ts";
import { type EventFormat, endEvent, falEvent } from "../../../webhooks/event-body.ts";
import { endEventType } from "../../../webhooks/event-types.ts";
import { guardRules } from "../../../webhooks/guard-rules.ts";
import { deliver } from "../../../webhooks/send.ts";
import { REQUEST_TARGET } from "../../machine/deliveries.ts";
import type { Effect } from "../../machine/effect-types.ts";
import { isByClient, type RequestDelivery, type RequestState, type RequestView } from "../../machine/types.ts";
import { failureOf } from "../../view/replayed-failure.ts";
import type { RequestBody } from "../../view/request-object.ts";
import { outputText, readerOf, serializeRequest } from "../../view/serialize.ts";
import type { EffectContext, EffectOutcome } from "./context.ts";

type ClientsRequest = RequestBody & { caller: Pick<RequestBody, "tags" | "metadata"> };

export async function runDeliver(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const delivery = deliveryOf(context, effect);
  const event = delivery && (await eventOf(context, delivery));
  if (delivery === null || event === null) return { kind: "obsolete" };
  const { state } = context.currentRecord();
  // Read at every attempt, so that a changed URL, a rotated secret or a disabled endpoint takes effect at once.
  const target = await askTeam(context.env, state.team, (team) => team.deliveries.target({ deliveryId: delivery.id }));
  const attempted = (answer: AttemptAnswer): EffectOutcome => {
    const { id, group, replay } = delivery;
    const attempt = { ...answer, delivery: id, group, replay: replay !== null, cutOff: effect.attempts - 1 };
    return { kind: "attempted", attempt };
  };
  if (target.kind === "gone") return attempted(notSent(target.reason, context.now()));
  if (target.notBefore !== null && target.notBefore > context.now()) {
    return { kind: "deferred", until: target.notBefore };
  }
  const url = target.url ?? state.webhookUrl;
  if (url === null) return { kind: "obsolete" };
  const isClients = delivery.target === REQUEST_TARGET && isByClient(state);
  const answer = await deliver({
    url,
    eventId: event.id,
    body: event.body,
    secrets: isClients
      ? await clientWebhookSecrets(context.config.SIGNING_KEY, state.team, state.user ?? state.keyId)
      : target.secrets,
    headers: target.headers,
    now: context.now,
    guard: guardRules(context.config, state.origin),
  });
  return attempted(answer);
}

/** Reports a delivery's latest state to the team; retried until received. */
export async function runReport(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const delivery = deliveryOf(context, effect);
  if (delivery === null || delivery.status === "pending") return { kind: "obsolete" };
  const { state } = context.currentRecord();
  const last = context.lastAttempt(delivery.id);
  const report = {
    deliveryId: delivery.id,
    requestId: state.id,
    outcome: delivery.status,
    attempts: delivery.attempts,
    status: last?.status ?? null,
    category: last?.category ?? "overtaken",
    at: last?.at ?? context.now(),
    failedReplay: last?.replay === true && last.kind !== "taken",
  };
  await askTeam(context.env, state.team, (team) => team.deliveries.report(report));
  // A failed replay of what was given up before is not another one.
  if (delivery.status === "parked" && last?.replay === false)
    context.inBackground(accountFor(context.env).deliveryGivenUp(delivery.id));
  return { kind: "obsolete" };
}

function deliveryOf(context: EffectContext, { target }: Effect): RequestDelivery | null {
  return context.currentRecord().state.deliveries.find(({ id }) => id === target) ?? null;
}

/** Team endpoints get the standard format; the request's own URL gets fal's if it was given as `fal_webhook`. */
export function formatFor(state: Pick<RequestState, "webhookFormat">, { target }: RequestDelivery): EventFormat {
  return target === REQUEST_TARGET ? state.webhookFormat : "standard";
}

/** The event of this delivery's end: the stored one, or a new one, stored first. Null when the end was reopened. */
async function eventOf(context: EffectContext, delivery: RequestDelivery): Promise<StoredEvent | null> {
  const { eventId: id, endedAt } = delivery;
  const format = formatFor(context.currentRecord().state, delivery);
  const kept = context.event(id, format);
  if (kept !== null) return kept;
  const made = await eventNow(context, endedAt, format);
  if (made === null || context.currentRecord().state.endedAt !== endedAt) return null;
  context.keepEvent({ ...made, id, format });
  // Another target's attempt may have stored it first: that one counts.
  return context.event(id, format);
}

/** The event as of now. An output in R2 exceeds the event's size limit, so it is not read. */
async function eventNow(
  context: EffectContext,
  endedAt: number,
  format: EventFormat,
): Promise<Pick<StoredEvent, "type" | "body"> | null> {
  const { config } = context;
  const view = context.currentView();
  const { stage, recoveredAt } = view.state;
  if ((stage !== "completed" && stage !== "failed" && stage !== "canceled") || view.state.endedAt !== endedAt)
    return null;
  const outcome = { outcome: stage, recovered: recoveredAt !== null };
  const outputOmitted = view.output?.at === "r2" || view.payload !== null;
  const type = endEventType(stage, outcome.recovered);
  if (format === "fal") return { type, body: await falEventNow(context, view, outputOmitted) };
  const output = view.output?.at === "row" ? { text: view.output.text, inPlace: new Map() } : null;
  const reader = readerOf(config, view, { logs: false, now: context.now() });
  const requestText = objectText(eventData(view.state, await serializeRequest(view, output, reader)));
  return { type, body: endEvent({ ...outcome, endedAt, requestText, outputOmitted }) };
}

/** The request as events carry it: what a client chose stands apart, so that receivers do not take it for the team's word. */
function eventData(state: RequestState, request: RequestBody): RequestBody | ClientsRequest {
  const { chosenTags } = state;
  if (chosenTags === undefined) return request;
  const tags = Object.fromEntries(Object.entries(request.tags).filter(([name]) => !Object.hasOwn(chosenTags, name)));
  return { ...request, tags, metadata: null, caller: { tags: chosenTags, metadata: request.metadata } };
}

async function falEventNow({ env, config }: EffectContext, view: RequestView, outputOmitted: boolean): Promise<string> {
  const { id } = view.state;
  const failure = failureOf(view.state);
  if (failure === null) {
    return falEvent(id, { kind: "ok", output: outputOmitted ? null : await outputText(env.FILES, config, view) });
  }
  const { status, detail } = failure;
  return falEvent(id, {
    kind: "error",
    status,
    detail: detail instanceof RawText ? detail.text : JSON.stringify(detail),
  });
}
