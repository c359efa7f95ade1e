// Transitions of a submit: waiting for a grant, and its answer or the lack of one.

import { HOUR_MS } from "../../platform/time.ts";
import type { EffectOrder } from "./effect-types.ts";
import { isReopenable, reopen, submitUncertain } from "./ends.ts";
import type { RequestEvent } from "./events.ts";
import { pollGapMs } from "./poll-schedule.ts";
import { ignored, type TransitionBuilder } from "./transition.ts";
import type { RequestState, Transition } from "./types.ts";

/** A submit whose answer was lost may still be proven by a webhook for this long (fal may queue for hours). */
export const UNCERTAIN_GRACE_MS = 6 * HOUR_MS;

/** An unchanged position and reason change nothing; readers get the latest estimate from the account. */
export function waitOrdered(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "wait_ordered" }>,
): Transition {
  const { position: queuePosition, waiting, durations } = event;
  const { state } = builder;
  const isNews = queuePosition !== state.queuePosition || waiting?.reason !== state.waiting?.reason;
  if (isNews) builder.change({ queuePosition, waiting, durations });
  return builder.owe("submit", event.until);
}

export function submitTaken(builder: TransitionBuilder, upstreamId: string, queuePosition: number | null): Transition {
  const { state, now } = builder;
  const isProof = isReopenable(state) && state.upstreamId === null;
  if (isProof) reopen(builder);
  if (isProof || state.stage === "submitting" || state.stage === "uncertain") {
    builder.stage("queued", { upstreamId, queuePosition, candidateId: null }).drop("submit", "expire");
    builder.note("submitted", { upstream_id: upstreamId });
    // A callback arrived before the answer: check it now; a signed report has priority over a poll.
    if (state.candidateUser !== null) builder.drop("poll").owe("fetch_result", now);
    else builder.drop("fetch_result").owe("poll", now + (state.candidateId === null ? pollGapMs(state, "none") : 0));
    if (state.cancelRequestedAt !== null) builder.change({ cancelAskedAt: now }).owe("cancel", now);
    return builder;
  }
  if (state.upstreamId !== null && state.upstreamId !== upstreamId) {
    return ignored("request has a different upstream id", [{ what: "conflicting_submit_answer" }]);
  }
  if (state.stage === "held") return ignored("no submit in progress");
  // A webhook was faster than the answer: only the id and the timeline learn from it.
  return builder.change({ upstreamId }).drop("submit").note("submitted", { upstream_id: upstreamId });
}

/** Held again, unless a callback with a valid token named an upstream id meanwhile: then fal may have the request. */
export function submitNotTaken(
  builder: TransitionBuilder,
  event: Extract<RequestEvent, { type: "submit_not_accepted" }>,
): Transition {
  const { state } = builder;
  const { reason, retryAt } = event;
  if (state.stage !== "submitting" && state.stage !== "uncertain") return ignored("request is not being submitted");
  if (state.candidateId !== null) {
    return state.stage === "submitting"
      ? submitLost(builder, reason, UNCERTAIN_GRACE_MS)
      : ignored("a callback named an upstream id");
  }
  builder.drop("expire").note("submit_not_accepted", { reason });
  if (state.cancelRequestedAt !== null) return builder.end("canceled", "cancel", null);
  const lockedTries = state.lockedTries + (event.foundLocked ? 1 : 0);
  const waiting = event.waiting ?? null;
  builder.stage("held", { connection: null, submittedAt: null, lockedTries, waiting }).owe("submit", retryAt);
  for (const order of startTimeoutOrders(state)) builder.orders.push(order);
  return builder;
}

export function submitLost(builder: TransitionBuilder, reason: string, graceMs: number): Transition {
  const { state, now } = builder;
  if (state.stage !== "submitting") return ignored("request is not being submitted");
  builder.note("submit_answer_lost", { reason });
  if (graceMs <= 0) return builder.end("failed", "submit", submitUncertain());
  builder
    .stage("uncertain", {})
    .drop("submit")
    .owe("expire", now + Math.min(graceMs, UNCERTAIN_GRACE_MS));
  if (state.candidateId !== null) builder.owe("fetch_result", now);
  return builder;
}

/** While held, Sluice enforces the start time-out; afterwards fal enforces the rest of it. */
export function startTimeoutOrders(state: RequestState): EffectOrder[] {
  if (state.startTimeoutS === null) return [];
  return [{ do: "owe", kind: "expire", dueAt: state.createdAt + state.startTimeoutS * 1000 }];
}
