// The BucketSweeper Durable Object, one per deployment, started by cron: deletes orphans, objects whose request or upload no longer
// exists. Saves its position after each page; deletes nothing younger than a day, with an unknown key, or in a bucket that belongs
// to another deployment.

import { DurableObject } from "cloudflare:workers";
import type {
  Adoption,
  BeginAnswer,
  BucketOwner,
  DeploymentFigures,
  SweeperContract,
  SweepOverview,
  SweepReport,
  TeamEntry,
  TeamPage,
} from "../contracts/sweeper.ts";
import { ALARM_BUDGET_MS, SAFETY_ALARM_MS } from "../platform/alarm.ts";
import type { Env } from "../platform/bindings.ts";
import { TEAM_ID } from "../platform/ids.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { type StoredVersion, VersionedRows } from "../platform/stored-version.ts";
import { askTeam } from "../platform/stubs.ts";
import { DAY_MS, MINUTE_MS } from "../platform/time.ts";
import { BUCKET_ROOTS, teamPrefixes } from "./bucket-keys.ts";
import { claimBucket, readOwner, takeBucketOver } from "./bucket-owner.ts";
import { DELETE_PAGES_PER_ATTEMPT, deletePrefixes, R2_PAGE_KEYS } from "./delete-prefix.ts";
import { TeamDirectory } from "./team-directory.ts";

/** A younger object may belong to a request that is being created: row and bytes are not written together. */
const SWEEP_GRACE_MS = DAY_MS;
/** A sweep resumes after this when R2 or a team was unavailable. */
export const SWEEP_RETRY_MS = 5 * MINUTE_MS;

/** Position of the sweep: the root prefix and the last key. */
interface Sweep extends SweepReport {
  root: number;
  after: string | null;
}

/** Raise `version` with each change of what is stored; see platform/stored-version.ts. */
export const SWEEPER_VERSION: StoredVersion = { version: 1, min_reader: 1 };

/** Keys of the object's storage. */
const SWEEP = "sweep";
const FINISHED = "finished";
const DEPLOYMENT = "deployment";
const ADOPTIONS = "adoptions";
/** Takeovers that are remembered; there should be none or one. */
const ADOPTIONS_KEPT = 20;

export class BucketSweeper extends DurableObject<Env> implements SweeperContract {
  readonly #rows = new VersionedRows(this.ctx.storage.kv, SWEEPER_VERSION);
  readonly #directory = new TeamDirectory(this.#rows);

  async begin(): Promise<BeginAnswer> {
    const { owner, isOwner } = await this.#claim();
    if (!isOwner) {
      logEvent("bucket.sweep_refused", { reason: "not_owner" });
      return { kind: "not_owner", owner };
    }
    const before = this.#read();
    if (before !== null && before.finishedAt === null) {
      if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now());
      return { kind: "running", report: reportOf(before) };
    }
    const counts = { listed: 0, known: 0, young: 0, foreign: 0, deleted: 0, deletedBytes: 0, listedBytes: 0 };
    const sweep: Sweep = { startedAt: Date.now(), finishedAt: null, refused: false, ...counts, root: 0, after: null };
    this.#rows.put(SWEEP, sweep);
    await this.ctx.storage.setAlarm(Date.now());
    return { kind: "running", report: reportOf(sweep) };
  }

  async adopt({ ip }: { ip: string | null }): Promise<BeginAnswer> {
    const { owner, isOwner } = await this.#claim();
    if (!isOwner) {
      const now = Date.now();
      // The record comes first: a takeover that nobody can look up is worse than a record of one that did not happen.
      this.#rows.put(ADOPTIONS, [{ at: now, ip, from: owner }, ...this.#adoptions()].slice(0, ADOPTIONS_KEPT));
      await this.ctx.storage.sync();
      await takeBucketOver(this.env.FILES, this.#deployment(), now);
      logEvent("bucket.adopted");
    }
    return this.begin();
  }

  async claim(): Promise<{ isOwner: boolean }> {
    return { isOwner: (await this.#claim()).isOwner };
  }

  async overview(): Promise<SweepOverview> {
    const owner = await readOwner(this.env.FILES);
    const sweep = this.#read();
    return {
      sweep: sweep && reportOf(sweep),
      owner,
      isOwner: owner !== null && owner.deployment === this.#deployment(),
      adoptions: this.#adoptions(),
    };
  }

  async figures(): Promise<DeploymentFigures> {
    const { sweep, owner, isOwner } = await this.overview();
    const finished = this.#rows.get<SweepReport>(FINISHED) ?? null;
    return { sweep, finished, isOwner: owner === null ? null : isOwner, teams: this.#directory.count() };
  }

  recordTeam(entry: TeamEntry): void {
    this.#directory.put(entry);
  }

  teams(after: string | null, limit: number): TeamPage {
    return this.#directory.page(after, limit);
  }

  async emptyTeam(team: string): Promise<{ deleted: number; done: boolean }> {
    // Another deployment may have a team of that name. This one's requests have deleted their own objects by their own keys.
    const { isOwner } = await this.#claim();
    const emptied = isOwner
      ? await deletePrefixes(this.env.FILES, teamPrefixes(team), DELETE_PAGES_PER_ATTEMPT)
      : { deleted: 0, done: true };
    if (emptied.done) this.#directory.remove(team);
    return emptied;
  }

  /** Never throws: after too many failures an alarm is dropped for good. */
  override async alarm(): Promise<void> {
    const startedAt = Date.now();
    await this.ctx.storage.setAlarm(startedAt + SAFETY_ALARM_MS);
    let next: number | null = null;
    try {
      let sweep = this.#read();
      while (sweep !== null && sweep.finishedAt === null && Date.now() - startedAt < ALARM_BUDGET_MS) {
        // Looked up before each page: the bucket may be taken over while a sweep runs.
        sweep = (await this.#claim()).isOwner ? await this.#sweepPage(sweep) : refusedNow(sweep);
        this.#rows.put(SWEEP, sweep);
        // Kept apart: the next sweep counts from nothing, and what the last one found is still the newest that is known.
        if (sweep.finishedAt !== null && !sweep.refused) this.#rows.put(FINISHED, reportOf(sweep));
      }
      if (sweep?.finishedAt === null) next = Date.now();
      else if (sweep !== null && !sweep.refused)
        logEvent("bucket.swept", { outcome: `${sweep.deleted} deleted`, bytes: sweep.deletedBytes });
    } catch (fault) {
      logEvent("bucket.sweep_failed", { error: faultName(fault) });
      next = Date.now() + SWEEP_RETRY_MS;
    }
    if (next === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(next);
  }

  /** Sweeps one page and returns the counts and the next position. */
  async #sweepPage(sweep: Sweep): Promise<Sweep> {
    const prefix = BUCKET_ROOTS[sweep.root];
    if (prefix === undefined) return { ...sweep, finishedAt: Date.now() };
    const after = sweep.after === null ? {} : { startAfter: sweep.after };
    const { objects } = await this.env.FILES.list({ prefix, limit: R2_PAGE_KEYS, ...after });
    const last = objects.at(-1);
    if (last === undefined) return { ...sweep, root: sweep.root + 1, after: null };
    const grown = objects.filter(({ uploaded }) => uploaded.getTime() < Date.now() - SWEEP_GRACE_MS);
    const named = grown.filter(({ key }) => ownerOf(key) !== null);
    const { known, foreign } = await this.#judge(named.map(({ key }) => key));
    const orphans = named.filter(({ key }) => !known.has(key) && !foreign.has(key));
    if (orphans.length > 0) await this.env.FILES.delete(orphans.map(({ key }) => key));
    return {
      ...sweep,
      after: last.key,
      listed: sweep.listed + objects.length,
      listedBytes: (sweep.listedBytes ?? 0) + objects.reduce((sum, { size }) => sum + size, 0),
      young: sweep.young + objects.length - grown.length,
      foreign: sweep.foreign + grown.length - named.length + foreign.size,
      known: sweep.known + known.size,
      deleted: sweep.deleted + orphans.length,
      deletedBytes: sweep.deletedBytes + orphans.reduce((sum, { size }) => sum + size, 0),
    };
  }

  /** Those of the keys that belong to something a team knows, and those of teams that this deployment never had. */
  async #judge(keys: readonly string[]): Promise<{ known: Set<string>; foreign: Set<string> }> {
    const teams = Map.groupBy(keys, (key) => ownerOf(key)?.team ?? "");
    const known = new Set<string>();
    const foreign = new Set<string>();
    for (const [team, its] of teams) {
      const ids = (root: string) => [...new Set(its.filter((key) => key.startsWith(root)).map(ownerId))];
      const uploads = ids("uploads/");
      const requests = [...ids("outputs/"), ...ids("texts/")];
      const asked = await askTeam(this.env, team, (stub) => stub.filterKnownIds({ requests, uploads }));
      if (asked === null) {
        for (const key of its) foreign.add(key);
        continue;
      }
      const owners = new Set([...asked.requests, ...asked.uploads]);
      for (const key of its) if (owners.has(ownerId(key))) known.add(key);
    }
    return { known, foreign };
  }

  async #claim(): Promise<{ owner: BucketOwner; isOwner: boolean }> {
    const deployment = this.#deployment();
    const owner = await claimBucket(this.env.FILES, deployment, Date.now());
    return { owner, isOwner: owner.deployment === deployment };
  }

  /** The random id of this deployment, made once: names cannot be trusted to differ. */
  #deployment(): string {
    const kept = this.#rows.get<string>(DEPLOYMENT);
    if (kept !== undefined) return kept;
    const made = crypto.randomUUID();
    this.#rows.put(DEPLOYMENT, made);
    return made;
  }

  #read(): Sweep | null {
    return this.#rows.get<Sweep>(SWEEP) ?? null;
  }

  #adoptions(): Adoption[] {
    return this.#rows.get<Adoption[]>(ADOPTIONS) ?? [];
  }
}

/** Whose a key is: `{root}/{team}/{request or upload}…`. Null: not one of ours. */
function ownerOf(key: string): { team: string; id: string } | null {
  const [, team = "", id = ""] = key.split("/");
  return TEAM_ID.test(team) && id !== "" ? { team, id } : null;
}

function ownerId(key: string): string {
  return ownerOf(key)?.id ?? "";
}

function refusedNow(sweep: Sweep): Sweep {
  logEvent("bucket.sweep_refused", { reason: "not_owner" });
  return { ...sweep, finishedAt: Date.now(), refused: true };
}

function reportOf({ root: _root, after: _after, ...report }: Sweep): SweepReport {
  return report;
}
