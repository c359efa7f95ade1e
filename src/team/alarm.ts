// The work of Team's alarm and its next due time: open requests, deliveries, replays, expired uploads, deletions and expired
// rows.

import { ALARM_BUDGET_MS } from "../platform/alarm.ts";
import type { Env } from "../platform/bindings.ts";
import { requireConfig } from "../platform/config.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { trackerFor } from "../platform/stubs.ts";
import { HOUR_MS } from "../platform/time.ts";
import { guardRules } from "../webhooks/guard-rules.ts";
import { UNSTARTED_SWEEP_MS } from "./admit.ts";
import { cleanUp, cleanUpDueAt } from "./clean-up.ts";
import { emptyTeam, runRemovals } from "./data-deletion.ts";
import { checkEndpoints } from "./endpoints/delivery-scheduler.ts";
import { sendDue } from "./endpoints/outbox.ts";
import type { BacklogPacer } from "./endpoints/recovery-pacer.ts";
import { runReplayJob } from "./endpoints/replay-jobs.ts";
import { release } from "./settle.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { SWEEP_BATCH_ROWS } from "./team-context.ts";
import { removeExpiredUploads } from "./uploads/upload-removal.ts";

/** Interval at which the tracker of an open request is called: this restores a lost alarm. */
export const OPEN_SWEEP_MS = HOUR_MS;

/** When the alarm is due: the earliest due work, overdue work included; null if there is none. */
export function nextDueAt(stores: TeamStores): number | null {
  const { requests, outbox, endpoints, replayJobs, removals, uploads } = stores;
  const dues = [
    requests.nextSweepAt(),
    outbox.nextDueAt(),
    endpoints.nextCheckAt(),
    replayJobs.nextDueAt(),
    uploads.nextExpiryAt(),
    // A team deletion continues at once unless it waits for a request.
    removals.nextDueAt() ?? (removals.isTeamRemoval() ? Date.now() : null),
    cleanUpDueAt(stores),
  ];
  const due = dues.filter((at) => at !== null);
  return due.length === 0 ? null : Math.min(...due);
}

/** One bounded batch of all due work. `emptied`: the team is deleted except for its own store. */
export async function doDueWork(
  env: Env,
  context: TeamContext,
  stores: TeamStores,
  pacer: BacklogPacer,
): Promise<"done" | "emptied"> {
  const now = Date.now();
  const parts = await Promise.allSettled([
    sweepOpenRequests(env, context, stores, now),
    sendEvents(env, context, stores, pacer, now),
    runReplayJob(env, context, stores),
    removeExpiredUploads(env.FILES, context, stores, now),
    runRemovals(env, stores, now + ALARM_BUDGET_MS),
  ]);
  for (const part of parts) if (part.status === "rejected") throw part.reason;
  stores.removals.finishCompleted(now);
  if (await emptyTeam(env, stores, now)) return "emptied";
  context.transact(() => cleanUp(stores, now));
  return "done";
}

/** The call wakes the tracker and restores its alarm, so the tracker reports an end that was lost. */
async function sweepOpenRequests(
  env: Pick<Env, "TRACKER">,
  { decide }: TeamContext,
  stores: TeamStores,
  now: number,
): Promise<void> {
  const { requests } = stores;
  for (const requestId of requests.dueForSweep(now, SWEEP_BATCH_ROWS)) {
    if (Date.now() - now > ALARM_BUDGET_MS) return;
    try {
      const { kind } = await trackerFor(env, requestId).closeIfUnstarted();
      decide(undefined, (at) => {
        if (kind === "unstarted") release(stores, requestId, at);
        else requests.setSweep(requestId, at + OPEN_SWEEP_MS);
      });
      logEvent("sweep.asked", { request: requestId, outcome: kind });
    } catch (fault) {
      // The tracker did not answer: the reservation stays, because the request may have started.
      requests.setSweep(requestId, Date.now() + UNSTARTED_SWEEP_MS);
      logEvent("sweep.failed", { request: requestId, error: faultName(fault) });
    }
  }
}

/** Checks endpoint health and sends due team events. */
async function sendEvents(
  env: Env,
  { decide, transact, arm }: TeamContext,
  stores: TeamStores,
  pacer: BacklogPacer,
  now: number,
): Promise<void> {
  decide(undefined, () => checkEndpoints(stores, now));
  const config = requireConfig(env);
  const guard = (origin: string) => guardRules(config, origin);
  await sendDue({ stores, pacer, transact, arm, guard, logOneOf: config.LOG_ONE_OF }, now);
}
