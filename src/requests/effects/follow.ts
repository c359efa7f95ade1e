// The `poll` and `cancel` effects: asking fal how a request stands, and asking it to stop.

import { GONE_CONFIRM_MS } from "../../limits.ts";
import { createUpstreamClient } from "../../upstream/client.ts";
import type { Effect, StoredText } from "../types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { takeTurn, troubled } from "./turn.ts";

const GONE = "not known to fal";

export async function runPoll(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.record();
  if (state.upstreamId === null) return happened({ type: "result_pending", watch: "none" });
  const turn = await takeTurn(context, "status");
  if (turn !== null) return turn;
  const { upstreamId, model, connection } = state;
  const status = await createUpstreamClient(context.config).status({ model, upstreamId, connection, logs: true });
  switch (status.kind) {
    case "queued":
    case "running": {
      const queuePosition = status.kind === "queued" ? status.queuePosition : null;
      const event = { type: "progress_seen", progress: status.kind, queuePosition, watch: context.watch() } as const;
      return { kind: "happened", event, calls: 1, ...logTexts(status.logs) };
    }
    case "completed":
      return {
        kind: "happened",
        event: { type: "completion_seen", metrics: status.metrics },
        calls: 1,
        ...logTexts(status.logs),
      };
    case "gone":
      return goneOutcome(context, effect);
    case "later":
      return troubled(context, status);
  }
}

/** A 404 ends a paid request, so one is not enough, and none is right after the submit: it may be fal's own delay. */
export function goneOutcome(context: EffectContext, effect: Effect): EffectOutcome {
  const { submittedAt } = context.record().state;
  const isFresh = submittedAt !== null && context.now() - submittedAt < GONE_CONFIRM_MS;
  if (isFresh || effect.lastFailure !== GONE) return { kind: "failed", reason: GONE, retryAfterMs: null, calls: 1 };
  return happened({ type: "upstream_gone" }, 1);
}

function logTexts(logs: string | null): { texts?: { logs: StoredText } } {
  return logs === null ? {} : { texts: { logs: { at: "row", text: logs } } };
}

export async function runCancel(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { upstreamId, model, connection } = context.record().state;
  if (upstreamId === null) return happened({ type: "cancel_given_up" });
  const turn = await takeTurn(context, "cancel");
  if (turn !== null) return turn;
  const answer = await createUpstreamClient(context.config).cancel({ model, upstreamId, connection });
  switch (answer.kind) {
    case "canceled":
      return happened({ type: "cancel_confirmed" }, 1);
    case "requested":
      return happened({ type: "cancel_accepted" }, 1);
    case "too_late":
      return happened({ type: "cancel_too_late" }, 1);
    case "gone":
      return goneOutcome(context, effect);
    case "later":
      return troubled(context, answer);
  }
}
