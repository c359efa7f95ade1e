// What the account shows of itself: its health to everybody, its state and figures to the operator. The time is passed in.

import type { AccountFigures, AccountHealth, AccountOverview, Pause } from "../contracts/account.ts";
import type { Durations } from "../models/durations.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import type { RequestState } from "../requests/machine/types.ts";
import { byMostCalls } from "./fair-queue.ts";
import type { AccountGrants } from "./grants.ts";
import { dayCounts, type HourlyCounts, isInDay, p95DelayMs } from "./hourly-counts.ts";
import type { LearnedDurations } from "./learned-durations.ts";
import type { Slot } from "./scheduler.ts";
import type { PagedRequest } from "./slot-pages.ts";

/** Users with waiting calls in the operator's overview, most calls first. */
const WAITING_USERS_SHOWN_MAX = 100;
/** Models whose durations the operator is shown. */
const DURATIONS_SHOWN_MAX = 50;
/** A request that has been at fal for less is never overdue. */
export const OVERDUE_MIN_MS = 10 * MINUTE_MS;
/** Nor one that has taken less than so many times what nearly all of its model take. */
const OVERDUE_P95S = 3;

export interface AccountNow {
  connection: string | null;
  pause: Pause | null;
  limits: { rps: number; slots: number };
  webhooks: RequestState["webhooks"];
  grants: Pick<AccountGrants, "callScheduler" | "lastFailures">;
  learned: LearnedDurations;
  requests: { counts(): HourlyCounts[]; uncertain(): PagedRequest[] };
}

export function healthNow({ connection, pause, limits, grants }: AccountNow, now: number): AccountHealth {
  const { callScheduler } = grants;
  return {
    at: now,
    pause,
    rps: limits.rps,
    callsLastSecond: callScheduler.pace.calls.filter(({ at }) => at > now - SECOND_MS && at <= now).length,
    slots: { used: connection === null ? 0 : callScheduler.slotsUsed(connection), limit: limits.slots },
    callsWaiting: callScheduler.queue.size,
  };
}

export function overviewNow(account: AccountNow, now: number): AccountOverview {
  const { connection, grants, learned, webhooks, requests } = account;
  const { callScheduler, lastFailures } = grants;
  const health = connection === null ? null : callScheduler.healthOf(connection);
  const slots = [...callScheduler.slots.values()];
  const answered = slots.filter(({ requestId }) => !callScheduler.unanswered.has(requestId));
  const open = { atFal: answered, uncertain: requests.uncertain() };
  return {
    ...healthNow(account, now),
    connection,
    pausedUntil: callScheduler.pace.closedUntil > now ? callScheduler.pace.closedUntil : null,
    closure: health?.closure ?? null,
    failuresInARow: health?.failures ?? 0,
    waiting: callScheduler.waitingByKind(),
    waitingByUser: byMostCalls(callScheduler.queue.waitingByUser()).slice(0, WAITING_USERS_SHOWN_MAX),
    lastFailures,
    webhooks: { state: webhooks, lastDelayMs: learned.webhookDelayMs },
    durations: learned.latest(DURATIONS_SHOWN_MAX),
    figures: figuresOf(requests.counts(), open, (model) => learned.durationsOf(model), now),
  };
}

/** `atFal`: requests whose submit was answered; `durationsOf` as learned. */
export function figuresOf(
  counts: readonly HourlyCounts[],
  { atFal, uncertain }: { atFal: readonly Pick<Slot, "since" | "model">[]; uncertain: readonly { since: number }[] },
  durationsOf: (model: string) => Durations | null,
  now: number,
): AccountFigures {
  const day = dayCounts(counts, now);
  const { submitted, completed, failed, canceled, webhooks, gaveUp } = day;
  const isOverdue = ({ since, model = "" }: Pick<Slot, "since" | "model">) =>
    now - since > Math.max(OVERDUE_MIN_MS, OVERDUE_P95S * (durationsOf(model)?.p95Ms ?? 0));
  return {
    // What is open is counted when it leaves; it was submitted all the same.
    submitted: submitted + [...atFal, ...uncertain].filter(({ since }) => isInDay(since, now)).length,
    ended: { completed, failed, canceled },
    webhooks,
    webhookP95Ms: p95DelayMs(day),
    deliveriesGivenUp: gaveUp,
    overdue: atFal.filter(isOverdue).length,
    uncertain: uncertain.length,
  };
}
