// The events that endpoints may take, in words.

import type { Endpoint } from "../../api/types.ts";

export type EventType = NonNullable<Endpoint["events"]>[number];

/** Complete by type: a new event does not compile without its words. */
export const EVENT_WORDS: Record<EventType, string> = {
  "request.completed": "A request completed, its files are stored",
  "request.failed": "A request failed",
  "request.canceled": "A request was canceled",
  "request.recovered": "A request that seemed lost ended after all",
  "limit.reached": "A USD limit reached an alert percentage",
  "upstream.paused": "Upstream paused while requests wait",
  "endpoint.failing": "Deliveries to an endpoint keep failing",
};

export const EVENT_NAMES = Object.keys(EVENT_WORDS) as EventType[];
