// The `settle` effect: the end told to the team's ledger, and to the account whether webhooks do arrive.

import { teamFor } from "../../access/team.ts";
import type { Env } from "../../env.ts";
import { accountFor } from "../../upstream/account.ts";
import type { RequestState } from "../types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

export async function runSettle(context: EffectContext): Promise<EffectOutcome> {
  const { state } = context.record();
  const settlement = settlementOf(state);
  if (settlement === null) return happened({ type: "settled", endpoints: [] });
  await teamFor(context.env, state.team).settle(settlement);
  await tellAboutWebhooks(context.env, state).catch(() => undefined);
  return happened({ type: "settled", endpoints: state.webhookUrl === null ? [] : ["request"] });
}

export interface Settlement {
  requestId: string;
  outcome: "completed" | "failed" | "canceled";
  /** Whether the counted use stays, is given back, or is kept until somebody knows (submit_uncertain). */
  reservation: "take" | "refund" | "keep";
  endedAt: number;
}

/** The end as the ledger hears it; null while the request is open. */
export function settlementOf(state: RequestState): Settlement | null {
  if (state.endedAt === null) return null;
  switch (state.stage) {
    case "completed":
      return { requestId: state.id, outcome: "completed", reservation: "take", endedAt: state.endedAt };
    case "canceled":
      return { requestId: state.id, outcome: "canceled", reservation: "refund", endedAt: state.endedAt };
    case "failed": {
      const charged = state.error?.charged ?? "unknown";
      const keep = state.error?.code === "submit_uncertain" && state.recoveredAt === null;
      const reservation = keep ? "keep" : charged === false ? "refund" : "take";
      return { requestId: state.id, outcome: "failed", reservation, endedAt: state.endedAt };
    }
    default:
      return null;
  }
}

/** Whether webhooks arrive decides how later requests are polled. A hint: when it gets lost the next request tells it. */
async function tellAboutWebhooks(env: Env, state: RequestState): Promise<void> {
  if (state.webhooks === "missing" && state.endedBy === "webhook") await accountFor(env).webhookSeen();
  // Whoever rang without an end that could be used had the end fetched at once: that is an arrival too.
  const nobodyRang = state.candidateUser === null && state.candidateId === null && state.doorbellAt === null;
  if (state.webhooks === "arriving" && state.endedBy === "poll" && nobodyRang) await accountFor(env).webhookMissed();
}
