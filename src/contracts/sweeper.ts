// The RPC contract of BucketSweeper. Types only.

import type { Answer } from "./rpc.ts";

/** Progress of a sweep. Times are epoch milliseconds. */
export interface SweepReport {
  startedAt: number;
  finishedAt: number | null;
  listed: number;
  /** Objects that belong to a request or an upload. */
  known: number;
  /** Too young to check: the object may belong to a request that is being created. */
  young: number;
  /** Keys that Sluice does not write: never deleted. */
  foreign: number;
  deleted: number;
  deletedBytes: number;
}

export interface SweeperContract {
  /** Starts a sweep, unless one is running. */
  begin(): Answer<SweepReport>;
  /** The running or last sweep; null before the first. */
  report(): Answer<SweepReport | null>;
  /** Deletes some pages of a removed team's objects; call after its requests are deleted, until `done`. */
  emptyTeam(team: string): Answer<{ deleted: number; done: boolean }>;
}
