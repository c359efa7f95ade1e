// What an attempt at a delivery means: each class of answer at the first, a middle and the last attempt and at replays, and that
// the two owners of deliveries, a request's tracker and Team's outbox, say the same of the same history.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { leased } from "../../../src/requests/machine/effect-schedule.ts";
import { advanced, attempted, withRow } from "../../../src/requests/machine/record.ts";
import type { RequestRecord } from "../../../src/requests/machine/types.ts";
import { replayOf } from "../../../src/requests/view/deliveries.ts";
import { attemptRow, rowAfter } from "../../../src/team/endpoints/outbox.ts";
import type { OutboxRow } from "../../../src/team/endpoints/outbox-store.ts";
import {
  type AfterAttempt,
  type AttemptAnswer,
  type AttemptRow,
  afterAttempt,
  disablesEndpoint,
  notSent,
} from "../../../src/webhooks/attempt.ts";
import { classifyBlocked, classifyNetworkError, classifyResponse } from "../../../src/webhooks/classify.ts";
import { DELIVER_RETRY_MS } from "../../../src/webhooks/schedule.ts";
import { onward, recordAt, SETTLED } from "../../harness/requests.ts";

const NOW = Date.UTC(2026, 10, 5, 12);
type Answer = Pick<AttemptAnswer, "kind" | "retryAfterMs">;

function answered(status: number, headers: Record<string, string> = {}): Answer {
  return classifyResponse(status, new Headers(headers), NOW);
}

/** Every class of answer, with what it asks for. */
const ACCEPTED: [string, Answer][] = [
  ["200", answered(200)],
  ["204", answered(204)],
];
const LATER: [string, Answer][] = [
  ["a redirect", answered(302, { location: "https://elsewhere.example/" })],
  ["400", answered(400)],
  ["404", answered(404)],
  ["429", answered(429)],
  ["500", answered(500)],
  ["522 of Cloudflare", answered(522)],
  ["a time-out", classifyNetworkError({ kind: "failed", reason: "timeout", sent: "maybe" })],
  ["a lost connection", classifyNetworkError({ kind: "failed", reason: "network", sent: "maybe", fault: "lost" })],
  [
    "an unreachable host",
    classifyNetworkError({ kind: "failed", reason: "network", sent: "no", fault: "unreachable" }),
  ],
];
const GONE: [string, Answer][] = [
  ["410", answered(410)],
  ["410 with a Retry-After", answered(410, { "retry-after": "60" })],
  ["a URL that may not be called", classifyBlocked("a private address")],
  ["a deleted endpoint", notSent("deleted", NOW)],
  ["a disabled endpoint", notSent("disabled", NOW)],
];

const FIRST: AttemptRow = { failures: 0, replay: null, wasDelivered: false };
const MIDDLE: AttemptRow = { ...FIRST, failures: 4 };
const LAST: AttemptRow = { ...FIRST, failures: DELIVER_RETRY_MS.length };
/** Replays: of a failing delivery, of a parked one, of a delivered one. */
const RESUMED: AttemptRow = { ...MIDDLE, replay: { resumeAt: NOW + HOUR_MS } };
const PARKED: AttemptRow = { ...LAST, replay: { resumeAt: null } };
const AGAIN: AttemptRow = { ...FIRST, replay: { resumeAt: null }, wasDelivered: true };

const ROWS: [string, AttemptRow][] = [
  ["the first attempt", FIRST],
  ["a middle attempt", MIDDLE],
  ["the last attempt", LAST],
  ["a replay while failing", RESUMED],
  ["a replay of what was parked", PARKED],
  ["a replay of what was delivered", AGAIN],
];

function over(row: AttemptRow, answer: Answer): AfterAttempt {
  return afterAttempt(row, answer, NOW, 0.5);
}

describe.each(ROWS)("%s", (_which, row) => {
  test.each(ACCEPTED)("that is answered with %s delivers, and counts no failure", (_answer, answer) => {
    const next = { at: null, why: "delivered" };
    expect(over(row, answer)).toStrictEqual({
      outcome: "delivered",
      state: "delivered",
      failures: row.failures,
      next,
    });
  });

  test.each(GONE)("that comes to %s is the end of it", (_answer, answer) => {
    expect(over(row, answer)).toStrictEqual({
      outcome: "gone",
      state: row.wasDelivered ? "delivered" : "gone",
      failures: row.failures + (row.replay === null ? 1 : 0),
      next: { at: null, why: "gone" },
    });
  });
});

describe.each(LATER)("after %s", (_answer, answer) => {
  test.each<[string, AttemptRow, AfterAttempt]>([
    ["the first attempt is followed after 5 s", FIRST, failing(1, 5 * SECOND_MS)],
    ["a middle attempt is followed by the schedule's next", MIDDLE, failing(5, 5 * HOUR_MS)],
    ["the last attempt parks", LAST, ended("parked", DELIVER_RETRY_MS.length + 1, "no_tries_left")],
    ["a replay while failing leaves the schedule as it was", RESUMED, failing(4, HOUR_MS)],
    ["a replay of what was parked leaves it parked", PARKED, ended("parked", DELIVER_RETRY_MS.length, "replay_failed")],
    [
      "a replay of what was delivered leaves it delivered",
      AGAIN,
      { ...ended("parked", 0, "replay_failed"), state: "delivered" },
    ],
  ])("%s", (_what, row, after) => {
    expect(over(row, answer)).toStrictEqual(after);
  });
});

function failing(failures: number, waitMs: number): AfterAttempt {
  return { outcome: "failing", state: "failing", failures, next: { at: NOW + waitMs, why: "schedule" } };
}

function ended(outcome: "parked", failures: number, why: "no_tries_left" | "replay_failed"): AfterAttempt {
  return { outcome, state: outcome, failures, next: { at: null, why } };
}

test("a replay uses up no planned attempt, whatever it comes to", () => {
  for (const [, answer] of [...ACCEPTED, ...LATER, ...GONE]) {
    for (const row of [RESUMED, PARKED, AGAIN]) expect(over(row, answer).failures).toBe(row.failures);
  }
});

describe("the schedule", () => {
  test("is 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each spread by a fifth", () => {
    const planned = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map((each) => each * SECOND_MS);
    const waits = (random: number) =>
      planned.map(
        (_, failures) => (afterAttempt({ ...FIRST, failures }, answered(500), NOW, random).next.at ?? 0) - NOW,
      );
    expect(waits(0.5)).toStrictEqual(planned);
    expect(waits(0)).toStrictEqual(planned.map((ms) => 0.8 * ms));
    for (const [i, ms] of waits(0.999).entries()) {
      expect(ms).toBeLessThan(1.2 * (planned[i] ?? 0));
      expect(ms).toBeGreaterThan(1.19 * (planned[i] ?? 0));
    }
  });
});

describe("a receiver's Retry-After", () => {
  const wish = (row: AttemptRow, seconds: string) => over(row, answered(503, { "retry-after": seconds })).next;

  test("counts when it is longer than the planned wait, up to a day, and not when it is shorter", () => {
    expect(wish(FIRST, "120")).toStrictEqual({ at: NOW + 2 * MINUTE_MS, why: "retry_after" });
    expect(wish(FIRST, "0")).toStrictEqual({ at: NOW + 5 * SECOND_MS, why: "schedule" });
    expect(wish(MIDDLE, "999999999")).toStrictEqual({ at: NOW + DAY_MS, why: "retry_after" });
  });

  test("puts a schedule off that a replay interrupted, too", () => {
    expect(wish(RESUMED, "60")).toStrictEqual({ at: NOW + HOUR_MS, why: "schedule" });
    expect(wish(RESUMED, "7200")).toStrictEqual({ at: NOW + 2 * HOUR_MS, why: "retry_after" });
    const late = { ...RESUMED, replay: { resumeAt: NOW - HOUR_MS } };
    expect(over(late, answered(500)).next).toStrictEqual({ at: NOW, why: "schedule" });
  });

  test("gives no attempt back that the schedule does not have", () => {
    expect(wish(LAST, "60")).toStrictEqual({ at: null, why: "no_tries_left" });
    expect(wish(PARKED, "60")).toStrictEqual({ at: null, why: "replay_failed" });
  });
});

test("only the receiver's own 410 disables its endpoint", () => {
  const statuses = [null, 200, 302, 404, 410, 429, 500];
  expect(statuses.filter((status) => disablesEndpoint({ status }))).toStrictEqual([410]);
  expect(disablesEndpoint(notSent("deleted", NOW))).toBe(false);
});

describe("both owners", () => {
  const anAnswer = fc.record({
    kind: fc.constantFrom<Answer["kind"]>("later", "later", "later", "later", "taken", "gone"),
    retryAfterMs: fc.option(fc.integer({ min: 0, max: DAY_MS })),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    tookMs: fc.integer({ min: 0, max: 15 * SECOND_MS }),
    /** How long after its end a delivery is replayed. */
    idleMs: fc.integer({ min: 0, max: DAY_MS }),
  });

  test("plan the same next attempt and say the same of the delivery, for any history with replays after its end", () => {
    let parked = 0;
    fc.assert(
      fc.property(fc.array(anAnswer, { minLength: 1, maxLength: 16 }), (answers) => {
        const tracker = new TrackerSide();
        const team = new TeamSide();
        let now = tracker.dueAt() ?? 0;
        for (const { kind, retryAfterMs, random, tookMs, idleMs } of answers) {
          if (tracker.dueAt() === null) {
            now += idleMs;
            tracker.replay(now);
            team.replay(now);
          }
          now = Math.max(now, tracker.dueAt() ?? 0);
          const answer: Answer = { kind, retryAfterMs: kind === "later" ? retryAfterMs : null };
          const [one, other] = [
            tracker.attempt(answer, now, now + tookMs, random),
            team.attempt(answer, now + tookMs, random),
          ];
          now += tookMs;
          expect(one).toStrictEqual(other);
          if (one.next.why === "no_tries_left") parked++;
        }
      }),
      { numRuns: 500, examples: [[Array(16).fill(REFUSED_AT_ONCE)]] },
    );
    expect(parked).toBeGreaterThan(0);
  });
});

const REFUSED_AT_ONCE = { kind: "later", retryAfterMs: null, random: 0.5, tookMs: 1, idleMs: 1 } as const;

interface Said {
  next: AfterAttempt["next"];
  dueAt: number | null;
  state: string;
}

/** A delivery as its request's tracker keeps it. */
class TrackerSide {
  #record: RequestRecord = onward(recordAt("completed"), SETTLED);

  #row() {
    return this.#record.effects.find(({ name }) => name === "deliver:dlv_1");
  }

  #delivery() {
    const [delivery] = this.#record.state.deliveries;
    if (delivery === undefined) throw new Error("nothing is owed");
    return delivery;
  }

  dueAt(): number | null {
    const row = this.#row();
    return row === undefined || row.parkedAt !== null ? null : row.dueAt;
  }

  replay(now: number): void {
    const event = { id: "evt_1", type: "request.completed", format: "standard", body: "{}" } as const;
    const wish = replayOf(this.#record, this.#delivery(), event, this.#delivery().endedAt);
    if (typeof wish === "string") throw new Error(wish);
    this.#record = advanced(this.#record, wish, now).record;
  }

  attempt(answer: Answer, takenAt: number, now: number, random: number): Said {
    const row = this.#row();
    if (row === undefined) throw new Error("nothing is due");
    const { effect } = leased(row, takenAt);
    const said = { ...answer, reason: "", status: null, category: "network" };
    const { step, next } = attempted(withRow(this.#record, effect), effect, said, now, random);
    this.#record = step.record;
    return { next, dueAt: this.dueAt(), state: this.#delivery().status };
  }
}

/** A delivery as Team's outbox keeps it. */
class TeamSide {
  #wasDelivered = false;
  #row: OutboxRow = {
    ...{ deliveryId: "dlv_1", endpointId: "whk_1", eventId: "evt_1", body: "{}" },
    ...{ dueAt: NOW, failures: 0, replay: false, leaseUntil: null },
  };

  replay(now: number): void {
    this.#row = { ...this.#row, dueAt: now, replay: true };
  }

  attempt(answer: Answer, now: number, random: number): Said {
    const after = afterAttempt(attemptRow(this.#row, this.#row.replay && this.#wasDelivered), answer, now, random);
    this.#row = rowAfter(this.#row, after);
    this.#wasDelivered ||= answer.kind === "taken";
    return { next: after.next, dueAt: this.#row.dueAt, state: after.state };
  }
}
