// One run of a crash under a limit: two teams with room for seven requests, many posts at once, the Worker's runtime killed
// once in the middle, every post repeated until it is answered. Real processes, real time; says what was seen, judges nothing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, type Running } from "../../scripts/launcher.ts";
import { microOf } from "../../src/access/money.ts";
import type { SeenRequest, SeenTeam } from "./limit-verdict.ts";
import { chanceOf, children, eventually, freePorts, isRunning, pause, workerRuntimes } from "./process.ts";

export const PLACES = 7;
const MODEL = "fal-ai/flux/schnell";
const PRICE = "0.003";
const MONEY_LIMIT = "0.021000";
/** So long for each post is the kill waited for at most: admits, paced submits, webhooks and settles are all under way then. */
const KILL_WITHIN_PER_POST_MS = 5;
/** How long the sandbox keeps each answer back, so that kills fall into calls. */
const LATENCY_MS = 300;
/** A post may meet a runtime that is busy, dies and comes back; past this something is wrong. */
const ANSWER_WITHIN_MS = 60_000;
const CALL_TIMEOUT_MS = 20_000;
/** The first webhook after a kill, or a poll, tells each end. */
const END_WITHIN_MS = 60_000;
/** A day that turns during a run rightly gives seven places more. */
const RUN_MAX_MS = 150_000;
const DAY_MS = 86_400_000;

/** What a run showed. */
export interface CrashRun {
  seed: number;
  /** From the first post, in ms; how many posts were answered by then, and how many of the accepted ones were let in. */
  killedAfterMs: number;
  answeredBefore: number;
  letInBefore: number;
  posts: number;
  teams: SeenTeam[];
  /** How often the sandbox took a submit of each request, by our id. */
  sent: Map<string, number>;
}

/** A team of a run while it is posted to. */
interface Team {
  name: string;
  key: string;
  per: "request" | "usd";
  answers: (string | null)[];
  samples: number[];
}

interface Limit {
  used: number | string;
  remaining: number | string;
}

/** Runs it on fresh state and stops every process. Throws when something does not come to an answer at all. */
export async function crashUnderLimits(seed: number, postsPerTeam: number): Promise<CrashRun> {
  const untilMidnightMs = DAY_MS - (Date.now() % DAY_MS);
  if (untilMidnightMs < RUN_MAX_MS) await pause(untilMidnightMs);
  const stateDir = mkdtempSync(join(tmpdir(), "sluice-limits-"));
  try {
    return await crashOn(stateDir, seed, postsPerTeam);
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function crashOn(stateDir: string, seed: number, postsPerTeam: number): Promise<CrashRun> {
  const [port = 0, sandboxPort = 0] = await freePorts(2);
  const variables = { STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) };
  const before = new Set(children().map(({ pid }) => pid));
  const running = await launch(variables, () => undefined);
  try {
    return await new Crash(running, port, seed, postsPerTeam).run();
  } finally {
    const own = children().filter(({ pid }) => !before.has(pid));
    await running.stop();
    await eventually("no process stays", 10_000, async () => (own.some(({ pid }) => isRunning(pid)) ? null : true));
  }
}

class Crash {
  readonly #running: Running;
  readonly #port: number;
  readonly #seed: number;
  /** There are two teams, so it is half of all posts, too. */
  readonly #postsPerTeam: number;
  readonly #halfAnswered = Promise.withResolvers<void>();
  #answered = 0;

  constructor(running: Running, port: number, seed: number, postsPerTeam: number) {
    this.#running = running;
    this.#port = port;
    this.#seed = seed;
    this.#postsPerTeam = postsPerTeam;
  }

  async run(): Promise<CrashRun> {
    // A test has no time for the long gaps between fal's tries at a webhook.
    const settings = { latency_ms: LATENCY_MS, jitter: 0.9, webhook_gap_first_ms: 500, webhook_gap_max_ms: 2_000 };
    await fetch(`${this.#running.sandboxUrl}/_sandbox/settings`, { method: "PATCH", body: JSON.stringify(settings) });
    const teams = [await this.#makeTeam("counted", "request"), await this.#makeTeam("paid", "usd")];

    const firstAt = performance.now();
    const posting = new AbortController();
    const sampling = teams.map((team) => this.#sample(team, posting.signal));
    const posts = Array.from({ length: this.#postsPerTeam }, (_, n) => teams.map((team) => this.#post(team, n))).flat();
    const answered = Promise.all(posts).finally(() => posting.abort());
    const done = Promise.all([answered, ...sampling]);
    const killAfterMs = Math.floor(chanceOf(this.#seed)() * posts.length * KILL_WITHIN_PER_POST_MS);
    // A machine that answers faster than the kill comes would leave nothing to be killed.
    await Promise.race([pause(killAfterMs), this.#halfAnswered.promise, done]);
    const killedAfterMs = Math.round(performance.now() - firstAt);
    const [killedAt, answeredBefore] = [Date.now(), this.#answered];
    await this.#kill();
    await done;

    const seen = await Promise.all(teams.map((team) => this.#ended(team)));
    const sent = await this.#sentUpstream();
    const letInBefore = seen.flatMap(({ requests }) => requests).filter(({ createdAt }) => createdAt < killedAt).length;
    return { seed: this.#seed, killedAfterMs, answeredBefore, letInBefore, posts: posts.length, teams: seen, sent };
  }

  async #makeTeam(name: string, per: "request" | "usd"): Promise<Team> {
    const limit = { name: "daily", scope: "team", per, limit: per === "usd" ? MONEY_LIMIT : PLACES, window: "1d" };
    const made = await this.#mustCall<{ key: { secret: string } }>(this.#running.adminToken, "/v1/admin/teams", {
      method: "POST",
      body: JSON.stringify({ id: name, plan: { limits: [limit] } }),
    });
    const { secret: key } = made.key;
    const prices = JSON.stringify({ [MODEL]: { unit: "request", usd: PRICE } });
    await this.#mustCall(key, "/v1/prices", { method: "PUT", body: prices });
    return { name, key, per, answers: [], samples: [] };
  }

  /** Posts as a careful client does: the same again, under one idempotency key, until the answer is clear. */
  async #post(team: Team, n: number): Promise<void> {
    const init = {
      method: "POST",
      headers: { "Idempotency-Key": `crash-${this.#seed}-${n}` },
      body: JSON.stringify({ model: MODEL, input: { prompt: `cat ${n}`, image_size: "square" } }),
    };
    const answer = await eventually(`an answer to post ${n} of ${team.name}`, ANSWER_WITHIN_MS, async () => {
      const { status, text } = await this.#call(team.key, "/v1/requests", init);
      if (status === 202) return { id: (JSON.parse(text) as { id: string }).id };
      if (status === 402) {
        const [violated] = (JSON.parse(text) as { violated_policies: { used: number | string }[] }).violated_policies;
        if (violated !== undefined) team.samples.push(amount(violated.used));
        return { id: null };
      }
      if (status >= 500 || status === 0) return null;
      throw new Error(`a post was answered ${status}: ${text.slice(0, 500)}`);
    });
    team.answers.push(answer.id);
    this.#answered += 1;
    if (this.#answered >= this.#postsPerTeam) this.#halfAnswered.resolve();
  }

  /** Notes what is used of the team's limit, over and over. */
  async #sample(team: Team, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const limit = await this.#limitOf(team);
      if (limit !== null) team.samples.push(amount(limit.used));
      await pause(100);
    }
  }

  async #limitOf(team: Team): Promise<Limit | null> {
    const { status, text } = await this.#call(team.key, "/v1/me");
    return status === 200 ? ((JSON.parse(text) as { limits: Limit[] }).limits[0] ?? null) : null;
  }

  async #kill(): Promise<void> {
    const victims = workerRuntimes(this.#port);
    if (victims.length === 0) throw new Error("the Worker has no runtime that could be killed");
    for (const pid of victims) process.kill(pid, "SIGKILL");
    await eventually("the runtime dies", 5_000, async () => (victims.some(isRunning) ? null : true));
  }

  /** Waits until every accepted request has ended, or is uncertain and never reached upstream; then reads the books. */
  async #ended(team: Team): Promise<SeenTeam> {
    const ids = [...new Set(team.answers.filter((id) => id !== null))];
    const requests = await Promise.all(ids.map((id) => this.#endOf(team, id)));
    const limit = await eventually("the limit", CALL_TIMEOUT_MS, () => this.#limitOf(team));
    const usage = await this.#mustCall<{ data: { requests: number; completed: number; charged_usd: string }[] }>(
      team.key,
      "/v1/usage?group_by=",
    );
    const [sums] = usage.data;
    const isMoney = team.per === "usd";
    const priceMicro = amount(PRICE);
    return {
      ...{ name: team.name, answers: team.answers, samples: team.samples, requests, priceMicro },
      ...{ limit: isMoney ? amount(MONEY_LIMIT) : PLACES, step: isMoney ? priceMicro : 1 },
      ...{ used: amount(limit.used), remaining: amount(limit.remaining) },
      usage: {
        requests: sums?.requests ?? 0,
        completed: sums?.completed ?? 0,
        chargedMicro: amount(sums?.charged_usd ?? "0"),
      },
    };
  }

  async #endOf(team: Team, id: string): Promise<SeenRequest> {
    const giveUpAt = Date.now() + END_WITHIN_MS;
    for (;;) {
      const seen = await this.#look(team, id);
      if (seen !== null) {
        if (seen.settled > 0 || Date.now() > giveUpAt) return seen;
        if (seen.stage === "uncertain" && !(await this.#sentUpstream()).has(id)) return seen;
      } else if (Date.now() > giveUpAt) throw new Error(`request ${id} cannot be read`);
      await pause(250);
    }
  }

  async #look(team: Team, id: string): Promise<SeenRequest | null> {
    const [request, timeline] = await Promise.all([
      this.#call(team.key, `/v1/requests/${id}`),
      this.#call(team.key, `/v1/requests/${id}/timeline`),
    ]);
    if (request.status !== 200 || timeline.status !== 200) return null;
    const { status, stage, created_at, cost } = JSON.parse(request.text) as RequestObject;
    const { data } = JSON.parse(timeline.text) as { data: { event: string }[] };
    const settled = data.filter(({ event }) => event === "settled").length;
    const chargedMicro = cost.charged === null ? null : amount(cost.charged);
    return { id, status, stage, createdAt: Date.parse(created_at), settled, chargedMicro };
  }

  async #sentUpstream(): Promise<Map<string, number>> {
    const answer = await fetch(`${this.#running.sandboxUrl}/_sandbox/requests`);
    const { requests } = (await answer.json()) as { requests: { webhook_url: string }[] };
    const times = new Map<string, number>();
    for (const { webhook_url } of requests) {
      const id = /\/hooks\/fal\/([0-9a-f]{64})\//.exec(webhook_url)?.[1] ?? webhook_url;
      times.set(id, (times.get(id) ?? 0) + 1);
    }
    return times;
  }

  async #mustCall<T>(key: string, path: string, init: RequestInit = {}): Promise<T> {
    return eventually(`an answer of ${path}`, CALL_TIMEOUT_MS, async () => {
      const { status, text } = await this.#call(key, path, init);
      if (status >= 400 && status < 500) throw new Error(`${path} was answered ${status}: ${text.slice(0, 500)}`);
      return status >= 200 && status < 300 ? (JSON.parse(text) as T) : null;
    });
  }

  /** A call of the API; status 0 when no whole answer came, as while the runtime is down. */
  async #call(key: string, path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json", ...init.headers };
    const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
    try {
      const answer = await fetch(`${this.#running.url}${path}`, { ...init, headers, signal });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return { status: 0, text: "" };
    }
  }
}

interface RequestObject {
  status: string;
  stage: string;
  created_at: string;
  cost: { charged: string | null };
}

/** An amount of the wire: USD are decimal text and count in micro-USD. */
function amount(value: number | string): number {
  if (typeof value === "number") return value;
  const micro = microOf(value);
  if (micro === null) throw new Error(`not an amount of USD: ${value}`);
  return micro;
}
