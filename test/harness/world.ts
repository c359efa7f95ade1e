// A flow test's hands: the Worker under test, the sandbox behind it, one clock for both, alarms and webhooks by hand.
// The sandbox holds its webhooks back (SANDBOX_WEBHOOKS=hold), so a test decides which arrive, when, and how often.

import { evictAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, expect, vi } from "vitest";
import type { Env } from "../../src/platform/bindings.ts";
import { accountFor, teamFor, trackerFor } from "../../src/platform/stubs.ts";
import { DAY_MS, SECOND_MS } from "../../src/platform/time.ts";
import { RequestStore } from "../../src/requests/engine/rows.ts";
import { alarmAt } from "../../src/requests/machine/effect-schedule.ts";
import type { RequestRecord } from "../../src/requests/machine/types.ts";
import { GRANTS_AHEAD_MS } from "../../src/upstream/scheduler.ts";

export const bindings = env as unknown as Env & { ADMIN_TOKEN: string };
const worker = (exports as unknown as { default: { fetch(request: Request): Promise<Response> } }).default;

/** Where the Worker believes that it stands. */
export const BASE = "https://sluice.test";
const SANDBOX = "https://gateway.sandbox.test";

/** A call from outside. */
export function call(path: string, init: RequestInit = {}): Promise<Response> {
  return worker.fetch(new Request(new URL(path, BASE), init));
}

export interface Answer<T = RequestObject> {
  status: number;
  headers: Headers;
  body: T;
}

export interface RequestObject {
  id: string;
  status: string;
  stage: string;
  queue_position: number | null;
  waiting: { reason: string; why: string | null; since: string | null; starts_at: string | null } | null;
  output: Record<string, unknown> | null;
  files: {
    path: string;
    url: string | null;
    status: string;
    content_type: string | null;
    size: number | null;
    sha256: string | null;
    error: { code: string; message: string } | null;
  }[];
  error: { code: string; message: string; detail: unknown; retryable: boolean; charged: boolean | "unknown" } | null;
  upstream: { request_id: string | null; calls: number };
  [field: string]: unknown;
}

/** One team with one key that may do everything, made through the operator's route. */
export class Team {
  readonly id: string;
  readonly key: string;

  constructor(id: string, key: string) {
    this.id = id;
    this.key = key;
  }

  static async create(
    id = `t-${crypto.randomUUID().slice(0, 18)}`,
    plan?: unknown,
    more: { manages_connections?: boolean } = {},
  ): Promise<Team> {
    const answer = await call("/v1/admin/teams", {
      method: "POST",
      headers: { Authorization: `Bearer ${bindings.ADMIN_TOKEN}`, "Content-Type": "application/json" },
      body: JSON.stringify({ id, name: id, ...(plan === undefined ? {} : { plan }), ...more }),
    });
    const body = (await answer.json()) as { key: { secret: string } };
    expect(answer.status).toBe(201);
    return new Team(id, body.key.secret);
  }

  async send<T = RequestObject>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const answer = await call(path, {
      method,
      headers: {
        Authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const parsed = text === "" ? null : JSON.parse(text);
    return { status: answer.status, headers: answer.headers, body: parsed as T };
  }

  /** Submits a prompt to flux/schnell (magic words of the sandbox work in it) and answers the request object. */
  async submit(prompt = "a cat", more: Record<string, unknown> = {}): Promise<RequestObject> {
    const { input, ...rest } = more as { input?: object };
    const answer = await this.send("POST", "/v1/requests", {
      model: "fal-ai/flux/schnell",
      input: { prompt, ...input },
      ...rest,
    });
    expect([200, 202]).toContain(answer.status);
    return answer.body;
  }

  /** The team's only request, for tests that need its id before its submit has answered. */
  async onlyRequest(): Promise<string> {
    const answer = await this.send<{ data: { id: string }[] }>("GET", "/v1/requests");
    expect(answer.body.data).toHaveLength(1);
    return answer.body.data[0]?.id ?? "";
  }

  cancel(id: string): Promise<Answer<RequestObject & { code?: string }>> {
    return this.send("POST", `/v1/requests/${id}/cancel`);
  }

  async read(id: string): Promise<RequestObject> {
    const answer = await this.send("GET", `/v1/requests/${id}`);
    expect(answer.status).toBe(200);
    return answer.body;
  }

  /** What is used of each limit of the plan, in the plan's order. */
  async used(): Promise<number[]> {
    const answer = await this.send<{ limits: { used: number }[] }>("GET", "/v1/me");
    expect(answer.status).toBe(200);
    return answer.body.limits.map((limit) => limit.used);
  }

  async timeline(id: string): Promise<string[]> {
    const answer = await this.send<{ data: { event: string }[] }>("GET", `/v1/requests/${id}/timeline`);
    return answer.body.data.map((entry) => entry.event);
  }
}

/** The sandbox's control API. */
export async function sandbox<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${SANDBOX}/_sandbox/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  expect(answer.ok, `sandbox ${method} ${path}: ${answer.status}`).toBe(true);
  return (await answer.json()) as T;
}

export interface Delivery {
  id: string;
  request_id: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** The sandbox's webhooks that are due by its clock. */
export async function dueWebhooks(): Promise<Delivery[]> {
  return (await sandbox<{ deliveries: Delivery[] }>("GET", "outbox")).deliveries;
}

/** Posts a webhook as fal would; answers the status we gave. */
export async function post(delivery: Pick<Delivery, "url" | "headers" | "body">): Promise<number> {
  const answer = await call(delivery.url, { method: "POST", headers: delivery.headers, body: delivery.body });
  await answer.text();
  return answer.status;
}

/** Posts every due webhook once, as fal would, and takes the answered ones out of the outbox. */
export async function deliverWebhooks(): Promise<number[]> {
  const statuses: number[] = [];
  for (const delivery of await dueWebhooks()) {
    const status = await post(delivery);
    statuses.push(status);
    if (status >= 200 && status < 300) await sandbox("DELETE", `outbox/${delivery.id}`);
  }
  return statuses;
}

export interface WebhookWish {
  /** fal's id of the request: `upstream.request_id`. */
  request_id: string;
  variant?: "ok" | "error" | "null" | "forged" | "stale" | "other_user";
  /** The fal user who signs; the request's own unless told otherwise. */
  user_id?: string;
  timestamp_offset_s?: number;
  /** Signed with a key that fal does not have. */
  forged?: boolean;
  /** Another body than fal would send, with a signature that fits it. */
  body?: string;
}

/** A webhook about a request as fal would sign it now, whether or not one is owed. */
export function signedWebhook(wish: WebhookWish): Promise<Pick<Delivery, "url" | "headers" | "body">> {
  return sandbox("POST", "webhooks", wish);
}

/** One whole request of this team, so that the account knows its fal user, fal's keys, and that webhooks arrive. */
export async function introduceAccount(team: Team): Promise<void> {
  const { id } = await team.submit("the first of an account");
  await passTime(5 * SECOND_MS);
  expect((await runToEnd(team, id)).status).toBe("COMPLETED");
}

/** What the sandbox counted at its gateway. */
export function sandboxCalls(): Promise<{ total: number; counts: Record<string, number>; rate_limited: number }> {
  return sandbox("GET", "calls");
}

/** What the sandbox took: one entry per submit that came through. */
export async function upstreamRequests(): Promise<UpstreamRequest[]> {
  return (await sandbox<{ requests: UpstreamRequest[] }>("GET", "requests")).requests;
}

interface UpstreamRequest {
  request_id: string;
  status: string;
  calls: Record<string, number>;
  /** Names our request's id, where webhooks are on. */
  webhook_url: string;
}

/** Where file `n` of the sandbox's only request lies at its CDN. */
export async function sourcePath(n: number): Promise<string> {
  const [sent] = (await upstreamRequests()) as unknown as { files: { path: string }[] }[];
  return sent?.files[n]?.path ?? "";
}

/** Whether a call is for a file at fal's CDN. */
export function isSource(request: Request): boolean {
  return new URL(request.url).hostname === "cdn.sandbox.test";
}

// --- Clock -----------------------------------------------------------------------------------------------------

/** Sets every test of the file up with both clocks stopped, then by `setUp`; what a test has faked is taken back after it. */
export function onFrozenClocks(setUp: () => Promise<void> = async () => undefined): void {
  beforeEach(async () => {
    await freezeClocks();
    await setUp();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

let nextStart = 0;

/**
 * Stops both clocks at one moment, far enough ahead that no real alarm rings by itself, and days after any earlier test of
 * the file, because objects that tests share remember. Call in beforeEach.
 */
export async function freezeClocks(): Promise<number> {
  vi.useRealTimers();
  nextStart = Math.max(nextStart, Math.ceil(Date.now() / DAY_MS) * DAY_MS) + 30 * DAY_MS;
  const now = nextStart;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now);
  // What earlier tests taught the account of a model's durations would move this one's polls.
  await runInDurableObject(account(), (_instance, state) => state.storage.sql.exec("DELETE FROM durations"));
  await sandbox("POST", "reset");
  await sandbox("POST", "clock", { now });
  return now;
}

/** Moves both clocks on. Nothing rings by itself: alarms are run by hand. */
export async function passTime(ms: number): Promise<void> {
  const now = Date.now() + ms;
  vi.setSystemTime(now);
  await sandbox("POST", "clock", { now });
}

// --- Trackers --------------------------------------------------------------------------------------------------

export function trackerOf(id: string) {
  return trackerFor(bindings, id);
}

/** Runs the team's alarm now. False when none was set. */
export function ringTeam(team: Team): Promise<boolean> {
  return runDurableObjectAlarm(teamFor(bindings, team.id));
}

/** Runs the tracker's alarm now, whenever it was set for, and before it the account's. False when the tracker had none. */
export async function ring(id: string): Promise<boolean> {
  // Whoever waits for a turn is woken by the account, and may have to wait for its moment: that is part of the ring. A try
  // that a test holds back goes on meanwhile.
  const patienceMs = GRANTS_AHEAD_MS + SECOND_MS;
  if (await ringAccount()) await eventually(() => expectNoTry(id), patienceMs).catch(() => undefined);
  return runDurableObjectAlarm(trackerOf(id));
}

async function expectNoTry(id: string): Promise<void> {
  expect((await recordOf(id))?.effects.filter((effect) => effect.leaseUntil !== null) ?? []).toEqual([]);
}

/** Runs the account's alarm now: turns are given to those who wait. False when none was set. */
export function ringAccount(): Promise<boolean> {
  return runDurableObjectAlarm(account());
}

export function account() {
  return accountFor(bindings);
}

/** Drops the object from memory; its rows stay. */
export function evict(id: string): Promise<void> {
  return evictDurableObject(trackerOf(id));
}

/** Drops every object from memory: trackers, teams, the account, the sandbox's state. */
export function evictEverything(): Promise<void> {
  return evictAllDurableObjects();
}

/**
 * Breaks the object off in the midst of whatever it does, as a crash or a deploy would; its rows stay. A test that waits for
 * the moment does so with `eventually`: a promise resolved inside the object would let the test go on there, and die with it.
 */
export async function cutOff(id: string): Promise<void> {
  const cut = runInDurableObject(trackerOf(id), (_instance, state) => state.abort("cut off by a test"));
  await expect(cut).rejects.toThrow("cut off by a test");
}

/** The rows of a tracker as they are. */
export function recordOf(id: string): Promise<RequestRecord | null> {
  return runInDurableObject(trackerOf(id), (_instance, state) => new RequestStore(state.storage.sql).loadRecord());
}

/** Asserts invariant 3: the alarm is at or before the earliest unparked due row (or there is none); with `by`, before that too. */
export async function expectArmed(id: string, by = Number.POSITIVE_INFINITY): Promise<void> {
  const [record, alarm] = await runInDurableObject(trackerOf(id), async (_instance, state) => {
    return [new RequestStore(state.storage.sql).loadRecord(), await state.storage.getAlarm()] as const;
  });
  const due = record && alarmAt(record.effects);
  if (due === null) expect(alarm).toBeNull();
  else expect(alarm).toBeLessThanOrEqual(Math.min(due, by));
}

/** Lets time pass alarm by alarm, with webhooks as they fall due unless told otherwise, until the request has ended. */
export async function runToEnd(team: Team, id: string, options: { webhooks?: boolean } = {}): Promise<RequestObject> {
  for (let i = 0; i < 60; i++) {
    if (options.webhooks ?? true) await deliverWebhooks();
    await ring(id);
    await expectArmed(id);
    const record = await recordOf(id);
    if (record === null) throw new Error("the request does not exist");
    const owed = record.effects.filter((effect) => effect.parkedAt === null);
    if (record.state.endedAt !== null && record.state.settledAt !== null) return team.read(id);
    const due = alarmAt(owed);
    if (due === null) return team.read(id);
    if (due > Date.now()) await passTime(due - Date.now());
  }
  throw new Error(`request ${id} did not end: ${(await recordOf(id))?.state.stage}`);
}

// --- The wire between Worker and upstream ----------------------------------------------------------------------

export type Intercept = (request: Request, pass: () => Promise<Response>) => Promise<Response>;

/** Stands between the Worker and the world until `vi.restoreAllMocks()`: loses answers, delays them, or breaks them. */
export function interceptFetch(intercept: Intercept): void {
  const real = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    const request = new Request(input as RequestInfo, init);
    if (new URL(request.url).pathname.startsWith("/_sandbox/")) return real(request);
    return intercept(request, () => real(request));
  });
}

/** A submit's call that is held until `letGo`: upstream has it, and `reached` says so, but its answer is not here yet. */
export function holdSubmits(): { reached: Promise<void>; letGo: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  interceptFetch(async (request, pass) => {
    if (upstreamCall(request) !== "submit") return pass();
    const answer = await pass();
    reached.resolve();
    await gate.promise;
    return answer;
  });
  return { reached: reached.promise, letGo: gate.resolve };
}

/** Answers the first `times` calls of each of these kinds in upstream's place, until `vi.restoreAllMocks()`. */
export function answerFirst(
  times: number,
  kinds: string[],
  answer: (request: Request) => Response | Promise<Response>,
): void {
  const left = new Map(kinds.map((kind) => [kind, times]));
  interceptFetch(async (request, pass) => {
    const kind = upstreamCall(request);
    const more = left.get(kind) ?? 0;
    if (more === 0) return pass();
    left.set(kind, more - 1);
    return answer(request);
  });
}

/** Uses up the account's calls of this second, so that the next request is held for its turn. */
export async function exhaustPace(): Promise<void> {
  const busy = await Team.create();
  for (let n = 0; n < 12; n++) {
    if ((await busy.submit(`filler ${n}`)).stage === "held") return;
  }
  throw new Error("a dozen submits at once were not too many");
}

/** Which of fal's calls a request to the gateway is; "other" for connections, keys and files. */
export function upstreamCall(request: Request): "submit" | "status" | "result" | "cancel" | "other" {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/fal-ai/")) return "other";
  if (!pathname.includes("/requests/")) return request.method === "POST" ? "submit" : "other";
  if (pathname.endsWith("/status")) return "status";
  return pathname.endsWith("/cancel") ? "cancel" : "result";
}

/** Catches the timers of exactly this length until `vi.restoreAllMocks()`; they go off when the answered function is called. */
export function catchTimers(ms: number): () => void {
  const real = globalThis.setTimeout;
  const caught: (() => void)[] = [];
  const timer = (run: () => void, delay?: number) => {
    if (delay !== ms) return real(run, delay);
    caught.push(run);
    return real(() => undefined, 0);
  };
  vi.spyOn(globalThis, "setTimeout").mockImplementation(timer as unknown as typeof setTimeout);
  return () => {
    for (const run of caught.splice(0)) run();
  };
}

/** What a call gets that nobody answers: nothing, until its own time limit cuts it off. */
export function silence(request: Request): Promise<Response> {
  return new Promise((_resolve, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason));
  });
}

/** Waits until a check holds, in real time and without moving the clocks (as `vi.waitFor` would). */
export async function eventually(check: () => Promise<void>, patienceMs = 5_000): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    try {
      return await check();
    } catch (fault) {
      if (performance.now() >= giveUpAt) throw fault;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
