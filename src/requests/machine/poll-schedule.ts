// Poll schedule: when fal is polled, depending on whether webhooks arrive, who watches, and how long the model takes.

import { MINUTE_MS, SECOND_MS } from "../../platform/time.ts";
import type { Effect } from "./effect-types.ts";
import type { Watch } from "./events.ts";
import type { RequestState } from "./types.ts";

/** First poll of a model without learned durations while webhooks arrive: they are nearly always first. */
const POLL_FIRST_WITH_WEBHOOKS_MS = 60 * SECOND_MS;
/** The same without PUBLIC_URL, or while webhooks are missing: polls are the only source. */
const POLL_FIRST_WITHOUT_WEBHOOKS_MS = 3 * SECOND_MS;
/** Beside webhooks the first poll comes so long after nearly all requests of the model have ended: a late webhook still wins. */
const POLL_AFTER_P95_MS = 20 * SECOND_MS;
/** First polls by learned durations: not closer than this, and not farther than fal keeps what ended early. */
const POLL_FIRST_MIN_MS = SECOND_MS;
const POLL_FIRST_MAX_MS = 5 * MINUTE_MS;
/** fal keeps a result of 10 KB or more for about six minutes: no gap may come near that. */
export const POLL_MAX_GAP_MS = 120 * SECOND_MS;
/** Maximum gap while a client waits for the end and no webhook is expected. */
const POLL_WAITED_GAP_MS = 5 * SECOND_MS;
/** First and maximum gap while a client follows the progress, which only polls show. */
export const POLL_FOLLOWED_FIRST_MS = 2 * SECOND_MS;
const POLL_FOLLOWED_GAP_MS = 10 * SECOND_MS;
/**
 * fal's 202 to a cancel is a request that most runners honor at once: the first poll follows after this, each further one after
 * as long again as the request is old.
 */
export const CANCEL_POLL_FIRST_MS = 500;

type PolledBy = Pick<RequestState, "webhooks" | "polls" | "durations">;

/**
 * Gap before the next poll. While webhooks arrive, polls are a rare fallback. Otherwise the first poll comes at the model's median
 * duration, then shortly after, then with doubling gaps. Following clients make polls frequent. No gap approaches the six minutes
 * for which fal keeps a result of 10 KB or more.
 */
export function pollGapMs(state: PolledBy, watch: Watch): number {
  const gap = state.webhooks === "arriving" ? gapBesideWebhooksMs(state) : gapWithoutWebhooksMs(state, watch);
  if (watch !== "following") return gap;
  return Math.min(gap, POLL_FOLLOWED_GAP_MS, POLL_FOLLOWED_FIRST_MS * 2 ** Math.min(state.polls, 10));
}

/**
 * Gap before the next poll at `now`. A request with a pending cancel is polled soon: fal sends no webhook for a cancelled run.
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

/** The effects once a client watches the request: a distant poll moves nearer. */
export function quickened(effects: readonly Effect[], state: RequestState, watch: Watch, now: number): Effect[] {
  const soon = now + pollGapMs(state, watch);
  return effects.map((effect) =>
    effect.kind === "poll" && effect.leaseUntil === null && effect.dueAt > soon ? { ...effect, dueAt: soon } : effect,
  );
}
