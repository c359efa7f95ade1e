// The `poll` and `cancel` effects: status and cancellation calls.

import type { StoredText } from "../../../files/stored-text.ts";
import { createUpstreamClient } from "../../../upstream/client/client.ts";
import type { Effect } from "../../machine/effect-types.ts";
import type { RequestState } from "../../machine/types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";
import { goneOutcome } from "./gone.ts";
import { grantOrDefer, reportCallFailed, reportCallSucceeded } from "./grant.ts";
import { runFetchResult } from "./result.ts";

export async function runPoll(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.currentRecord();
  if (state.upstreamId === null) return happened({ type: "result_pending", watch: "none" });
  // A request that should have ended is asked for its result at once: one call instead of two.
  if (isOverdue(state, context.now()) && context.watch() !== "following")
    return countedAsPoll(await runFetchResult(context, effect));
  const turn = await grantOrDefer(context, { kind: "status", effect: effect.name });
  if (!turn.granted) return turn.outcome;
  const { upstreamId, model, connection } = state;
  const status = await createUpstreamClient(context.config).status({ model, upstreamId, connection, logs: true });
  if (status.kind === "later") return reportCallFailed(context, turn, status);
  reportCallSucceeded(context, turn);
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
  }
}

/** A pending result counts as the poll that it replaced. */
function countedAsPoll(outcome: EffectOutcome): EffectOutcome {
  if (outcome.kind !== "happened" || outcome.event.type !== "result_pending") return outcome;
  return { ...outcome, event: { ...outcome.event, look: true } };
}

/** By the model's durations, and only without webhooks: with webhooks the status call with its log lines is preferred. */
function isOverdue({ durations, submittedAt, webhooks }: RequestState, now: number): boolean {
  return durations !== null && webhooks !== "arriving" && submittedAt !== null && now - submittedAt >= durations.p95Ms;
}

function logTexts(logs: string | null): { texts?: { logs: StoredText } } {
  return logs === null ? {} : { texts: { logs: { at: "row", text: logs } } };
}

export async function runCancel(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { upstreamId, model, connection } = context.currentRecord().state;
  if (upstreamId === null) return happened({ type: "cancel_failed" });
  const turn = await grantOrDefer(context, { kind: "cancel", effect: effect.name });
  if (!turn.granted) return turn.outcome;
  const answer = await createUpstreamClient(context.config).cancel({ model, upstreamId, connection });
  if (answer.kind === "later") return reportCallFailed(context, turn, answer);
  reportCallSucceeded(context, turn);
  switch (answer.kind) {
    case "canceled":
      return happened({ type: "cancel_confirmed" }, 1);
    case "requested":
      return happened({ type: "cancel_accepted" }, 1);
    case "too_late":
      return happened({ type: "cancel_too_late" }, 1);
    case "gone":
      return goneOutcome(context, effect);
  }
}
