// The `submit` effect: the one paid call. Its intent is saved (the `granted` event) between the turn and the call, so a
// try that is cut off after it counts as "may have been taken" and is never made again.

import type { ConnectionSignal, Grant, Granted, Pause } from "../../../contracts/account.ts";
import { loadText } from "../../../files/stored-text.ts";
import type { Config } from "../../../platform/config.ts";
import { makeMark } from "../../../platform/signing.ts";
import { accountFor } from "../../../platform/stubs.ts";
import type { SubmitReply } from "../../../upstream/client/answers.ts";
import { createUpstreamClient } from "../../../upstream/client/client.ts";
import { RETRY_FIRST_MS } from "../../machine/effect-schedule.ts";
import { upstreamPaused } from "../../machine/ends.ts";
import type { RequestEvent } from "../../machine/events.ts";
import { UNCERTAIN_GRACE_MS } from "../../machine/submits.ts";
import type { RequestState, Waiting } from "../../machine/types.ts";
import { waitingAt } from "../../view/waiting.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { signOfTrouble, turnAt } from "./turn.ts";

/** A request that itself found the account locked so often, while others were taken in between, is not held again. */
const LOCKED_TRIES_MAX = 3;

export async function runSubmit(context: EffectContext): Promise<EffectOutcome> {
  const { env, config } = context;
  const { state } = context.record();
  if (state.stage !== "held") return { kind: "obsolete" };
  const input = context.text("input");
  const loaded = input && (await loadText(env.FILES, input));
  if (loaded?.kind !== "loaded")
    return { kind: "failed", reason: "stored input is missing", retryAfterMs: null, ours: true };
  try {
    const account = accountFor(env);
    const callback = await callbackUrl(config, state.id);
    const grant = await turnAt(context, { kind: "submit", effect: "submit" });
    if (!grant.granted) return happened(notNow(state, grant, context.now()));
    const leftS = startTimeoutLeftS(state, context.now());
    if (leftS !== null && leftS <= 0) {
      await account.returnGrant(grant.callGrant);
      return happened({ type: "time_ran_out" });
    }
    const { connection, webhooks, pinnedUsers, durations, probe } = grant;
    if (!context.advance({ type: "granted", connection, webhooks, pinnedUsers, durations })) {
      await account.returnGrant(grant.callGrant);
      return { kind: "obsolete" };
    }
    // The intent is on disk before the call leaves in any case; waited for here, so that the moment of leaving is known.
    await context.saved();
    if (context.now() > grant.notAfter) {
      await account.returnGrant(grant.callGrant);
      return happened({ type: "submit_not_taken", retryAt: context.now(), reason: "turn_missed" });
    }
    const outcome = await createUpstreamClient(config).submit({
      model: state.model,
      inputText: loaded.text,
      options: state.options,
      startTimeoutLeftS: leftS,
      callbackUrl: callback,
      connection,
    });
    const sign = signOf(outcome);
    const limited = outcome.kind === "not_taken" && outcome.reason === "rate_limited";
    // Before anything else: what is heard frees a place for the next call.
    const closed = limited ? await told(account.pauseAfterRateLimit(outcome.retryAfterMs)) : null;
    const telling = account.callFinished(grant.callGrant, sign);
    // Good news may take its time; a closed door is known before anybody else runs against it.
    if (sign === "ok") context.tell(telling);
    const pause = sign === "ok" ? null : await told(telling);
    switch (outcome.kind) {
      case "taken":
        return happened({ type: "submit_taken", upstreamId: outcome.upstreamId, queuePosition: outcome.queuePosition });
      case "refused":
        if (outcome.error.code === "connection_missing") await told(account.discardConnection(connection));
        if ((sign === "locked" || sign === "key_refused") && mayWait(state)) {
          const now = context.now();
          return happened(pausedBy(sign, probe, pause ?? { why: sign, since: now, until: now }, now));
        }
        return happened({ type: "submit_refused", error: outcome.error });
      case "not_taken": {
        const retryAt = closed?.until ?? context.now() + (outcome.retryAfterMs ?? RETRY_FIRST_MS);
        if (pause !== null && limited && state.whenPaused === "refuse") {
          return happened({ type: "submit_refused", error: upstreamPaused() });
        }
        const waiting = limited ? waitingOut(pause, retryAt) : null;
        return happened({ type: "submit_not_taken", retryAt, reason: outcome.reason, waiting });
      }
      case "unknown":
        return happened({ type: "submit_lost", reason: outcome.reason, graceMs: graceMs(config) });
    }
  } finally {
    loaded.permit.release();
  }
}

/** No turn yet: it waits, unless its plan would rather not while upstream is paused. */
function notNow(state: RequestState, grant: Exclude<Grant, Granted>, now: number): RequestEvent {
  if (grant.reason === "refused") return { type: "submit_refused", error: grant.error };
  const { queuePosition: place, retryAt, durations } = grant;
  if (place?.reason === "upstream_paused" && state.whenPaused === "refuse") {
    return { type: "submit_refused", error: upstreamPaused() };
  }
  const waiting = place && waitingAt(place, now);
  return { type: "wait_ordered", until: retryAt, position: place?.position ?? null, waiting, durations };
}

/** What an answer shows of the account. Whatever fal itself says about a request means that calls come through. */
function signOf(outcome: SubmitReply): ConnectionSignal {
  switch (outcome.kind) {
    case "taken":
      return "ok";
    case "not_taken":
    case "unknown":
      return signOfTrouble(outcome.reason);
    case "refused": {
      const { code, upstreamStatus } = outcome.error;
      if (code === "upstream_locked") return "locked";
      return code === "misconfigured" || upstreamStatus === 401 ? "key_refused" : "ok";
    }
  }
}

/** Whether it is held until the account is mended. One that goes on being refused while others are taken is not. */
function mayWait(state: RequestState): boolean {
  return state.whenPaused === "hold" && state.lockedTries < LOCKED_TRIES_MAX;
}

/** The account was closed by this very answer; nothing was taken. */
function pausedBy(sign: "locked" | "key_refused", probe: boolean, pause: Pause, now: number): RequestEvent {
  return {
    type: "submit_not_taken",
    retryAt: now + RETRY_FIRST_MS,
    reason: sign,
    foundLocked: !probe,
    waiting: waitingOut(pause, null),
  };
}

/** What it waits for whose own call met the pause, until the account has told it its place. */
function waitingOut(pause: Pause | null, startsAt: number | null): Waiting {
  if (pause === null) return { reason: "pace", why: null, since: null, startsAt };
  return { reason: "upstream_paused", why: pause.why, since: pause.since, startsAt };
}

/** What the account could not be told it learns from the next call; a clear answer must not turn uncertain over it. */
async function told<T>(telling: Promise<T>): Promise<T | null> {
  return telling.catch(() => null);
}

/** Without webhooks nothing can prove a lost submit: waiting would be for nothing. */
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
