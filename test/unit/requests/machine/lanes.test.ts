// Which effect runs next beside those that run, and when the alarm has to ring.

import { describe, expect, test } from "vitest";
import { MINUTE_MS } from "../../../../src/platform/time.ts";
import { NEW_EFFECT } from "../../../../src/requests/machine/effect-schedule.ts";
import type { Effect, EffectKind } from "../../../../src/requests/machine/effect-types.ts";
import { ALARM_NET_MS, alarmDueAt, nextRunnable } from "../../../../src/requests/machine/lanes.ts";

const NOW = 1_800_000_000_000;

function anEffect(kind: EffectKind, target: number, changes: Partial<Effect> = {}): Effect {
  return { name: `${kind}:${target}`, kind, target: String(target), dueAt: NOW, ...NEW_EFFECT, ...changes };
}

const running = { leaseUntil: NOW + 10 * MINUTE_MS, leaseId: 1 };
const twoCopies = [anEffect("mirror", 0, running), anEffect("mirror", 1, running)];
const fourDeliveries = [0, 1, 2, 3].map((n) => anEffect("deliver", n, running));

describe("next is", () => {
  test.each<[string, Effect[], string | undefined]>([
    ["nothing where nothing is owed", [], undefined],
    ["nothing before its time", [anEffect("poll", 0, { dueAt: NOW + 1 })], undefined],
    ["what has waited longest", [anEffect("mirror", 0), anEffect("settle", 0, { dueAt: NOW - 1 })], "settle:0"],
    ["a second copy beside a first", [anEffect("mirror", 0, running), anEffect("mirror", 1)], "mirror:1"],
    ["no third copy", [...twoCopies, anEffect("mirror", 2)], undefined],
    ["a delivery beside two copies", [...twoCopies, anEffect("mirror", 2), anEffect("deliver", 0)], "deliver:0"],
    ["a settle beside four deliveries", [...fourDeliveries, anEffect("deliver", 4), anEffect("settle", 0)], "settle:0"],
    ["an attempt whose lease is over", [...twoCopies.map((each) => ({ ...each, leaseUntil: NOW }))], "mirror:0"],
    ["nothing that is parked", [anEffect("deliver", 0, { parkedAt: NOW })], undefined],
  ])("%s", (_what, effects, name) => {
    expect(nextRunnable(effects, NOW)?.name).toBe(name);
  });
});

describe("the alarm has to ring", () => {
  test.each<[string, Effect[], number | null]>([
    ["never where nothing is owed", [], null],
    ["never for what is parked", [anEffect("deliver", 0, { parkedAt: NOW })], null],
    [
      "when the first is due",
      [anEffect("poll", 0, { dueAt: NOW + 9 }), anEffect("expire", 0, { dueAt: NOW + 5 })],
      NOW + 5,
    ],
    ["at once for what is overdue", [anEffect("settle", 0, { dueAt: NOW - 7 })], NOW - 7],
    ["within a minute while an attempt runs", [anEffect("mirror", 0, running)], NOW + ALARM_NET_MS],
    ["within a minute for what waits for its lane", [...twoCopies, anEffect("mirror", 2)], NOW + ALARM_NET_MS],
    ["at once for what has room beside an attempt", [...twoCopies, anEffect("deliver", 0)], NOW],
    ["at once for a lease that is over", [anEffect("mirror", 0, { leaseUntil: 1 })], 1],
  ])("%s", (_what, effects, at) => {
    expect(alarmDueAt(effects, NOW)).toBe(at);
  });
});
