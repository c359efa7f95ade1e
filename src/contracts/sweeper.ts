// The RPC contract of BucketSweeper. Types only.

import type { Answer } from "./rpc.ts";

/** Progress of a sweep. Times are epoch milliseconds. */
export interface SweepReport {
  startedAt: number;
  finishedAt: number | null;
  /** It ended early, because another deployment took the bucket over. */
  refused: boolean;
  listed: number;
  /** Objects that belong to a request or an upload. */
  known: number;
  /** Too young to check: the object may belong to a request that is being created. */
  young: number;
  /** Keys that Sluice does not write, or of teams that this deployment never had: never deleted. */
  foreign: number;
  deleted: number;
  deletedBytes: number;
  /** Size of all that was listed, deleted objects included. Absent: an older sweep did not add it up. */
  listedBytes?: number;
}

/** Whose the bucket is: a deployment's random id, and since when. `deployment` null: the mark cannot be read. */
export interface BucketOwner {
  deployment: string | null;
  claimedAt: number | null;
}

/** A deliberate takeover of the bucket by the operator. */
export interface Adoption {
  at: number;
  /** Address of the operator's call, as Cloudflare reports it. */
  ip: string | null;
  from: BucketOwner;
}

export interface SweepOverview {
  /** The running or last sweep; null before the first. */
  sweep: SweepReport | null;
  /** The deployment that owns the bucket; null while nobody has claimed it. */
  owner: BucketOwner | null;
  isOwner: boolean;
  /** Newest first, at most ADOPTIONS_KEPT. */
  adoptions: Adoption[];
}

/** For the operator's overview: what the last finished sweep found, and how many teams there are. */
export interface DeploymentFigures {
  /** The running or last sweep; null before the first. */
  sweep: SweepReport | null;
  /** The last sweep that came to its end; null before the first. */
  finished: SweepReport | null;
  /** Whether the bucket is this deployment's; null: nobody has claimed it. */
  isOwner: boolean | null;
  teams: number;
}

/** `not_owner`: the bucket belongs to another deployment, and nothing was swept. */
export type BeginAnswer = { kind: "running"; report: SweepReport } | { kind: "not_owner"; owner: BucketOwner };

/** A team as the operator's directory shows it. */
export interface TeamEntry {
  id: string;
  name: string;
  createdAt: number;
  frozenAt: number | null;
}

/** `nextAfter`: `after` of the next page; null on the last. */
export interface TeamPage {
  data: TeamEntry[];
  nextAfter: string | null;
}

export interface SweeperContract {
  /** Starts a sweep, unless one is running or the bucket belongs to another deployment. Rejects when R2 is unavailable. */
  begin(): Answer<BeginAnswer>;
  /** Takes the bucket over from another deployment, then starts a sweep. */
  adopt(by: { ip: string | null }): Answer<BeginAnswer>;
  /** Claims an unclaimed bucket for this deployment. Safe to repeat; changes nothing when the bucket has an owner. */
  claim(): Answer<{ isOwner: boolean }>;
  overview(): Answer<SweepOverview>;
  figures(): Answer<DeploymentFigures>;
  /** Writes a team's entry of the directory. Idempotent. */
  recordTeam(entry: TeamEntry): Answer<void>;
  /** The deployment's teams by id, after `after`. */
  teams(after: string | null, limit: number): Answer<TeamPage>;
  /**
   * Deletes some pages of a removed team's objects; call after its requests are deleted, until `done`: then its entry of the
   * directory is gone too.
   */
  emptyTeam(team: string): Answer<{ deleted: number; done: boolean }>;
}
