// The arrows of a submit: its wait for a turn, and what its answer, or the want of one, means.

import { HOUR_MS } from "../../platform/time.ts";
import type { EffectOrder } from "./effect-types.ts";
import { isReopenable, reopen, submitUncertain } from "./ends.ts";
import type { RequestEvent } from "./events.ts";
import { pollGapMs } from "./poll-schedule.ts";
import { ignored, type Move } from "./transition.ts";
import type { RequestState, Transition } from "./types.ts";

/** A submit whose answer was lost may still be proven by a webhook for this long (fal may queue for hours). */
export const UNCERTAIN_GRACE_MS = 6 * HOUR_MS;

/** The same place for the same reason is no news; readers get the latest estimate from the account. */
export function waitOrdered(move: Move, event: Extract<RequestEvent, { type: "wait_ordered" }>): Transition {
  const { position: queuePosition, waiting, durations } = event;
  const { state } = move;
  const isNews = queuePosition !== state.queuePosition || waiting?.reason !== state.waiting?.reason;
  if (isNews) move.change({ queuePosition, waiting, durations });
  return move.owe("submit", event.until);
}

export function submitTaken(move: Move, upstreamId: string, queuePosition: number | null): Transition {
  const { state, now } = move;
  const isProof = isReopenable(state) && state.upstreamId === null;
  if (isProof) reopen(move);
  if (isProof || state.stage === "submitting" || state.stage === "uncertain") {
    move.stage("queued", { upstreamId, queuePosition, candidateId: null }).drop("submit", "expire");
    move.note("submitted", { upstream_id: upstreamId });
    // What rang before the answer was here is looked at now: a signed claim of an end outranks waiting for a poll.
    if (state.candidateUser !== null) move.drop("poll").owe("fetch_result", now);
    else move.drop("fetch_result").owe("poll", now + (state.candidateId === null ? pollGapMs(state, "none") : 0));
    if (state.cancelRequestedAt !== null) move.change({ cancelAskedAt: now }).owe("cancel", now);
    return move;
  }
  if (state.upstreamId !== null && state.upstreamId !== upstreamId) {
    return ignored("another upstream id is known", [{ what: "conflicting_submit_answer" }]);
  }
  if (state.stage === "held") return ignored("no submit under way");
  // A webhook was faster than the answer: only the id and the timeline learn from it.
  return move.change({ upstreamId }).drop("submit").note("submitted", { upstream_id: upstreamId });
}

/** Back to the line, unless somebody with the callback's token has named an id meanwhile: then fal may have it after all. */
export function submitNotTaken(move: Move, event: Extract<RequestEvent, { type: "submit_not_taken" }>): Transition {
  const { state } = move;
  const { reason, retryAt } = event;
  if (state.stage !== "submitting" && state.stage !== "uncertain") return ignored("not submitting");
  if (state.candidateId !== null) {
    return state.stage === "submitting"
      ? submitLost(move, reason, UNCERTAIN_GRACE_MS)
      : ignored("somebody named an id");
  }
  move.drop("expire").note("not_taken", { reason });
  if (state.cancelRequestedAt !== null) return move.end("canceled", "cancel", null);
  const lockedTries = state.lockedTries + (event.foundLocked ? 1 : 0);
  const waiting = event.waiting ?? null;
  move.stage("held", { connection: null, submittedAt: null, lockedTries, waiting }).owe("submit", retryAt);
  for (const order of startTimeoutOrders(state)) move.orders.push(order);
  return move;
}

export function submitLost(move: Move, reason: string, graceMs: number): Transition {
  const { state, now } = move;
  if (state.stage !== "submitting") return ignored("not submitting");
  move.note("submit_answer_lost", { reason });
  if (graceMs <= 0) return move.end("failed", "submit", submitUncertain());
  move
    .stage("uncertain", {})
    .drop("submit")
    .owe("expire", now + Math.min(graceMs, UNCERTAIN_GRACE_MS));
  if (state.candidateId !== null) move.owe("fetch_result", now);
  return move;
}

/** While held, a start time-out is ours to keep; once fal has the request, fal keeps what is left of it. */
export function startTimeoutOrders(state: RequestState): EffectOrder[] {
  if (state.startTimeoutS === null) return [];
  return [{ do: "owe", kind: "expire", dueAt: state.createdAt + state.startTimeoutS * 1000 }];
}
