// The UpstreamAccount Durable Object: one per Maton account, since Maton's 10 calls a second are per account. It gives turns,
// holds the connection, fal's keys, the pinned webhook users and what it learned of models. A thin shell over
// grants.ts, key-set.ts, durations.ts and account-store.ts.

import { DurableObject } from "cloudflare:workers";
import type {
  AccountContract,
  AccountHealth,
  AccountOverview,
  CallGrant,
  CallRequest,
  ConnectionSignal,
  ConnectionTurn,
  Grant,
  Granted,
  KeySet,
  Pause,
  QueuePosition,
  SlotRelease,
} from "../contracts/account.ts";
import { type Durations, durationsOf, withDuration } from "../models/durations.ts";
import { LOOKUP_RETRY_MS } from "../net/small-text.ts";
import type { Env } from "../platform/bindings.ts";
import { type Config, requireConfig } from "../platform/config.ts";
import { logEvent } from "../platform/log.ts";
import { SECOND_MS } from "../platform/time.ts";
import type { RequestError, RequestState } from "../requests/machine/types.ts";
import { AccountStore } from "./account-store.ts";
import { connectionMissing } from "./client/classify.ts";
import { createUpstreamClient } from "./client/client.ts";
import type { ConnectionRequest } from "./client/connections.ts";
import { AccountGrants, notAfter } from "./grants.ts";
import { fetchKeys, isTrusted, shouldFetchKeys } from "./key-set.ts";

/** Users with waiting calls that the operator is shown, those with most first. */
const WAITING_USERS_SHOWN_MAX = 100;
/** Who finds no turn for the look-up of the connection comes back this soon. */
const LOOKUP_FIRST_RETRY_MS = 50;
/** Models whose durations the operator is shown. */
const DURATIONS_SHOWN_MAX = 50;

type Resolution = { kind: "found"; connection: string } | { kind: "refused"; error: RequestError } | { kind: "later" };

/**
 * Turns live in memory. While at most half a window is in use that is safe, because an object that wakes without them
 * grants the other half only; a busier one keeps a note that it is, one row write in PACE_NOTE_MS, and the object that
 * finds it lets a full window pass before its first turn. So no eviction makes an eleventh call in a second.
 */
export class UpstreamAccount extends DurableObject<Env> implements AccountContract {
  readonly #config: Config;
  readonly #store: AccountStore;
  readonly #turns: AccountGrants;
  #resolving: Promise<Resolution> | null = null;
  #refused: { error: RequestError; at: number } | null = null;
  #fetchingKeys: Promise<void> | null = null;
  #keysTriedAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = requireConfig(env);
    this.#store = new AccountStore(ctx.storage.sql);
    const grantOf = (callGrant: CallGrant) => this.#grant(callGrant);
    this.#turns = new AccountGrants({ ctx, env, config: this.#config, store: this.#store, grantOf }, Date.now());
    this.#turns.arm();
  }

  async take(wish: CallRequest, leadMs = 0): Promise<Grant> {
    const resolution: Resolution =
      wish.connection === null ? await this.#connection() : { kind: "found", connection: wish.connection };
    if (resolution.kind === "refused") return { granted: false, reason: "refused", error: resolution.error };
    const durations = durationsOf(this.#store.durations(wish.model));
    if (resolution.kind === "later") {
      const retryAt = Math.max(Date.now() + LOOKUP_FIRST_RETRY_MS, this.#turns.callScheduler.pace.closedUntil);
      return { granted: false, reason: "wait", retryAt, place: null, durations };
    }
    await this.#turns.probe();
    const asked = this.#turns.take({ ...wish, connection: resolution.connection }, leadMs);
    if (asked.kind === "turn") return this.#grant(asked.callGrant);
    return { granted: false, reason: "wait", retryAt: asked.retryAt, place: asked.place, durations };
  }

  async returnGrant(callGrant: CallGrant): Promise<void> {
    this.#turns.returnGrant(callGrant);
  }

  async callFinished(callGrant: CallGrant, sign: ConnectionSignal): Promise<Pause | null> {
    return this.#turns.callFinished(callGrant, sign);
  }

  async releaseSlot({ requestId, model, ms, webhookDelayMs }: SlotRelease): Promise<void> {
    if (!this.#turns.releaseSlot(requestId) || ms === null) return;
    if (webhookDelayMs !== null) this.#store.webhookDelayMs = webhookDelayMs;
    this.#store.keepDurations(model, withDuration(this.#store.durations(model), ms), Date.now());
  }

  async queuePositionOf(requestId: string): Promise<QueuePosition | null> {
    return this.#turns.callScheduler.place(`${requestId}/submit`, Date.now());
  }

  async durationsOf(models: string[]): Promise<(Durations | null)[]> {
    return models.map((model) => durationsOf(this.#store.durations(model)));
  }

  async paused(): Promise<Pause | null> {
    const now = Date.now();
    const pause = this.#pause(now);
    return pause !== null && pause.until > now ? pause : null;
  }

  async health(): Promise<AccountHealth> {
    const now = Date.now();
    const { callScheduler } = this.#turns;
    const connection = this.#config.MATON_CONNECTION ?? this.#store.connection;
    return {
      at: now,
      pause: this.#pause(now),
      rps: this.#config.UPSTREAM_RPS,
      callsLastSecond: callScheduler.pace.turns.filter(({ at }) => at > now - SECOND_MS && at <= now).length,
      slots: {
        used: connection === null ? 0 : callScheduler.slotsUsed(connection),
        limit: this.#config.UPSTREAM_SLOTS,
      },
      callsWaiting: callScheduler.queue.size,
    };
  }

  async overview(): Promise<AccountOverview> {
    const now = Date.now();
    const { callScheduler } = this.#turns;
    const connection = this.#config.MATON_CONNECTION ?? this.#store.connection;
    return {
      ...(await this.health()),
      connection,
      pausedUntil: callScheduler.pace.closedUntil > now ? callScheduler.pace.closedUntil : null,
      closure: connection === null ? null : callScheduler.healthOf(connection).closure,
      failuresInARow: connection === null ? 0 : callScheduler.healthOf(connection).failures,
      waiting: callScheduler.waitingByKind(),
      waitingByUser: mostFirst(callScheduler.queue.waitingByUser()).slice(0, WAITING_USERS_SHOWN_MAX),
      lastFailures: this.#turns.lastFailures,
      webhooks: { state: this.#webhooks(), lastDelayMs: this.#store.webhookDelayMs },
      durations: this.#store
        .allDurations(DURATIONS_SHOWN_MAX)
        .map(([model, sample]) => ({ model, durations: durationsOf(sample) })),
    };
  }

  override async alarm(): Promise<void> {
    await this.#turns.alarm();
  }

  async rateLimited(retryAfterMs: number | null): Promise<{ until: number }> {
    return { until: this.#turns.rateLimited(retryAfterMs) };
  }

  async connectionRefused(connection: string | null): Promise<void> {
    if (connection !== null && this.#store.connection === connection) this.#store.connection = null;
  }

  async askConnections(wish: ConnectionRequest): Promise<ConnectionTurn> {
    const turn = this.#turns.takeOwn();
    if ("retryAt" in turn) return { kind: "away", retryAt: turn.retryAt };
    const reply = await this.#turns.callOwn(turn, () => createUpstreamClient(this.#config).askConnections(wish));
    const status = reply.kind === "read" ? reply.status : 0;
    logEvent("account.connections_called", { outcome: wish.kind, status });
    if (reply.kind === "read" && status === 429) this.#turns.rateLimited(reply.retryAfterMs);
    if (wish.kind === "delete" && status >= 200 && status < 300) await this.connectionRefused(wish.id);
    return { kind: "replied", reply, inUse: this.#config.MATON_CONNECTION ?? this.#store.connection };
  }

  async webhookSeen(): Promise<void> {
    if (!this.#store.webhooksArrive) this.#store.webhooksArrive = true;
  }

  async webhookMissed(): Promise<void> {
    if (this.#store.webhooksArrive) this.#store.webhooksArrive = false;
  }

  async isPinned(connection: string | null, userId: string): Promise<boolean> {
    return this.#store.isPinned(connection ?? "", userId);
  }

  async pin(connection: string | null, userId: string): Promise<void> {
    this.#store.pin(connection ?? "", userId);
  }

  async keySet({ force }: { force: boolean }): Promise<KeySet> {
    const fetchedAt = this.#store.keys?.fetchedAt ?? null;
    const facts = { fetchedAt, triedAt: this.#keysTriedAt, force, now: Date.now() };
    if (this.#fetchingKeys === null && shouldFetchKeys(facts)) {
      this.#fetchingKeys = this.#fetchKeys().finally(() => {
        this.#fetchingKeys = null;
      });
    }
    await this.#fetchingKeys;
    const stored = this.#store.keys;
    if (stored === null || !isTrusted(stored.fetchedAt, Date.now())) return { kind: "unavailable" };
    return { kind: "keys", ...stored };
  }

  #pause(now: number): Pause | null {
    const connection = this.#config.MATON_CONNECTION ?? this.#store.connection;
    return connection === null
      ? this.#turns.callScheduler.pacePause(now)
      : this.#turns.callScheduler.pause(connection, now);
  }

  #webhooks(): RequestState["webhooks"] {
    if (this.#config.PUBLIC_URL === undefined) return "off";
    return this.#store.webhooksArrive ? "arriving" : "missing";
  }

  #grant(callGrant: CallGrant): Granted {
    const { connection, model } = callGrant.waiter;
    return {
      granted: true,
      notBefore: callGrant.turn.at,
      notAfter: notAfter(callGrant.turn.at),
      connection,
      webhooks: this.#webhooks(),
      pinnedUsers: this.#store.pinnedUsers(connection),
      durations: durationsOf(this.#store.durations(model)),
      probe: callGrant.probe,
      callGrant,
    };
  }

  async #connection(): Promise<Resolution> {
    const known = this.#config.MATON_CONNECTION ?? this.#store.connection;
    if (known !== null) return { kind: "found", connection: known };
    this.#resolving ??= this.#resolveConnection().finally(() => {
      this.#resolving = null;
    });
    return this.#resolving;
  }

  /** Costs a turn of the pace. A clear no is remembered for LOOKUP_RETRY_MS; a fault closes the account for as long. */
  async #resolveConnection(): Promise<Resolution> {
    if (this.#refused !== null && Date.now() - this.#refused.at < LOOKUP_RETRY_MS) {
      return { kind: "refused", error: this.#refused.error };
    }
    const turn = this.#turns.takeOwn();
    if ("retryAt" in turn) return { kind: "later" };
    const answer = await this.#turns.callOwn(turn, () => createUpstreamClient(this.#config).findConnection());
    logEvent("account.connection_resolved", { outcome: answer.kind });
    switch (answer.kind) {
      case "found":
        this.#store.connection = answer.connection;
        return answer;
      case "none":
      case "refused": {
        const error = answer.kind === "none" ? connectionMissing(null) : answer.error;
        this.#refused = { error, at: Date.now() };
        return { kind: "refused", error };
      }
      case "later":
        this.#turns.rateLimited(answer.retryAfterMs ?? LOOKUP_RETRY_MS);
        return { kind: "later" };
    }
  }

  /** Garbage and faults leave the last good set as it is. */
  async #fetchKeys(): Promise<void> {
    this.#keysTriedAt = Date.now();
    const keys = await fetchKeys(this.#config.FAL_JWKS_URL);
    logEvent("account.keys_fetched", { outcome: keys.length > 0 ? "stored" : "kept" });
    if (keys.length > 0) this.#store.keys = { keys, fetchedAt: Date.now() };
  }
}

function mostFirst(waiting: ReadonlyMap<string, number>): { user: string; calls: number }[] {
  return [...waiting].map(([user, calls]) => ({ user, calls })).sort((a, b) => b.calls - a.calls);
}
