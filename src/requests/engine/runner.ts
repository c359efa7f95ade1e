// Runs what a tracker owes: takes due rows under saved leases, tries them side by side as far as the lanes allow, saves what
// each try came to. How an effect is done is in effects/, what follows in machine.ts, when in effect-schedule.ts.

import type { Granted } from "../../contracts/account.ts";
import { highWaterBytes } from "../../net/byte-budget.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { faultName, logEvent } from "../../platform/log.ts";
import { accountFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { nextDue, taken } from "../machine/effect-schedule.ts";
import type { Effect, EffectKind } from "../machine/effect-types.ts";
import type { RequestEvent } from "../machine/events.ts";
import { advanced, attempted, deferred, failed, isLive, leaseOf, type Try, withRow } from "../machine/record.ts";
import type { RequestRecord } from "../machine/types.ts";
import type { EffectContext, EffectOutcome } from "./effects/context.ts";
import { runEffect } from "./effects/run.ts";
import { graceMs } from "./effects/submit.ts";
import type { RequestRepository } from "./repository.ts";

/** How long a submit call of a caller waits in place for the upstream answer before it says 202 with what is known. */
export const SUBMIT_ANSWER_WAIT_MS = 10 * SECOND_MS;

/** Rows that run side by side in one alarm: a slow copy must not hold a settle back. */
const ALARM_LANES = 2;
/** Deliveries that run beside them, so that a receiver that hangs harms no other; six calls out are all that a Worker has. */
const DELIVER_LANES = 4;

export class EffectRunner {
  readonly #env: Env;
  readonly #ctx: DurableObjectState;
  readonly #repository: RequestRepository;
  /** Turns that woke a try and that it has not used yet, by lease. */
  readonly #grants = new Map<string, Granted>();

  constructor(ctx: DurableObjectState, env: Env, repository: RequestRepository) {
    this.#ctx = ctx;
    this.#env = env;
    this.#repository = repository;
  }

  /** Runs what is due, side by side as far as the lanes allow; starts nothing after `until` (epoch ms). */
  async runDue(until: number): Promise<void> {
    const room: Record<Lane, number> = { work: ALARM_LANES, tell: DELIVER_LANES };
    const running = new Set<Promise<void>>();
    for (;;) {
      const effect = Date.now() < until ? this.#takeNext(undefined, ({ kind }) => room[laneOf(kind)] > 0) : null;
      if (effect !== null) {
        const lane = laneOf(effect.kind);
        room[lane]--;
        const trying = this.#run(effect).then(() => {
          room[lane]++;
          running.delete(trying);
        });
        running.add(trying);
      } else if (running.size > 0) await Promise.race(running);
      else return;
    }
  }

  /** Runs what is due one after the other, as long as it is of these kinds; starts nothing after `until` (epoch ms). */
  async runInTurn(kinds: readonly EffectKind[], until: number): Promise<void> {
    while (Date.now() < until) {
      const effect = this.#takeNext((due) => kinds.includes(due.kind));
      if (effect === null) return;
      await this.#run(effect);
    }
  }

  /** The submit of a fresh request, begun while its caller is still here. Whatever is left when time is up, an alarm does. */
  async submitInPlace(acked: Promise<unknown>): Promise<void> {
    const effect = this.#takeNext((due) => due.kind === "submit");
    await this.#repository.arm();
    // An answer that comes after the wait owes things too, and no entry point is left that would arm for them.
    const submitted = effect === null ? Promise.resolve() : this.#run(effect).then(() => this.#repository.arm());
    let timer: ReturnType<typeof setTimeout> | null = null;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SUBMIT_ANSWER_WAIT_MS);
    });
    await Promise.race([Promise.allSettled([acked, submitted]), waited]);
    // A timer that is left running keeps the object in (billed) memory until it fires.
    clearTimeout(timer);
  }

  /** Tries the row whose turn has come; false when nothing wants it any more, or its try is under way. */
  async runGranted(name: string, grant: Granted): Promise<boolean> {
    const effect = this.#takeRow(name);
    if (effect === null) return false;
    this.#grants.set(leaseOf(effect), grant);
    await this.#repository.arm();
    this.#ctx.waitUntil(this.#run(effect).then(() => this.#repository.arm()));
    return true;
  }

  /**
   * Leases the row that has waited longest, of those that `mayRun`, if it is `wanted`; else null. Rows whose try was cut off are
   * dealt with on the way.
   */
  #takeNext(
    wanted: (effect: Effect) => boolean = () => true,
    mayRun: (effect: Effect) => boolean = () => true,
  ): Effect | null {
    return this.#repository.transact(() => {
      for (;;) {
        const now = Date.now();
        const record = this.#repository.load();
        const due = record && nextDue(record.effects.filter(mayRun), now);
        if (!record || !due || !wanted(due)) return null;
        if (due.kind === "submit" && due.leaseUntil !== null && record.state.stage === "submitting") {
          this.#repository.commit(record, advanced(record, this.#lost("attempt was interrupted"), now, due));
          continue;
        }
        const { kind, effect } = taken(due, now);
        this.#repository.store.save(record, withRow(record, effect));
        if (kind === "leased") {
          this.#repository.tryBegan(effect);
          return effect;
        }
      }
    });
  }

  /** Leases a row whose turn has come, whenever it was due; null when it is not there, or a try of it is under way. */
  #takeRow(name: string): Effect | null {
    return this.#repository.transact(() => {
      const now = Date.now();
      const record = this.#repository.load();
      const row = record?.effects.find((effect) => effect.name === name);
      if (!record || !row || row.leaseUntil !== null || row.parkedAt !== null) return null;
      const { kind, effect } = taken(row, now);
      this.#repository.store.save(record, withRow(record, effect));
      if (kind !== "leased") return null;
      this.#repository.tryBegan(effect);
      return effect;
    });
  }

  /** One try of one row, from lease to outcome. Never throws: a fault is a failed try. */
  async #run(effect: Effect): Promise<void> {
    const startedAt = Date.now();
    const outcome = await this.#outcomeOf(effect);
    this.#conclude(effect, outcome);
    this.#repository.tryEnded(effect);
    const unused = this.#grants.get(leaseOf(effect));
    this.#grants.delete(leaseOf(effect));
    if (unused !== undefined) this.#repository.tell(accountFor(this.#env).returnGrant(unused.callGrant));
    logEvent("effect.attempted", {
      request: this.#ctx.id.toString(),
      effect: effect.name,
      attempt: effect.failures + 1,
      outcome: outcomeName(outcome),
      stage: this.#repository.load()?.state.stage ?? "deleted",
      ms: Date.now() - startedAt,
      held: highWaterBytes(),
      ...reasonOf(outcome),
    });
  }

  async #outcomeOf(effect: Effect): Promise<EffectOutcome> {
    try {
      return await runEffect(this.#context(effect), effect);
    } catch (fault) {
      return { kind: "failed", reason: `internal error: ${faultName(fault)}`, retryAfterMs: null, ours: true };
    }
  }

  #conclude(effect: Effect, outcome: EffectOutcome): void {
    this.#repository.transact(() => {
      const now = Date.now();
      const record = this.#repository.load();
      // Deleted while this try ran: whatever it came to has nobody left to hear it.
      if (record === null) return;
      this.#concludeTry(record, effect, outcome, now);
    });
  }

  #concludeTry(record: RequestRecord, effect: Effect, outcome: EffectOutcome, now: number): void {
    const tried: Try = { name: effect.name, leaseId: effect.leaseId };
    switch (outcome.kind) {
      case "happened": {
        const counted = withCalls(record, outcome.calls ?? 0);
        this.#repository.applyTo(counted, outcome.event, now, tried, outcome.texts, record);
        return;
      }
      case "failed":
        if (effect.kind === "submit" && record.state.stage === "submitting") {
          this.#repository.applyTo(record, this.#lost(outcome.reason), now, tried, undefined, record);
          return;
        }
        this.#repository.commit(
          record,
          failed(withCalls(record, outcome.calls ?? 0), tried, outcome, now, Math.random()),
        );
        return;
      case "attempted": {
        const { attempt } = outcome;
        const { step, next } = attempted(record, tried, attempt, now, Math.random());
        this.#repository.commit(record, step);
        this.#repository.deliveries.append({ ...attempt, next });
        return;
      }
      case "turned_away":
        this.#repository.commit(record, deferred(record, tried, outcome.until));
        return;
      case "rows_deleted": {
        if (!isLive(record, tried)) return;
        const { team, user, deletion } = record.state;
        this.#repository.store.erase({ at: now, team, user: deletion?.forget ? null : user });
        return;
      }
      case "obsolete": {
        const effects = record.effects.filter((row) => row.name !== effect.name || row.leaseId !== effect.leaseId);
        this.#repository.store.save(record, { ...record, effects });
        return;
      }
      default:
        outcome satisfies never;
    }
  }

  #context(effect: Effect): EffectContext {
    return {
      env: this.#env,
      config: requireConfig(this.#env),
      now: () => Date.now(),
      record: () => this.#repository.mustLoad(),
      text: (name) => this.#repository.store.text(name),
      event: (id, format) => this.#repository.deliveries.event(id, format),
      keepEvent: (event) => this.#repository.deliveries.keepEvent(event),
      lastAttempt: (delivery) => this.#repository.deliveries.attempts(delivery).at(-1) ?? null,
      view: () => this.#repository.view(this.#repository.mustLoad()),
      advance: (event) => this.#repository.advance(event, effect),
      saved: () => this.#ctx.storage.sync(),
      uploads: (n) =>
        this.#repository.uploads.logOf(n, (work, isProgress) => this.#repository.carryOn(effect, work, isProgress)),
      unfinishedUploads: () => this.#repository.uploads.all(),
      watch: () => this.#repository.watch(),
      othersRun: () => this.#repository.othersRun(effect),
      takeGrant: () => {
        const grant = this.#grants.get(leaseOf(effect)) ?? null;
        this.#grants.delete(leaseOf(effect));
        return grant;
      },
      tell: (telling) => this.#repository.tell(telling),
    };
  }

  /** A submit whose answer nobody knows. */
  #lost(reason: string): RequestEvent {
    return { type: "submit_lost", reason, graceMs: graceMs(requireConfig(this.#env)) };
  }
}

/** Who is told of an end waits for nobody but others who are told. */
type Lane = "work" | "tell";

function laneOf(kind: Effect["kind"]): Lane {
  switch (kind) {
    case "deliver":
    case "report":
      return "tell";
    case "submit":
    case "poll":
    case "fetch_result":
    case "mirror":
    case "hash":
    case "settle":
    case "cancel":
    case "expire":
    case "purge":
      return "work";
  }
}

/** As it is logged. */
function outcomeName(outcome: EffectOutcome): string {
  if (outcome.kind === "happened") return outcome.event.type;
  if (outcome.kind === "attempted") return outcome.attempt.kind === "taken" ? "delivered" : "failed";
  return outcome.kind;
}

function reasonOf(outcome: EffectOutcome): { reason?: string } {
  if (outcome.kind === "failed") return { reason: outcome.reason };
  return outcome.kind === "attempted" && outcome.attempt.kind !== "taken" ? { reason: outcome.attempt.reason } : {};
}

function withCalls(record: RequestRecord, calls: number): RequestRecord {
  if (calls === 0) return record;
  return { ...record, state: { ...record.state, upstreamCalls: record.state.upstreamCalls + calls } };
}
