// One attempt at a delivery: its shape, and what its answer means for the delivery. Both owners ask here and store the result in
// rows of their own: a request's tracker for the ends of its request, Team for events of the team. Pure.

import { type Classification, GONE_STATUS } from "./classify.ts";
import type { EventFormat } from "./event-body.ts";
import type { EndEventType } from "./event-types.ts";
import type { Reply } from "./reply.ts";
import { type DueAttempt, plannedAttempt, resumedAttempt } from "./schedule.ts";

/** What one attempt came to, as it may be kept and shown. */
export interface AttemptAnswer extends Classification {
  /** Epoch ms, and how long the whole exchange took. */
  at: number;
  ms: number;
  /** Where it went, without query and credentials; empty where nothing was sent. */
  url: string;
  /** HTTP status; null when no answer came. */
  status: number | null;
  reply: Reply | null;
  /** Where a redirect would have led. */
  location: string | null;
}

/** An attempt in the little that timelines and reports say of it. */
export interface AttemptSummary {
  status: number | null;
  category: string;
}

/** When the next attempt is due, and why then; without a time, why there is none. */
export type NextAttempt =
  | DueAttempt
  | {
      at: null;
      /** `overtaken`: another attempt has the row, or the delivery was dropped. */
      why: "delivered" | "no_tries_left" | "gone" | "replay_failed" | "overtaken";
    };

/** A line of a delivery's log. */
export interface Attempt extends AttemptAnswer {
  delivery: string;
  /** 0: the schedule's own attempts; each replay is a group. */
  group: number;
  replay: boolean;
  /** Earlier attempts that broke off before their answer was known: each may have been sent. Null: not counted (Team's events). */
  cutOff: number | null;
  next: NextAttempt;
}

/**
 * `pending`: not attempted yet. `failing`: an attempt failed and another is planned. `parked`: none is left. `gone`: none could do
 * better; its category says why.
 */
export type DeliveryState = "pending" | "failing" | "delivered" | "parked" | "gone";

/** A delivery with its log, as readers get it, whoever sends it. */
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
  /** When the next attempt is due; null when none is planned, or one is under way. */
  nextAt: number | null;
  /** What is sent; null before the first attempt at a request's end, and once it is no longer kept. */
  body: string | null;
  /** Oldest first. */
  tries: Attempt[];
}

/** Where a delivery stands while an attempt is made. */
export interface AttemptRow {
  /** Planned attempts that failed. */
  failures: number;
  /**
   * The attempt is a replay, which uses up no planned one. `resumeAt`: when the schedule's next attempt was due; null: none was
   * left, or the owner does not interrupt a schedule (Team hastens the planned attempt instead, which then counts).
   */
  replay: { resumeAt: number | null } | null;
  /** An earlier attempt was accepted. */
  wasDelivered: boolean;
}

export interface AfterAttempt {
  /** What this attempt came to. */
  outcome: Exclude<DeliveryState, "pending">;
  /** How the delivery stands: the same, but for a failed replay of what was delivered before, which stays delivered. */
  state: Exclude<DeliveryState, "pending">;
  failures: number;
  next: NextAttempt;
}

/** What an answer means for its delivery. `random` in [0, 1) makes the jitter. */
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

/** An attempt that was not made because the delivery has nowhere to go: its endpoint is deleted, disabled or skipped it. */
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

/** Whether the receiver itself wants no more, which disables its endpoint. A `gone` without its answer is our own doing. */
export function disablesEndpoint({ status }: Pick<AttemptAnswer, "status">): boolean {
  return status === GONE_STATUS;
}

/** An event as it is sent: the same bytes to every target that reads this format, at every attempt. */
export interface StoredEvent {
  id: string;
  type: EndEventType;
  format: EventFormat;
  body: string;
}
