// The state machine of a request: `transition(state, files, event, now)` returns the next state and the effects to schedule, or why
// the event is ignored. Ends are in ends.ts, unverified claims in unverified-reports.ts, deliveries in deliveries.ts. Pure.

import type { RequestFile } from "../../files/request-file.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { deletionRequested, filesDeleted, filesExpireAt, oweOnly, oweRetention } from "./deletion.ts";
import {
  delivered,
  deliveryFailed,
  deliveryParked,
  deliveryReplayed,
  oweDeliveries,
  replaySkipped,
} from "./deliveries.ts";
import type { EffectOrder } from "./effect-types.ts";
import {
  copyAgain,
  endReported,
  errorOf,
  fileSettled,
  isReopenable,
  reopen,
  resultLost,
  submitUncertain,
  withBill,
} from "./ends.ts";
import type { RequestEvent, Watch } from "./events.ts";
import { CANCEL_POLL_FIRST_MS, nextPollGapMs } from "./poll-schedule.ts";
import { startTimeoutOrders, submitLost, submitNotTaken, submitTaken, waitOrdered } from "./submits.ts";
import { ignored, TransitionBuilder } from "./transition.ts";
import {
  hasEnded,
  type RequestProgress,
  type RequestState,
  type StartInput,
  type TimelineNote,
  type Transition,
} from "./types.ts";
import {
  candidateRejected,
  isForAnotherRequest,
  isUpstream,
  unpinnedWebhook,
  unverifiedCallback,
} from "./unverified-reports.ts";

/** Minimum gap between cancel calls for one request. */
export const CANCEL_GAP_MS = 10 * SECOND_MS;

/** Progress of a new request; also the defaults of fields that a stored one lacks. */
export const NEW_REQUEST: RequestProgress = {
  stage: "held",
  revision: 1,
  submittedAt: null,
  startedAt: null,
  outputAt: null,
  endedAt: null,
  connection: null,
  upstreamId: null,
  candidateId: null,
  candidateUser: null,
  queuePosition: null,
  waiting: null,
  durations: null,
  lockedTries: 0,
  cancelRequestedAt: null,
  cancelAskedAt: null,
  webhooks: "off",
  pinnedUsers: [],
  polls: 0,
  unverifiedCallbackAt: null,
  upstreamCalls: 0,
  metrics: null,
  billableUnits: null,
  endFingerprint: null,
  filesSkipped: 0,
  textType: null,
  endedBy: null,
  error: null,
  settledAt: null,
  chargedMicro: null,
  costSource: "unknown",
  deliveries: [],
  recoveredAt: null,
  deletion: null,
};

/** A new request: held, with its submit due and its start time-out, if set. */
export function opened(start: StartInput): { state: RequestState; orders: EffectOrder[]; notes: TimelineNote[] } {
  const { id, team, spec, terms } = start;
  const state: RequestState = {
    id,
    team,
    ...spec,
    ...terms,
    ...NEW_REQUEST,
  };
  const orders: EffectOrder[] = [{ do: "owe", kind: "submit", dueAt: state.createdAt }, ...startTimeoutOrders(state)];
  return { state, orders, notes: [{ what: "admitted" }] };
}

/** What one event does to a request. `now` is epoch ms. */
export function transition(
  state: RequestState,
  files: readonly RequestFile[],
  event: RequestEvent,
  now: number,
): Transition {
  const builder = new TransitionBuilder(state, files, now);
  if (event.type === "deletion_requested") return deletionRequested(builder, event.anonymize, cancelRequested);
  if (state.deletion !== null && hasEnded(state.stage) && event.type !== "settled")
    return ignored("request is deleted");
  switch (event.type) {
    case "granted":
      if (state.stage !== "held") return ignored("request is not held");
      return builder
        .stage("submitting", {
          connection: event.connection,
          webhooks: event.webhooks,
          pinnedUsers: event.pinnedUsers,
          durations: event.durations,
          submittedAt: now,
          queuePosition: null,
          waiting: null,
          upstreamCalls: state.upstreamCalls + 1,
        })
        .drop("expire")
        .note("granted", { waited_ms: now - state.createdAt });

    case "wait_ordered":
      if (state.stage !== "held") return ignored("request is not held");
      return waitOrdered(builder, event);

    case "submit_accepted":
      return submitTaken(builder, event.upstreamId, event.queuePosition);

    case "submit_not_accepted":
      return submitNotTaken(builder, event);

    case "submit_refused":
      if (state.stage !== "held" && state.stage !== "submitting" && state.stage !== "uncertain") {
        return ignored("request was already submitted", [{ what: "late_refusal", detail: { code: event.error.code } }]);
      }
      if (event.turnedAway === true) builder.change({ deletion: { orderedAt: now, anonymize: true } });
      return builder.note("submit_refused", { code: event.error.code }).end("failed", "submit", event.error);

    case "submit_lost":
      return submitLost(builder, event.reason, event.graceMs);

    case "progress_seen":
      return progressSeen(builder, event.progress, event.queuePosition, event.watch);

    case "completion_seen":
      if (!isUpstream(state)) return ignored("request is not at fal");
      return builder
        .change({ metrics: event.metrics ?? state.metrics, polls: state.polls + 1 })
        .drop("poll")
        .owe("fetch_result", now)
        .note("poll", { status: "COMPLETED" });

    case "result_pending":
      return resultPending(builder, event.watch, event.look ?? false);

    case "end_reported":
      if (isForAnotherRequest(state, event.upstreamId)) return unverifiedCallback(builder, null, "another_request");
      return endReported(builder, event);

    case "end_announced":
      if (isForAnotherRequest(state, event.upstreamId)) return unverifiedCallback(builder, null, "another_request");
      if (state.stage === "storing" || (hasEnded(state.stage) && !isReopenable(state)))
        return ignored("request already ended");
      if (isReopenable(state)) reopen(builder);
      return builder
        .stage("running", {
          upstreamId: state.upstreamId ?? event.upstreamId,
          startedAt: state.startedAt ?? now,
          queuePosition: null,
          unverifiedCallbackAt: now,
        })
        .drop("submit", "expire", "poll")
        .owe("fetch_result", now)
        .note("webhook", { status: "no usable payload" });

    case "unverified_callback_received":
      return unverifiedCallback(builder, event.candidateId, event.reason);

    case "unpinned_webhook_received":
      return unpinnedWebhook(builder, event);

    case "upstream_not_found":
      if (state.stage === "uncertain") return candidateRejected(builder);
      if (!isUpstream(state)) return ignored("request is not at fal");
      return builder.note("upstream_not_found").end("failed", "poll", resultLost());

    case "file_stored":
    case "file_failed":
      return fileSettled(builder, event);

    case "copy_requested":
      return copyAgain(builder, event.n, filesExpireAt(state));

    case "file_hashed": {
      if (files[event.n]?.status !== "stored") return ignored("file is not stored");
      return builder.file(event.n, { sha256: event.sha256 }).drop(["hash", event.n]);
    }

    case "cancel_requested":
      return cancelRequested(builder);

    case "cancel_confirmed":
      if (!isUpstream(state)) return ignored("request is not at fal");
      return builder.note("cancel", { answer: "canceled" }).end("canceled", "cancel", null);

    case "cancel_accepted":
      if (!isUpstream(state)) return ignored("request is not at fal");
      return builder
        .drop("cancel")
        .hasten("poll", now + CANCEL_POLL_FIRST_MS)
        .note("cancel", { answer: "requested" });

    case "cancel_too_late":
      if (!isUpstream(state)) return ignored("request is not at fal");
      return builder.drop("cancel", "poll").owe("fetch_result", now).note("cancel", { answer: "already_completed" });

    case "cancel_failed":
      return builder.drop("cancel").note("cancel", { answer: "no_answer" });

    case "timed_out":
      return timeRanOut(builder);

    case "settled":
      if (!hasEnded(state.stage)) return ignored("request has not ended");
      if (state.settledAt !== null) return ignored("request is already settled");
      builder.change({ settledAt: now }).drop("settle").note("settled", withBill(builder, event.bill));
      if (state.deletion !== null) return oweOnly(builder, ["delete", "record"]);
      oweDeliveries(builder, event.deliveries);
      oweRetention(builder);
      return builder;

    case "charge_resolved":
      if (!hasEnded(state.stage)) return ignored("request has not ended");
      if (state.chargedMicro === event.bill.chargedMicro && state.costSource === event.bill.source) {
        return ignored("charge is already recorded");
      }
      return builder.note("charge_resolved", withBill(builder, event.bill));

    case "delivered":
      return delivered(builder, event);
    case "delivery_failed":
      return deliveryFailed(builder, event);
    case "delivery_parked":
      return deliveryParked(builder, event);
    case "delivery_replayed":
      return deliveryReplayed(builder, event);
    case "replay_skipped":
      return replaySkipped(builder, event);

    case "data_deleted":
      if (!hasEnded(state.stage)) return ignored("request has not ended");
      if (event.target === "files") filesDeleted(builder);
      return builder.drop(["delete", event.target]).note("data_deleted", { data: event.target });
  }
}

function progressSeen(
  builder: TransitionBuilder,
  progress: "queued" | "running",
  queuePosition: number | null,
  watch: Watch,
): Transition {
  const { state, now } = builder;
  if (!isUpstream(state)) return ignored("request is not at fal");
  const polls = state.polls + 1;
  builder.owe("poll", now + nextPollGapMs({ ...state, polls }, watch, now));
  if (progress === "running" && state.stage === "queued") {
    return builder.stage("running", { polls, startedAt: now, queuePosition: null }).note("running");
  }
  // fal may put a request back into its queue; callers are not shown that step back.
  if (state.stage === "queued" && queuePosition !== state.queuePosition)
    return builder.change({ polls, queuePosition });
  return { ...builder.asApplied(), state: { ...state, polls } };
}

function resultPending(builder: TransitionBuilder, watch: Watch, look: boolean): Transition {
  const { state, now } = builder;
  if (state.stage === "uncertain") return candidateRejected(builder);
  if (!isUpstream(state)) return ignored("request is not at fal");
  const polls = state.polls + (look ? 1 : 0);
  return builder
    .change({ candidateUser: null, polls })
    .drop("fetch_result")
    .owe("poll", now + nextPollGapMs({ ...state, polls }, watch, now))
    .note("result_pending");
}

function cancelRequested(builder: TransitionBuilder): Transition {
  const { state, now } = builder;
  switch (state.stage) {
    case "held":
      return builder.change({ cancelRequestedAt: now }).note("cancel_requested").end("canceled", "cancel", null);
    case "submitting":
    case "uncertain":
      if (state.cancelRequestedAt !== null) return ignored("cancel is already requested");
      return builder.change({ cancelRequestedAt: now }).note("cancel_requested");
    case "queued":
    case "running":
      if (now < (state.cancelAskedAt ?? 0) + CANCEL_GAP_MS) return ignored("cancel was sent less than 10 seconds ago");
      return builder
        .change({ cancelRequestedAt: state.cancelRequestedAt ?? now, cancelAskedAt: now })
        .owe("cancel", now)
        .note("cancel_requested");
    case "storing":
    case "completed":
    case "failed":
    case "canceled":
      return ignored("request already ended");
  }
}

function timeRanOut(builder: TransitionBuilder): Transition {
  const { state } = builder;
  if (state.stage === "held") {
    const message = `The request did not start within \`start_timeout_s\` (${state.startTimeoutS ?? 0} s). Nothing was charged.`;
    return builder.note("start_timed_out").end("failed", "expiry", errorOf("upstream_timeout", message, true, false));
  }
  if (state.stage === "uncertain")
    return builder.note("confirmation_timed_out").end("failed", "expiry", submitUncertain());
  return builder.drop("expire");
}
