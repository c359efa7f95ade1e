// The `submit` effect: the one paid call. Its intent is saved (the `granted` event) before the call, so an attempt that is
// interrupted afterwards may have been accepted and is never repeated.

import type { ConnectionSignal, Grant, Granted, Pause } from "../../../contracts/account.ts";
import { loadText } from "../../../files/stored-text.ts";
import type { Config } from "../../../platform/config.ts";
import { makeMark } from "../../../platform/signing.ts";
import { accountFor } from "../../../platform/stubs.ts";
import type { SubmitReply } from "../../../upstream/client/answers.ts";
import { createUpstreamClient } from "../../../upstream/client/client.ts";
import { RETRY_FIRST_MS } from "../../machine/effect-schedule.ts";
import { queueFull, upstreamPaused } from "../../machine/ends.ts";
import type { RequestEvent } from "../../machine/events.ts";
import { UNCERTAIN_GRACE_MS } from "../../machine/submits.ts";
import type { RequestState, Waiting } from "../../machine/types.ts";
import { waitingAt } from "../../view/queue-position.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { missTurn, requestEffectGrant, returnGrant, signalOfFault, startCall } from "./grant.ts";

/** A request that found the account locked this often, while others were accepted, is not held again. */
const LOCKED_TRIES_MAX = 3;

export async function runSubmit(context: EffectContext): Promise<EffectOutcome> {
  const { env, config } = context;
  const { state } = context.currentRecord();
  if (state.stage !== "held") return { kind: "obsolete" };
  const input = context.storedText("input");
  const loaded = input && (await loadText(env.FILES, input));
  if (loaded?.kind !== "loaded")
    return { kind: "failed", reason: "stored input is missing", retryAfterMs: null, ours: true };
  try {
    const account = accountFor(env);
    const callback = await callbackUrl(config, state.id);
    const grant = await requestEffectGrant(context, { kind: "submit", effect: "submit" });
    if (!grant.granted) return happened(deferredSubmit(state, grant, context.now()));
    const leftS = startTimeoutLeftS(state, context.now());
    if (leftS !== null && leftS <= 0) {
      returnGrant(context, grant);
      return happened({ type: "timed_out" });
    }
    const { connection, webhooks, pinnedUsers, durations, probe } = grant;
    if (!context.applyEvent({ type: "granted", connection, webhooks, pinnedUsers, durations })) {
      returnGrant(context, grant);
      return { kind: "obsolete" };
    }
    if (!(await mayLeave(context, grant))) {
      const retryAt = context.now() + context.missedTurns.backoffMs;
      return happened({ type: "submit_not_accepted", retryAt, reason: "turn_missed" });
    }
    const outcome = await createUpstreamClient(config).submit({
      model: state.model,
      inputText: loaded.text,
      options: state.options,
      startTimeoutLeftS: leftS,
      callbackUrl: callback,
      connection,
    });
    const signal = signalOf(outcome);
    const limited = outcome.kind === "not_taken" && outcome.reason === "rate_limited";
    // First of all: the finished call makes room for the next one.
    const closed = limited ? await valueOrNull(account.pauseAfterRateLimit(outcome.retryAfterMs)) : null;
    const finishing = account.callFinished(grant.callGrant, signal);
    // A success is reported in the background; a failure is awaited, so that no further call meets the closed connection.
    if (signal === "ok") context.inBackground(finishing);
    const pause = signal === "ok" ? null : await valueOrNull(finishing);
    switch (outcome.kind) {
      case "taken":
        return happened({
          type: "submit_accepted",
          upstreamId: outcome.upstreamId,
          queuePosition: outcome.queuePosition,
        });
      case "refused":
        if (outcome.error.code === "connection_missing") await valueOrNull(account.discardConnection(connection));
        if ((signal === "locked" || signal === "key_refused") && mayBeHeld(state)) {
          const now = context.now();
          return happened(heldByPause(signal, probe, pause ?? { why: signal, since: now, until: now }, now));
        }
        return happened({ type: "submit_refused", error: outcome.error });
      case "not_taken": {
        const retryAt = closed?.until ?? context.now() + (outcome.retryAfterMs ?? RETRY_FIRST_MS);
        if (pause !== null && limited && state.whenPaused === "refuse") {
          return happened({ type: "submit_refused", error: upstreamPaused() });
        }
        const waiting = limited ? waitingForPause(pause, retryAt) : null;
        return happened({ type: "submit_not_accepted", retryAt, reason: outcome.reason, waiting });
      }
      case "unknown":
        return happened({ type: "submit_lost", reason: outcome.reason, graceMs: graceMs(config) });
    }
  } finally {
    loaded.permit.release();
  }
}

/**
 * Whether the intent is saved and the moment of the call has come. Where not, nothing has left. The output gate saves the intent
 * before the call anyway; it is awaited here, so that the time of the call is known.
 */
async function mayLeave(context: EffectContext, grant: Granted): Promise<boolean> {
  try {
    await context.storageSynced();
  } catch {
    missTurn(context, grant);
    return false;
  }
  return startCall(context, grant);
}

/** No grant yet: the request waits, unless its plan refuses to wait while upstream is paused. */
function deferredSubmit(state: RequestState, grant: Exclude<Grant, Granted>, now: number): RequestEvent {
  if (grant.reason === "refused") return { type: "submit_refused", error: grant.error };
  if (grant.reason === "queue_full") {
    return { type: "submit_refused", error: queueFull(grant.of), turnedAway: true };
  }
  const { queuePosition: place, retryAt, durations } = grant;
  if (place?.reason === "upstream_paused" && state.whenPaused === "refuse") {
    return { type: "submit_refused", error: upstreamPaused() };
  }
  const waiting = place && waitingAt(place, now);
  return { type: "wait_ordered", until: retryAt, position: place?.position ?? null, waiting, durations };
}

/** What an answer says about the connection. Any answer from fal itself means that the connection works. */
function signalOf(outcome: SubmitReply): ConnectionSignal {
  switch (outcome.kind) {
    case "taken":
      return "ok";
    case "not_taken":
    case "unknown":
      return signalOfFault(outcome.reason);
    case "refused": {
      const { code, upstreamStatus } = outcome.error;
      if (code === "upstream_locked") return "locked";
      return code === "misconfigured" || upstreamStatus === 401 ? "key_refused" : "ok";
    }
  }
}

/** Whether the request is held until the account works again. */
function mayBeHeld(state: RequestState): boolean {
  return state.whenPaused === "hold" && state.lockedTries < LOCKED_TRIES_MAX;
}

/** This answer paused the account; the submit was not accepted. */
function heldByPause(sign: "locked" | "key_refused", probe: boolean, pause: Pause, now: number): RequestEvent {
  return {
    type: "submit_not_accepted",
    retryAt: now + RETRY_FIRST_MS,
    reason: sign,
    foundLocked: !probe,
    waiting: waitingForPause(pause, null),
  };
}

/** Why the request waits, until the account returns its queue position. */
function waitingForPause(pause: Pause | null, startsAt: number | null): Waiting {
  if (pause === null) return { reason: "pace", why: null, since: null, startsAt };
  return { reason: "upstream_paused", why: pause.why, since: pause.since, startsAt };
}

/** Ignores a failed report to the account: a clear answer must not become uncertain because of it. */
async function valueOrNull<T>(telling: Promise<T>): Promise<T | null> {
  return telling.catch(() => null);
}

/** Without webhooks nothing can confirm a lost submit, so there is no grace period. */
export function graceMs(config: Config): number {
  return config.PUBLIC_URL === undefined ? 0 : UNCERTAIN_GRACE_MS;
}

async function callbackUrl(config: Config, requestId: string): Promise<string | null> {
  if (config.PUBLIC_URL === undefined) return null;
  const token = await makeMark(config.SIGNING_KEY, "callback", [requestId]);
  return `${config.PUBLIC_URL}/hooks/fal/${requestId}/${token}`;
}

function startTimeoutLeftS(state: RequestState, now: number): number | null {
  if (state.startTimeoutS === null) return null;
  return state.startTimeoutS - (now - state.createdAt) / 1000;
}
