// A seeded random walk over the pure rules: any event in any state, tries cut off, outcomes late or twice, clock jumps.
// After every step the invariants of the design are checked. WALK_SEED and WALK_STEPS choose another or a longer walk.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { RequestFile } from "../../../src/files/request-file.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { isOwed } from "../../../src/requests/machine/deliveries.ts";
import { alarmAt, attentionAt, leased, nextDue } from "../../../src/requests/machine/effect-schedule.ts";
import type { Effect } from "../../../src/requests/machine/effect-types.ts";
import type { RequestEvent, UpstreamEnd } from "../../../src/requests/machine/events.ts";
import {
  advanced,
  attempted,
  begun,
  deferred,
  type EffectAttempt,
  failed,
  type Step,
  withRow,
} from "../../../src/requests/machine/record.ts";
import { UNCERTAIN_GRACE_MS } from "../../../src/requests/machine/submits.ts";
import { hasEnded, type RequestError, type RequestRecord } from "../../../src/requests/machine/types.ts";
import { replayOf } from "../../../src/requests/view/deliveries.ts";
import { aStart, SETTLED, type Told } from "../../harness/requests.ts";

const seed = Number(process.env.WALK_SEED ?? Date.now() % 1_000_000_007);
const stepsWanted = Number(process.env.WALK_STEPS ?? 30_000);

/** Random choices from one seed (fast-check's own generator would draw whole walks before they run). */
class Dice {
  #state: number;
  constructor(start: number) {
    this.#state = start >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
}

const error: RequestError = {
  code: "upstream_failed",
  message: "The model failed.",
  detail: null,
  retryable: true,
  charged: false,
  upstreamStatus: 500,
};

function anEnd(dice: Dice): { end: UpstreamEnd; fingerprint: string } {
  const kind = dice.below(4);
  if (kind === 0) return { end: { kind: "error", error }, fingerprint: "error" };
  if (kind === 1) return { end: { kind: "canceled" }, fingerprint: "canceled" };
  const count = dice.below(4);
  const files = Array.from({ length: count }, (_, n) => ({
    path: ["images", n, "url"],
    source: { kind: "url", url: `https://v3.fal.media/${n}` } as const,
    claimedType: null,
    claimedName: null,
  }));
  return { end: { kind: "output", files, skipped: 0 }, fingerprint: `output-${count}` };
}

/** What the outside may do at any time. */
function anOutsideEvent(dice: Dice): RequestEvent {
  const upstreamId = dice.one(["fal-1", "fal-1", "fal-2"]);
  switch (dice.below(7)) {
    case 0:
      return { type: "cancel_requested" };
    case 6:
      return { type: "copy_requested", n: dice.one([null, 0, 1]) };
    case 1:
      return { type: "end_announced", upstreamId };
    case 2:
      return {
        type: "unverified_callback_received",
        candidateId: dice.chance(0.5) ? upstreamId : null,
        reason: "forged",
      };
    case 3:
      return {
        type: "unpinned_webhook_received",
        userId: "user-2",
        claim: "output-1",
        candidateId: upstreamId,
        waitMs: dice.one([0, 10_000]),
      };
    default:
      return {
        type: "end_reported",
        source: "webhook",
        upstreamId,
        metrics: null,
        billableUnits: null,
        ...anEnd(dice),
      };
  }
}

/** What a finished try of a row may have come to: everything its effect can answer, at the machine's level. */
function anOutcome(dice: Dice, row: Effect, record: RequestRecord, now: number): RequestEvent | "failed" | "deferred" {
  if (dice.chance(0.15)) return "failed";
  if (dice.chance(0.1) && row.kind !== "submit") return "deferred";
  switch (row.kind) {
    case "submit":
      return dice.one<RequestEvent>([
        { type: "submit_accepted", upstreamId: "fal-1", queuePosition: dice.below(3) },
        { type: "submit_accepted", upstreamId: "fal-1", queuePosition: 0 },
        { type: "submit_not_accepted", retryAt: now + 2 * SECOND_MS, reason: "429" },
        { type: "submit_refused", error },
        { type: "submit_lost", reason: "timeout", graceMs: dice.chance(0.8) ? UNCERTAIN_GRACE_MS : 0 },
      ]);
    case "poll":
      return dice.one<RequestEvent>([
        {
          type: "progress_seen",
          progress: "queued",
          queuePosition: dice.below(3),
          watch: dice.one(["none", "waiting", "following"]),
        },
        {
          type: "progress_seen",
          progress: "running",
          queuePosition: null,
          watch: dice.one(["none", "waiting", "following"]),
        },
        { type: "completion_seen", metrics: null },
        { type: "upstream_not_found" },
      ]);
    case "fetch_result": {
      const { end, fingerprint } = anEnd(dice);
      const upstreamId = record.state.upstreamId ?? record.state.candidateId;
      return dice.one<RequestEvent>([
        { type: "end_reported", source: "poll", upstreamId, end, fingerprint, metrics: null, billableUnits: null },
        { type: "end_reported", source: "poll", upstreamId, end, fingerprint, metrics: null, billableUnits: null },
        { type: "result_pending", watch: "none" },
        { type: "upstream_not_found" },
      ]);
    }
    case "mirror": {
      const n = Number(row.target);
      const sha256 = dice.chance(0.7) ? "ab" : null;
      return dice.chance(0.8)
        ? { type: "file_stored", n, stored: { contentType: "image/png", bytes: 5, sha256 } }
        : { type: "file_failed", n, code: "storage_failed", message: "gone" };
    }
    case "hash":
      return { type: "file_hashed", n: Number(row.target), sha256: "cd" };
    case "settle":
      return { ...SETTLED, deliveries: someDeliveries(dice, record) };
    case "deliver":
      return { type: "delivered", delivery: row.target ?? "", status: 200, category: "accepted" };
    case "report":
      // Told and done: an event that changes nothing takes the row away.
      return { type: "delivered", delivery: "none", status: 200, category: "accepted" };
    case "cancel":
      return dice.one<RequestEvent>([
        { type: "cancel_confirmed" },
        { type: "cancel_accepted" },
        { type: "cancel_too_late" },
        { type: "upstream_not_found" },
      ]);
    case "expire":
      return { type: "timed_out" };
    case "delete":
      return aDeletion(row);
  }
}

/** The caller's own address, and an endpoint now and then; the second end of a request makes new ones. */
function someDeliveries(dice: Dice, { state }: RequestRecord): Told<"settled">["deliveries"] {
  return ["request", "whk_1"]
    .filter(() => dice.chance(0.5))
    .map((target) => ({ id: `dlv_${state.deliveries.length}_${target}`, target, eventId: "evt_1" }));
}

/** What a deletion of files or inputs comes to; that of a record begins with the order. */
function aDeletion({ target }: Effect): RequestEvent {
  if (target === "files" || target === "inputs" || target === "deliveries") return { type: "data_deleted", target };
  return { type: "deletion_requested", anonymize: false };
}

class Walk {
  readonly dice: Dice;
  now = 1_800_000_000_000;
  record: RequestRecord;
  /** Tries under way: leased, not yet concluded. Those of a dead object are remembered too and may answer late. */
  running: Effect[] = [];
  submits = 0;
  notTaken = 0;
  settles = 0;
  recoveries = 0;
  endDeliveredWithPending = 0;

  constructor(dice: Dice) {
    this.dice = dice;
    const startTimeoutS = dice.chance(0.3) ? 1 + dice.below(600) : null;
    this.record = begun(aStart({ startTimeoutS, createdAt: this.now })).record;
  }

  take(step: Step, before: RequestRecord): void {
    if (step.ignored !== null) {
      expect(step.record.state, "an ignored event changes no state").toEqual(before.state);
    }
    this.checkEnds(before, step.record);
    this.record = step.record;
    this.checkRows();
  }

  event(event: RequestEvent, done?: EffectAttempt): Step {
    const before = this.record;
    const step = advanced(before, event, this.now, done);
    if (event.type === "settled" && step.ignored === null) this.settles++;
    this.take(step, before);
    return step;
  }

  checkEnds(before: RequestRecord, after: RequestRecord): void {
    const was = before.state;
    const is = after.state;
    const reopened = was.recoveredAt === null && is.recoveredAt !== null;
    if (hasEnded(was.stage) && is.stage !== was.stage)
      expect(reopened, "an end is final, but for one reopening").toBe(true);
    if (reopened) {
      expect(was.stage).toBe("failed");
      expect(["submit_uncertain", "result_lost"]).toContain(was.error?.code);
      this.recoveries++;
    }
    const delivers = after.effects.some((row) => row.kind === "deliver");
    const awaited = after.files.filter((file) => file.status === "pending" && file.pendingSince < (is.endedAt ?? 0));
    if (delivers && awaited.length > 0 && hasEnded(is.stage)) this.endDeliveredWithPending++;
  }

  checkRows(): void {
    const { state, effects, files } = this.record;
    const unparked = effects.filter((row) => row.parkedAt === null);
    if (!hasEnded(state.stage)) expect(unparked.length, `${state.stage} owes something`).toBeGreaterThan(0);
    if (hasEnded(state.stage) && state.settledAt === null) {
      expect(
        effects.map((row) => row.kind),
        "an end is owed to the ledger",
      ).toContain("settle");
    }
    const alarm = alarmAt(effects);
    for (const row of unparked) expect(alarm).toBeLessThanOrEqual(attentionAt(row));
    for (const row of effects) if (row.parkedAt !== null) expect(row.kind).toBe("deliver");
    const owedDeliveries = state.deletion === null ? state.deliveries.filter(isOwed) : [];
    expect(
      unparked.filter((row) => row.kind === "deliver").map((row) => row.target),
      "what is still to be told is owed, and nothing else",
    ).toEqual(expect.arrayContaining(owedDeliveries.map(({ id }) => id)));
    if (state.deletion === null) {
      expect(unparked.filter((row) => row.kind === "deliver").length).toBe(owedDeliveries.length);
    }
    const copiedAgain = (file: RequestFile) => file.pendingSince >= (state.endedAt ?? 0);
    if (state.stage === "completed")
      expect(files.every((file) => file.status !== "pending" || copiedAgain(file))).toBe(true);
    expect(new Set(effects.map((row) => row.name)).size).toBe(effects.length);
    expect(this.submits - this.notTaken, "at most one submit that may have been taken").toBeLessThanOrEqual(1);
    expect(this.settles, "settled once, and once more after the one recovery").toBeLessThanOrEqual(1 + this.recoveries);
    expect(this.recoveries).toBeLessThanOrEqual(1);
    expect(this.endDeliveredWithPending).toBe(0);
  }

  /** The object takes its next due row, as the tracker does: a submit that was cut off is lost, not repeated. */
  takeRow(): void {
    const due = nextDue(this.record.effects, this.now);
    if (due === undefined) return;
    if (due.kind === "submit" && due.leaseUntil !== null && this.record.state.stage === "submitting") {
      this.event({ type: "submit_lost", reason: "attempt was interrupted", graceMs: UNCERTAIN_GRACE_MS }, due);
      return;
    }
    const { kind, effect } = leased(due, this.now);
    this.record = withRow(this.record, effect);
    this.checkRows();
    if (kind === "put_off") return;
    if (effect.kind === "submit") {
      if (this.dice.chance(0.3)) {
        const place = { position: 3, waiting: null, durations: null };
        this.event({ type: "wait_ordered", until: this.now + SECOND_MS, ...place }, effect);
        return;
      }
      const granted = { type: "granted" as const, connection: "c", pinnedUsers: ["user-1"], durations: null };
      const step = this.event({ ...granted, webhooks: this.dice.one(["arriving", "missing", "off"]) });
      if (step.ignored !== null) {
        const effects = this.record.effects.filter((row) => row.name !== "submit");
        this.record = { ...this.record, effects };
        return;
      }
      this.submits++;
    }
    this.running.push(effect);
  }

  /** A try answers: now, or long after its lease. */
  answer(): void {
    const index = this.dice.below(this.running.length);
    const row = this.running[index];
    if (row === undefined) return;
    // A late copy of an answer may come again: at-least-once calls.
    if (this.dice.chance(0.9)) this.running.splice(index, 1);
    const outcome = anOutcome(this.dice, row, this.record, this.now);
    const before = this.record;
    if (outcome === "failed") {
      if (row.kind === "submit") {
        this.event({ type: "submit_lost", reason: "fault", graceMs: UNCERTAIN_GRACE_MS }, row);
        return;
      }
      const failure = { reason: "fault", retryAfterMs: this.dice.chance(0.2) ? MINUTE_MS : null };
      if (row.kind === "deliver") {
        const kind = this.dice.chance(0.1) ? ("gone" as const) : ("later" as const);
        const answer = { ...failure, kind, status: null, category: "network" };
        this.take(attempted(before, row, answer, this.now, this.dice.next()).step, before);
        return;
      }
      this.take(failed(before, row, failure, this.now, this.dice.next()), before);
      return;
    }
    if (outcome === "deferred") {
      this.take(deferred(before, row, this.now + SECOND_MS), before);
      return;
    }
    const step = this.event(outcome, row);
    if (outcome.type === "submit_not_accepted" && step.ignored === null) this.notTaken++;
    // The same outcome told again changes nothing more.
    if (this.dice.chance(0.3)) {
      const state = this.record.state;
      const again = advanced(this.record, outcome, this.now, row);
      if (row.kind !== "submit") expect(again.record.state).toEqual(state);
      if (row.kind === "settle") this.event(outcome);
    }
  }

  /** Somebody sends a delivery once more, as the tracker lets them; or nobody does. */
  replay(): RequestEvent | null {
    const delivery = this.record.state.deliveries[this.dice.below(4)];
    const wish = delivery && replayOf(this.record, delivery, null, this.now);
    return typeof wish === "object" ? wish : null;
  }

  step(): void {
    const roll = this.dice.next();
    if (roll < 0.45) this.takeRow();
    else if (roll < 0.75) this.answer();
    else if (roll < 0.85) {
      const event = this.replay() ?? anOutsideEvent(this.dice);
      const first = this.event(event);
      if (event.type === "end_reported" && first.ignored === null) {
        const settled = this.record.state;
        this.event(event);
        expect(this.record.state, "a report told twice changes nothing").toEqual(settled);
      }
    } else {
      const jump = this.dice.one([10, SECOND_MS, 10 * SECOND_MS, MINUTE_MS, HOUR_MS, 7 * HOUR_MS, 2 * DAY_MS]);
      this.now += this.dice.below(jump);
      // Sometimes the process dies: tries under way are cut off, their answers may still come.
      if (this.dice.chance(0.1)) this.running = this.running.filter(() => this.dice.chance(0.5));
    }
  }
}

test("a random walk keeps every invariant of the machine, whatever happens in whatever order", () => {
  const dice = new Dice(seed);
  const ends = new Map<string, number>();
  let steps = 0;
  console.log(`walk seed ${seed}, ${stepsWanted} steps (repeat with WALK_SEED=${seed})`);
  while (steps < stepsWanted) {
    const walk = new Walk(dice);
    for (let i = 0; i < 120; i++, steps++) walk.step();
    ends.set(walk.record.state.stage, (ends.get(walk.record.state.stage) ?? 0) + 1);
  }
  // A walk that never reaches an end, or only one of them, would prove little.
  for (const stage of ["completed", "failed", "canceled"]) expect(ends.get(stage) ?? 0).toBeGreaterThan(0);
});

test("whatever happens first, a request left alone with a working upstream comes to an end", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 0, max: 60 }), (start, wildSteps) => {
      const walk = new Walk(new Dice(start));
      for (let i = 0; i < wildSteps; i++) walk.step();
      walk.running = [];
      for (let i = 0; i < 500 && !hasEnded(walk.record.state.stage); i++) {
        walk.now = Math.max(walk.now, alarmAt(walk.record.effects) ?? walk.now);
        walk.takeRow();
        const row = walk.running.pop();
        if (row === undefined) continue;
        const answer = calmAnswer(row, walk.record);
        walk.event(answer, row);
        if (answer.type === "submit_not_accepted") walk.notTaken++;
      }
      expect(hasEnded(walk.record.state.stage)).toBe(true);
    }),
    { seed, numRuns: 300 },
  );
});

function calmAnswer(row: Effect, record: RequestRecord): RequestEvent {
  switch (row.kind) {
    case "submit":
      return { type: "submit_accepted", upstreamId: "fal-1", queuePosition: 0 };
    case "poll":
      return { type: "completion_seen", metrics: null };
    case "cancel":
      return { type: "cancel_accepted" };
    case "fetch_result":
      return {
        type: "end_reported",
        source: "poll",
        upstreamId: record.state.upstreamId ?? record.state.candidateId,
        end: { kind: "output", files: [], skipped: 0 },
        fingerprint: "calm",
        metrics: null,
        billableUnits: null,
      };
    case "mirror":
      return {
        type: "file_stored",
        n: Number(row.target),
        stored: { contentType: "image/png", bytes: 1, sha256: "ab" },
      };
    case "hash":
      return { type: "file_hashed", n: Number(row.target), sha256: "ab" };
    case "settle":
      return { ...SETTLED, deliveries: [] };
    case "deliver":
      return { type: "delivered", delivery: row.target ?? "", status: 200, category: "accepted" };
    case "report":
      // Told and done: an event that changes nothing takes the row away.
      return { type: "delivered", delivery: "none", status: 200, category: "accepted" };
    case "expire":
      return { type: "timed_out" };
    case "delete":
      return aDeletion(row);
  }
}
