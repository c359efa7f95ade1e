// The Durable Object of one team. Wraps each decision in one transaction, so that parallel submits never exceed a limit, and
// runs due work by alarm (alarm.ts).

import { DurableObject } from "cloudflare:workers";
import type { CreateTeamAnswer, NewTeam, TeamContract, TeamIds } from "../contracts/team.ts";
import type {
  AdmitAnswer,
  AdmitInput,
  IdentifyAnswer,
  MeAnswer,
  QuoteAnswer,
  QuoteInput,
  Settled,
  SettleInput,
} from "../contracts/team-access.ts";
import type { TeamSummary } from "../contracts/team-admin.ts";
import type { ActingFor, Credential, NewKeyTerms } from "../contracts/team-keys.ts";
import { SAFETY_ALARM_MS } from "../platform/alarm.ts";
import type { Env } from "../platform/bindings.ts";
import type { Refused } from "../platform/errors.ts";
import { SOCKETS_PER_OBJECT_MAX } from "../platform/hold-counter.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { MINUTE_MS } from "../platform/time.ts";
import { admit, quote } from "./admit.ts";
import { doDueWork, historyMsOf, nextDueAt } from "./alarm.ts";
import { identify } from "./auth/identity.ts";
import { insertKey, keyText } from "./auth/key-admin.ts";
import { NO_TEAM, UnknownTeam } from "./auth/unknown-team.ts";
import { actingAs, limitsNow } from "./callers.ts";
import { TeamDatabase } from "./database.ts";
import { updateDirectory } from "./directory-update.ts";
import { BacklogPacer } from "./endpoints/recovery-pacer.ts";
import { makeWebhookSecret } from "./endpoints/webhook-secret.ts";
import { openParts, type Parts } from "./parts.ts";
import { putPlan } from "./plans/plan-admin.ts";
import { NOTHING_PUBLISHED } from "./publish-event.ts";
import { shownLimits } from "./quota/caller-limits.ts";
import { DEFAULT_PLAN, defaultPlan } from "./quota/plan.ts";
import { hasTables, migrate, newerStateFault } from "./schema.ts";
import { release, settleRequest } from "./settle.ts";
import { openStores, type TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { SizeWatch } from "./usage/size-watch.ts";

/** Delay of the next alarm after a fault: what is due has just failed. */
const ALARM_RETRY_MS = MINUTE_MS;

const FIRST_KEY: NewKeyTerms = {
  ...{ kind: "secret", name: "First key", scopes: ["run", "read", "mint", "admin"], expiresAt: null },
  ...{ user: null, plan: null, models: null, origins: null, turnstile: null, contactUrl: null },
  ...{ plans: [], issuerUsers: [], tags: {} },
};

/** Key of what a removed team leaves behind. */
const REMOVED_AT = "removed_at";

export class Team extends DurableObject<Env> implements TeamContract {
  readonly #database: TeamDatabase;
  readonly #stores: TeamStores;
  readonly #pacer = new BacklogPacer();
  readonly #size: SizeWatch;
  readonly #unknown = new UnknownTeam();
  readonly #context: TeamContext;
  readonly #parts: Parts;
  /** Whether `create` ever ran: the object of a team that does not exist refuses everything and stores nothing. */
  #exists: boolean;
  /** Why this code may not read or write what is stored: newer code wrote it. */
  #newerState: Error | null = null;
  /** Time of the alarm, as far as this instance set or read it. */
  #armedFor: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#database = new TeamDatabase(ctx.storage.sql);
    this.#size = new SizeWatch(env, ctx.storage);
    const stores = openStores(this.#database);
    const context: TeamContext = {
      decide: (absent, decision) => (this.#exists ? this.#transact(decision) : absent),
      ask: (decision) => this.#ask(decision),
      transact: (work) => this.#transact(work),
      isFull: () => this.#size.room() === "none",
      arm: () => this.#arm(),
    };
    this.#stores = stores;
    this.#context = context;
    this.#parts = openParts(env, context, stores, this.#pacer);
    this.#exists = hasTables(ctx.storage.sql);
    if (!this.#exists) return;
    this.#newerState = newerStateFault(ctx.storage);
    if (this.#newerState !== null) return;
    // An alarm is lost after too many failures; restore it when the object wakes.
    void ctx.blockConcurrencyWhile(async () => {
      this.#armedFor = await ctx.storage.getAlarm();
      await this.#arm();
    });
  }

  // --- Parts: RPC reaches what the prototype has, so each has a getter -------------------------------------------

  get takedowns() {
    return this.#part("takedowns");
  }

  get settings() {
    return this.#part("settings");
  }

  get keys() {
    return this.#part("keys");
  }

  get issuers() {
    return this.#part("issuers");
  }

  get plans() {
    return this.#part("plans");
  }

  get prices() {
    return this.#part("prices");
  }

  get users() {
    return this.#part("users");
  }

  get usage() {
    return this.#part("usage");
  }

  get alerts() {
    return this.#part("alerts");
  }

  get audit() {
    return this.#part("audit");
  }

  get requests() {
    return this.#part("requests");
  }

  get uploads() {
    return this.#part("uploads");
  }

  get endpoints() {
    return this.#part("endpoints");
  }

  get deliveries() {
    return this.#part("deliveries");
  }

  get replayJobs() {
    return this.#part("replayJobs");
  }

  get events() {
    return this.#part("events");
  }

  // --- The road of a request -------------------------------------------------------------------------------------

  async create(input: NewTeam): Promise<CreateTeamAnswer> {
    this.#assertReadable();
    const text = await keyText(input.id, "secret");
    if (this.#exists) return { kind: "exists" };
    const now = Date.now();
    const { id, name, by, managesConnections = false } = input;
    const team: TeamSummary = {
      id,
      name,
      plan: DEFAULT_PLAN,
      createdAt: now,
      frozenAt: null,
      managesConnections,
      caps: null,
    };
    const made = this.ctx.storage.transactionSync(() => {
      migrate(this.ctx.storage);
      this.#stores.team.insertTeam(team, makeWebhookSecret());
      this.#stores.audit.note(by, "team.created", id, {}, now);
      putPlan(this.#stores, DEFAULT_PLAN, input.plan ?? defaultPlan(), by, now);
      return insertKey(this.#stores, FIRST_KEY, text, by, now);
    });
    if (made.kind === "refused") throw new Error("the first key of a new team was refused");
    this.#exists = true;
    await updateDirectory(this.env, this.#context, this.#stores);
    await this.#arm();
    const refusedForMs = this.#unknown.rememberedForMs(now);
    return { kind: "created", team, key: { id: made.key.id, secret: text.text }, refusedForMs };
  }

  identify(credential: Credential): IdentifyAnswer {
    this.#assertReadable();
    if (this.#exists && !this.#stores.removals.isTeamRemoval())
      return this.#transact((now) => identify(this.#stores, credential, now));
    return this.#unknown.refuse(Date.now());
  }

  me(acting: ActingFor): MeAnswer {
    return this.#ask((now): MeAnswer => {
      const known = actingAs(this.#stores, acting, now);
      if (known.kind === "refused") return known;
      const { identity, subjects } = known;
      const { id, name } = this.#stores.team.team();
      const limits = shownLimits(limitsNow(this.#stores, identity, subjects, now), subjects);
      return { kind: "known", team: { id, name }, identity, limits };
    });
  }

  quote(input: QuoteInput): QuoteAnswer {
    return this.#ask((now) => quote(this.#stores, input, now));
  }

  async admit(input: AdmitInput): Promise<AdmitAnswer> {
    const answer = this.#ask((now) => admit(this.#stores, input, this.#size.room(), now));
    await this.#arm();
    return answer;
  }

  async settle(input: SettleInput): Promise<Settled> {
    const { reservation: verdict } = input;
    const nothing: Settled = { kind: "settled", chargedMicro: null, source: "unknown", verdict, ...NOTHING_PUBLISHED };
    const settled = this.#context.decide(nothing, (now) => settleRequest(this.#stores, input, now));
    // Uploads used by the request may have expired.
    await this.#arm();
    return settled;
  }

  release(requestId: string): void {
    this.#context.decide(undefined, (now) => release(this.#stores, requestId, now));
  }

  filterKnownIds(ids: TeamIds): TeamIds | null {
    const { archive, requests, removals, uploads } = this.#stores;
    const isKnown = (id: string): boolean => {
      const line = requests.findRequest(id);
      if (line !== null && (line.deletedAt === null || line.status === "open")) return true;
      return removals.isPending(id) || archive.partWith(id) !== null;
    };
    const wasRemoved = this.ctx.storage.kv.get<number>(REMOVED_AT) !== undefined;
    return this.#context.decide<TeamIds | null>(wasRemoved ? { requests: [], uploads: [] } : null, () => ({
      requests: ids.requests.filter(isKnown),
      uploads: ids.uploads.filter((id) => uploads.findUpload(id) !== null),
    }));
  }

  // --- Holds of the event feed: hibernatable sockets that hear of every new event ----------------------------------

  /** The Worker keeps the client waiting. */
  override async fetch(request: Request): Promise<Response> {
    this.#assertReadable();
    if (!this.#exists) return new Response(null, { status: 404 });
    if (request.headers.get("Upgrade") !== "websocket") return new Response(null, { status: 426 });
    if (this.ctx.getWebSockets().length >= SOCKETS_PER_OBJECT_MAX) return new Response(null, { status: 429 });
    const pair = new WebSocketPair();
    this.ctx.acceptWebSocket(pair[1]);
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  override webSocketMessage(): void {}

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }

  override webSocketError(socket: WebSocket): void {
    socket.close();
  }

  /** Never throws: after too many failures the runtime drops an alarm. */
  override async alarm(): Promise<void> {
    if (this.#newerState !== null) {
      // Kept for the newer code, which may be back at any time.
      await this.ctx.storage.setAlarm(Date.now() + ALARM_RETRY_MS);
      return;
    }
    let retryAt = 0;
    try {
      this.#armedFor = Date.now() + SAFETY_ALARM_MS;
      await this.ctx.storage.setAlarm(this.#armedFor);
      if ((await doDueWork(this.env, this.#context, this.#stores, this.#pacer)) === "emptied") {
        await this.#deleteStore();
        return;
      }
      await this.#size.check(this.#stores.team.team().id);
    } catch (fault) {
      logEvent("sweep.failed", { error: faultName(fault) });
      retryAt = Date.now() + ALARM_RETRY_MS;
    }
    const due = this.#nextDueAt();
    this.#armedFor = due === null ? null : Math.max(due, retryAt);
    if (this.#armedFor === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(this.#armedFor);
  }

  /** Deletes the store: the object behaves as a team that never existed, but for its orphans in R2, which are still its own. */
  async #deleteStore(): Promise<void> {
    this.#exists = false;
    this.#armedFor = null;
    await this.ctx.storage.deleteAll(); // The alarm too. Stores are reopened to drop their caches.
    this.ctx.storage.kv.put(REMOVED_AT, Date.now());
    Object.assign(this.#stores, openStores(this.#database));
  }

  #part<P extends keyof Parts>(name: P): Parts[P] {
    this.#assertReadable();
    return this.#parts[name];
  }

  #assertReadable(): void {
    if (this.#newerState !== null) throw this.#newerState;
  }

  #ask<T>(decision: (now: number) => T): T | Refused {
    return this.#exists ? this.#transact(decision) : NO_TEAM;
  }

  /** Notifies feed subscribers after the transaction, so that a broken socket cannot roll it back. */
  #transact<T>(work: (now: number) => T): T {
    this.#assertReadable();
    const result = this.ctx.storage.transactionSync(() => this.#database.counted(() => work(Date.now())));
    if (!this.#stores.events.clearAddedFlag()) return result;
    for (const socket of this.ctx.getWebSockets()) {
      try {
        socket.send("new");
      } catch {
        // The Worker falls back to polling.
      }
    }
    return result;
  }

  #nextDueAt(): number | null {
    const dues = [nextDueAt(this.#stores, historyMsOf(this.env)), this.#size.dueAt()].filter((at) => at !== null);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  /** Sets the alarm to the next due time, unless it is set earlier. */
  async #arm(): Promise<void> {
    const due = this.#exists ? this.#nextDueAt() : null;
    if (due === null || (this.#armedFor !== null && this.#armedFor <= due)) return;
    this.#armedFor = due;
    await this.ctx.storage.setAlarm(due);
  }
}
