// The operator's sentences: what of the overview needs a person, worst first, each with what to do. Pure.

import type { AccountFigures, AccountOverview } from "../../contracts/account.ts";
import type { SweepReport } from "../../contracts/sweeper.ts";
import { DAY_MS, isoTime, MINUTE_MS } from "../../platform/time.ts";

/** Sentences of one answer. */
export const WORST_MAX = 5;
/** A pause that lasts longer needs a person; shorter ones end by themselves. */
const PAUSED_LONG_MS = 5 * MINUTE_MS;
/** Ends without any webhook that are no chance. */
const ENDS_WITHOUT_WEBHOOK = 10;
/** A sweep runs daily: twice missed is a fault. */
const SWEEP_LATE_MS = 2 * DAY_MS;

export interface Facts {
  account: Pick<AccountOverview, "pause" | "callsWaiting" | "slots" | "webhooks"> & { figures: AccountFigures };
  sweep: SweepReport | null;
  /** Whether the bucket is this deployment's; null: nobody has claimed it. */
  isOwner: boolean | null;
  teams: number;
}

/** At most WORST_MAX sentences, the most urgent first; none where nothing needs a person. */
export function worstOf(facts: Facts, now: number): string[] {
  const { account, sweep, isOwner, teams } = facts;
  const { figures } = account;
  const ended = figures.ended.completed + figures.ended.failed + figures.ended.canceled;
  const found = [
    pauseSentence(account, now),
    isOwner === false
      ? "Another deployment owns the bucket, so nothing is swept here: give each deployment a bucket of its own, or take this one over with POST /v1/admin/sweep."
      : null,
    figures.uncertain > 0
      ? `${counted(figures.uncertain, "request")} may have been taken by fal and may be charged: compare with fal's dashboard, then settle with POST /v1/requests/{id}/settle.`
      : null,
    account.webhooks.state === "missing" ||
    (account.webhooks.state === "arriving" && ended >= ENDS_WITHOUT_WEBHOOK && figures.webhooks === 0)
      ? "fal's webhooks do not arrive, so results come by slower polls: run the self-test, and look for a firewall in front of /hooks/*."
      : null,
    figures.overdue > 0
      ? `${counted(figures.overdue, "request")} ${figures.overdue === 1 ? "is" : "are"} at fal far longer than usual: look at fal's status page, or cancel what nobody waits for.`
      : null,
    figures.ended.failed > figures.ended.completed && ended >= ENDS_WITHOUT_WEBHOOK
      ? `More requests failed (${figures.ended.failed}) than completed (${figures.ended.completed}) in the last 24 hours: look at the error codes in GET /v1/requests?status=failed.`
      : null,
    figures.deliveriesGivenUp > 0
      ? `${counted(figures.deliveriesGivenUp, "delivery", "deliveries")} to webhooks ${figures.deliveriesGivenUp === 1 ? "was" : "were"} given up: their teams find them in GET /v1/deliveries?state=parked, and replay them.`
      : null,
    account.pause === null && account.slots.used >= account.slots.limit && account.callsWaiting > 0
      ? `All ${account.slots.limit} slots are in use and ${counted(account.callsWaiting, "call")} ${account.callsWaiting === 1 ? "waits" : "wait"}: raise UPSTREAM_SLOTS if fal allows your account more.`
      : null,
    sweepSentence(sweep, isOwner, now),
    teams === 0 ? "No team exists yet: create one with POST /v1/admin/teams." : null,
  ];
  return found.filter((sentence) => sentence !== null).slice(0, WORST_MAX);
}

function pauseSentence({ pause, callsWaiting }: Facts["account"], now: number): string | null {
  if (pause === null) return null;
  const since = `since ${isoTime(pause.since)}`;
  const held = callsWaiting === 0 ? "" : `; ${counted(callsWaiting, "call")} ${callsWaiting === 1 ? "waits" : "wait"}`;
  switch (pause.why) {
    case "locked":
      return `fal has locked the account ${since}${held}: pay at fal, and it opens by itself within a minute.`;
    case "key_refused":
      return `Maton or fal refuses the key ${since}${held}: check MATON_API_KEY and the connection with the self-test.`;
    case "failing":
      return `Calls to fal fail ${since}${held}: look at the status pages of Maton and fal; it opens by itself when they answer.`;
    case "rate_limited":
      if (now - pause.since < PAUSED_LONG_MS) return null;
      return `Maton has limited the rate of calls ${since}${held}: find who sends so many in GET /v1/admin/upstream, or lower UPSTREAM_RPS.`;
  }
}

function sweepSentence(sweep: SweepReport | null, isOwner: boolean | null, now: number): string | null {
  if (isOwner !== true || sweep === null) return null;
  if (now - (sweep.finishedAt ?? sweep.startedAt) < SWEEP_LATE_MS) return null;
  const last = sweep.finishedAt === null ? "has not finished" : `last ran ${isoTime(sweep.finishedAt)}`;
  return `The daily sweep of the bucket ${last}: check the cron of wrangler.toml, and start one with POST /v1/admin/sweep.`;
}

function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
