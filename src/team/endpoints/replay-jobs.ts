// Bulk replays: every delivery that a filter finds is sent again, oldest first, a few dozen at a time by Team's alarm. How far a
// job has come is saved after each piece, so it goes on where it was. Accepted loss: a piece that was cut off is sent twice,
// with the same ids.

import type { Actor } from "../../contracts/team-admin.ts";
import type { ReplayFilter, ReplayJob } from "../../contracts/team-webhooks.ts";
import type { Env } from "../../platform/bindings.ts";
import { type Refused, refusal } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { REPLAY_BATCH_ROWS, REPLAY_GAP_MS, SAFETY_ALARM_MS } from "../../platform/limits.ts";
import { trackerFor } from "../../platform/stubs.ts";
import type { Books } from "../stores.ts";
import type { TeamRoom } from "../team-context.ts";
import { beginReplay } from "./delivery-scheduler.ts";

export type ReplayJobAnswer = { kind: "job"; job: ReplayJob; isNew: boolean } | Refused;

/** Begins a job, or answers the one that runs over the same filter: a second click starts nothing. */
export function beginReplayJob(books: Books, filter: ReplayFilter, by: Actor, now: number): ReplayJobAnswer {
  const running = books.replayJobs.running(filter);
  if (running !== null) return { kind: "job", job: running, isNew: false };
  const job: ReplayJob = {
    ...{ id: newId("rpl"), filter, state: "running", position: null, by },
    counts: { replayed: 0, expired: 0, refused: 0 },
    ...{ createdAt: now, updatedAt: now, dueAt: now },
  };
  books.replayJobs.put(job);
  const { endpointId = null, state } = filter;
  books.audit.note(by, "deliveries.replayed", job.id, { endpoint: endpointId, state }, now);
  return { kind: "job", job, isNew: true };
}

/** Stops a job; what it has sent stays sent. Again: the same answer. */
export function cancelReplayJob(books: Books, id: string, by: Actor, now: number): ReplayJobAnswer {
  const job = books.replayJobs.byId(id);
  if (job === null) return NO_JOB;
  if (job.state !== "running") return { kind: "job", job, isNew: false };
  const canceled: ReplayJob = { ...job, state: "canceled", updatedAt: now, dueAt: null };
  books.replayJobs.put(canceled);
  books.audit.note(by, "deliveries.replay_canceled", id, {}, now);
  return { kind: "job", job: canceled, isNew: false };
}

export function replayJobNow(books: Books, id: string): ReplayJobAnswer {
  const job = books.replayJobs.byId(id);
  return job === null ? NO_JOB : { kind: "job", job, isNew: false };
}

/** One piece of the job that is due, if one is. */
export async function runReplayJob({ books, transact }: TeamRoom, env: Env): Promise<void> {
  const job = transact((now) => {
    const due = books.replayJobs.nextDue(now);
    // Should this be cut off, the piece is begun again then.
    if (due !== null) books.replayJobs.put({ ...due, dueAt: now + SAFETY_ALARM_MS });
    return due;
  });
  if (job === null) return;
  const piece = books.deliveries.toReplay(job.filter, job.position, job.createdAt, REPLAY_BATCH_ROWS);
  const counts = { ...job.counts };
  for (const { id } of piece) counts[await replayOne(books, transact, env, id, job)]++;
  transact((now) => {
    // Canceled meanwhile: then it stays so.
    if (books.replayJobs.byId(job.id)?.state !== "running") return;
    const last = piece.at(-1);
    const position = last === undefined ? job.position : { createdAt: last.createdAt, id: last.id };
    const isOver = piece.length < REPLAY_BATCH_ROWS;
    const dueAt = isOver ? null : now + REPLAY_GAP_MS;
    books.replayJobs.put({ ...job, counts, position, state: isOver ? "done" : "running", updatedAt: now, dueAt });
  });
}

async function replayOne(
  books: Books,
  transact: TeamRoom["transact"],
  env: Env,
  deliveryId: string,
  { id: replayId, by }: ReplayJob,
): Promise<keyof ReplayJob["counts"]> {
  const before = books.deliveries.byId(deliveryId);
  const road = transact((now) => beginReplay(books, { deliveryId, replayId, by }, now));
  if (road.kind === "refused") return "refused";
  if (road.kind === "sent") return "replayed";
  const tracker = trackerFor(env, road.requestId);
  const answer = await tracker.replayDelivery(books.team.team().id, deliveryId);
  if (answer.kind === "replayed") return "replayed";
  // Its request was deleted, or what was sent is no longer kept: it stands as it stood.
  if (before !== null) transact(() => books.deliveries.restore(before));
  return "expired";
}

const NO_JOB: Refused = { kind: "refused", refusal: refusal("not_found", "There is no such replay.") };
