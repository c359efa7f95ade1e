// Grants of an effect's upstream call: requested or received from the account, awaited when near, returned when missed. Also the
// reports to the account: a call's result and a released slot.

import type { Grant, Granted, QueuedKind } from "../../../contracts/account.ts";
import type { Env } from "../../../platform/bindings.ts";
import { accountFor } from "../../../platform/stubs.ts";
import type { RetryLater, UpstreamFault } from "../../../upstream/client/answers.ts";
import { endAtFal } from "../../machine/ends.ts";
import type { RequestState } from "../../machine/types.ts";
import type { EffectContext, EffectOutcome } from "./context.ts";

/** Grants that one attempt requests before it is deferred. */
const GRANT_TRIES = 3;
/** Share of the measured duration that counts when the first poll found the end, which may be older. */
const FIRST_POLL_SHARE = 0.9;

/** The call: its kind and the effect that makes it. */
interface EffectCall {
  kind: QueuedKind;
  effect: string;
  /** Others wait for its answer: it counts as having waited too long already. */
  isOverdue?: boolean;
}

/**
 * A grant whose moment is near, or the account's answer that there is none yet. A grant that arrives too late (a distant region,
 * clock skew) is returned, and the next is requested with more notice. A tracker that was late before gets it that much ahead of
 * its moment: `startCall` waits for the rest.
 */
export async function requestEffectGrant(
  context: EffectContext,
  { kind, effect, isOverdue }: EffectCall,
): Promise<Grant> {
  const account = accountFor(context.env);
  const { state } = context.currentRecord();
  const { missedTurns } = context;
  const request = {
    kind,
    requestId: state.id,
    effect,
    user: `${state.team}/${state.user ?? state.keyId}`,
    model: state.model,
    since: isOverdue ? 0 : kind === "submit" ? state.createdAt : context.now(),
    connection: kind === "submit" ? (state.options.connection ?? null) : state.connection,
    // The first revision: its caller has not been told anything yet.
    isNew: kind === "submit" && state.revision === 1,
  };
  for (let tries = 0; tries < GRANT_TRIES; tries++) {
    const grant: Grant = context.useGrant() ?? (await account.requestGrant(request, missedTurns.leadMs));
    if (!grant.granted) return grant;
    await until(context, grant.notBefore - missedTurns.leadMs);
    if (context.now() <= grant.notAfter) return grant;
    missTurn(context, grant);
  }
  const retryAt = context.now() + missedTurns.backoffMs;
  return { granted: false, reason: "wait", retryAt, queuePosition: null, durations: null };
}

/** Waits for the moment of the call; false: it was missed, and the grant is returned. */
export async function startCall(context: EffectContext, grant: Granted): Promise<boolean> {
  await until(context, grant.notBefore);
  if (context.now() > grant.notAfter) {
    missTurn(context, grant);
    return false;
  }
  context.missedTurns.used();
  return true;
}

/** In the background: a place that is never returned is free after a window, and a slot is asked about. */
export function returnGrant(context: EffectContext, { callGrant }: Granted): void {
  context.inBackground(accountFor(context.env).returnGrant(callGrant));
}

/** The grant's moment is over, or its call cannot be made: the next one is asked for with more notice, and later. */
export function missTurn(context: EffectContext, grant: Granted): void {
  returnGrant(context, grant);
  context.missedTurns.missed(context.now() - grant.notBefore);
}

async function until(context: EffectContext, moment: number): Promise<void> {
  const wait = moment - context.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
}

/** A grant for a call about a request at fal, or the outcome when there is none yet. */
export async function grantOrDefer(
  context: EffectContext,
  turn: EffectCall & { kind: Exclude<QueuedKind, "submit"> },
): Promise<Granted | { granted: false; outcome: EffectOutcome }> {
  const grant = await requestEffectGrant(context, turn);
  if (grant.granted) {
    if (await startCall(context, grant)) return grant;
    return { granted: false, outcome: { kind: "deferred", until: context.now() + context.missedTurns.backoffMs } };
  }
  if (grant.reason === "wait") return { granted: false, outcome: { kind: "deferred", until: grant.retryAt } };
  const reason = grant.reason === "queue_full" ? "overloaded" : grant.error.code;
  return { granted: false, outcome: { kind: "failed", reason, retryAfterMs: null, ours: true } };
}

/** Reports a call that got an answer. It occupies the rate window until reported. */
export function reportCallSucceeded(context: EffectContext, { callGrant }: Granted): void {
  context.inBackground(accountFor(context.env).callFinished(callGrant, "ok"));
}

/** Reports a call without a usable answer to the account; the effect is retried. */
export async function reportCallFailed(
  context: EffectContext,
  { callGrant, connection }: Granted,
  { reason, retryAfterMs }: RetryLater,
): Promise<EffectOutcome> {
  const account = accountFor(context.env);
  if (reason === "rate_limited") await account.pauseAfterRateLimit(retryAfterMs);
  else if (reason === "connection_missing") await account.discardConnection(connection);
  await account.callFinished(callGrant, signalOfFault(reason));
  return { kind: "failed", reason, retryAfterMs, calls: 1 };
}

/** Whether a fault concerns the connection rather than this request. fal's own 5xx concern the request. */
export function signalOfFault(reason: UpstreamFault): "ok" | "failed" | "rate_limited" {
  if (reason === "rate_limited") return reason;
  const isFault =
    reason === "timeout" || reason === "network" || reason === "gateway_failed" || reason === "key_refused";
  return isFault ? "failed" : "ok";
}

/** Releases the request's slot. An end that the first poll found may be older, so its duration counts less. */
export async function releaseAccountSlot(
  env: Env,
  state: RequestState,
  webhookDelayMs: number | null = null,
): Promise<void> {
  const { id, model, submittedAt, outputAt, endedBy, polls } = state;
  const ran = submittedAt !== null && outputAt !== null && (endedBy === "webhook" || endedBy === "poll");
  const part = endedBy === "poll" && polls <= 1 ? FIRST_POLL_SHARE : 1;
  const end = endAtFal(state);
  await accountFor(env).releaseSlot({
    requestId: id,
    model,
    ms: ran ? (outputAt - submittedAt) * part : null,
    webhookDelayMs,
    ...(end === null ? {} : { end }),
  });
}
