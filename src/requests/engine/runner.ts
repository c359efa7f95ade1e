// Runs a tracker's due effects under saved leases, side by side within the lanes, and saves their outcomes. The write of an outcome
// also leases what is due next. effects/ implements them, machine.ts decides what follows, effect-schedule.ts when.

import type { Granted } from "../../contracts/account.ts";
import type { StoredText } from "../../files/stored-text.ts";
import { highWaterBytes } from "../../net/byte-budget.ts";
import { ALARM_BUDGET_MS } from "../../platform/alarm.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { faultName, logAttempt } from "../../platform/log.ts";
import { accountFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { leased, nextDue } from "../machine/effect-schedule.ts";
import type { Effect, EffectKind } from "../machine/effect-types.ts";
import type { RequestEvent } from "../machine/events.ts";
import { nextRunnable } from "../machine/lanes.ts";
import {
  advanced,
  attempted,
  deferred,
  type EffectAttempt,
  failed,
  leaseOf,
  type Step,
  withRow,
} from "../machine/record.ts";
import type { RequestRecord, StartInput } from "../machine/types.ts";
import type { TextName } from "./document.ts";
import { contextOf } from "./effect-context.ts";
import type { EffectOutcome } from "./effects/context.ts";
import { MissedTurns } from "./effects/missed-turns.ts";
import { runEffect } from "./effects/run-effect.ts";
import { graceMs } from "./effects/submit.ts";
import type { RequestRepository } from "./repository.ts";

/** How long a submit waits for upstream's answer before it returns 202 with the known state. */
export const SUBMIT_ANSWER_WAIT_MS = 10 * SECOND_MS;

/** Leases what is due next, inside the write of a conclusion. */
type Follow = () => Effect[];

export class EffectRunner {
  readonly #env: Env;
  readonly #ctx: DurableObjectState;
  readonly #repository: RequestRepository;
  /** Grants that started an attempt and are not used yet, by lease. */
  readonly #grants = new Map<string, Granted>();
  readonly #missedTurns = new MissedTurns();

  constructor(ctx: DurableObjectState, env: Env, repository: RequestRepository) {
    this.#ctx = ctx;
    this.#env = env;
    this.#repository = repository;
  }

  /** Runs what is due, and what follows from it at once; starts nothing after `until` (epoch ms). */
  async runDue(until: number): Promise<void> {
    await this.#runSideBySide(
      this.#repository.transact(() => this.#leaseAll()),
      until,
    );
  }

  /** Applies an event and runs what is due one after the other, as long as it is of these kinds; starts nothing after `until`. */
  async applyAndRun(event: RequestEvent, kinds: readonly EffectKind[], until: number): Promise<void> {
    const follow: Follow = () => (Date.now() < until ? this.#leaseDue(kinds) : []);
    let [effect] = this.#repository.transact(() => {
      this.#repository.applyEventTo(this.#repository.requireRecord(), event);
      return follow();
    });
    while (effect !== undefined) [effect] = await this.#run(effect, follow);
  }

  /** Applies an event from outside and leases what is due, in one write. The attempts go on after the answer; the alarm is their net. */
  applyAndFollow(event: RequestEvent, texts?: Partial<Record<TextName, StoredText>>): Step {
    const { step, effects } = this.#repository.transact(() => {
      const applied = this.#repository.applyEventTo(this.#repository.requireRecord(), event, { texts });
      return { step: applied, effects: this.#leaseAll() };
    });
    this.#runInBackground(effects);
    return step;
  }

  /** Begins a request and submits it while its caller waits. Its first write is that of the intent, or of why none was saved. */
  async begin(start: StartInput): Promise<void> {
    this.#repository.begin(start);
    await this.#submitInPlace(this.#leaseDue(["submit"]));
    await this.#repository.armAlarm();
  }

  /** Submits a request that exists, if its submit is due. */
  async submitDue(): Promise<void> {
    const effects = this.#repository.transact(() => this.#leaseDue(["submit"]));
    await this.#repository.armAlarm();
    await this.#submitInPlace(effects);
  }

  /** What is unfinished after the wait goes on in the background, with the alarm as its net. */
  async #submitInPlace([effect]: Effect[]): Promise<void> {
    if (effect === undefined) return;
    const until = Date.now() + ALARM_BUDGET_MS;
    const submitted = this.#run(effect, this.#followUntil(until)).then(async (effects) => {
      this.#runInBackground(effects);
      // An answer that comes after the wait owes things too, and no entry point is left that would arm for them.
      await this.#repository.armAlarm();
    });
    let timer: ReturnType<typeof setTimeout> | null = null;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SUBMIT_ANSWER_WAIT_MS);
    });
    this.#ctx.waitUntil(submitted);
    await Promise.race([Promise.allSettled([submitted]), waited]);
    // A timer that is left running keeps the object in (billed) memory until it fires.
    clearTimeout(timer);
  }

  /** Runs an effect whose call was granted; false when the effect no longer exists or is running. */
  async runGranted(name: string, grant: Granted): Promise<boolean> {
    const effect = this.#leaseRow(name);
    if (effect === null) return false;
    this.#grants.set(leaseOf(effect), grant);
    await this.#repository.armAlarm();
    this.#runInBackground([effect]);
    return true;
  }

  #runInBackground(effects: readonly Effect[]): void {
    if (effects.length === 0) return;
    const running = this.#runSideBySide(effects, Date.now() + ALARM_BUDGET_MS);
    this.#ctx.waitUntil(running.then(() => this.#repository.armAlarm()));
  }

  async #runSideBySide(effects: readonly Effect[], until: number): Promise<void> {
    const follow = this.#followUntil(until);
    const running = new Set<Promise<void>>();
    const begin = (effect: Effect): void => {
      const attempt = this.#run(effect, follow).then((next) => {
        running.delete(attempt);
        next.forEach(begin);
      });
      running.add(attempt);
    };
    effects.forEach(begin);
    while (running.size > 0) await Promise.race(running);
  }

  #followUntil(until: number): Follow {
    return () => (Date.now() < until ? this.#leaseAll() : []);
  }

  /** Inside a transaction: leases whatever is due, as far as the lanes have room. Interrupted submits are marked as lost on the way. */
  #leaseAll(): Effect[] {
    const effects: Effect[] = [];
    for (;;) {
      const now = Date.now();
      const record = this.#repository.loadRecord();
      const due = record && nextRunnable(record.effects, now);
      if (!record || !due) return effects;
      const effect = this.#lease(record, due, now);
      if (effect !== null) effects.push(effect);
    }
  }

  /** Inside a transaction: leases the effect that has waited longest, if it is of these kinds, whatever runs beside it. */
  #leaseDue(kinds: readonly EffectKind[]): Effect[] {
    for (;;) {
      const now = Date.now();
      const record = this.#repository.loadRecord();
      const due = record && nextDue(record.effects, now);
      if (!record || !due || !kinds.includes(due.kind)) return [];
      const effect = this.#lease(record, due, now);
      if (effect !== null) return [effect];
    }
  }

  /** Null when the effect was put off, or was a submit that had been interrupted. */
  #lease(record: RequestRecord, due: Effect, now: number): Effect | null {
    if (due.kind === "submit" && due.leaseUntil !== null && record.state.stage === "submitting") {
      this.#repository.commitStep(record, advanced(record, this.#lost("attempt was interrupted"), now, due));
      return null;
    }
    const { kind, effect } = leased(due, now);
    this.#repository.store.saveRecord(withRow(record, effect));
    if (kind !== "leased") return null;
    this.#repository.attemptStarted(effect);
    return effect;
  }

  /** Leases an effect whose call was granted, whatever its due time; null when it does not exist or is running. */
  #leaseRow(name: string): Effect | null {
    return this.#repository.transact(() => {
      const record = this.#repository.loadRecord();
      const row = record?.effects.find((effect) => effect.name === name);
      if (!record || !row || row.leaseUntil !== null || row.parkedAt !== null) return null;
      return this.#lease(record, row, Date.now());
    });
  }

  /**
   * One attempt at one effect, from lease to outcome: returns what the write of its conclusion leased. An exception is a failed
   * attempt.
   */
  async #run(effect: Effect, follow: Follow): Promise<Effect[]> {
    const startedAt = Date.now();
    const outcome = await this.#outcomeOf(effect);
    const next = await this.#conclude(effect, outcome, follow);
    const unused = this.#grants.get(leaseOf(effect));
    this.#grants.delete(leaseOf(effect));
    if (unused !== undefined) this.#repository.inBackground(accountFor(this.#env).returnGrant(unused.callGrant));
    const request = this.#ctx.id.toString();
    const why = reasonOf(outcome);
    const share = requireConfig(this.#env).LOG_SAMPLE;
    logAttempt(
      "effect.attempted",
      { id: request, share, wentWell: why.reason === undefined },
      {
        request,
        effect: effect.name,
        attempt: effect.failures + 1,
        outcome: outcomeName(outcome),
        stage: this.#repository.loadRecord()?.state.stage ?? "deleted",
        ms: Date.now() - startedAt,
        held: highWaterBytes(),
        ...why,
      },
    );
    return next;
  }

  async #outcomeOf(effect: Effect): Promise<EffectOutcome> {
    try {
      const [ctx, env, repository] = [this.#ctx, this.#env, this.#repository];
      const context = contextOf({ ctx, env, repository, grants: this.#grants, missedTurns: this.#missedTurns }, effect);
      return await runEffect(context, effect);
    } catch (fault) {
      return { kind: "failed", reason: `internal error: ${faultName(fault)}`, retryAfterMs: null, ours: true };
    }
  }

  async #conclude(effect: Effect, outcome: EffectOutcome, follow: Follow): Promise<Effect[]> {
    try {
      if (outcome.kind === "rows_deleted") {
        await this.#repository.deleteRecord(effect);
        return [];
      }
      return this.#repository.transact(() => {
        const record = this.#repository.loadRecord();
        // The request was deleted during this attempt: its outcome is dropped.
        if (record === null) return [];
        this.#concludeTry(record, effect, outcome, Date.now());
        return follow();
      });
    } finally {
      this.#repository.attemptEnded(effect);
    }
  }

  #concludeTry(
    record: RequestRecord,
    effect: Effect,
    outcome: Exclude<EffectOutcome, { kind: "rows_deleted" }>,
    now: number,
  ): void {
    const tried: EffectAttempt = { name: effect.name, leaseId: effect.leaseId };
    switch (outcome.kind) {
      case "happened": {
        const counted = withCalls(record, outcome.calls ?? 0);
        this.#repository.applyEventTo(record, outcome.event, { counted, tried, texts: outcome.texts });
        return;
      }
      case "failed":
        if (effect.kind === "submit" && record.state.stage === "submitting") {
          this.#repository.applyEventTo(record, this.#lost(outcome.reason), { tried });
          return;
        }
        this.#repository.commitStep(
          record,
          failed(withCalls(record, outcome.calls ?? 0), tried, outcome, now, Math.random()),
        );
        return;
      case "attempted": {
        const { attempt } = outcome;
        const { step, next } = attempted(record, tried, attempt, now, Math.random());
        this.#repository.commitStep(record, step);
        this.#repository.deliveries.appendAttempt({ ...attempt, next });
        return;
      }
      case "deferred":
        this.#repository.commitStep(record, deferred(record, tried, outcome.until));
        return;
      case "obsolete": {
        const effects = record.effects.filter((row) => row.name !== effect.name || row.leaseId !== effect.leaseId);
        this.#repository.store.saveRecord({ ...record, effects });
        return;
      }
      default:
        outcome satisfies never;
    }
  }

  /** A submit whose answer is unknown. */
  #lost(reason: string): RequestEvent {
    return { type: "submit_lost", reason, graceMs: graceMs(requireConfig(this.#env)) };
  }
}

/** The outcome as it is logged. */
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
