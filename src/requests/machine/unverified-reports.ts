// Unverified callbacks, webhooks of unpinned users and candidate ids. None of them is trusted: at most they schedule a check at
// fal. Pure.

import { SECOND_MS } from "../../platform/time.ts";
import type { RequestEvent } from "./events.ts";
import { ignored, type TransitionBuilder } from "./transition.ts";
import type { RequestState, TimelineNote, Transition } from "./types.ts";

/** Minimum gap between polls that unverified callbacks trigger, so that they cannot use up the rate limit. */
export const UNVERIFIED_CALLBACK_GAP_MS = 10 * SECOND_MS;

/** Another request's proof of the webhook's user is waited for this long; then the result is fetched. */
export const PROOF_WAIT_MS = 10 * SECOND_MS;

export function unverifiedCallback(builder: TransitionBuilder, candidateId: string | null, reason: string): Transition {
  const { state, now } = builder;
  const note = { reason };
  switch (state.stage) {
    case "submitting":
      if (state.candidateId !== null || candidateId === null) return ignored("no check needed", [callbackNote(note)]);
      return builder.change({ candidateId }).note("unverified_callback", note);
    case "uncertain":
      if (state.candidateId !== null || candidateId === null) return ignored("no check needed", [callbackNote(note)]);
      return builder.change({ candidateId }).owe("fetch_result", now).note("unverified_callback", note);
    case "queued":
    case "running": {
      // A poll that an earlier callback scheduled serves this one too, and must not be postponed.
      if (state.unverifiedCallbackAt !== null && state.unverifiedCallbackAt >= now)
        return builder.hasten("poll", state.unverifiedCallbackAt);
      const dueAt = Math.max(now, (state.unverifiedCallbackAt ?? 0) + UNVERIFIED_CALLBACK_GAP_MS);
      return builder.change({ unverifiedCallbackAt: dueAt }).hasten("poll", dueAt).note("unverified_callback", note);
    }
    case "held":
    case "storing":
    case "completed":
    case "failed":
    case "canceled":
      return ignored("no check needed");
  }
}

function callbackNote(detail: { reason: string }): TimelineNote {
  return { what: "unverified_callback", detail };
}

export function unpinnedWebhook(
  builder: TransitionBuilder,
  { userId, claim, candidateId, waitMs }: Extract<RequestEvent, { type: "unpinned_webhook_received" }>,
): Transition {
  const { state, now } = builder;
  const candidateUser = { userId, claim };
  switch (state.stage) {
    case "submitting":
      return builder.change({ candidateUser, candidateId: state.candidateId ?? candidateId }).note("unpinned_webhook");
    case "uncertain":
      if (candidateId === null) return ignored("no check needed");
      return builder
        .change({ candidateUser, candidateId })
        .hasten("fetch_result", now + waitMs)
        .note("unpinned_webhook");
    case "queued":
    case "running":
      return builder
        .change({ candidateUser })
        .drop("poll")
        .hasten("fetch_result", now + waitMs)
        .note("unpinned_webhook");
    case "held":
    case "storing":
    case "completed":
    case "failed":
    case "canceled":
      return ignored("request already has an outcome");
  }
}

/** The candidate id of an uncertain request gave no authenticated 200: it is dropped and the grace period continues. */
export function candidateRejected(builder: TransitionBuilder): Transition {
  return builder.change({ candidateId: null, candidateUser: null }).drop("fetch_result").note("candidate_rejected");
}

/** Whether a report is about another request of the account: fal keys every report on the submit's request id. */
export function isForAnotherRequest(state: RequestState, upstreamId: string | null): boolean {
  return state.upstreamId !== null && upstreamId !== null && state.upstreamId !== upstreamId;
}

/** fal has the request and no end is known. */
export function isUpstream(state: RequestState): boolean {
  switch (state.stage) {
    case "queued":
    case "running":
      return true;
    case "held":
    case "submitting":
    case "uncertain":
    case "storing":
    case "completed":
    case "failed":
    case "canceled":
      return false;
  }
}
