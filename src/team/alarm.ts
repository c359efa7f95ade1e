// The work of Team's alarm and its next due time: requests that are not settled, deliveries, replays, expired uploads,
// deletions, the archive, the roll-up of usage, and expired rows.

import { ALARM_BUDGET_MS } from "../platform/alarm.ts";
import type { Env } from "../platform/bindings.ts";
import { requireConfig } from "../platform/config.ts";
import { accountFor } from "../platform/stubs.ts";
import { DAY_MS } from "../platform/time.ts";
import { guardRules } from "../webhooks/guard-rules.ts";
import { cleanUp, cleanUpDueAt } from "./clean-up.ts";
import { emptyTeam, runRemovals } from "./data-deletion.ts";
import { updateDirectory } from "./directory-update.ts";
import { checkEndpoints } from "./endpoints/delivery-scheduler.ts";
import { sendDue } from "./endpoints/outbox.ts";
import type { BacklogPacer } from "./endpoints/recovery-pacer.ts";
import { runReplayJob } from "./endpoints/replay-jobs.ts";
import { archiveRequests, walkArchive } from "./requests/archive.ts";
import { sweepRequests } from "./requests/sweep.ts";
import { UNSTARTED_SWEEP_MS } from "./requests/sweep-schedule.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { removeLeftovers, UPLOAD_LEFTOVER_MS } from "./uploads/senders.ts";
import { removeExpiredUploads } from "./uploads/upload-removal.ts";

/** When the alarm is due: the earliest due work, overdue work included; null if there is none. */
export function nextDueAt(stores: TeamStores, historyMs: number): number | null {
  const { requests, outbox, endpoints, replayJobs, removals, uploads, senders } = stores;
  const leaseEnd = senders.firstLeaseEnd();
  const dues = [
    requests.nextSweepAt(UNSTARTED_SWEEP_MS),
    outbox.nextDueAt(),
    endpoints.nextCheckAt(),
    replayJobs.nextDueAt(),
    uploads.nextExpiryAt(),
    leaseEnd === null ? null : leaseEnd + UPLOAD_LEFTOVER_MS,
    // A team deletion continues at once unless it waits for a request.
    removals.nextDueAt() ?? (removals.isTeamRemoval() ? Date.now() : null),
    stores.team.directoryDueAt(),
    stores.archive.nextPartAt(historyMs),
    stores.archive.nextWalkAt(),
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
  const archiving = { env, context, stores, historyMs: historyMsOf(env) };
  const parts = await Promise.allSettled([
    sweepRequests({ env, context, stores, startedAt: now }),
    sendEvents(env, context, stores, pacer, now),
    runReplayJob(env, context, stores),
    removeExpiredUploads(env.FILES, context, stores, now),
    removeLeftovers(env.FILES, context, stores.senders, now),
    runRemovals(env, stores, now + ALARM_BUDGET_MS),
    (stores.team.directoryDueAt() ?? now + 1) <= now ? updateDirectory(env, context, stores) : null,
    archiveRequests(archiving, now),
    walkArchive(archiving, now),
  ]);
  for (const part of parts) if (part.status === "rejected") throw part.reason;
  stores.removals.finishCompleted(now);
  if (await emptyTeam(env, stores, now)) return "emptied";
  while (context.transact(() => stores.usage.rollUpBatch()) === "more" && Date.now() - now < ALARM_BUDGET_MS);
  context.transact(() => cleanUp(stores, now));
  return "done";
}

/** How long requests stay in the index. */
export function historyMsOf(env: Env): number {
  return requireConfig(env).HISTORY_DAYS * DAY_MS;
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
  // Lost, it is not counted: nobody waits for it.
  const gaveUp = (id: string) =>
    void accountFor(env)
      .deliveryGivenUp(id)
      .catch(() => undefined);
  await sendDue({ stores, pacer, transact, arm, guard, gaveUp, logShare: config.LOG_SAMPLE }, now);
}
