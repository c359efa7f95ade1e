// A call's turn at the Maton account: asked for, waited for in place when it is near, handed back when it was missed.

import { accountFor } from "../../upstream/account.ts";
import type { Later } from "../../upstream/answers.ts";
import type { EffectContext, EffectOutcome } from "./context.ts";

/** Waits for the grant's moment; false when it was missed and has to be handed back. */
export async function useGrant(
  context: EffectContext,
  grant: { notBefore: number; notAfter: number },
): Promise<boolean> {
  const wait = grant.notBefore - context.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  return context.now() <= Math.max(grant.notAfter, grant.notBefore);
}

/** Takes a turn for a call about a request that fal has. Null when it may be made now. */
export async function takeTurn(
  context: EffectContext,
  kind: "status" | "result" | "cancel",
): Promise<EffectOutcome | null> {
  const account = accountFor(context.env);
  const grant = await account.take({ kind, requestId: context.record().state.id });
  if (!grant.granted) {
    if (grant.reason === "refused") return { kind: "failed", reason: grant.error.code, retryAfterMs: null };
    return { kind: "turned_away", until: grant.retryAt };
  }
  if (await useGrant(context, grant)) return null;
  await account.handBack(grant.notBefore);
  return { kind: "turned_away", until: context.now() };
}

/** A call that told nothing: what it says about the account is told to the account, the row comes back later. */
export async function troubled(context: EffectContext, { reason, retryAfterMs }: Later): Promise<EffectOutcome> {
  const account = accountFor(context.env);
  if (reason === "rate_limited") await account.rateLimited(retryAfterMs);
  if (reason === "connection_missing") await account.connectionRefused(context.record().state.connection);
  return { kind: "failed", reason, retryAfterMs, calls: 1 };
}
