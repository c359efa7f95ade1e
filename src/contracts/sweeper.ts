// What BucketSweeper is asked and what it answers. Types only.

import type { Answer } from "./rpc.ts";

/** What a sweep has found so far. Times are epoch milliseconds. */
export interface SweepReport {
  startedAt: number;
  finishedAt: number | null;
  listed: number;
  /** Somebody's. */
  known: number;
  /** Not asked about: it may belong to something that is being made. */
  young: number;
  /** Not spelled like anything of ours: left alone. */
  foreign: number;
  deleted: number;
  deletedBytes: number;
}

export interface SweeperContract {
  /** Begins a sweep, unless one is under way. */
  begin(): Answer<SweepReport>;
  /** The sweep under way, or the last one; null before the first. */
  report(): Answer<SweepReport | null>;
  /** Deletes some pages of what a removed team stored. Its team has forgotten every request before. Call until `done`. */
  emptyTeam(team: string): Answer<{ deleted: number; done: boolean }>;
}
