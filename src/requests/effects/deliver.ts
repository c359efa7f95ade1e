// The `deliver` effect: the end of a request told to whoever asked to hear of it. Id and body are kept before the first try,
// so that every try sends the same bytes; they belong to one end, because a recovered request ends a second time.
// So far the only target is "request", the caller's own webhook_url; endpoints of the team get theirs beside it.

import { askTeam } from "../../access/team.ts";
import { newId } from "../../ids.ts";
import { deliver } from "../../relay/deliver.ts";
import { endEvent } from "../../relay/event.ts";
import { guardRules } from "../../relay/rules.ts";
import { baseUrlOf, spellRequest } from "../spell.ts";
import type { Effect, RequestState } from "../types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** The target that stands for the request's own `webhook_url`. */
const REQUEST_TARGET = "request";

/** What is kept as text "event": JSON of this. `endedAt` says which end it tells of. */
interface KeptEvent {
  id: string;
  endedAt: number;
  body: string;
}

export async function runDeliver(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.record();
  if (effect.target !== REQUEST_TARGET || state.webhookUrl === null) return { kind: "obsolete" };
  const event = await eventOf(context, state);
  if (event === null) return movedOn(context);
  const secrets = await askTeam(context.env, state.team, (team) => team.webhookSecrets());
  const answer = await deliver({
    url: state.webhookUrl,
    eventId: event.id,
    body: event.body,
    secrets,
    now: () => context.now(),
    guard: guardRules(context.config, state.origin),
  });
  if (context.record().state.endedAt !== event.endedAt) return movedOn(context);
  switch (answer.kind) {
    case "taken":
      return happened({ type: "delivered", target: REQUEST_TARGET, attempts: effect.failures + 1 });
    case "later":
      return { kind: "failed", reason: answer.reason, retryAfterMs: answer.retryAfterMs };
    case "gone":
      return { kind: "failed", reason: answer.reason, retryAfterMs: null, final: true };
  }
}

/** The end in question is no longer the end. A later one, if there is one already, is told next by the same row. */
function movedOn(context: EffectContext): EffectOutcome {
  return context.record().state.endedAt === null ? { kind: "obsolete" } : { kind: "turned_away", until: context.now() };
}

/** The event of this end: the kept one, or a new one that is kept before anybody sees it. Null when the end has passed. */
async function eventOf(context: EffectContext, state: RequestState): Promise<KeptEvent | null> {
  const { endedAt } = state;
  if (endedAt === null) return null;
  const kept = keptEvent(context, endedAt);
  if (kept !== null) return kept;
  const body = await bodyOf(context, endedAt);
  if (body === null || context.record().state.endedAt !== endedAt) return null;
  // A try that was believed lost may have been faster meanwhile: what it sent is what counts.
  const first = keptEvent(context, endedAt);
  if (first !== null) return first;
  const event: KeptEvent = { id: newId("evt"), endedAt, body };
  context.keepText("event", { at: "row", text: JSON.stringify(event) });
  return event;
}

function keptEvent(context: EffectContext, endedAt: number): KeptEvent | null {
  const stored = context.text("event");
  if (stored?.at !== "row") return null;
  const event = JSON.parse(stored.text) as KeptEvent;
  return event.endedAt === endedAt ? event : null;
}

/** The body as of now. An output that lies in R2 is far above what an event may hold, so it is not even read. */
async function bodyOf(context: EffectContext, endedAt: number): Promise<string | null> {
  const { config } = context;
  const view = context.view();
  const { stage, origin, recoveredAt } = view.state;
  if (stage !== "completed" && stage !== "failed" && stage !== "canceled") return null;
  const requestText = await spellRequest({
    view,
    output: view.output?.at === "row" ? view.output.text : null,
    logs: false,
    baseUrl: baseUrlOf(config, origin),
    signingKeys: config.SIGNING_KEY,
  });
  const outputLeftOut = view.output?.at === "r2" || view.payload !== null;
  return endEvent({ outcome: stage, recovered: recoveredAt !== null, endedAt, requestText, outputLeftOut });
}
