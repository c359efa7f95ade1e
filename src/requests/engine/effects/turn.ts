// A call's turn at the Maton account: the one that woke the try, or asked for; waited for in place when it is near, handed back
// when it was missed. And what the account hears of calls: what they showed of its connection, that a request has left fal.

import type { Grant, Granted, QueuedKind } from "../../../contracts/account.ts";
import type { Env } from "../../../platform/bindings.ts";
import { accountFor } from "../../../platform/stubs.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import type { RetryLater, UpstreamFault } from "../../../upstream/client/answers.ts";
import type { RequestState } from "../../machine/types.ts";
import type { EffectContext, EffectOutcome } from "./context.ts";

/** Turns that one try asks for before it comes back later, and how far ahead a late caller may have its next one. */
const GRANT_TRIES = 3;
const GRANT_LEAD_MAX_MS = 500;
/** What is learned of an end that the first look found already: it may have been there for a while. */
const FIRST_LOOK_PART = 0.9;

/** What a turn is for: the kind of call, and the row that makes it. */
interface TurnFor {
  kind: QueuedKind;
  effect: string;
}

/**
 * A turn whose moment is now, or the account's word that there is none yet. Who hears of its turn too late (a far region,
 * clocks that differ) hands it back and asks for one that lies twice as far ahead as it was late.
 */
export async function turnAt(context: EffectContext, { kind, effect }: TurnFor): Promise<Grant> {
  const account = accountFor(context.env);
  const { state } = context.record();
  const wish = {
    kind,
    requestId: state.id,
    effect,
    user: `${state.team}/${state.user ?? state.keyId}`,
    model: state.model,
    since: kind === "submit" ? state.createdAt : context.now(),
    connection: kind === "submit" ? (state.options.connection ?? null) : state.connection,
  };
  let leadMs = 0;
  for (let tries = 0; tries < GRANT_TRIES; tries++) {
    const grant: Grant = context.takeGrant() ?? (await account.requestGrant(wish, leadMs));
    if (!grant.granted) return grant;
    const wait = grant.notBefore - context.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (context.now() <= grant.notAfter) return grant;
    await account.returnGrant(grant.callGrant);
    leadMs = Math.max(1, Math.min(GRANT_LEAD_MAX_MS, 2 * (context.now() - grant.notBefore)));
  }
  return { granted: false, reason: "wait", retryAt: context.now() + SECOND_MS, queuePosition: null, durations: null };
}

/** Takes a turn for a call about a request that fal has; an outcome when there is none yet. */
export async function takeTurn(
  context: EffectContext,
  turn: TurnFor & { kind: Exclude<QueuedKind, "submit"> },
): Promise<Granted | { granted: false; outcome: EffectOutcome }> {
  const grant = await turnAt(context, turn);
  if (grant.granted) return grant;
  if (grant.reason === "wait") return { granted: false, outcome: { kind: "turned_away", until: grant.retryAt } };
  const reason = grant.error.code;
  return { granted: false, outcome: { kind: "failed", reason, retryAfterMs: null, ours: true } };
}

/** A call that told something of its request, and that calls come through. Its place in the pace is held until this is told. */
export function cameThrough(context: EffectContext, { callGrant }: Granted): void {
  context.tell(accountFor(context.env).callFinished(callGrant, "ok"));
}

/** A call that told nothing: what it says about the account is told to the account, the row comes back later. */
export async function troubled(
  context: EffectContext,
  { callGrant, connection }: Granted,
  { reason, retryAfterMs }: RetryLater,
): Promise<EffectOutcome> {
  const account = accountFor(context.env);
  if (reason === "rate_limited") await account.pauseAfterRateLimit(retryAfterMs);
  else if (reason === "connection_missing") await account.discardConnection(connection);
  await account.callFinished(callGrant, signOfTrouble(reason));
  return { kind: "failed", reason, retryAfterMs, calls: 1 };
}

/** Whether a trouble may be the way there rather than this one request. fal's own 5xx about a request are its own. */
export function signOfTrouble(reason: UpstreamFault): "ok" | "failed" | "rate_limited" {
  if (reason === "rate_limited") return reason;
  const isFault =
    reason === "timeout" || reason === "network" || reason === "gateway_failed" || reason === "key_refused";
  return isFault ? "failed" : "ok";
}

/** Tells the account that the request is no longer at fal. A look that was the first may have come long after the end. */
export async function releaseAccountSlot(
  env: Env,
  state: RequestState,
  webhookDelayMs: number | null = null,
): Promise<void> {
  const { id, model, submittedAt, outputAt, endedBy, polls } = state;
  const ran = submittedAt !== null && outputAt !== null && (endedBy === "webhook" || endedBy === "poll");
  const part = endedBy === "poll" && polls <= 1 ? FIRST_LOOK_PART : 1;
  await accountFor(env).releaseSlot({
    requestId: id,
    model,
    ms: ran ? (outputAt - submittedAt) * part : null,
    webhookDelayMs,
  });
}
