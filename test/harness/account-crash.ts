// One run of kills of a busy account: requests of several users on few slots, the Worker's runtime killed over and over, each
// time at another kind of moment, while turns are out, slots full, or a pause after a 429 runs. Says what was seen, judges nothing.

import type { SeenAccount, SeenKill } from "./account-verdict.ts";
import { chanceOf } from "./chance.ts";
import { type CrashSite, LATENCY_MS, onCrashSite } from "./crash-site.ts";
import { PRICE } from "./crash-team.ts";
import { eventually, pause } from "./eventually.ts";
import type { SeenTeam } from "./limit-verdict.ts";

export const RPS = 10;
export const SLOTS = 6;
export const POSTS_PER_KILL = 10;
const USERS = 5;
/** With six slots of about a second each, ten posts leave some waiting for two seconds. */
const RUN_MS = 1_000;
const QUEUE_MS = 100;
/** The posts of a round come within this, and the kill while turns are out within twice as long after the first. */
const POSTS_WITHIN_MS = 500;
/** The kill comes so long at most after its moment was seen: slots are still full then, a pause still runs. */
const AFTER_MOMENT_MS = 800;
/** What Maton may ask for; half of the pauses last as we say ourselves. Long enough that the runtime is back before it ends. */
const RETRY_AFTER_S = 5;
const MOMENT_WITHIN_MS = 30_000;
/** Slots come free with the message of an end, which comes again with the settling. */
const QUIET_WITHIN_MS = 20_000;

/** What a run showed. */
export interface AccountRun {
  seed: number;
  kills: SeenKill[];
  team: SeenTeam;
  /** How often the sandbox took a submit of each request, by our id. */
  sent: Map<string, number>;
  account: SeenAccount;
}

/** GET /v1/admin/upstream, as far as it is looked at. */
interface Upstream {
  pace: { paused_until: string | null };
  slots: { used: number };
  waiting: Record<string, number>;
}

export function crashAccount(seed: number, kills: number): Promise<AccountRun> {
  const variables = { UPSTREAM_RPS: String(RPS), UPSTREAM_SLOTS: String(SLOTS) };
  return onCrashSite(variables, (site) => new AccountCrash(site, seed, kills).run());
}

class AccountCrash {
  readonly #site: CrashSite;
  readonly #seed: number;
  readonly #kills: number;
  readonly #chance: () => number;

  constructor(site: CrashSite, seed: number, kills: number) {
    this.#site = site;
    this.#seed = seed;
    this.#kills = kills;
    this.#chance = chanceOf(seed);
  }

  async run(): Promise<AccountRun> {
    const settings = { rps: RPS, latency_ms: LATENCY_MS, jitter: 0.5, queue_ms: { image: QUEUE_MS } };
    // A test has no time for the long gaps between fal's tries at a webhook.
    const gaps = { webhook_gap_first_ms: 500, webhook_gap_max_ms: 2_000 };
    await this.#site.sandbox("PATCH", "settings", { ...settings, ...gaps, run_ms: { image: RUN_MS } });
    const places = this.#kills * POSTS_PER_KILL;
    const limit = (places * Number(PRICE)).toFixed(6);
    const team = await this.#site.makeTeam("busy", { per: "usd", limit });

    const posting = new AbortController();
    const sampling = this.#site.sample(team, posting.signal);
    const posts: Promise<void>[] = [];
    const kills: SeenKill[] = [];
    for (let round = 0; round < this.#kills; round++) {
      for (let n = 0; n < POSTS_PER_KILL; n++) {
        const name = `account-${this.#seed}-${round}-${n}`;
        const afterMs = this.#within(POSTS_WITHIN_MS);
        posts.push(pause(afterMs).then(() => this.#site.post(team, name, `user-${n % USERS}`)));
      }
      kills.push(await this.#round(round));
    }
    await Promise.all(posts).finally(() => posting.abort());
    await sampling;
    const seen = await this.#site.ended(team);
    const account = await this.#accountAtRest(kills);
    return { seed: this.#seed, kills, team: seen, sent: await this.#site.sentUpstream(), account };
  }

  #within(ms: number): number {
    return Math.floor(this.#chance() * ms);
  }

  /** Waits for the round's kind of moment, kills, and waits until the runtime is back. */
  async #round(round: number): Promise<SeenKill> {
    switch (round % 3) {
      case 0:
        await pause(this.#within(2 * POSTS_WITHIN_MS));
        return this.#kill("turns out", await this.#upstream());
      case 1: {
        const upstream = await eventually(
          async () => {
            const now = await this.#upstream();
            return now.slots.used >= SLOTS && (now.waiting.submit ?? 0) > 0 ? now : null;
          },
          { what: "full slots and somebody who waits", patienceMs: MOMENT_WITHIN_MS },
        );
        await pause(this.#within(AFTER_MOMENT_MS));
        return this.#kill("slots full", upstream);
      }
      default:
        return this.#pausedRound();
    }
  }

  async #pausedRound(): Promise<SeenKill> {
    const asked = this.#chance() < 0.5;
    const outlivesKill = this.#chance() < 0.5;
    const retryAfter = { retry_after_s: asked ? RETRY_AFTER_S : null };
    // Before the setting: the sandbox refuses from when it has it, which is sooner than its answer is here.
    const stormFrom = Date.now();
    await this.#site.sandbox("PATCH", "settings", { account_fault: "rate_limited", ...retryAfter });
    const upstream = await eventually(
      async () => {
        const now = await this.#upstream();
        return now.pace.paused_until === null ? null : now;
      },
      { what: "a pause after a 429", patienceMs: MOMENT_WITHIN_MS },
    );
    await pause(this.#within(AFTER_MOMENT_MS));
    const over = () => this.#site.sandbox("PATCH", "settings", { account_fault: "none" });
    if (!outlivesKill) await over();
    const seen = await this.#kill("paused", upstream);
    if (outlivesKill) await over();
    const pausedUntil = asked && upstream.pace.paused_until !== null ? Date.parse(upstream.pace.paused_until) : null;
    return { ...seen, storm: { from: stormFrom, to: Date.now() }, pausedUntil };
  }

  async #kill(moment: SeenKill["moment"], { slots, waiting }: Upstream): Promise<SeenKill> {
    await this.#site.kill();
    await this.#site.back();
    const waited = Object.values(waiting).reduce((sum, count) => sum + count, 0);
    const seen = { moment, slotsUsed: slots.used, waiting: waited, backAt: Date.now() };
    return { ...seen, storm: null, pausedUntil: null };
  }

  #upstream(): Promise<Upstream> {
    return eventually(() => this.#site.operatorSees<Upstream>("/v1/admin/upstream"), {
      what: "the operator's view",
      patienceMs: MOMENT_WITHIN_MS,
    });
  }

  /** The account when nothing is under way any more; or as it is, when that does not come about. */
  async #accountAtRest(kills: readonly SeenKill[]): Promise<SeenAccount> {
    const giveUpAt = Date.now() + QUIET_WITHIN_MS;
    for (;;) {
      const { slots, waiting } = await this.#upstream();
      const waits = Object.values(waiting).reduce((sum, count) => sum + count, 0);
      if ((slots.used > 0 || waits > 0) && Date.now() < giveUpAt) {
        await pause(250);
        continue;
      }
      const { calls, max_per_second } = await this.#site.sandbox<{
        calls: { kind: string; at: number; status: number | null }[];
        max_per_second: number;
      }>("GET", "calls");
      return {
        ...{ slotsUsed: slots.used, waiting: waits, mostCallsInASecond: max_per_second, kills: [...kills] },
        calls: calls.filter(({ kind }) => UPSTREAM_KINDS.has(kind)).map(({ at, status }) => ({ at, status })),
      };
    }
  }
}

/** Calls that pass the gateway and count on its pace. */
const UPSTREAM_KINDS = new Set(["submit", "status", "result", "cancel", "connections", "gateway"]);
