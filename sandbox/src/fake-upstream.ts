// The Durable Object that holds all state of the sandbox, routes calls to their handlers and sends webhooks by alarm. Answers are
// decided in maton.ts, queue.ts, control-api.ts and the other handlers.

import { DurableObject } from "cloudflare:workers";
import { type Call, sleep } from "./call.ts";
import { type FileAnswer, faultOf } from "./cdn.ts";
import { finishConnection } from "./connections.ts";
import { type Controls, controlApi, userIdOf } from "./control-api.ts";
import type { Env } from "./env.ts";
import { jwks } from "./jwks.ts";
import { maton, RateWindow } from "./maton.ts";
import { defaultSettings, readSettings, type Settings, settingsSchema, type WireSettings } from "./settings.ts";
import { type Clock, type Delivery, Store } from "./store.ts";
import { expiryOf } from "./submit.ts";
import { siteverify } from "./turnstile.ts";
import { type AttemptOutcome, afterAttempt, deliveryHeaders, webhookBody } from "./webhooks.ts";

/** Time beyond an attempt's timeout before its row counts as abandoned. */
const LEASE_SLACK_MS = 5_000;

export class FakeUpstream extends DurableObject<Env> {
  readonly #store: Store;
  readonly #window = new RateWindow();
  #wireSettings: WireSettings;
  #settings: Settings;
  #clock: Clock;
  /** Incremented by every reset, so that an attempt from before it records nothing. */
  #epoch = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new Store(ctx.storage.sql);
    const kept = settingsSchema.safeParse(this.#store.readMeta("settings"));
    this.#wireSettings = kept.success ? kept.data : defaultSettings(env);
    this.#settings = readSettings(this.#wireSettings);
    this.#clock = (this.#store.readMeta("clock") as Clock | null) ?? { frozenAt: null, offsetMs: 0 };
  }

  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const call = this.#callOf(request, url, await request.text());
    if (url.pathname.startsWith("/_sandbox")) return await controlApi(call, this.#controls());
    const logged = { kind: call.note.kind, method: request.method, path: url.pathname, at: call.now };
    const number = this.#store.openCall(logged);
    const answer = await this.#answer(call);
    this.#store.closeCall(number, call.note.kind, answer.status, call.note.requestId);
    return answer;
  }

  async #answer(call: Call): Promise<Response> {
    const { pathname } = call.url;
    if (pathname === "/.well-known/jwks.json") return await jwks(call);
    if (pathname === "/connect") return finishConnection(call);
    if (pathname === "/turnstile/v0/siteverify") return siteverify(call);
    if (this.#settings.latencyMs > 0) await sleep(this.#settings.latencyMs);
    return await maton(call, this.#window);
  }

  #callOf(request: Request, url: URL, body: string): Call {
    return {
      request,
      url,
      body,
      store: this.#store,
      settings: this.#settings,
      now: this.#now(),
      clock: () => this.#now(),
      note: { kind: "gateway", requestId: null },
      pump: () => this.#pump(),
      deliverNow: (requestId) => this.#pump(requestId),
    };
  }

  /** What the CDN needs to serve a path; `missing` unless the request has finished and its files have not expired. */
  openFile(path: string, method: string, direct: boolean): FileAnswer {
    const now = this.#now();
    const number = this.#store.openCall({ kind: "file", method, path, at: now });
    const answer = this.#findFile(path, method, direct, now);
    const status = answer.kind === "missing" ? 404 : answer.fault?.kind === "status" ? answer.fault.status : 200;
    this.#store.closeCall(number, "file", status, null);
    return answer;
  }

  #findFile(path: string, method: string, direct: boolean, now: number): FileAnswer {
    const file = this.#store.file(path);
    const request = file && this.#store.request(file.requestId);
    if (!file || !request) return { kind: "missing" };
    const { timing, outcomes } = request;
    const expiresAt = timing.endsAt + (request.fileTtlMs ?? this.#settings.cdnTtlMs);
    if (timing.end !== "finished" || now < timing.endsAt || now > expiresAt) return { kind: "missing" };
    if (method === "GET") this.#store.countGet(path);
    const fault = faultOf(outcomes, file.n, file.gets, this.#settings);
    return { kind: "file", recipe: file.recipe, fault: direct && fault?.kind === "redirect" ? null : fault };
  }

  #controls(): Controls {
    return {
      wireSettings: () => this.#wireSettings,
      setSettings: (settings) => {
        this.#store.writeMeta("settings", settings);
        this.#useSettings(settings);
      },
      readClock: () => this.#clock,
      setClock: (clock) => {
        this.#store.writeMeta("clock", clock);
        this.#clock = clock;
      },
      reset: async () => {
        this.#epoch++;
        this.#store.clear();
        this.#window.clear();
        this.#clock = { frozenAt: null, offsetMs: 0 };
        this.#useSettings(defaultSettings(this.env));
        await this.ctx.storage.deleteAlarm();
      },
    };
  }

  #useSettings(settings: WireSettings): void {
    this.#wireSettings = settings;
    this.#settings = readSettings(settings);
  }

  #now(): number {
    return this.#clock.frozenAt ?? Date.now() + this.#clock.offsetMs;
  }

  // --- Webhooks ---

  override async alarm(): Promise<void> {
    await this.#pump();
  }

  /** Sends due deliveries, each under a stored lease, and waits only for those of the request `waitFor`. */
  async #pump(waitFor?: string): Promise<void> {
    const waited: Promise<void>[] = [];
    if (this.#settings.webhooks === "push") {
      const { webhookFirstTimeoutMs, webhookRetryTimeoutMs } = this.#settings;
      const lease = this.#now() + Math.max(webhookFirstTimeoutMs, webhookRetryTimeoutMs) + LEASE_SLACK_MS;
      for (const delivery of this.#store.leaseDue(this.#now(), lease)) {
        const sent = this.#send(delivery);
        if (delivery.requestId === waitFor) waited.push(sent);
        else this.ctx.waitUntil(sent);
      }
    }
    await this.#arm();
    await Promise.all(waited);
  }

  /** Sets the alarm to the earliest due row; none on a frozen clock. */
  async #arm(): Promise<void> {
    const dueAt = this.#settings.webhooks === "push" ? this.#store.nextDueAt() : null;
    const now = this.#now();
    const willBeDue = dueAt !== null && (dueAt <= now || this.#clock.frozenAt === null);
    if (willBeDue) await this.ctx.storage.setAlarm(Date.now() + Math.max(0, dueAt - now));
    else await this.ctx.storage.deleteAlarm();
  }

  async #send(delivery: Delivery): Promise<void> {
    const epoch = this.#epoch;
    const settings = this.#settings;
    const request = this.#store.request(delivery.requestId);
    if (!request || request.webhookUrl === null) return;
    const sentAt = this.#now();
    const body = await webhookBody(request, delivery.variant);
    const headers = await deliveryHeaders(settings, {
      requestId: request.id,
      body,
      userId: userIdOf({ store: this.#store, settings }, request),
      variant: delivery.variant,
      now: settings.webhookFreshSignature ? sentAt : (delivery.firstSentAt ?? sentAt),
    });
    const timeoutMs = delivery.attempts === 0 ? settings.webhookFirstTimeoutMs : settings.webhookRetryTimeoutMs;
    const outcome = await post(request.webhookUrl, headers, body, timeoutMs);
    if (epoch !== this.#epoch) return;
    const expiresAt = Math.max(sentAt, expiryOf(request, settings));
    const next = afterAttempt(outcome, delivery.attempts + 1, this.#now(), expiresAt, settings);
    const result = outcome.kind === "status" ? String(outcome.status) : outcome.kind;
    this.#store.recordAttempt(delivery.id, sentAt, result, next);
    await this.#arm();
  }
}

async function post(url: string, headers: HeadersInit, body: string, timeoutMs: number): Promise<AttemptOutcome> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    await response.body?.cancel();
    return { kind: "status", status: response.status };
  } catch (error) {
    return error instanceof Error && error.name === "TimeoutError" ? { kind: "timeout" } : { kind: "unreachable" };
  }
}
