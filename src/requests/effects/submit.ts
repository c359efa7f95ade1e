// The `submit` effect: the one paid call. Its intent is saved (the `granted` event) between the turn and the call, so a
// try that is cut off after it counts as "may have been taken" and is never made again.

import type { Config } from "../../env.ts";
import { RETRY_FIRST_MS, UNCERTAIN_GRACE_MS } from "../../limits.ts";
import { makeMark } from "../../signing.ts";
import { accountFor } from "../../upstream/account.ts";
import { createUpstreamClient } from "../../upstream/client.ts";
import { loadText } from "../texts.ts";
import type { RequestState } from "../types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { turnAt } from "./turn.ts";

export async function runSubmit(context: EffectContext): Promise<EffectOutcome> {
  const { env, config } = context;
  const { state } = context.record();
  if (state.stage !== "held") return { kind: "obsolete" };
  const input = context.text("input");
  const loaded = input && (await loadText(env.FILES, input));
  if (loaded?.kind !== "loaded")
    return { kind: "failed", reason: "the stored input cannot be read", retryAfterMs: null, ours: true };
  try {
    const account = accountFor(env);
    const grant = await turnAt(context, "submit");
    if (!grant.granted) {
      if (grant.reason === "refused") return happened({ type: "submit_refused", error: grant.error });
      return happened({ type: "wait_ordered", until: grant.retryAt, position: grant.position });
    }
    const leftS = startTimeoutLeftS(state, context.now());
    if (leftS !== null && leftS <= 0) {
      await account.handBack(grant.notBefore);
      return happened({ type: "time_ran_out" });
    }
    const { connection, webhooks, pinnedUsers } = grant;
    if (!context.advance({ type: "granted", connection, webhooks, pinnedUsers })) {
      await account.handBack(grant.notBefore);
      return { kind: "obsolete" };
    }
    const outcome = await createUpstreamClient(config).submit({
      model: state.model,
      inputText: loaded.text,
      options: state.options,
      startTimeoutLeftS: leftS,
      callbackUrl: await callbackUrl(config, state.id),
      connection,
    });
    switch (outcome.kind) {
      case "taken":
        return happened({ type: "submit_taken", upstreamId: outcome.upstreamId, queuePosition: outcome.queuePosition });
      case "refused":
        if (outcome.error.code === "connection_missing") await told(account.connectionRefused(connection));
        return happened({ type: "submit_refused", error: outcome.error });
      case "not_taken": {
        const limited = outcome.reason === "rate_limited";
        const closed = limited ? await told(account.rateLimited(outcome.retryAfterMs)) : null;
        const retryAt = closed?.until ?? context.now() + (outcome.retryAfterMs ?? RETRY_FIRST_MS);
        return happened({ type: "submit_not_taken", retryAt, reason: outcome.reason });
      }
      case "unknown":
        return happened({ type: "submit_lost", reason: outcome.reason, graceMs: graceMs(config) });
    }
  } finally {
    loaded.permit.release();
  }
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
