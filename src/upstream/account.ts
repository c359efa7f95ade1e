// The UpstreamAccount Durable Object, one per Maton account, whose rate limit is 10 calls a second. Grants calls and stores the
// connection, fal's webhook keys, pinned webhook users and model durations.

import { DurableObject } from "cloudflare:workers";
import type {
  AccountContract,
  AccountHealth,
  AccountOverview,
  CallGrant,
  CallRequest,
  ConnectionCallAnswer,
  ConnectionSignal,
  Grant,
  Granted,
  KeySet,
  Pause,
  QueuePosition,
  SlotRelease,
  UnlistedHosts,
  UserStanding,
} from "../contracts/account.ts";
import type { Durations } from "../models/durations.ts";
import { LOOKUP_RETRY_MS } from "../net/fetch-text.ts";
import { SAFETY_ALARM_MS } from "../platform/alarm.ts";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { logEvent } from "../platform/log.ts";
import { isStateNewer } from "../platform/stored-version.ts";
import type { RequestError, RequestState } from "../requests/machine/types.ts";
import { type AccountNow, healthNow, overviewNow } from "./account-overview.ts";
import { AccountStore } from "./account-store.ts";
import { connectionMissing } from "./client/classify.ts";
import { createUpstreamClient } from "./client/client.ts";
import type { ConnectionRequest } from "./client/connections.ts";
import { teamOf } from "./fair-queue.ts";
import { AccountGrants, notAfter } from "./grants.ts";
import { fetchKeys, isTrusted, shouldFetchKeys } from "./key-set.ts";
import { LearnedDurations } from "./learned-durations.ts";
import { PROOF_HOLD_MS, UserProofs } from "./user-proofs.ts";

/** Retry delay while the connection is being looked up. */
const LOOKUP_FIRST_RETRY_MS = 50;
/** Deliveries whose end is remembered, so that a repeated report is not counted again. */
const GIVEN_UP_KEPT = 1_000;

/** What lives on the stored rows. */
type Opened = { store: AccountStore; grants: AccountGrants; learned: LearnedDurations };

type Resolution = { kind: "found"; connection: string } | { kind: "refused"; error: RequestError } | { kind: "later" };

/**
 * Call times live in memory. With at most half a window in use that is safe, because a restarted object uses the other half only; a
 * busier one records that it is (one row write per BUSY_SAVED_EVERY_MS), and after a restart a full window passes first. So no
 * eviction causes an eleventh call in a second.
 */
export class UpstreamAccount extends DurableObject<Env> implements AccountContract {
  readonly #config: Config;
  /** Or why this code may not read what is stored: newer code wrote it. Then every call is refused and nothing is written. */
  readonly #opened: Opened | Error;
  readonly #proofs = new UserProofs();
  #resolving: Promise<Resolution> | null = null;
  #refused: { error: RequestError; at: number } | null = null;
  #fetchingKeys: Promise<void> | null = null;
  #keysTriedAt: number | null = null;
  readonly #givenUp = new Set<string>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = requireConfig(env);
    this.#opened = this.#openUnlessNewer();
    if (this.#opened instanceof Error) return;
    const { grants } = this.#opened;
    ctx.waitUntil(grants.checkInheritedSlots());
    void ctx.blockConcurrencyWhile(() => grants.wake());
  }

  async requestGrant(request: CallRequest, leadMs = 0): Promise<Grant> {
    const resolution: Resolution =
      request.connection === null ? await this.#connectionFound() : { kind: "found", connection: request.connection };
    if (resolution.kind === "refused") return { granted: false, reason: "refused", error: resolution.error };
    const durations = this.#learned.durationsOf(request.model);
    if (resolution.kind === "later") {
      const retryAt = Math.max(Date.now() + LOOKUP_FIRST_RETRY_MS, this.#grants.callScheduler.pace.closedUntil);
      return { granted: false, reason: "wait", retryAt, queuePosition: null, durations };
    }
    await this.#grants.probeConnections();
    const decision = this.#grants.requestGrant({ ...request, connection: resolution.connection }, leadMs);
    switch (decision.kind) {
      case "granted":
        return this.#grantedFor(decision.callGrant);
      case "queue_full":
        logEvent("account.queue_full", { reason: decision.of, team: teamOf(request.user) });
        return { granted: false, reason: "queue_full", of: decision.of };
      case "wait": {
        const { retryAt, queuePosition } = decision;
        return { granted: false, reason: "wait", retryAt, queuePosition, durations };
      }
    }
  }

  async returnGrant(callGrant: CallGrant): Promise<void> {
    this.#grants.returnGrant(callGrant);
  }

  async callFinished(callGrant: CallGrant, signal: ConnectionSignal): Promise<Pause | null> {
    return this.#grants.callFinished(callGrant, signal);
  }

  async releaseSlot(release: SlotRelease): Promise<void> {
    const { model, ms, webhookDelayMs } = release;
    if (!this.#grants.releaseSlot(release) || ms === null) return;
    this.#learned.add(model, ms, webhookDelayMs, Date.now());
  }

  async queuePositionOf(requestId: string): Promise<QueuePosition | null> {
    return this.#grants.callScheduler.queuePosition(`${requestId}/submit`, Date.now());
  }

  async durationsOf(models: string[]): Promise<(Durations | null)[]> {
    return models.map((model) => this.#learned.durationsOf(model));
  }

  async currentPause(): Promise<Pause | null> {
    const now = Date.now();
    const pause = this.#pause(now);
    return pause !== null && pause.until > now ? pause : null;
  }

  async accountHealth(): Promise<AccountHealth> {
    return healthNow(this.#now, Date.now());
  }

  async accountOverview(): Promise<AccountOverview> {
    this.#store.requests.saveCounts();
    return overviewNow(this.#now, Date.now());
  }

  override async alarm(): Promise<void> {
    if (this.#opened instanceof Error) {
      // Kept for the newer code, which may be back at any time.
      await this.ctx.storage.setAlarm(Date.now() + SAFETY_ALARM_MS);
      return;
    }
    await this.#grants.runAlarm();
  }

  async pauseAfterRateLimit(retryAfterMs: number | null): Promise<{ until: number }> {
    return { until: this.#grants.pauseAfterRateLimit(retryAfterMs) };
  }

  async discardConnection(connection: string | null): Promise<void> {
    if (connection !== null && this.#store.fact("connection") === connection) this.#store.saveFact("connection", null);
  }

  async callConnections(request: ConnectionRequest): Promise<ConnectionCallAnswer> {
    const callTime = this.#grants.reserveOwnCall();
    if ("retryAt" in callTime) return { kind: "wait", retryAt: callTime.retryAt };
    const reply = await this.#grants.makeOwnCall(callTime, () =>
      createUpstreamClient(this.#config).callConnections(request),
    );
    const status = reply.kind === "read" ? reply.status : 0;
    logEvent("account.connections_called", { outcome: request.kind, status });
    if (reply.kind === "read" && status === 429) this.#grants.pauseAfterRateLimit(reply.retryAfterMs);
    if (request.kind === "delete" && status >= 200 && status < 300) await this.discardConnection(request.id);
    return { kind: "replied", reply, inUse: this.#connection };
  }

  async deliveryGivenUp(deliveryId: string): Promise<void> {
    if (this.#givenUp.has(deliveryId)) return;
    if (this.#givenUp.size >= GIVEN_UP_KEPT) this.#givenUp.clear();
    this.#givenUp.add(deliveryId);
    this.#store.requests.countGivenUp(Date.now());
  }

  async webhookArrived(): Promise<void> {
    if (!this.#webhooksArrive) this.#store.saveFact("webhooks_arrive", true);
  }

  async webhookMissed(): Promise<void> {
    if (this.#webhooksArrive) this.#store.saveFact("webhooks_arrive", false);
  }

  async introduceUser(connection: string | null, userId: string, requestId: string | null): Promise<UserStanding> {
    if (this.#store.isUserPinned(connection ?? "", userId)) return "pinned";
    return this.#proofs.stepOf(proofKey(connection, userId), requestId, Date.now());
  }

  async userPinned(connection: string | null, userId: string): Promise<boolean> {
    if (this.#store.isUserPinned(connection ?? "", userId)) return true;
    return this.#proofs.waitFor(proofKey(connection, userId), PROOF_HOLD_MS);
  }

  async proofFailed(connection: string | null, userId: string): Promise<void> {
    this.#proofs.end(proofKey(connection, userId), false);
  }

  async pinUser(connection: string | null, userId: string): Promise<void> {
    this.#store.pinUser(connection ?? "", userId);
    this.#proofs.end(proofKey(connection, userId), true);
  }

  async reportUnlistedHosts(found: UnlistedHosts): Promise<void> {
    this.#grants.reportUnlistedHosts(found);
  }

  async webhookKeys({ force }: { force: boolean }): Promise<KeySet> {
    const fetchedAt = this.#store.fact("keys")?.fetchedAt ?? null;
    const facts = { fetchedAt, triedAt: this.#keysTriedAt, force, now: Date.now() };
    if (this.#fetchingKeys === null && shouldFetchKeys(facts)) {
      this.#fetchingKeys = this.#fetchKeys().finally(() => {
        this.#fetchingKeys = null;
      });
    }
    await this.#fetchingKeys;
    const stored = this.#store.fact("keys");
    if (stored === null || !isTrusted(stored.fetchedAt, Date.now())) return { kind: "unavailable" };
    return { kind: "keys", ...stored };
  }

  #openUnlessNewer(): Opened | Error {
    try {
      const store = new AccountStore(this.ctx.storage.kv);
      const grantOf = (callGrant: CallGrant) => this.#grantedFor(callGrant);
      const deps = { ctx: this.ctx, env: this.env, config: this.#config, store, grantOf };
      return { store, grants: new AccountGrants(deps, Date.now()), learned: new LearnedDurations(store) };
    } catch (fault) {
      if (fault instanceof Error && isStateNewer(fault)) return fault;
      throw fault;
    }
  }

  get #open(): Opened {
    if (this.#opened instanceof Error) throw this.#opened;
    return this.#opened;
  }

  get #store(): AccountStore {
    return this.#open.store;
  }

  get #grants(): AccountGrants {
    return this.#open.grants;
  }

  get #learned(): LearnedDurations {
    return this.#open.learned;
  }

  /** The configured connection, or the one that was found; null before the first look. */
  get #connection(): string | null {
    return this.#config.MATON_CONNECTION ?? this.#store.fact("connection");
  }

  get #webhooksArrive(): boolean {
    return this.#store.fact("webhooks_arrive") ?? false;
  }

  /** What it shows of itself. */
  get #now(): AccountNow {
    return {
      connection: this.#connection,
      pause: this.#pause(Date.now()),
      limits: { rps: this.#config.UPSTREAM_RPS, slots: this.#config.UPSTREAM_SLOTS },
      webhooks: this.#webhooks(),
      grants: this.#grants,
      learned: this.#learned,
      requests: this.#store.requests,
    };
  }

  #pause(now: number): Pause | null {
    const connection = this.#connection;
    return connection === null
      ? this.#grants.callScheduler.pacePause(now)
      : this.#grants.callScheduler.pauseOf(connection, now);
  }

  #webhooks(): RequestState["webhooks"] {
    if (this.#config.PUBLIC_URL === undefined) return "off";
    return this.#webhooksArrive ? "arriving" : "missing";
  }

  #grantedFor(callGrant: CallGrant): Granted {
    const { connection, model } = callGrant.call;
    return {
      granted: true,
      notBefore: callGrant.callTime.at,
      notAfter: notAfter(callGrant.callTime.at),
      connection,
      webhooks: this.#webhooks(),
      pinnedUsers: this.#store.pinnedUsers(connection),
      durations: this.#learned.durationsOf(model),
      probe: callGrant.probe,
      callGrant,
    };
  }

  async #connectionFound(): Promise<Resolution> {
    const known = this.#connection;
    if (known !== null) return { kind: "found", connection: known };
    this.#resolving ??= this.#resolveConnection().finally(() => {
      this.#resolving = null;
    });
    return this.#resolving;
  }

  /** Costs one call. A refusal is cached for LOOKUP_RETRY_MS; a fault pauses the account for as long. */
  async #resolveConnection(): Promise<Resolution> {
    if (this.#refused !== null && Date.now() - this.#refused.at < LOOKUP_RETRY_MS) {
      return { kind: "refused", error: this.#refused.error };
    }
    const callTime = this.#grants.reserveOwnCall();
    if ("retryAt" in callTime) return { kind: "later" };
    const answer = await this.#grants.makeOwnCall(callTime, () => createUpstreamClient(this.#config).findConnection());
    logEvent("account.connection_resolved", { outcome: answer.kind });
    switch (answer.kind) {
      case "found":
        this.#store.saveFact("connection", answer.connection);
        return answer;
      case "none":
      case "refused": {
        const error = answer.kind === "none" ? connectionMissing(null) : answer.error;
        this.#refused = { error, at: Date.now() };
        return { kind: "refused", error };
      }
      case "later":
        this.#grants.pauseAfterRateLimit(answer.retryAfterMs ?? LOOKUP_RETRY_MS);
        return { kind: "later" };
    }
  }

  /** Invalid responses and faults keep the last valid set. */
  async #fetchKeys(): Promise<void> {
    this.#keysTriedAt = Date.now();
    const keys = await fetchKeys(this.#config.FAL_JWKS_URL);
    logEvent("account.keys_fetched", { outcome: keys.length > 0 ? "stored" : "kept" });
    if (keys.length > 0) this.#store.saveFact("keys", { keys, fetchedAt: Date.now() });
  }
}

function proofKey(connection: string | null, userId: string): string {
  return JSON.stringify([connection, userId]);
}
