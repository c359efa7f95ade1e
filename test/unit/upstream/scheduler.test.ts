// Who probes a locked account, and what becomes of a probe that is not made.

import { describe, expect, test } from "vitest";
import type { Given } from "../../../src/contracts/account.ts";
import { closed, HEALTH_PAUSE_FIRST_MS, HEALTHY, isProbeDue, probeFailed } from "../../../src/upstream/health.ts";
import { newPace } from "../../../src/upstream/pace.ts";
import { TurnDesk, WAKE_RETRY_MS, type Wish } from "../../../src/upstream/scheduler.ts";

const NOW = 1_800_000_000_000;
const DUE = NOW + HEALTH_PAUSE_FIRST_MS;

function wish(requestId: string, changes: Partial<Wish> = {}): Wish {
  return {
    ...{ requestId, effect: "submit", kind: "submit", user: "acme/u", connection: "c", model: "m", since: NOW },
    ...changes,
  } as Wish;
}

/** An account that was found locked at NOW, and for which these submits of one user wait, in this order. */
function lockedDesk(...requests: string[]): TurnDesk {
  const desk = new TurnDesk(newPace(10), 40);
  desk.health.set("c", closed(HEALTHY, "locked", NOW));
  for (const [n, request] of requests.entries()) desk.take(wish(request, { since: NOW + n }), NOW + n);
  return desk;
}

const names = (given: readonly Given[]) => given.map(({ waiter, probe }) => [waiter.requestId, probe]);

describe("a locked account", () => {
  test("is tried by one waiting submit when its pause is over, and by nobody else meanwhile", () => {
    const desk = lockedDesk("a", "b");
    expect(desk.pump(DUE - 1)).toEqual([]);
    expect(names(desk.pump(DUE))).toEqual([["a", true]]);
    expect(desk.pump(DUE + 1)).toEqual([]);
  });

  test("is tried by the next at once when the first hands its turn back", () => {
    const desk = lockedDesk("a", "b");
    const [first] = desk.pump(DUE);
    if (first === undefined) throw new Error("nobody probes");
    desk.giveBack(first, DUE + 1);
    expect(names(desk.pump(DUE + 1))).toEqual([["b", true]]);
  });

  test("is tried by the next at once when the first one's tracker cannot be woken, and by that one later", () => {
    const desk = lockedDesk("a", "b");
    const [first] = desk.pump(DUE);
    if (first === undefined) throw new Error("nobody probes");
    desk.rest(first.waiter, DUE + 1);
    desk.giveBack(first, DUE + 1);
    const [second] = desk.pump(DUE + 1);
    expect(second?.waiter.requestId).toBe("b");
    if (second !== undefined) desk.giveBack(second, DUE + 2);
    expect(names(desk.pump(DUE + WAKE_RETRY_MS))).toEqual([]);
    expect(names(desk.pump(DUE + WAKE_RETRY_MS + 1))).toEqual([["a", true]]);
  });

  test("is tried by the others of a user before the one that it has refused, and by that one after them", () => {
    const desk = lockedDesk("a", "b", "c");
    const tried: string[] = [];
    let now = DUE;
    for (let n = 0; n < 5; n++) {
      const [given] = desk.pump(now);
      if (given === undefined) throw new Error("nobody probes");
      const { requestId } = given.waiter;
      tried.push(requestId);
      desk.answered(given, now);
      desk.refused(given.waiter, now);
      desk.health.set("c", probeFailed(desk.healthOf("c"), "locked", now));
      // As trackers do: they ask again with the time of their request.
      desk.take(wish(requestId, { since: NOW + ["a", "b", "c"].indexOf(requestId) }), now + 1);
      now = desk.healthOf("c").closure?.probeAt ?? now;
    }
    expect(tried).toEqual(["a", "b", "c", "a", "b"]);
  });

  test("that has refused the key since is not tried sooner for a submit that hands its turn back", () => {
    const desk = lockedDesk("a");
    const [first] = desk.pump(DUE);
    if (first === undefined) throw new Error("nobody probes");
    desk.health.set("c", closed(desk.healthOf("c"), "key_refused", DUE));
    desk.giveBack(first, DUE + 1);
    expect(isProbeDue(desk.healthOf("c"), DUE + HEALTH_PAUSE_FIRST_MS - 1)).toBe(false);
  });
});

describe("a turn of an open account", () => {
  test("leaves its health as it is when it is handed back", () => {
    const desk = new TurnDesk(newPace(10), 40);
    const { asked } = desk.take(wish("a"), NOW);
    if (asked.kind !== "turn") throw new Error("a free account gives a turn at once");
    const health = { ...closed(HEALTHY, "locked", NOW), failures: 2 };
    desk.health.set("c", health);
    desk.giveBack(asked.given, NOW + 1);
    expect(desk.healthOf("c")).toBe(health);
  });
});
