// When things are due: rows and orders, leases, retries, the rhythm of polls, the alarm.

import { describe, expect, test } from "vitest";
import { FILE_COPY_TIMEOUT_MS } from "../../../../src/files/request-file.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../../src/platform/time.ts";
import {
  afterFailure,
  afterInternalFailure,
  afterUndelivered,
  alarmAt,
  attentionAt,
  CANCEL_TIMEOUT_MS,
  deferredEffect,
  effectName,
  finished,
  INTERNAL_FAILURES_MAX,
  LEASES_BEFORE_BACKOFF,
  leased,
  leaseMs,
  nextDue,
  PATIENT_POLLS,
  RESULT_TIMEOUT_MS,
  STATUS_TIMEOUT_MS,
  SUBMIT_TIMEOUT_MS,
  withOrders,
  withoutDeadLeases,
} from "../../../../src/requests/machine/effect-schedule.ts";
import type { Effect, EffectKind } from "../../../../src/requests/machine/effect-types.ts";
import type { Watch } from "../../../../src/requests/machine/events.ts";
import { POLL_MAX_GAP_MS, pollGapMs, quickened } from "../../../../src/requests/machine/poll-schedule.ts";
import type { RequestState } from "../../../../src/requests/machine/types.ts";
import { DELIVER_TIMEOUT_MS } from "../../../../src/webhooks/send.ts";
import { recordAt } from "../../../harness/requests.ts";

const NOW = 1_800_000_000_000;
type RetriedKind = Exclude<EffectKind, "deliver">;
const RETRIED: RetriedKind[] = [
  ...(["submit", "poll", "fetch_result", "mirror", "hash"] as const),
  ...(["settle", "report", "cancel", "expire", "delete"] as const),
];
const KINDS: EffectKind[] = [...RETRIED, "deliver"];

function aRow<Kind extends EffectKind>(kind: Kind, changes: Partial<Effect> = {}): Effect & { kind: Kind } {
  const target = changes.target ?? null;
  const counts = {
    failures: 0,
    internalFailures: 0,
    leaseUntil: null,
    leaseId: 0,
    attempts: 0,
    lastFailure: null,
    parkedAt: null,
  };
  return { name: effectName(kind, target), target, dueAt: NOW, ...counts, ...changes, kind };
}

/** A row in the middle of its third try. */
const busy = { failures: 2, leaseUntil: NOW + 9_000, leaseId: NOW, attempts: 1, lastFailure: "500" };

describe("orders", () => {
  test("make a row that is due, with nothing behind it", () => {
    expect(withOrders([], [{ do: "owe", kind: "mirror", target: "0", dueAt: NOW + 5 }])).toEqual([
      aRow("mirror", { target: "0", dueAt: NOW + 5 }),
    ]);
  });

  test("tell rows of one kind apart by their target", () => {
    const rows = [aRow("mirror", { target: "0" }), aRow("mirror", { target: "1" }), aRow("poll")];
    const left = withOrders(rows, [
      { do: "drop", kind: "mirror", target: "1" },
      { do: "drop", kind: "cancel" },
    ]);
    expect(left.map(({ name }) => name)).toEqual(["mirror:0", "poll"]);
  });

  test("to owe what is owed already move its due time, and the try that runs goes on", () => {
    const [row] = withOrders([aRow("poll", busy)], [{ do: "owe", kind: "poll", dueAt: NOW + 60_000 }]);
    expect(row).toEqual(aRow("poll", { ...busy, dueAt: NOW + 60_000 }));
  });

  test.each([
    ["a row that is due later comes nearer", NOW + 60_000, NOW + 7],
    ["a row that is due sooner stays", NOW + 2, NOW + 2],
  ])("to hasten: %s", (_what, dueAt, expected) => {
    expect(withOrders([aRow("poll", { dueAt })], [{ do: "hasten", kind: "poll", dueAt: NOW + 7 }])).toEqual([
      aRow("poll", { dueAt: expected }),
    ]);
  });

  test("to hasten what is not owed make it owed", () => {
    expect(withOrders([], [{ do: "hasten", kind: "poll", dueAt: NOW + 7 }])).toEqual([
      aRow("poll", { dueAt: NOW + 7 }),
    ]);
  });

  test("to owe a parked delivery anew give it all its tries again", () => {
    const parked = aRow("deliver", { target: "request", failures: 10, parkedAt: NOW, lastFailure: "500" });
    const [row] = withOrders([parked], [{ do: "owe", kind: "deliver", target: "request", dueAt: NOW + 1 }]);
    expect(row).toMatchObject({ parkedAt: null, failures: 0, dueAt: NOW + 1 });
  });

  test("are carried out one after the other", () => {
    const orders = [{ do: "drop", kind: "settle" } as const, { do: "owe", kind: "settle", dueAt: NOW + 1 } as const];
    expect(withOrders([aRow("settle", busy)], orders)).toEqual([aRow("settle", { dueAt: NOW + 1 })]);
  });
});

describe("attention", () => {
  const leased = aRow("mirror", { target: "0", dueAt: NOW - 9, leaseUntil: NOW + 50 });
  const parked = aRow("deliver", { target: "request", dueAt: NOW - 99, parkedAt: NOW - 99 });

  test("goes to the row that has waited longest, be it due or cut off", () => {
    const cutOff = aRow("cancel", { dueAt: NOW - 900, leaseUntil: NOW - 7 });
    const rows = [parked, aRow("poll", { dueAt: NOW - 5 }), cutOff, aRow("settle", { dueAt: NOW - 6 }), leased];
    expect(nextDue(rows, NOW)?.name).toBe("cancel");
    expect(nextDue(rows.toReversed(), NOW)?.name).toBe("cancel");
  });

  test("goes to a row in the very millisecond it is due, and not before", () => {
    expect(nextDue([aRow("poll", { dueAt: NOW + 1 })], NOW)).toBeUndefined();
    expect(nextDue([aRow("poll", { dueAt: NOW + 1 })], NOW + 1)?.name).toBe("poll");
  });

  test("does not go to a try that may still run, nor to a parked row", () => {
    expect(nextDue([leased, parked], NOW)).toBeUndefined();
    expect(nextDue([leased], NOW + 50)?.name).toBe("mirror:0");
  });

  test("sets the alarm to the earliest of all, overdue rows and leases included, parked ones not", () => {
    expect(alarmAt([parked, leased, aRow("poll", { dueAt: NOW + 60 })])).toBe(NOW + 50);
    expect(alarmAt([leased, aRow("poll", { dueAt: NOW - 500 })])).toBe(NOW - 500);
    expect(alarmAt([parked])).toBeNull();
    expect(alarmAt([])).toBeNull();
  });
});

describe("a lease", () => {
  test.each<[EffectKind, number]>([
    ["submit", SUBMIT_TIMEOUT_MS],
    ["poll", STATUS_TIMEOUT_MS],
    ["fetch_result", RESULT_TIMEOUT_MS],
    ["cancel", CANCEL_TIMEOUT_MS],
    ["mirror", FILE_COPY_TIMEOUT_MS],
    ["hash", FILE_COPY_TIMEOUT_MS],
    ["deliver", DELIVER_TIMEOUT_MS],
    ["settle", 0],
    ["expire", 0],
  ])("of %s outlasts its own time-out, and not by much", (kind, timeoutMs) => {
    expect(leaseMs(kind)).toBeGreaterThan(timeoutMs + SECOND_MS);
    expect(leaseMs(kind)).toBeLessThanOrEqual(timeoutMs + MINUTE_MS);
  });

  test("is counted, and its id is one that no earlier row of the name can have had", () => {
    const { kind, effect } = leased(aRow("poll"), NOW);
    expect([kind, effect]).toEqual([
      "leased",
      aRow("poll", { leaseUntil: NOW + leaseMs("poll"), leaseId: NOW, attempts: 1 }),
    ]);
    expect(leased(finished(effect), NOW).effect.leaseId).toBe(NOW + 1);
    // Dropped and owed anew, with a clock that has moved on: an answer to the old try fits no more.
    expect(leased(aRow("poll"), NOW + 5).effect.leaseId).toBe(NOW + 5);
  });

  test("that was cut off five times is put off, longer each time, and tried again", () => {
    let row: Effect = aRow("mirror", { target: "0" });
    let now = NOW;
    const waits: number[] = [];
    for (let i = 0; i < 30; i++) {
      const { kind, effect } = leased(row, now);
      if (kind === "put_off") waits.push(effect.dueAt - now);
      else if (waits.length === 0) expect(effect.attempts).toBe(i + 1);
      row = effect;
      now = attentionAt(row);
    }
    expect(leased(aRow("mirror", { attempts: LEASES_BEFORE_BACKOFF, leaseUntil: NOW }), NOW).effect).toMatchObject({
      ...{ leaseUntil: null, lastFailure: "crashed repeatedly" },
    });
    expect(waits.slice(0, 4)).toEqual([32_000, 64_000, 128_000, 256_000]);
    expect(waits.at(-1)).toBe(HOUR_MS);
  });

  test("that nobody in a fresh object holds is over, and still shows that its try was cut off", () => {
    const rows = [aRow("mirror", busy), aRow("poll", { ...busy, leaseId: 7 }), aRow("settle", { dueAt: NOW + 5 })];
    const [dead, live, free] = withoutDeadLeases(rows, ({ leaseId }) => leaseId === 7);
    expect(dead).toEqual({ ...rows[0], leaseUntil: 1 });
    expect([live, free]).toEqual([rows[1], rows[2]]);
    expect(
      nextDue(
        withoutDeadLeases(rows, () => false),
        NOW,
      )?.leaseUntil,
    ).toBe(1);
  });

  test("ends with an outcome, which clears what was counted", () => {
    const done = { leaseUntil: null, attempts: 0 };
    expect(finished(aRow("poll", busy))).toEqual(
      aRow("poll", { ...busy, ...done, failures: 0, internalFailures: 0, lastFailure: null }),
    );
    expect(deferredEffect(aRow("poll", busy), NOW + 3)).toEqual(aRow("poll", { ...busy, ...done, dueAt: NOW + 3 }));
  });
});

/** Waits of a row that fails until it ends, at most `most` of them, in the middle of their jitter. */
function waits(kind: RetriedKind, most: number, random = 0.5): { waits: number[]; end: string } {
  let row = aRow(kind, { leaseUntil: NOW + 1, leaseId: NOW, attempts: 1 });
  const all: number[] = [];
  while (all.length < most) {
    const after = afterFailure(row, { reason: "500", retryAfterMs: null }, NOW, random);
    if (after === null) return { waits: all, end: "given up" };
    all.push(after.dueAt - NOW);
    row = { ...after, kind };
  }
  return { waits: all, end: "goes on" };
}

describe("a failed try", () => {
  test.each<[RetriedKind, number[]]>([
    ["mirror", [2, 10, 30, 120]],
    ["cancel", [2, 5, 15, 60, 300]],
  ])("of %s is made again after these seconds, and then that is the end of it", (kind, seconds) => {
    expect(waits(kind, 99)).toEqual({ waits: seconds.map((each) => each * SECOND_MS), end: "given up" });
  });

  test.each<RetriedKind>(["poll", "fetch_result"])(
    "of %s stays within two minutes of the last for hours, because fal forgets results, and never stops",
    (kind) => {
      const { waits: all, end } = waits(kind, 2_000);
      expect(end).toBe("goes on");
      expect(all.slice(0, 8).map((ms) => ms / SECOND_MS)).toEqual([2, 4, 8, 16, 32, 64, 120, 120]);
      expect(new Set(all.slice(6, PATIENT_POLLS))).toEqual(new Set([POLL_MAX_GAP_MS]));
      expect(new Set(all.slice(PATIENT_POLLS))).toEqual(new Set([HOUR_MS]));
    },
  );

  test("that our own doing ended uses up no try of any kind for about a day, then counts like any other", () => {
    for (const kind of KINDS) {
      let row: Effect = aRow(kind, busy);
      let waited = 0;
      for (let i = 0; i < INTERNAL_FAILURES_MAX; i++) {
        const after = afterInternalFailure(row, "fault", NOW, 0.5);
        if (after === null) throw new Error(`${kind} counted fault ${i + 1}`);
        waited += after.dueAt - NOW;
        row = after;
      }
      expect([row.failures, row.internalFailures]).toEqual([busy.failures, INTERNAL_FAILURES_MAX]);
      const looksAtFal = kind === "poll" || kind === "fetch_result";
      expect(waited).toBeGreaterThan(looksAtFal ? HOUR_MS : 20 * HOUR_MS);
      expect(afterInternalFailure(row, "fault", NOW, 0.5)).toBeNull();
    }
  });

  test.each<RetriedKind>(["submit", "hash", "settle", "expire"])(
    "of %s never stops: 2 s, doubling to an hour",
    (kind) => {
      const { waits: all, end } = waits(kind, 2_000);
      expect(end).toBe("goes on");
      expect(all.slice(0, 12).map((ms) => ms / SECOND_MS)).toEqual([
        ...[2, 4, 8, 16, 32, 64, 128, 256],
        ...[512, 1_024, 2_048, 3_600],
      ]);
      expect(new Set(all.slice(11))).toEqual(new Set([HOUR_MS]));
    },
  );

  test.each(RETRIED)("of %s comes back within 20 %% of its time, so that many do not come together", (kind) => {
    const [low, middle, high] = [0, 0.5, 0.999].map((random) => waits(kind, 1, random).waits[0] ?? 0);
    expect(low).toBe(0.8 * (middle ?? 0));
    expect(high).toBeLessThan(1.2 * (middle ?? 0));
    expect(high).toBeGreaterThan(1.19 * (middle ?? 0));
  });

  test("waits as long as the other side wishes, when that is longer", () => {
    const wait = (retryAfterMs: number) =>
      (afterFailure(aRow("mirror", busy), { reason: "429", retryAfterMs }, NOW, 0.5)?.dueAt ?? 0) - NOW;
    expect([wait(DAY_MS), wait(1)]).toEqual([DAY_MS, 30 * SECOND_MS]);
  });

  test("is counted, with its reason, and gives its lease back", () => {
    const after = afterFailure(aRow("poll", busy), { reason: "timeout", retryAfterMs: null }, NOW, 0.5);
    const ended = { leaseUntil: null, leaseId: NOW, attempts: 0, failures: 3, lastFailure: "timeout" };
    expect(after).toEqual(aRow("poll", { ...ended, dueAt: NOW + 8_000 }));
  });

  test("of a delivery that the receiver wants no more is parked at once, as it stands", () => {
    const row = aRow("deliver", { target: "request", leaseUntil: NOW, attempts: 1 });
    const gone = { failures: 1, next: { at: null, why: "gone" } } as const;
    const parked = aRow("deliver", { target: "request", failures: 1, parkedAt: NOW, lastFailure: "410" });
    expect(afterUndelivered(row, gone, "410", NOW)).toEqual(parked);
  });
});

describe("the gap before the next poll", () => {
  const gaps = (webhooks: RequestState["webhooks"], watch: Watch) =>
    [0, 1, 2, 3, 4, 5, 6, 99].map((polls) => pollGapMs({ webhooks, polls, durations: null }, watch) / SECOND_MS);

  test.each<[RequestState["webhooks"], Watch, number[]]>([
    ["arriving", "none", [60, 120, 120, 120, 120, 120, 120, 120]],
    ["arriving", "waiting", [60, 120, 120, 120, 120, 120, 120, 120]],
    ["arriving", "following", [2, 4, 8, 10, 10, 10, 10, 10]],
    ["missing", "none", [3, 6, 12, 24, 48, 96, 120, 120]],
    ["missing", "waiting", [3, 5, 5, 5, 5, 5, 5, 5]],
    ["missing", "following", [2, 4, 8, 10, 10, 10, 10, 10]],
    ["off", "none", [3, 6, 12, 24, 48, 96, 120, 120]],
    ["off", "waiting", [3, 5, 5, 5, 5, 5, 5, 5]],
    ["off", "following", [2, 4, 8, 10, 10, 10, 10, 10]],
  ])("with webhooks %s and a caller %s, after 0, 1, 2 … polls, in seconds", (webhooks, watch, seconds) => {
    expect(gaps(webhooks, watch)).toEqual(seconds);
  });

  const learned = (p50S: number, p95S: number) => ({ p50Ms: p50S * SECOND_MS, p95Ms: p95S * SECOND_MS, samples: 9 });

  test.each([
    // Beside webhooks: the larger of twice the usual time and 20 s past the slowest, then rarer.
    ["arriving", 8, 20, [40, 80, 120]],
    ["arriving", 60, 70, [120, 120, 120]],
    ["arriving", 200, 260, [300, 120, 120]],
    // Polls alone: when half of the model's requests have ended, then soon, then doubling.
    ["missing", 8, 20, [8, 1, 2, 4, 8, 16]],
    ["off", 40, 90, [40, 5, 10, 20, 40, 80, 120]],
    ["off", 0.1, 0.2, [1, 1, 2, 4]],
  ] as const)("with webhooks %s, of a model that takes %d s, or %d s at worst", (webhooks, p50S, p95S, seconds) => {
    const durations = learned(p50S, p95S);
    expect(seconds.map((_, polls) => pollGapMs({ webhooks, polls, durations }, "none") / SECOND_MS)).toEqual(seconds);
  });
});

describe("somebody who begins to watch", () => {
  const { state } = recordAt("queued");
  const far = aRow("poll", { dueAt: NOW + 60_000 });

  test("brings a far poll nearer and moves nothing else", () => {
    const rows = [aRow("cancel", { dueAt: NOW + 60_000 }), far];
    expect(quickened(rows, state, "following", NOW)).toEqual([rows[0], { ...far, dueAt: NOW + 2_000 }]);
  });

  test("never puts a poll off", () => {
    const near = [aRow("poll", { dueAt: NOW + 1_000 })];
    expect(quickened(near, state, "following", NOW)).toEqual(near);
    expect(quickened([far], state, "waiting", NOW - 30_000)[0]?.dueAt).toBe(NOW + 30_000);
  });

  test("leaves a try alone that runs", () => {
    const running = [{ ...far, leaseUntil: NOW + 5_000 }];
    expect(quickened(running, state, "following", NOW)).toEqual(running);
  });
});
