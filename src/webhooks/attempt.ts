// One delivery attempt: its shape and what its result means for the delivery. Trackers and Team both decide here and store the
// result in their own rows. Pure.

import { type Classification, GONE_STATUS } from "./classify.ts";
import type { EventFormat } from "./event-body.ts";
import type { EndEventType } from "./event-types.ts";
import type { Reply } from "./receiver-reply.ts";
import { type DueAttempt, plannedAttempt, resumedAttempt } from "./retry-schedule.ts";

/** The result of one attempt, safe to store and show. */
export interface AttemptAnswer extends Classification {
  /** Epoch ms; `ms` is the duration of the exchange. */
  at: number;
  ms: number;
  /** Request URL without query and credentials; empty if nothing was sent. */
  url: string;
  /** HTTP status; null when no answer came. */
  status: number | null;
  reply: Reply | null;
  /** Target of a redirect, which is not followed. */
  location: string | null;
}

/** An attempt as timelines and reports show it. */
export interface AttemptSummary {
  status: number | null;
  category: string;
}

/** When the next attempt is due and why; without a time, why none is planned. */
export type NextAttempt =
  | DueAttempt
  | {
      at: null;
      /** `overtaken`: another attempt concluded the row, or the delivery was dropped. */
      why: "delivered" | "no_tries_left" | "gone" | "replay_failed" | "overtaken";
    };

/** An entry of the attempt log. */
export interface Attempt extends AttemptAnswer {
  delivery: string;
  /** 0 for scheduled attempts; each replay is a group of its own. */
  group: number;
  replay: boolean;
  /** Earlier attempts interrupted before their result was known; each may have been sent. Null: not counted (team events). */
  cutOff: number | null;
  next: NextAttempt;
}

/**
 * `failing`: an attempt failed and another is planned. `parked`: the schedule is exhausted. `gone`: no attempt can succeed;
 * `category` says why.
 */
export type DeliveryState = "pending" | "failing" | "delivered" | "parked" | "gone";

/** A delivery with its attempt log. */
export interface DeliveryView {
  id: string;
  /** Null: the request's own `webhook_url`. */
  endpointId: string | null;
  /** Null: an event of the team. */
  requestId: string | null;
  eventId: string;
  eventType: string;
  state: DeliveryState;
  attempts: number;
  /** When the next attempt is due; null if none is planned or one is in progress. */
  nextAt: number | null;
  /** Request body; null before the first attempt of a request event and after it is deleted. */
  body: string | null;
  /** Oldest first. */
  tries: Attempt[];
}

/** State of a delivery during an attempt. */
export interface AttemptRow {
  /** Failed scheduled attempts. */
  failures: number;
  /**
   * The attempt is a replay, which does not count as a scheduled attempt. `resumeAt`: when the next scheduled attempt was due;
   * null if none remained. Team moves the scheduled attempt forward instead.
   */
  replay: { resumeAt: number | null } | null;
  /** An earlier attempt was accepted. */
  wasDelivered: boolean;
}

export interface AfterAttempt {
  /** Result of this attempt. */
  outcome: Exclude<DeliveryState, "pending">;
  /** State of the delivery: equals `outcome`, except that a failed replay leaves a delivered delivery delivered. */
  state: Exclude<DeliveryState, "pending">;
  failures: number;
  next: NextAttempt;
}

/** State of the delivery after a result. `random` in [0, 1) sets the jitter. */
export function afterAttempt(
  row: AttemptRow,
  answer: Pick<AttemptAnswer, "kind" | "retryAfterMs">,
  now: number,
  random: number,
): AfterAttempt {
  const { replay, wasDelivered } = row;
  const failures = row.failures + (answer.kind === "taken" || replay !== null ? 0 : 1);
  const after = (outcome: AfterAttempt["outcome"], next: NextAttempt): AfterAttempt => {
    return { outcome, state: wasDelivered ? "delivered" : outcome, failures, next };
  };
  if (answer.kind === "taken") return after("delivered", { at: null, why: "delivered" });
  if (answer.kind === "gone") return after("gone", { at: null, why: "gone" });
  const { retryAfterMs } = answer;
  if (replay !== null) {
    if (replay.resumeAt === null) return after("parked", { at: null, why: "replay_failed" });
    return after("failing", resumedAttempt(replay.resumeAt, retryAfterMs, now));
  }
  const next = plannedAttempt(failures, retryAfterMs, now, random);
  return next === null ? after("parked", { at: null, why: "no_tries_left" }) : after("failing", next);
}

/** Result for a delivery without a target: its endpoint is deleted, disabled or skipped it. */
export function notSent(reason: string, at: number): AttemptAnswer {
  return {
    kind: "gone",
    category: "disabled",
    reason,
    retryAfterMs: null,
    at,
    ms: 0,
    url: "",
    status: null,
    reply: null,
    location: null,
  };
}

/** Whether the receiver's response disables its endpoint. `gone` without a response does not. */
export function disablesEndpoint({ status }: Pick<AttemptAnswer, "status">): boolean {
  return status === GONE_STATUS;
}

/** An event body: the same bytes for every target with this format, at every attempt. */
export interface StoredEvent {
  id: string;
  type: EndEventType;
  format: EventFormat;
  body: string;
}
