// The UpstreamAccount Durable Object: one per Maton account, since Maton's 10 calls a second are per account. It gives turns,
// holds the connection, fal's keys and the pinned webhook users. A thin shell over pace.ts, key-set.ts and account-store.ts.

import { DurableObject } from "cloudflare:workers";
import { type Config, type Env, requireConfig } from "../env.ts";
import {
  GRANT_USE_MS,
  GRANT_WAIT_IN_PLACE_MS,
  LOOKUP_RETRY_MS,
  MINUTE_MS,
  PACE_EXPECTED_MAX,
  PACE_NOTE_MS,
  RATE_LIMITED_PAUSE_MS,
} from "../limits.ts";
import { logEvent } from "../log.ts";
import type { RequestError, RequestState } from "../requests/types.ts";
import { AccountStore } from "./account-store.ts";
import { createUpstreamClient } from "./client.ts";
import type { ConnectionTurn, ConnectionWish } from "./connections.ts";
import { fetchKeys, isTrusted, shouldFetchKeys } from "./key-set.ts";
import { type Ask, ask, close, handBack, isBusy, type Pace, paceAfterWaking, windowMs } from "./pace.ts";
import { connectionMissing } from "./words.ts";

export type CallKind = "submit" | "cancel" | "result" | "status";

/** Times are epoch milliseconds. A granted turn is used between its two times, or handed back. */
export type Grant =
  | {
      granted: true;
      notBefore: number;
      notAfter: number;
      connection: string | null;
      webhooks: RequestState["webhooks"];
      pinnedUsers: string[];
    }
  /** Come back at `retryAt`; `position` is the place in the line, from 1. */
  | { granted: false; reason: "pace" | "closed"; retryAt: number; position: number }
  | { granted: false; reason: "refused"; error: RequestError };

/** JWK `x` values. `unavailable`: no set that may be trusted, so nothing can be verified now. */
export type KeySet = { kind: "keys"; keys: string[]; fetchedAt: number } | { kind: "unavailable" };

/** The account's object. One account is supported; its name is in the object's name so that there can be more. */
export function accountFor(env: Env): DurableObjectStub<UpstreamAccount> {
  return env.UPSTREAM.getByName("account:default");
}

type Resolution = { kind: "found"; connection: string } | { kind: "refused"; error: RequestError } | { kind: "later" };

/**
 * Turns live in memory. While at most half a window is in use that is safe, because an object that wakes without them
 * grants the other half only; a busier one keeps a note that it is, one row write in PACE_NOTE_MS, and the object that
 * finds it lets a full window pass before its first turn. So no eviction makes an eleventh call in a second.
 */
export class UpstreamAccount extends DurableObject<Env> {
  readonly #config: Config;
  readonly #store: AccountStore;
  #pace: Pace;
  #busyUntil: number;
  /** Callers who were sent away, by call, and when they were told to come back. Oldest first. */
  readonly #promised = new Map<string, number>();
  #resolving: Promise<Resolution> | null = null;
  #refused: { error: RequestError; at: number } | null = null;
  #fetchingKeys: Promise<void> | null = null;
  #keysTriedAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = requireConfig(env);
    this.#store = new AccountStore(ctx.storage.sql);
    this.#busyUntil = this.#store.busyUntil;
    const pace = paceAfterWaking(this.#config.UPSTREAM_RPS, Date.now(), this.#busyUntil);
    this.#pace = { ...pace, closedUntil: this.#store.closedUntil };
  }

  /** A turn for one call through the gateway. A turn up to GRANT_WAIT_IN_PLACE_MS ahead is granted; the caller waits. */
  async take(call: {
    kind: CallKind;
    requestId: string;
    leadMs?: number;
    /** The connection that the caller named; else the account's own. */
    connection?: string | undefined;
  }): Promise<Grant> {
    const resolution: Resolution =
      call.connection === undefined ? await this.#connection() : { kind: "found", connection: call.connection };
    if (resolution.kind === "refused") return { granted: false, reason: "refused", error: resolution.error };
    const asked = this.#ask(`${call.kind}:${call.requestId}`, call.leadMs);
    if (asked.kind === "away") return this.#sentAway(asked);
    if (resolution.kind === "later") {
      this.#pace = handBack(this.#pace, asked.at);
      return this.#sentAway({ kind: "away", retryAt: Math.max(asked.at, Date.now() + GRANT_USE_MS), position: 1 });
    }
    return {
      granted: true,
      notBefore: asked.at,
      notAfter: asked.at + GRANT_USE_MS,
      connection: resolution.connection,
      webhooks: this.#webhooks(),
      pinnedUsers: this.#store.pinnedUsers(resolution.connection),
    };
  }

  /** A turn that was not used. */
  async handBack(notBefore: number): Promise<void> {
    this.#pace = handBack(this.#pace, notBefore);
  }

  /** Upstream answered 429: closes the account for Retry-After, or for RATE_LIMITED_PAUSE_MS. `until` is epoch ms. */
  async rateLimited(retryAfterMs: number | null): Promise<{ until: number }> {
    this.#close(retryAfterMs ?? RATE_LIMITED_PAUSE_MS);
    return { until: this.#pace.closedUntil };
  }

  /** Maton does not know this connection (any more): the next turn looks for another. A configured one stays. */
  async connectionRefused(connection: string | null): Promise<void> {
    if (connection !== null && this.#store.connection === connection) this.#store.connection = null;
  }

  /**
   * One call of Maton's connection API, for an admin, when its turn has come. A deleted connection is used no longer; who asks
   * for the next turn finds another. `callId` keeps the caller's place in the line.
   */
  async askConnections(wish: ConnectionWish, callId: string): Promise<ConnectionTurn> {
    const asked = this.#ask(`connections:${callId}`);
    if (asked.kind === "away") return { kind: "away", retryAt: asked.retryAt };
    await new Promise((resolve) => setTimeout(resolve, asked.at - Date.now()));
    const reply = await createUpstreamClient(this.#config).askConnections(wish);
    const status = reply.kind === "read" ? reply.status : 0;
    logEvent("account.connections_asked", { outcome: wish.kind, status });
    if (reply.kind === "read" && status === 429) this.#close(reply.retryAfterMs ?? RATE_LIMITED_PAUSE_MS);
    if (wish.kind === "delete" && status >= 200 && status < 300) await this.connectionRefused(wish.id);
    return { kind: "replied", reply, inUse: this.#config.MATON_CONNECTION ?? this.#store.connection };
  }

  /** A verified webhook came. */
  async webhookSeen(): Promise<void> {
    if (!this.#store.webhooksArrive) this.#store.webhooksArrive = true;
  }

  /** A poll found an end that no webhook had told. */
  async webhookMissed(): Promise<void> {
    if (this.#store.webhooksArrive) this.#store.webhooksArrive = false;
  }

  async isPinned(connection: string | null, userId: string): Promise<boolean> {
    return this.#store.isPinned(connection ?? "", userId);
  }

  /** Webhooks of this fal user are believed for this connection from now on. */
  async pin(connection: string | null, userId: string): Promise<void> {
    this.#store.pin(connection ?? "", userId);
  }

  /** fal's webhook keys. `force`: a signature fitted none of them. One fetch at a time, whoever asks. */
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

  #webhooks(): RequestState["webhooks"] {
    if (this.#config.PUBLIC_URL === undefined) return "off";
    return this.#store.webhooksArrive ? "arriving" : "missing";
  }

  /** `leadMs`: no turn before that long from now, for a caller that hears of its turns late. */
  #ask(call: string, leadMs = 0): Ask {
    const now = Date.now() + leadMs;
    const asked = ask(this.#pace, now, this.#promised.get(call) ?? null);
    this.#pace = asked.pace;
    this.#promised.delete(call);
    if (asked.ask.kind === "away") this.#promise(call, asked.ask.retryAt, now);
    else this.#noteBusy(asked.ask.at, now);
    return asked.ask;
  }

  /** Who is a minute late has gone, and the line has a cap: a caller that is forgotten stands at its end again. */
  #promise(call: string, retryAt: number, now: number): void {
    for (const [oldest, at] of this.#promised) {
      if (at > now - MINUTE_MS && this.#promised.size < PACE_EXPECTED_MAX) break;
      this.#promised.delete(oldest);
    }
    this.#promised.set(call, retryAt);
  }

  /** The write is confirmed before the grant leaves (output gate). */
  #noteBusy(at: number, now: number): void {
    if (!isBusy(this.#pace, now) || this.#busyUntil >= at + windowMs()) return;
    this.#busyUntil = at + PACE_NOTE_MS;
    this.#store.busyUntil = this.#busyUntil;
  }

  #sentAway({ retryAt, position }: Extract<Ask, { kind: "away" }>): Grant {
    const closed = this.#pace.closedUntil > Date.now() + GRANT_WAIT_IN_PLACE_MS;
    return { granted: false, reason: closed ? "closed" : "pace", retryAt, position };
  }

  /** Short pauses are not stored: an object that forgets one meets one more 429. */
  #close(pauseMs: number): void {
    this.#pace = close(this.#pace, Date.now(), pauseMs);
    if (pauseMs > RATE_LIMITED_PAUSE_MS) this.#store.closedUntil = this.#pace.closedUntil;
    logEvent("account.closed", { ms: pauseMs });
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
    const asked = this.#ask("connection");
    if (asked.kind === "away") return { kind: "later" };
    await new Promise((resolve) => setTimeout(resolve, asked.at - Date.now()));
    const answer = await createUpstreamClient(this.#config).findConnection();
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
        this.#close(answer.retryAfterMs ?? LOOKUP_RETRY_MS);
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
