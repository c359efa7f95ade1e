// A whole Sluice that is there to be killed: launched on fresh state, posted to as a careful client does, killed, read back.
// Real processes, real time; says what was seen, judges nothing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, type Running } from "../../scripts/launcher.ts";
import { microOf } from "../../src/platform/money.ts";
import { type CrashTeam, type DayLimit, type LimitNow, PRICE } from "./crash-team.ts";
import { eventually, pause } from "./eventually.ts";
import type { SeenRequest, SeenTeam } from "./limit-verdict.ts";
import { MODEL } from "./model.ts";
import { children, freePorts, isRunning, workerRuntimes } from "./process.ts";
import type { RequestObject } from "./request-object.ts";

/** How long the sandbox keeps each answer back, so that kills fall into calls. */
export const LATENCY_MS = 300;
/** A post may meet a runtime that is busy, dies and comes back; past this something is wrong. */
const ANSWER_WITHIN_MS = 60_000;
const CALL_TIMEOUT_MS = 20_000;
/** The first webhook after a kill, or a poll, tells each end. */
const END_WITHIN_MS = 60_000;
/** A call whose caller was killed may still come to something upstream; after so long it has not. */
const CUT_OFF_CALL_MS = 5_000;
/** A day that turns during a run rightly gives its places anew. */
const RUN_MAX_MS = 300_000;
const DAY_MS = 86_400_000;

/** Runs it on fresh state and stops every process. Throws when something does not come to an answer at all. */
export async function onCrashSite<T>(
  variables: Record<string, string>,
  run: (site: CrashSite) => Promise<T>,
): Promise<T> {
  const untilMidnightMs = DAY_MS - (Date.now() % DAY_MS);
  if (untilMidnightMs < RUN_MAX_MS) await pause(untilMidnightMs);
  const stateDir = mkdtempSync(join(tmpdir(), "sluice-crash-"));
  const [port = 0, sandboxPort = 0] = await freePorts(2);
  const places = { STATE_DIR: stateDir, PORT: String(port), SANDBOX_PORT: String(sandboxPort) };
  const before = new Set(children().map(({ pid }) => pid));
  try {
    const running = await launch({ ...variables, ...places }, () => undefined);
    try {
      return await run(new CrashSite(running, port));
    } finally {
      const own = children().filter(({ pid }) => !before.has(pid));
      await running.stop();
      await eventually(async () => (own.some(({ pid }) => isRunning(pid)) ? null : true), {
        what: "no process stays",
        patienceMs: 10_000,
      });
    }
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

export class CrashSite {
  readonly #running: Running;
  readonly #port: number;

  constructor(running: Running, port: number) {
    this.#running = running;
    this.#port = port;
  }

  async makeTeam(name: string, limit: DayLimit): Promise<CrashTeam> {
    const plan = { limits: [{ name: "daily", scope: "team", window: "1d", ...limit }] };
    const made = await this.#mustCall<{ key: { secret: string } }>(this.#running.adminToken, "/v1/admin/teams", {
      method: "POST",
      body: JSON.stringify({ id: name, plan }),
    });
    const { secret: key } = made.key;
    const prices = JSON.stringify({ [MODEL]: { unit: "request", usd: PRICE } });
    await this.#mustCall(key, "/v1/prices", { method: "PUT", body: prices });
    return { name, key, limit, answers: [], samples: [] };
  }

  /** Posts as a careful client does: the same again, under one idempotency key, until the answer is clear. */
  async post(team: CrashTeam, name: string, user?: string): Promise<void> {
    const init = {
      method: "POST",
      headers: { "Idempotency-Key": name },
      body: JSON.stringify({ model: MODEL, input: { prompt: `cat ${name}`, image_size: "square" }, user }),
    };
    const answer = await eventually(
      async () => {
        const { status, text } = await this.#call(team.key, "/v1/requests", init);
        if (status === 202) return { id: (JSON.parse(text) as { id: string }).id };
        if (status === 402) {
          const [violated] = (JSON.parse(text) as { violated_policies: { used: number | string }[] }).violated_policies;
          if (violated !== undefined) team.samples.push(amount(violated.used));
          return { id: null };
        }
        if (status >= 500 || status === 0) return null;
        throw new Error(`a post was answered ${status}: ${text.slice(0, 500)}`);
      },
      { what: `an answer to post ${name} of ${team.name}`, patienceMs: ANSWER_WITHIN_MS },
    );
    team.answers.push(answer.id);
  }

  /** Notes what is used of the team's limit, over and over. */
  async sample(team: CrashTeam, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const limit = await this.#limitOf(team);
      if (limit !== null) team.samples.push(amount(limit.used));
      await pause(100);
    }
  }

  async kill(): Promise<void> {
    const victims = workerRuntimes(this.#port);
    if (victims.length === 0) throw new Error("the Worker has no runtime that could be killed");
    for (const pid of victims) process.kill(pid, "SIGKILL");
    await eventually(async () => (victims.some(isRunning) ? null : true), {
      what: "the runtime dies",
      patienceMs: 5_000,
    });
  }

  /** Waits until the runtime that was killed is there again. */
  async back(): Promise<void> {
    await eventually(async () => ((await this.#call("", "/healthz")).status === 200 ? true : null), {
      what: "the runtime is back",
      patienceMs: ANSWER_WITHIN_MS,
    });
  }

  /** Waits until every accepted request has ended, or is uncertain and never reached upstream; then reads the books. */
  async ended(team: CrashTeam): Promise<SeenTeam> {
    const ids = [...new Set(team.answers.filter((id) => id !== null))];
    const requests = await Promise.all(ids.map((id) => this.#endOf(team, id)));
    const limit = await eventually(() => this.#limitOf(team), { what: "the limit", patienceMs: CALL_TIMEOUT_MS });
    const usage = await this.#mustCall<{ data: { requests: number; completed: number; charged_usd: string }[] }>(
      team.key,
      "/v1/usage?group_by=",
    );
    const [sums] = usage.data;
    const priceMicro = amount(PRICE);
    return {
      ...{ name: team.name, answers: team.answers, samples: team.samples, requests, priceMicro },
      ...{ limit: amount(team.limit.limit), step: team.limit.per === "usd" ? priceMicro : 1 },
      ...{ used: amount(limit.used), remaining: amount(limit.remaining) },
      usage: {
        requests: sums?.requests ?? 0,
        completed: sums?.completed ?? 0,
        chargedMicro: amount(sums?.charged_usd ?? "0"),
      },
    };
  }

  /** How often upstream took a submit of each request, by our id. */
  async sentUpstream(): Promise<Map<string, number>> {
    const { requests } = await this.sandbox<{ requests: { webhook_url: string }[] }>("GET", "requests");
    const times = new Map<string, number>();
    for (const { webhook_url } of requests) {
      const id = /\/hooks\/fal\/([0-9a-f]{64})\//.exec(webhook_url)?.[1] ?? webhook_url;
      times.set(id, (times.get(id) ?? 0) + 1);
    }
    return times;
  }

  /** One call of the sandbox's control API. */
  async sandbox<T = unknown>(method: "GET" | "PATCH", room: string, body?: unknown): Promise<T> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const answer = await fetch(`${this.#running.sandboxUrl}/_sandbox/${room}`, init);
    if (!answer.ok) throw new Error(`sandbox ${method} ${room}: ${answer.status}`);
    return (await answer.json()) as T;
  }

  /** What the operator sees; null while nobody answers. */
  async operatorSees<T>(path: string): Promise<T | null> {
    const { status, text } = await this.#call(this.#running.adminToken, path);
    return status === 200 ? (JSON.parse(text) as T) : null;
  }

  async #limitOf(team: CrashTeam): Promise<LimitNow | null> {
    const { status, text } = await this.#call(team.key, "/v1/me");
    return status === 200 ? ((JSON.parse(text) as { limits: LimitNow[] }).limits[0] ?? null) : null;
  }

  async #endOf(team: CrashTeam, id: string): Promise<SeenRequest> {
    const giveUpAt = Date.now() + END_WITHIN_MS;
    let unprovenSince: number | null = null;
    for (;;) {
      const seen = await this.#look(team, id);
      if (seen !== null) {
        if (seen.settled > 0 || Date.now() > giveUpAt) return seen;
        const isUnproven = seen.stage === "uncertain" && !(await this.sentUpstream()).has(id);
        unprovenSince = isUnproven ? (unprovenSince ?? Date.now()) : null;
        if (unprovenSince !== null && Date.now() - unprovenSince > CUT_OFF_CALL_MS) return seen;
      } else if (Date.now() > giveUpAt) throw new Error(`request ${id} cannot be read`);
      await pause(250);
    }
  }

  async #look(team: CrashTeam, id: string): Promise<SeenRequest | null> {
    // In this order: a request whose timeline tells of its settling has ended when it is read.
    const timeline = await this.#call(team.key, `/v1/requests/${id}/timeline`);
    const request = await this.#call(team.key, `/v1/requests/${id}`);
    if (request.status !== 200 || timeline.status !== 200) return null;
    const { status, stage, created_at, cost } = JSON.parse(request.text) as RequestObject;
    const { data } = JSON.parse(timeline.text) as { data: { event: string }[] };
    const settled = data.filter(({ event }) => event === "settled").length;
    const answerLost = data.some(({ event }) => event === "submit_answer_lost");
    const chargedMicro = cost.charged === null ? null : amount(cost.charged);
    return { id, status, stage, createdAt: Date.parse(created_at), settled, answerLost, chargedMicro };
  }

  async #mustCall<T>(key: string, path: string, init: RequestInit = {}): Promise<T> {
    return eventually(
      async () => {
        const { status, text } = await this.#call(key, path, init);
        if (status >= 400 && status < 500) throw new Error(`${path} was answered ${status}: ${text.slice(0, 500)}`);
        return status >= 200 && status < 300 ? (JSON.parse(text) as T) : null;
      },
      { what: `an answer of ${path}`, patienceMs: CALL_TIMEOUT_MS },
    );
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

/** An amount of the wire: USD are decimal text and count in micro-USD. */
function amount(value: number | string): number {
  if (typeof value === "number") return value;
  const micro = microOf(value);
  if (micro === null) throw new Error(`not an amount of USD: ${value}`);
  return micro;
}
