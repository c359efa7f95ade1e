// A call's turn at the Maton account: asked for, waited for in place when it is near, handed back when it was missed.

import { GRANT_LEAD_MAX_MS, GRANT_TRIES, SECOND_MS } from "../../limits.ts";
import { accountFor, type CallKind, type Grant } from "../../upstream/account.ts";
import type { Later } from "../../upstream/answers.ts";
import type { EffectContext, EffectOutcome } from "./context.ts";

/**
 * A turn whose moment is now, or the account's word that there is none yet. Who hears of its turn too late (a far region,
 * clocks that differ) hands it back and asks for one that lies twice as far ahead as it was late.
 */
export async function turnAt(context: EffectContext, kind: CallKind): Promise<Grant> {
  const account = accountFor(context.env);
  const { id: requestId, options } = context.record().state;
  let leadMs = 0;
  for (let tries = 0; tries < GRANT_TRIES; tries++) {
    const grant = await account.take({ kind, requestId, leadMs, connection: options.connection });
    if (!grant.granted) return grant;
    const wait = grant.notBefore - context.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (context.now() <= grant.notAfter) return grant;
    await account.handBack(grant.notBefore);
    leadMs = Math.min(GRANT_LEAD_MAX_MS, 2 * (context.now() - grant.notBefore));
  }
  return { granted: false, reason: "pace", retryAt: context.now() + SECOND_MS, position: 0 };
}

/** Takes a turn for a call about a request that fal has. Null when it may be made now. */
export async function takeTurn(
  context: EffectContext,
  kind: Exclude<CallKind, "submit">,
): Promise<EffectOutcome | null> {
  const grant = await turnAt(context, kind);
  if (grant.granted) return null;
  if (grant.reason === "refused") return { kind: "failed", reason: grant.error.code, retryAfterMs: null, ours: true };
  return { kind: "turned_away", until: grant.retryAt };
}

/** A call that told nothing: what it says about the account is told to the account, the row comes back later. */
export async function troubled(context: EffectContext, { reason, retryAfterMs }: Later): Promise<EffectOutcome> {
  const account = accountFor(context.env);
  if (reason === "rate_limited") await account.rateLimited(retryAfterMs);
  if (reason === "connection_missing") await account.connectionRefused(context.record().state.connection);
  return { kind: "failed", reason, retryAfterMs, calls: 1 };
}
