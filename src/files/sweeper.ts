// The BucketSweeper Durable Object, one per deployment, started by cron: deletes orphans, objects whose request or upload no longer
// exists. Saves its position after each page; deletes nothing younger than a day or with an unknown key.

import { DurableObject } from "cloudflare:workers";
import type { SweeperContract, SweepReport } from "../contracts/sweeper.ts";
import { ALARM_BUDGET_MS, SAFETY_ALARM_MS } from "../platform/alarm.ts";
import type { Env } from "../platform/bindings.ts";
import { TEAM_ID } from "../platform/ids.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { askTeam } from "../platform/stubs.ts";
import { DAY_MS, MINUTE_MS } from "../platform/time.ts";
import { DELETE_PAGES_PER_ATTEMPT, deletePrefixes, R2_PAGE_KEYS } from "./delete-prefix.ts";
import { BUCKET_ROOTS, teamPrefixes } from "./keys.ts";

/** A younger object may belong to a request that is being created: row and bytes are not written together. */
const SWEEP_GRACE_MS = DAY_MS;
/** A sweep resumes after this when R2 or a team was unavailable. */
export const SWEEP_RETRY_MS = 5 * MINUTE_MS;

/** Position of the sweep: the root prefix and the last key. */
interface Sweep extends SweepReport {
  root: number;
  after: string | null;
}

const STATE = "sweep";

export class BucketSweeper extends DurableObject<Env> implements SweeperContract {
  async begin(): Promise<SweepReport> {
    const before = await this.#read();
    if (before !== null && before.finishedAt === null) {
      if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now());
      return reportOf(before);
    }
    const counts = { listed: 0, known: 0, young: 0, foreign: 0, deleted: 0, deletedBytes: 0 };
    const sweep: Sweep = { startedAt: Date.now(), finishedAt: null, ...counts, root: 0, after: null };
    await this.ctx.storage.put(STATE, sweep);
    await this.ctx.storage.setAlarm(Date.now());
    return reportOf(sweep);
  }

  async report(): Promise<SweepReport | null> {
    const sweep = await this.#read();
    return sweep === null ? null : reportOf(sweep);
  }

  emptyTeam(team: string): Promise<{ deleted: number; done: boolean }> {
    return deletePrefixes(this.env.FILES, teamPrefixes(team), DELETE_PAGES_PER_ATTEMPT);
  }

  /** Never throws: after too many failures an alarm is dropped for good. */
  override async alarm(): Promise<void> {
    const startedAt = Date.now();
    await this.ctx.storage.setAlarm(startedAt + SAFETY_ALARM_MS);
    let next: number | null = null;
    try {
      let sweep = await this.#read();
      while (sweep !== null && sweep.finishedAt === null && Date.now() - startedAt < ALARM_BUDGET_MS) {
        sweep = await this.#sweepPage(sweep);
        await this.ctx.storage.put(STATE, sweep);
      }
      if (sweep?.finishedAt === null) next = Date.now();
      else if (sweep !== null)
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
    const owned = grown.filter(({ key }) => ownerOf(key) !== null);
    const known = await this.#known(owned.map(({ key }) => key));
    const orphans = owned.filter(({ key }) => !known.has(key));
    if (orphans.length > 0) await this.env.FILES.delete(orphans.map(({ key }) => key));
    return {
      ...sweep,
      after: last.key,
      listed: sweep.listed + objects.length,
      young: sweep.young + objects.length - grown.length,
      foreign: sweep.foreign + grown.length - owned.length,
      known: sweep.known + owned.length - orphans.length,
      deleted: sweep.deleted + orphans.length,
      deletedBytes: sweep.deletedBytes + orphans.reduce((sum, { size }) => sum + size, 0),
    };
  }

  /** Those of the keys that belong to something a team knows. */
  async #known(keys: readonly string[]): Promise<Set<string>> {
    const teams = Map.groupBy(keys, (key) => ownerOf(key)?.team ?? "");
    const known = new Set<string>();
    for (const [team, its] of teams) {
      const ids = (root: string) => [...new Set(its.filter((key) => key.startsWith(root)).map(ownerId))];
      const uploads = ids("uploads/");
      const requests = [...ids("outputs/"), ...ids("texts/")];
      const asked = await askTeam(this.env, team, (stub) => stub.filterKnownIds({ requests, uploads }));
      const owners = new Set([...asked.requests, ...asked.uploads]);
      for (const key of its) if (owners.has(ownerId(key))) known.add(key);
    }
    return known;
  }

  async #read(): Promise<Sweep | null> {
    return (await this.ctx.storage.get<Sweep>(STATE)) ?? null;
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

function reportOf({ root: _root, after: _after, ...report }: Sweep): SweepReport {
  return report;
}
