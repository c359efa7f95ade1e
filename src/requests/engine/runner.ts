// Runs a tracker's due effects under saved leases, in parallel within the lanes, and saves their outcomes. effects/ implements
// them, machine.ts decides what follows, effect-schedule.ts when.

import type { Granted } from "../../contracts/account.ts";
import { highWaterBytes } from "../../net/byte-budget.ts";
import type { Env } from "../../platform/bindings.ts";
import { requireConfig } from "../../platform/config.ts";
import { faultName, logAttempt } from "../../platform/log.ts";
import { accountFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";
import { leased, nextDue } from "../machine/effect-schedule.ts";
import type { Effect, EffectKind } from "../machine/effect-types.ts";
import type { RequestEvent } from "../machine/events.ts";
import {
  advanced,
  attempted,
  deferred,
  type EffectAttempt,
  failed,
  isLive,
  leaseOf,
  withRow,
} from "../machine/record.ts";
import type { RequestRecord } from "../machine/types.ts";
import type { EffectContext, EffectOutcome } from "./effects/context.ts";
import { MissedTurns } from "./effects/missed-turns.ts";
import { runEffect } from "./effects/run-effect.ts";
import { graceMs } from "./effects/submit.ts";
import type { RequestRepository } from "./repository.ts";

/** How long a submit waits for upstream's answer before it returns 202 with the known state. */
export const SUBMIT_ANSWER_WAIT_MS = 10 * SECOND_MS;

/** Rows that run side by side in one alarm: a slow copy must not hold a settle back. */
const ALARM_LANES = 2;
/** Deliveries that run beside them, so that a hanging receiver delays no other; a Worker has six outgoing connections. */
const DELIVER_LANES = 4;

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

  /** Runs what is due, side by side as far as the lanes allow; starts nothing after `until` (epoch ms). */
  async runDue(until: number): Promise<void> {
    const room: Record<Lane, number> = { work: ALARM_LANES, tell: DELIVER_LANES };
    const running = new Set<Promise<void>>();
    for (;;) {
      const effect = Date.now() < until ? this.#leaseNext(undefined, ({ kind }) => room[laneOf(kind)] > 0) : null;
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
  async runSequentially(kinds: readonly EffectKind[], until: number): Promise<void> {
    while (Date.now() < until) {
      const effect = this.#leaseNext((due) => kinds.includes(due.kind));
      if (effect === null) return;
      await this.#run(effect);
    }
  }

  /** Submits a new request while its caller waits. The alarm continues what is unfinished after the wait. */
  async submitInPlace(): Promise<void> {
    const effect = this.#leaseNext((due) => due.kind === "submit");
    await this.#repository.armAlarm();
    // An answer that comes after the wait owes things too, and no entry point is left that would arm for them.
    const submitted = effect === null ? Promise.resolve() : this.#run(effect).then(() => this.#repository.armAlarm());
    let timer: ReturnType<typeof setTimeout> | null = null;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SUBMIT_ANSWER_WAIT_MS);
    });
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
    this.#ctx.waitUntil(this.#run(effect).then(() => this.#repository.armAlarm()));
    return true;
  }

  /**
   * Leases the longest overdue effect that `mayRun`, if it is `wanted`; else null. Interrupted submits are marked as lost on the
   * way.
   */
  #leaseNext(
    wanted: (effect: Effect) => boolean = () => true,
    mayRun: (effect: Effect) => boolean = () => true,
  ): Effect | null {
    return this.#repository.transact(() => {
      for (;;) {
        const now = Date.now();
        const record = this.#repository.loadRecord();
        const due = record && nextDue(record.effects.filter(mayRun), now);
        if (!record || !due || !wanted(due)) return null;
        if (due.kind === "submit" && due.leaseUntil !== null && record.state.stage === "submitting") {
          this.#repository.commitStep(record, advanced(record, this.#lost("attempt was interrupted"), now, due));
          continue;
        }
        const { kind, effect } = leased(due, now);
        this.#repository.store.saveRecord(record, withRow(record, effect));
        if (kind === "leased") {
          this.#repository.attemptStarted(effect);
          return effect;
        }
      }
    });
  }

  /** Leases an effect whose call was granted, whatever its due time; null when it does not exist or is running. */
  #leaseRow(name: string): Effect | null {
    return this.#repository.transact(() => {
      const now = Date.now();
      const record = this.#repository.loadRecord();
      const row = record?.effects.find((effect) => effect.name === name);
      if (!record || !row || row.leaseUntil !== null || row.parkedAt !== null) return null;
      const { kind, effect } = leased(row, now);
      this.#repository.store.saveRecord(record, withRow(record, effect));
      if (kind !== "leased") return null;
      this.#repository.attemptStarted(effect);
      return effect;
    });
  }

  /** One attempt at one effect, from lease to outcome. Never throws: an exception is a failed attempt. */
  async #run(effect: Effect): Promise<void> {
    const startedAt = Date.now();
    const outcome = await this.#outcomeOf(effect);
    this.#conclude(effect, outcome);
    this.#repository.attemptEnded(effect);
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
      const record = this.#repository.loadRecord();
      // The request was deleted during this attempt: its outcome is dropped.
      if (record === null) return;
      this.#concludeTry(record, effect, outcome, now);
    });
  }

  #concludeTry(record: RequestRecord, effect: Effect, outcome: EffectOutcome, now: number): void {
    const tried: EffectAttempt = { name: effect.name, leaseId: effect.leaseId };
    switch (outcome.kind) {
      case "happened": {
        const counted = withCalls(record, outcome.calls ?? 0);
        this.#repository.applyEventTo(counted, outcome.event, now, tried, outcome.texts, record);
        return;
      }
      case "failed":
        if (effect.kind === "submit" && record.state.stage === "submitting") {
          this.#repository.applyEventTo(record, this.#lost(outcome.reason), now, tried, undefined, record);
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
      case "rows_deleted": {
        if (!isLive(record, tried)) return;
        const { team, user, deletion } = record.state;
        this.#repository.store.deleteAllRows({ at: now, team, user: deletion?.forget ? null : user });
        return;
      }
      case "obsolete": {
        const effects = record.effects.filter((row) => row.name !== effect.name || row.leaseId !== effect.leaseId);
        this.#repository.store.saveRecord(record, { ...record, effects });
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
      currentRecord: () => this.#repository.requireRecord(),
      storedText: (name) => this.#repository.store.storedText(name),
      event: (id, format) => this.#repository.deliveries.eventOf(id, format),
      keepEvent: (event) => this.#repository.deliveries.saveEvent(event),
      lastAttempt: (delivery) => this.#repository.deliveries.attempts(delivery).at(-1) ?? null,
      currentView: () => this.#repository.viewOf(this.#repository.requireRecord()),
      applyEvent: (event) => this.#repository.applyWithin(event, effect),
      storageSynced: () => this.#ctx.storage.sync(),
      multipartUploadOf: (n) =>
        this.#repository.uploads.logOf(n, (work, isProgress) => this.#repository.renewLease(effect, work, isProgress)),
      unfinishedUploads: () => this.#repository.uploads.unfinishedUploads(),
      watch: () => this.#repository.currentWatch(),
      hasOtherAttempts: () => this.#repository.hasOtherAttempts(effect),
      useGrant: () => {
        const grant = this.#grants.get(leaseOf(effect)) ?? null;
        this.#grants.delete(leaseOf(effect));
        return grant;
      },
      missedTurns: this.#missedTurns,
      inBackground: (telling) => this.#repository.inBackground(telling),
    };
  }

  /** A submit whose answer is unknown. */
  #lost(reason: string): RequestEvent {
    return { type: "submit_lost", reason, graceMs: graceMs(requireConfig(this.#env)) };
  }
}

/** Deliveries have a lane of their own, so that other effects do not delay them. */
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
