// The rhythm of polls: when fal is asked how a request stands, by whether webhooks arrive, who watches, and how long its model
// takes.

import { MINUTE_MS, SECOND_MS } from "../../platform/time.ts";
import type { Effect } from "./effect-types.ts";
import type { Watch } from "./events.ts";
import type { RequestState } from "./types.ts";

/** First poll of a model without learned durations while webhooks arrive: they nearly always win. */
const POLL_FIRST_WITH_WEBHOOKS_MS = 60 * SECOND_MS;
/** The same with no PUBLIC_URL, or while webhooks are missing: the poll is the only news. */
const POLL_FIRST_WITHOUT_WEBHOOKS_MS = 3 * SECOND_MS;
/** Beside webhooks the first poll comes so long after nearly all requests of the model have ended: a late webhook still wins. */
const POLL_AFTER_P95_MS = 20 * SECOND_MS;
/** First polls by learned durations: not closer than this, and not farther than fal keeps what ended early. */
const POLL_FIRST_MIN_MS = SECOND_MS;
const POLL_FIRST_MAX_MS = 5 * MINUTE_MS;
/** fal keeps a result of 10 KB or more for about six minutes: no gap may come near that. */
export const POLL_MAX_GAP_MS = 120 * SECOND_MS;
/** Somebody waits for the end and no webhook will tell it: no gap above this. */
const POLL_WAITED_GAP_MS = 5 * SECOND_MS;
/** Somebody follows the progress, which only polls show: first gap, and the most it grows to. */
export const POLL_FOLLOWED_FIRST_MS = 2 * SECOND_MS;
const POLL_FOLLOWED_GAP_MS = 10 * SECOND_MS;
/**
 * fal's 202 to a cancel is a wish, and most runners obey at once: the first look comes so soon, each further one after as long again
 * as the wish is old. A model that does not obey so costs a handful of looks.
 */
export const CANCEL_POLL_FIRST_MS = 500;

type PolledBy = Pick<RequestState, "webhooks" | "polls" | "durations">;

/**
 * Gap before the next poll. Webhooks arriving: they nearly always win, so polls are a rare net, whoever waits for the end.
 * Otherwise the poll is the only news: when half of the model's requests have ended, then a little later, then doubling.
 * Somebody who follows the progress makes polls frequent, because only they show it. No gap comes near the six minutes that
 * fal keeps a result of 10 KB or more. Where the pace does not suffice, polls wait in the account's queue, all alike.
 */
export function pollGapMs(state: PolledBy, watch: Watch): number {
  const gap = state.webhooks === "arriving" ? gapBesideWebhooksMs(state) : gapWithoutWebhooksMs(state, watch);
  if (watch !== "following") return gap;
  return Math.min(gap, POLL_FOLLOWED_GAP_MS, POLL_FOLLOWED_FIRST_MS * 2 ** Math.min(state.polls, 10));
}

/**
 * Gap before the next poll of a request as it stands at `now`. One that its caller wants to stop is looked at soon, whatever webhooks
 * do: fal promises none for a run that a cancel has stopped.
 */
export function nextPollGapMs(
  state: PolledBy & Pick<RequestState, "cancelRequestedAt">,
  watch: Watch,
  now: number,
): number {
  const gap = pollGapMs(state, watch);
  if (state.cancelRequestedAt === null) return gap;
  return Math.min(gap, Math.max(CANCEL_POLL_FIRST_MS, now - state.cancelRequestedAt));
}

function gapBesideWebhooksMs({ polls, durations }: PolledBy): number {
  const learned = durations && Math.max(2 * durations.p50Ms, durations.p95Ms + POLL_AFTER_P95_MS);
  const first = learned ?? POLL_FIRST_WITH_WEBHOOKS_MS;
  return polls === 0 ? Math.min(POLL_FIRST_MAX_MS, first) : doubled(first, polls);
}

function gapWithoutWebhooksMs({ polls, durations }: PolledBy, watch: Watch): number {
  if (durations !== null && polls === 0) {
    return Math.min(POLL_FIRST_MAX_MS, Math.max(POLL_FIRST_MIN_MS, durations.p50Ms));
  }
  const step = durations === null ? POLL_FIRST_WITHOUT_WEBHOOKS_MS : Math.max(POLL_FIRST_MIN_MS, durations.p50Ms / 8);
  const gap = Math.round(doubled(step, durations === null ? polls : polls - 1));
  return watch === "waiting" ? Math.min(gap, POLL_WAITED_GAP_MS) : gap;
}

function doubled(ms: number, times: number): number {
  return Math.min(POLL_MAX_GAP_MS, ms * 2 ** Math.min(times, 10));
}

/** The rows once somebody watches the request: a poll that is far off comes nearer. Others stay as they are. */
export function quickened(effects: readonly Effect[], state: RequestState, watch: Watch, now: number): Effect[] {
  const soon = now + pollGapMs(state, watch);
  return effects.map((effect) =>
    effect.kind === "poll" && effect.leaseUntil === null && effect.dueAt > soon ? { ...effect, dueAt: soon } : effect,
  );
}
