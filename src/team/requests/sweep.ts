// Asks the trackers of requests that are not settled. The first look follows a watermark over the order of admission, so that a
// request which is settled within a minute needs no row of its own; later looks have a time in the request's row.

import { ALARM_BUDGET_MS } from "../../platform/alarm.ts";
import type { Env } from "../../platform/bindings.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { trackerFor } from "../../platform/stubs.ts";
import { release } from "../settle.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { SWEEP_BATCH_ROWS } from "../team-context.ts";
import type { SweepCandidate } from "./request-index.ts";
import { nextSweepAt, UNSTARTED_SWEEP_MS } from "./sweep-schedule.ts";

/** Rows that one query looks at. */
const LOOK_ROWS = 500;
/** Trackers asked in parallel. */
const SWEEP_CONCURRENCY = 6;

type SweepStores = Pick<TeamStores, "counters" | "requests" | "uploads" | "usage">;

interface Sweep {
  env: Pick<Env, "TRACKER">;
  context: Pick<TeamContext, "decide">;
  stores: SweepStores;
  startedAt: number;
}

/** One bounded batch. Cut off, it repeats: the answers are the same. */
export async function sweepRequests(sweep: Sweep): Promise<void> {
  const { stores, startedAt } = sweep;
  await askAll(sweep, stores.requests.dueForSweep(startedAt, SWEEP_BATCH_ROWS));
  for (;;) {
    const looks = stores.requests.pastWatermark(startedAt - UNSTARTED_SWEEP_MS, LOOK_ROWS);
    if (looks.length === 0 || isOver(sweep)) return;
    const lookedTo = await lookAt(sweep, looks);
    if (lookedTo !== null) stores.requests.markSwept(lookedTo, startedAt);
  }
}

/** Asks about those that are not settled. Returns the place up to which all were asked; null: none. */
async function lookAt(sweep: Sweep, looks: readonly SweepCandidate[]): Promise<number | null> {
  let lookedTo: number | null = null;
  let open: string[] = [];
  for (const [n, { id, place, isSettled }] of looks.entries()) {
    if (!isSettled) open.push(id);
    if (open.length > 0 && (open.length === SWEEP_CONCURRENCY || n === looks.length - 1)) {
      if (!(await askAll(sweep, open))) return lookedTo;
      open = [];
    }
    if (open.length === 0) lookedTo = place;
  }
  return lookedTo;
}

/** False: the time was over before all were asked. */
async function askAll(sweep: Sweep, ids: readonly string[]): Promise<boolean> {
  const left = [...ids];
  const worker = async (): Promise<void> => {
    while (!isOver(sweep)) {
      const id = left.shift();
      if (id === undefined) return;
      await ask(sweep, id);
    }
  };
  await Promise.all(Array.from({ length: SWEEP_CONCURRENCY }, worker));
  return left.length === 0;
}

/** The call wakes the tracker and restores its alarm, so the tracker reports an end that was lost. */
async function ask({ env, context, stores }: Sweep, requestId: string): Promise<void> {
  const { requests } = stores;
  try {
    const { kind } = await trackerFor(env, requestId).closeIfUnstarted();
    context.decide(undefined, (now) => {
      if (kind === "unstarted") release(stores, requestId, now);
      // It may have been settled or released meanwhile.
      const request = requests.findRequest(requestId);
      if (request !== null) requests.setSweep(requestId, nextSweepAt(request.status, now));
    });
    logEvent("sweep.asked", { request: requestId, outcome: kind });
  } catch (fault) {
    // The tracker did not answer: the reservation stays, because the request may have started.
    context.decide(undefined, (now) => requests.setSweep(requestId, now + UNSTARTED_SWEEP_MS));
    logEvent("sweep.failed", { request: requestId, error: faultName(fault) });
  }
}

function isOver({ startedAt }: Sweep): boolean {
  return Date.now() - startedAt > ALARM_BUDGET_MS;
}
