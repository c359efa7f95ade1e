// What a held request waits for, as its readers are told. Pure.

import type { QueuePosition } from "../../contracts/account.ts";
import type { RequestState, Waiting } from "../machine/types.ts";

/** The account's word about a place, with its estimate as a moment. */
export function waitingAt({ reason, why, since, etaMs }: QueuePosition, now: number): Waiting {
  return { reason, why, since, startsAt: etaMs === null ? null : Math.round(now + etaMs) };
}

/** A held request as it stands in the queue now; others as they are. */
export function withQueuePosition(state: RequestState, place: QueuePosition | null, now: number): RequestState {
  if (state.stage !== "held" || place === null) return state;
  return { ...state, queuePosition: place.position, waiting: waitingAt(place, now) };
}
