// The heart: what a request may do next. `transition(state, files, event, now)` answers the next state and what is owed, or why
// the event changes nothing. State says what callers are told; orders say what is still owed. The arrows of ends are in
// ends.ts, those of mere claims in claims.ts, those of deliveries in deliveries.ts. Pure: no `this`, no fetch, no storage, no
// clock.

import type { RequestFile } from "../../files/request-file.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { candidateDisproved, doorbellRung, isAboutAnother, isUpstream, strangerReported } from "./claims.ts";
import { clearFor, deletionOrdered, filesExpireAt, filesPurged, oweRetention } from "./deletion.ts";
import {
  delivered,
  deliveryFailed,
  deliveryParked,
  deliveryReplayed,
  oweDeliveries,
  replayMoot,
} from "./deliveries.ts";
import type { EffectOrder } from "./effect-types.ts";
import {
  billed,
  copyAgain,
  endReported,
  errorOf,
  fileSettled,
  isReopenable,
  reopen,
  resultLost,
  submitUncertain,
} from "./ends.ts";
import type { RequestEvent, Watch } from "./events.ts";
import { CANCEL_LOOK_FIRST_MS, nextPollGapMs } from "./poll-schedule.ts";
import { startTimeoutOrders, submitLost, submitNotTaken, submitTaken, waitOrdered } from "./submits.ts";
import { ignored, Move } from "./transition.ts";
import { hasEnded, type RequestState, type StartInput, type TimelineNote, type Transition } from "./types.ts";

/** So must who cancels all day. */
export const CANCEL_GAP_MS = 10 * SECOND_MS;

/** A request as it is born: held, owing its submit, and its start time-out where the caller set one. */
export function opened(start: StartInput): { state: RequestState; orders: EffectOrder[]; notes: TimelineNote[] } {
  const { id, team, spec, terms } = start;
  const state: RequestState = {
    id,
    team,
    ...spec,
    ...terms,
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
    doorbellAt: null,
    upstreamCalls: 0,
    metrics: null,
    billableUnits: null,
    endFingerprint: null,
    filesSkipped: 0,
    endedBy: null,
    error: null,
    settledAt: null,
    chargedMicro: null,
    costSource: "unknown",
    deliveries: [],
    recoveredAt: null,
    deletion: null,
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
  const move = new Move(state, files, now);
  if (event.type === "deletion_ordered") return deletionOrdered(move, event.forget, cancelRequested);
  if (state.deletion !== null && hasEnded(state.stage) && event.type !== "settled") return ignored("deleted");
  switch (event.type) {
    case "granted":
      if (state.stage !== "held") return ignored("not held");
      return move
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
      if (state.stage !== "held") return ignored("not held");
      return waitOrdered(move, event);

    case "submit_taken":
      return submitTaken(move, event.upstreamId, event.queuePosition);

    case "submit_not_taken":
      return submitNotTaken(move, event);

    case "submit_refused":
      if (state.stage !== "held" && state.stage !== "submitting" && state.stage !== "uncertain") {
        return ignored("already past submitting", [{ what: "late_refusal", detail: { code: event.error.code } }]);
      }
      return move.note("refused", { code: event.error.code }).end("failed", "submit", event.error);

    case "submit_lost":
      return submitLost(move, event.reason, event.graceMs);

    case "progress_seen":
      return progressSeen(move, event.progress, event.queuePosition, event.watch);

    case "completion_seen":
      if (!isUpstream(state)) return ignored("not at fal");
      return move
        .change({ metrics: event.metrics ?? state.metrics, polls: state.polls + 1 })
        .drop("poll")
        .owe("fetch_result", now)
        .note("poll", { status: "COMPLETED" });

    case "result_pending":
      return resultPending(move, event.watch, event.look ?? false);

    case "end_reported":
      if (isAboutAnother(state, event.upstreamId)) return doorbellRung(move, null, "another_request");
      return endReported(move, event);

    case "end_announced":
      if (isAboutAnother(state, event.upstreamId)) return doorbellRung(move, null, "another_request");
      if (state.stage === "storing" || (hasEnded(state.stage) && !isReopenable(state))) return ignored("already ended");
      if (isReopenable(state)) reopen(move);
      return move
        .stage("running", {
          upstreamId: state.upstreamId ?? event.upstreamId,
          startedAt: state.startedAt ?? now,
          queuePosition: null,
          doorbellAt: now,
        })
        .drop("submit", "expire", "poll")
        .owe("fetch_result", now)
        .note("webhook", { status: "without a payload" });

    case "doorbell_rung":
      return doorbellRung(move, event.candidateId, event.reason);

    case "stranger_reported":
      return strangerReported(move, event.userId, event.claim, event.candidateId);

    case "upstream_gone":
      if (state.stage === "uncertain") return candidateDisproved(move);
      if (!isUpstream(state)) return ignored("not at fal");
      return move.note("gone").end("failed", "poll", resultLost());

    case "file_stored":
    case "file_given_up":
      return fileSettled(move, event);

    case "copy_again_asked":
      return copyAgain(move, event.n, filesExpireAt(state));

    case "file_hashed": {
      if (files[event.n]?.status !== "stored") return ignored("no such stored file");
      return move.file(event.n, { sha256: event.sha256 }).drop(["hash", event.n]);
    }

    case "cancel_requested":
      return cancelRequested(move);

    case "cancel_confirmed":
      if (!isUpstream(state)) return ignored("not at fal");
      return move.note("cancel", { answer: "canceled" }).end("canceled", "cancel", null);

    case "cancel_accepted":
      if (!isUpstream(state)) return ignored("not at fal");
      return move
        .drop("cancel")
        .hasten("poll", now + CANCEL_LOOK_FIRST_MS)
        .note("cancel", { answer: "requested" });

    case "cancel_too_late":
      if (!isUpstream(state)) return ignored("not at fal");
      return move.drop("cancel", "poll").owe("fetch_result", now).note("cancel", { answer: "too late" });

    case "cancel_given_up":
      return move.drop("cancel").note("cancel", { answer: "none" });

    case "time_ran_out":
      return timeRanOut(move);

    case "settled":
      if (!hasEnded(state.stage)) return ignored("has not ended");
      if (state.settledAt !== null) return ignored("settled before");
      move.change({ settledAt: now }).drop("settle").note("settled", billed(move, event.bill));
      if (state.deletion !== null) return clearFor(move, ["purge", "record"]);
      oweDeliveries(move, event.deliveries);
      oweRetention(move);
      return move;

    case "charge_told":
      if (!hasEnded(state.stage)) return ignored("has not ended");
      if (state.chargedMicro === event.bill.chargedMicro && state.costSource === event.bill.source) {
        return ignored("told before");
      }
      return move.note("charge_told", billed(move, event.bill));

    case "delivered":
      return delivered(move, event);
    case "delivery_failed":
      return deliveryFailed(move, event);
    case "delivery_parked":
      return deliveryParked(move, event);
    case "delivery_replayed":
      return deliveryReplayed(move, event);
    case "replay_moot":
      return replayMoot(move, event);

    case "purged":
      if (!hasEnded(state.stage)) return ignored("has not ended");
      if (event.target === "files") filesPurged(move);
      return move.drop(["purge", event.target]).note("purged", { what: event.target });
  }
}

function progressSeen(
  move: Move,
  progress: "queued" | "running",
  queuePosition: number | null,
  watch: Watch,
): Transition {
  const { state, now } = move;
  if (!isUpstream(state)) return ignored("not at fal");
  const polls = state.polls + 1;
  move.owe("poll", now + nextPollGapMs({ ...state, polls }, watch, now));
  if (progress === "running" && state.stage === "queued") {
    return move.stage("running", { polls, startedAt: now, queuePosition: null }).note("running");
  }
  // fal may put a request back into its queue; callers are not shown that step back.
  if (state.stage === "queued" && queuePosition !== state.queuePosition) return move.change({ polls, queuePosition });
  return { ...move.asApplied(), state: { ...state, polls } };
}

function resultPending(move: Move, watch: Watch, look: boolean): Transition {
  const { state, now } = move;
  if (state.stage === "uncertain") return candidateDisproved(move);
  if (!isUpstream(state)) return ignored("not at fal");
  const polls = state.polls + (look ? 1 : 0);
  return move
    .change({ candidateUser: null, polls })
    .drop("fetch_result")
    .owe("poll", now + nextPollGapMs({ ...state, polls }, watch, now))
    .note("result_pending");
}

function cancelRequested(move: Move): Transition {
  const { state, now } = move;
  switch (state.stage) {
    case "held":
      return move.change({ cancelRequestedAt: now }).note("cancel_requested").end("canceled", "cancel", null);
    case "submitting":
    case "uncertain":
      if (state.cancelRequestedAt !== null) return ignored("remembered already");
      return move.change({ cancelRequestedAt: now }).note("cancel_requested");
    case "queued":
    case "running":
      if (now < (state.cancelAskedAt ?? 0) + CANCEL_GAP_MS) return ignored("asked a moment ago");
      return move
        .change({ cancelRequestedAt: state.cancelRequestedAt ?? now, cancelAskedAt: now })
        .owe("cancel", now)
        .note("cancel_requested");
    case "storing":
    case "completed":
    case "failed":
    case "canceled":
      return ignored("already ended");
  }
}

function timeRanOut(move: Move): Transition {
  const { state } = move;
  if (state.stage === "held") {
    const message = `It did not get its turn within start_timeout_s (${state.startTimeoutS ?? 0} s). Nothing was charged.`;
    return move.note("start_timed_out").end("failed", "expiry", errorOf("upstream_timeout", message, true, false));
  }
  if (state.stage === "uncertain") return move.note("grace_over").end("failed", "expiry", submitUncertain());
  return move.drop("expire");
}
