// Who probes a locked account, and what becomes of a probe that is not made.

import { describe, expect, test } from "vitest";
import type { CallGrant } from "../../../src/contracts/account.ts";
import { closed, HEALTH_PAUSE_FIRST_MS, HEALTHY, isProbeDue, probeFailed } from "../../../src/upstream/health.ts";
import { newPace } from "../../../src/upstream/pace.ts";
import { CallScheduler, type RequestedCall, WAKE_RETRY_MS } from "../../../src/upstream/scheduler.ts";

const NOW = 1_800_000_000_000;
const DUE = NOW + HEALTH_PAUSE_FIRST_MS;

function wish(requestId: string, changes: Partial<RequestedCall> = {}): RequestedCall {
  return {
    ...{ requestId, effect: "submit", kind: "submit", user: "acme/u", connection: "c", model: "m", since: NOW },
    ...changes,
  } as RequestedCall;
}

/** An account that was found locked at NOW, and for which these submits of one user wait, in this order. */
function lockedDesk(...requests: string[]): CallScheduler {
  const callScheduler = new CallScheduler(newPace(10), 40);
  callScheduler.health.set("c", closed(HEALTHY, "locked", NOW));
  for (const [n, request] of requests.entries()) callScheduler.take(wish(request, { since: NOW + n }), NOW + n);
  return callScheduler;
}

const names = (callGrant: readonly CallGrant[]) => callGrant.map(({ waiter, probe }) => [waiter.requestId, probe]);

describe("a locked account", () => {
  test("is tried by one waiting submit when its pause is over, and by nobody else meanwhile", () => {
    const callScheduler = lockedDesk("a", "b");
    expect(callScheduler.pump(DUE - 1)).toEqual([]);
    expect(names(callScheduler.pump(DUE))).toEqual([["a", true]]);
    expect(callScheduler.pump(DUE + 1)).toEqual([]);
  });

  test("is tried by the next at once when the first hands its turn back", () => {
    const callScheduler = lockedDesk("a", "b");
    const [first] = callScheduler.pump(DUE);
    if (first === undefined) throw new Error("nobody probes");
    callScheduler.giveBack(first, DUE + 1);
    expect(names(callScheduler.pump(DUE + 1))).toEqual([["b", true]]);
  });

  test("is tried by the next at once when the first one's tracker cannot be woken, and by that one later", () => {
    const callScheduler = lockedDesk("a", "b");
    const [first] = callScheduler.pump(DUE);
    if (first === undefined) throw new Error("nobody probes");
    callScheduler.rest(first.waiter, DUE + 1);
    callScheduler.giveBack(first, DUE + 1);
    const [second] = callScheduler.pump(DUE + 1);
    expect(second?.waiter.requestId).toBe("b");
    if (second !== undefined) callScheduler.giveBack(second, DUE + 2);
    expect(names(callScheduler.pump(DUE + WAKE_RETRY_MS))).toEqual([]);
    expect(names(callScheduler.pump(DUE + WAKE_RETRY_MS + 1))).toEqual([["a", true]]);
  });

  test("is tried by the others of a user before the one that it has refused, and by that one after them", () => {
    const callScheduler = lockedDesk("a", "b", "c");
    const tried: string[] = [];
    let now = DUE;
    for (let n = 0; n < 5; n++) {
      const [callGrant] = callScheduler.pump(now);
      if (callGrant === undefined) throw new Error("nobody probes");
      const { requestId } = callGrant.waiter;
      tried.push(requestId);
      callScheduler.answered(callGrant, now);
      callScheduler.refused(callGrant.waiter, now);
      callScheduler.health.set("c", probeFailed(callScheduler.healthOf("c"), "locked", now));
      // As trackers do: they ask again with the time of their request.
      callScheduler.take(wish(requestId, { since: NOW + ["a", "b", "c"].indexOf(requestId) }), now + 1);
      now = callScheduler.healthOf("c").closure?.probeAt ?? now;
    }
    expect(tried).toEqual(["a", "b", "c", "a", "b"]);
  });

  test("that has refused the key since is not tried sooner for a submit that hands its turn back", () => {
    const callScheduler = lockedDesk("a");
    const [first] = callScheduler.pump(DUE);
    if (first === undefined) throw new Error("nobody probes");
    callScheduler.health.set("c", closed(callScheduler.healthOf("c"), "key_refused", DUE));
    callScheduler.giveBack(first, DUE + 1);
    expect(isProbeDue(callScheduler.healthOf("c"), DUE + HEALTH_PAUSE_FIRST_MS - 1)).toBe(false);
  });
});

describe("a turn of an open account", () => {
  test("leaves its health as it is when it is handed back", () => {
    const callScheduler = new CallScheduler(newPace(10), 40);
    const { asked } = callScheduler.take(wish("a"), NOW);
    if (asked.kind !== "turn") throw new Error("a free account gives a turn at once");
    const health = { ...closed(HEALTHY, "locked", NOW), failures: 2 };
    callScheduler.health.set("c", health);
    callScheduler.giveBack(asked.callGrant, NOW + 1);
    expect(callScheduler.healthOf("c")).toBe(health);
  });
});
