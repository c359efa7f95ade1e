// One try at a delivery, and what it came to. Types only.

import type { Sorted } from "./classify.ts";
import type { EventFormat } from "./event-body.ts";
import type { EndEventType } from "./event-types.ts";
import type { Reply } from "./reply.ts";

/** What one try came to, as it may be kept and shown. */
export interface DeliverAnswer extends Sorted {
  /** Epoch ms, and how long the whole exchange took. */
  at: number;
  ms: number;
  /** Where it went, without query and credentials. */
  url: string;
  /** Null when no answer came. */
  status: number | null;
  reply: Reply | null;
  /** Where a redirect would have led. */
  location: string | null;
}

/** An event as it is sent: the same bytes to every target that reads this format, at every try. */
export interface KeptEvent {
  id: string;
  type: EndEventType;
  format: EventFormat;
  body: string;
}

/** `disabled`: the team no longer has the endpoint or has turned it off; nothing was sent. */
export type TriedAnswer = Omit<DeliverAnswer, "category"> & { category: DeliverAnswer["category"] | "disabled" };

/** When the next try is due, and why then; without a time, why there is none. */
export interface NextTry {
  at: number | null;
  why: "delivered" | "schedule" | "retry_after" | "no_tries_left" | "gone" | "replay_failed" | "overtaken";
}

/** One try of a delivery, as it came out. */
export interface TriedDelivery extends TriedAnswer {
  delivery: string;
  group: number;
  replay: boolean;
  /** Earlier tries that broke off before anybody knew what they came to: each may have been sent. */
  cutOff: number;
}

export interface AttemptEntry extends TriedDelivery {
  seq: number;
  next: NextTry;
}
