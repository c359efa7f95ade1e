// Bulk replays: resends every delivery that matches a filter, oldest first, in batches under Team's alarm. The position is
// saved after each batch; an interrupted batch is sent twice with the same ids.

import { RpcTarget } from "cloudflare:workers";
import type { Actor } from "../../contracts/team-keys.ts";
import type { ReplayFilter, ReplayJob, ReplayJobAnswer, TeamReplayJobs } from "../../contracts/team-webhooks.ts";
import { SAFETY_ALARM_MS } from "../../platform/alarm.ts";
import type { Env } from "../../platform/bindings.ts";
import { refusal, refused } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { trackerFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { beginReplay } from "./delivery-scheduler.ts";

/** Batch size of a bulk replay and delay between batches: ten deliveries per second. */
const REPLAY_BATCH_ROWS = 50;
/** Gap between two batches of a bulk replay. */
const REPLAY_GAP_MS = 5 * SECOND_MS;

type JobStores = Pick<TeamStores, "audit" | "replayJobs">;
type RunStores = JobStores & Pick<TeamStores, "deliveries" | "endpoints" | "outbox" | "team">;

const NO_JOB = refused(refusal("not_found", "No replay found with this id."));

/** Runs in the transaction of the caller; also used when an endpoint is enabled. */
export function beginReplayJob(
  stores: JobStores,
  filter: ReplayFilter,
  by: Actor,
  now: number,
): Extract<ReplayJobAnswer, { kind: "job" }> {
  const running = stores.replayJobs.findRunning(filter);
  if (running !== null) return { kind: "job", job: running, isNew: false };
  const job: ReplayJob = {
    id: newId("rpl"),
    filter,
    state: "running",
    position: null,
    counts: { replayed: 0, expired: 0, refused: 0 },
    by,
    createdAt: now,
    updatedAt: now,
    dueAt: now,
  };
  stores.replayJobs.put(job);
  const { endpointId = null, state } = filter;
  stores.audit.note(by, "deliveries.replayed", job.id, { endpoint: endpointId, state }, now);
  return { kind: "job", job, isNew: true };
}

export class ReplayJobs extends RpcTarget implements TeamReplayJobs {
  readonly #context: TeamContext;
  readonly #stores: JobStores;

  constructor(context: TeamContext, stores: JobStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  async begin(filter: ReplayFilter, by: Actor): Promise<ReplayJobAnswer> {
    const answer = this.#context.ask((now) => beginReplayJob(this.#stores, filter, by, now));
    await this.#context.arm();
    return answer;
  }

  read(id: string): ReplayJobAnswer {
    return this.#context.ask(() => {
      const job = this.#stores.replayJobs.findReplayJob(id);
      return job === null ? NO_JOB : { kind: "job" as const, job, isNew: false };
    });
  }

  cancel(id: string, by: Actor): ReplayJobAnswer {
    const { replayJobs, audit } = this.#stores;
    return this.#context.ask((now) => {
      const job = replayJobs.findReplayJob(id);
      if (job === null) return NO_JOB;
      if (job.state !== "running") return { kind: "job" as const, job, isNew: false };
      const canceled: ReplayJob = { ...job, state: "canceled", updatedAt: now, dueAt: null };
      replayJobs.put(canceled);
      audit.note(by, "deliveries.replay_canceled", id, {}, now);
      return { kind: "job" as const, job: canceled, isNew: false };
    });
  }
}

/** Runs one batch of the due job, if any. */
export async function runReplayJob(
  env: Pick<Env, "TRACKER">,
  { transact }: Pick<TeamContext, "transact">,
  stores: RunStores,
): Promise<void> {
  const job = transact((now) => {
    const due = stores.replayJobs.nextDue(now);
    // If interrupted, the batch restarts then.
    if (due !== null) stores.replayJobs.put({ ...due, dueAt: now + SAFETY_ALARM_MS });
    return due;
  });
  if (job === null) return;
  const { found, lookedTo } = stores.deliveries.toReplay(job.filter, job.position, job.createdAt, REPLAY_BATCH_ROWS);
  const counts = { ...job.counts };
  for (const { id } of found) counts[await replayOne(stores, transact, env, id, job)]++;
  transact((now) => {
    // The job may have been canceled meanwhile.
    if (stores.replayJobs.findReplayJob(job.id)?.state !== "running") return;
    const last = lookedTo ?? found.at(-1);
    const position = last === undefined ? job.position : { createdAt: last.createdAt, id: last.id };
    const isOver = lookedTo === null && found.length < REPLAY_BATCH_ROWS;
    const dueAt = isOver ? null : now + REPLAY_GAP_MS;
    stores.replayJobs.put({ ...job, counts, position, state: isOver ? "done" : "running", updatedAt: now, dueAt });
  });
}

async function replayOne(
  stores: RunStores,
  transact: TeamContext["transact"],
  env: Pick<Env, "TRACKER">,
  deliveryId: string,
  { id: replayId, by }: ReplayJob,
): Promise<keyof ReplayJob["counts"]> {
  const before = stores.deliveries.findDelivery(deliveryId);
  const route = transact((now) => beginReplay(stores, { deliveryId, replayId, by }, now));
  if (route.kind === "refused") return "refused";
  if (route.kind === "sent") return "replayed";
  const tracker = trackerFor(env, route.requestId);
  const answer = await tracker.replayDelivery(stores.team.team().id, deliveryId);
  if (answer.kind === "replayed") return "replayed";
  // The request or its body was deleted: restore the state.
  if (before !== null) transact(() => stores.deliveries.restore(before));
  return "expired";
}
