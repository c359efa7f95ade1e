// The Durable Object of one team: keys, plans, quota ledger, request index. A thin shell that reads the clock and wraps each
// decision of admission.ts in one transaction, so N submits at once never take more than the limits hold. No fetch.
// Knows trackers only through env's binding; its alarm asks them about reservations that nobody acked.

import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { type Refusal, refusal } from "../errors.ts";
import { newId } from "../ids.ts";
import {
  ALARM_BUDGET_MS,
  CLEAN_UP_BATCH_ROWS,
  KEYS_PER_TEAM_MAX,
  SAFETY_ALARM_MS,
  SWEEP_BATCH_ROWS,
  UNSTARTED_SWEEP_MS,
} from "../limits.ts";
import { faultName, logEvent } from "../log.ts";
import { askAgain } from "../stubs.ts";
import { admit, type Books, limitsNow, planInUse, release, settle, usableKey } from "./admission.ts";
import { keyFault, UNKNOWN_KEY } from "./credentials.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { keyDigest, makeKey, makeWebhookSecret, shownPart } from "./keys.ts";
import { LedgerStore } from "./ledger-store.ts";
import { DEFAULT_PLAN, defaultPlan, type Plan } from "./plan.ts";
import { hasTables, migrate } from "./team-schema.ts";
import { TeamStore } from "./team-store.ts";
import type {
  AdmitAnswer,
  AdmitInput,
  Identity,
  KeySummary,
  ListAnswer,
  ListInput,
  Me,
  NamedPlan,
  NewKey,
  Scope,
  SettleInput,
  TeamSummary,
} from "./types.ts";

/** A team's object. Naming a team that does not exist is harmless: its object answers and leaves no store behind. */
export function teamFor(env: Env, teamId: string): DurableObjectStub<Team> {
  return env.TEAM.getByName(teamId);
}

/** Asks a team, again on a fresh stub if need be. Only for methods that may run twice (all but `create` and `createKey`). */
export function askTeam<T>(env: Env, teamId: string, ask: (team: DurableObjectStub<Team>) => T): Promise<Awaited<T>> {
  return askAgain(() => teamFor(env, teamId), ask);
}

type Refused = { kind: "refused"; refusal: Refusal };

export class Team extends DurableObject<Env> {
  readonly #books: Books;
  /** Whether `create` ever ran: the object of a team that does not exist refuses everything and stores nothing. */
  #exists: boolean;
  /** When the alarm rings, as far as this instance has set or seen it. */
  #armedFor: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#books = { team: new TeamStore(sql), ledger: new LedgerStore(sql) };
    this.#exists = hasTables(sql);
    if (!this.#exists) return;
    migrate(ctx.storage);
    // An alarm can be lost for good after too many failures; whoever wakes the object brings it back.
    void ctx.blockConcurrencyWhile(async () => {
      this.#armedFor = await ctx.storage.getAlarm();
      await this.#arm();
    });
  }

  /** Makes the team and its first key, which has every scope. */
  async create(input: {
    id: string;
    name: string;
    plan?: Plan;
  }): Promise<{ kind: "created"; team: TeamSummary; key: NewKey } | { kind: "exists" }> {
    const secret = await makeKey(input.id);
    const digest = await keyDigest(secret);
    if (this.#exists) return { kind: "exists" };
    const now = Date.now();
    const team: TeamSummary = { id: input.id, name: input.name, plan: DEFAULT_PLAN, createdAt: now };
    const key = keySummary(secret, { name: "First key", scopes: ["run", "read", "admin"], expiresAt: null }, now);
    this.ctx.storage.transactionSync(() => {
      migrate(this.ctx.storage);
      this.#books.team.insertTeam(team, makeWebhookSecret());
      this.#books.team.putPlan(DEFAULT_PLAN, input.plan ?? defaultPlan());
      this.#books.team.insertKey(digest, key);
    });
    this.#exists = true;
    return { kind: "created", team, key: { id: key.id, secret } };
  }

  /** Who the key with this digest is. */
  identify(digest: string): { kind: "known"; identity: Identity } | Refused {
    if (!this.#exists) return unknownKey();
    return this.ctx.storage.transactionSync(() => {
      const key = usableKey(this.#books, digest, Date.now());
      if ("refusal" in key) return { kind: "refused", refusal: key.refusal };
      const team = this.#books.team.team();
      const { id: keyId, name: keyName, scopes } = key;
      return { kind: "known", identity: { team: team.id, keyId, keyName, scopes, plan: team.plan } };
    });
  }

  /** Who the key is, its plan, and every limit as it stands for `user` (null: for the key's own bucket). */
  me(input: { digest: string; user: string | null }): ({ kind: "known" } & Me) | Refused {
    if (!this.#exists) return unknownKey();
    return this.ctx.storage.transactionSync(() => {
      const now = Date.now();
      const key = usableKey(this.#books, input.digest, now);
      if ("refusal" in key) return { kind: "refused", refusal: key.refusal };
      const plan = planInUse(this.#books);
      const limits = limitsNow(this.#books, plan.plan, { keyId: key.id, user: input.user }, now);
      return { kind: "known", team: this.#books.team.team(), key, plan, limits };
    });
  }

  /** Decides about one submit and books it, in one transaction. May be called again with the same `requestId`. */
  async admit(input: AdmitInput): Promise<AdmitAnswer> {
    if (!this.#exists) return unknownKey();
    const answer = this.ctx.storage.transactionSync(() => admit(this.#books, input, Date.now()));
    await this.#arm();
    return answer;
  }

  /** The tracker has taken the request: nobody needs to be asked about it. */
  started(requestId: string): void {
    if (this.#exists) this.#books.ledger.setSweep(requestId, null);
  }

  /** Books the end of a request. The second time it changes nothing. Answers the team's webhook endpoints that want to know. */
  settle(input: SettleInput): { kind: "settled"; endpoints: string[] } {
    if (this.#exists) this.ctx.storage.transactionSync(() => settle(this.#books, input, Date.now()));
    return { kind: "settled", endpoints: [] };
  }

  /** Undoes an admit, after the tracker has been closed for good without a start. */
  release(requestId: string): void {
    if (this.#exists) this.ctx.storage.transactionSync(() => release(this.#books, requestId));
  }

  /** One page of the request index, newest first. `limit` is at least 1. */
  list(input: ListInput): ListAnswer {
    const position = input.cursor === undefined ? null : decodeCursor(input.cursor);
    if (input.cursor !== undefined && position === null) {
      const hint = "Pass `next_cursor` of the page before, as it was.";
      return { kind: "refused", refusal: refusal("invalid_request", "`cursor` is not one of ours.", { hint }) };
    }
    if (!this.#exists) return { kind: "page", data: [], nextCursor: null };
    const rows = this.#books.ledger.list(input, position, input.limit + 1);
    const data = rows.slice(0, input.limit);
    const last = data.at(-1);
    return { kind: "page", data, nextCursor: rows.length > data.length && last ? encodeCursor(last) : null };
  }

  /** Makes a key and tells its text, this once. */
  async createKey(input: {
    name: string;
    scopes: Scope[];
    expiresAt: number | null;
  }): Promise<{ kind: "created"; key: KeySummary; secret: string } | Refused> {
    if (!this.#exists) return unknownKey();
    const secret = await makeKey(this.#books.team.team().id);
    const digest = await keyDigest(secret);
    if (this.#books.team.keys().length >= KEYS_PER_TEAM_MAX) {
      return { kind: "refused", refusal: refusal("conflict", `A team has at most ${KEYS_PER_TEAM_MAX} keys.`) };
    }
    const key = keySummary(secret, input, Date.now());
    this.#books.team.insertKey(digest, key);
    return { kind: "created", key, secret };
  }

  listKeys(): KeySummary[] {
    return this.#exists ? this.#books.team.keys() : [];
  }

  /** Ends a key. Again: the same answer. The last usable admin key stays, because nobody could make another. */
  revokeKey(id: string): { kind: "revoked" } | Refused {
    if (!this.#exists) return unknownKey();
    const now = Date.now();
    return this.ctx.storage.transactionSync(() => {
      const keys = this.#books.team.keys();
      if (!keys.some((key) => key.id === id)) {
        return { kind: "refused", refusal: refusal("not_found", "There is no key with this id.") };
      }
      const admins = keys.filter((key) => key.scopes.includes("admin") && keyFault(key, now) === null);
      if (admins.length === 1 && admins[0]?.id === id) {
        const hint = "Make another key with scope `admin` first, then revoke this one.";
        return { kind: "refused", refusal: refusal("conflict", "This is the team's last admin key.", { hint }) };
      }
      this.#books.team.revokeKey(id, now);
      return { kind: "revoked" };
    });
  }

  putPlan(name: string, plan: Plan): void {
    if (this.#exists) this.#books.team.putPlan(name, plan);
  }

  listPlans(): NamedPlan[] {
    return this.#exists ? this.#books.team.plans() : [];
  }

  /** Chooses the plan that the team uses from now on. What was counted stays counted. */
  choosePlan(name: string): { kind: "chosen"; team: TeamSummary } | Refused {
    if (!this.#exists) return unknownKey();
    if (this.#books.team.plan(name) === null) {
      const hint = `Make it first, with PUT /v1/plans/${name}.`;
      return { kind: "refused", refusal: refusal("not_found", `There is no plan "${name}".`, { hint }) };
    }
    this.#books.team.choosePlan(name);
    return { kind: "chosen", team: this.#books.team.team() };
  }

  /** What signs deliveries to a request's own `webhook_url`: `whsec_…`, newest first. */
  webhookSecrets(): string[] {
    return this.#exists ? [this.#books.team.webhookSecret()] : [];
  }

  /** Asks about what nobody acked, and cleans up. Never throws: after too many failures an alarm is dropped for good. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    try {
      this.#armedFor = now + SAFETY_ALARM_MS;
      await this.ctx.storage.setAlarm(this.#armedFor);
      await this.#sweep(now);
      this.#books.ledger.cleanUp(now, CLEAN_UP_BATCH_ROWS);
    } catch (fault) {
      logEvent("sweep.failed", { error: faultName(fault) });
    }
    this.#armedFor = this.#books.ledger.nextSweepAt();
    if (this.#armedFor === null) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(this.#armedFor);
  }

  async #sweep(now: number): Promise<void> {
    for (const requestId of this.#books.ledger.unstarted(now, SWEEP_BATCH_ROWS)) {
      if (Date.now() - now > ALARM_BUDGET_MS) return;
      try {
        await this.#askTracker(requestId);
      } catch (fault) {
        // The tracker could not be asked: the reservation stays, because the request may have started and be paid for.
        this.#books.ledger.setSweep(requestId, Date.now() + UNSTARTED_SWEEP_MS);
        logEvent("sweep.failed", { request: requestId, error: faultName(fault) });
      }
    }
  }

  async #askTracker(requestId: string): Promise<void> {
    const tracker = this.env.TRACKER.get(this.env.TRACKER.idFromString(requestId));
    const answer = await tracker.closeIfUnstarted();
    if (answer.kind === "unstarted") {
      this.release(requestId);
    } else {
      this.started(requestId);
      if (answer.ended !== null) this.settle(answer.ended);
    }
    logEvent("sweep.asked", { request: requestId, outcome: answer.kind });
  }

  /** Puts the alarm at the earliest due question, unless one rings before. */
  async #arm(): Promise<void> {
    const due = this.#books.ledger.nextSweepAt();
    if (due === null || (this.#armedFor !== null && this.#armedFor <= due)) return;
    this.#armedFor = due;
    await this.ctx.storage.setAlarm(due);
  }
}

function unknownKey(): Refused {
  return { kind: "refused", refusal: UNKNOWN_KEY };
}

function keySummary(
  secret: string,
  about: { name: string; scopes: Scope[]; expiresAt: number | null },
  now: number,
): KeySummary {
  const { name, scopes, expiresAt } = about;
  const shown = shownPart(secret);
  return { id: newId("key"), name, scopes, shown, createdAt: now, lastUsedAt: null, expiresAt, revokedAt: null };
}
