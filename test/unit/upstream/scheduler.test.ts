// Who probes a locked account, and what becomes of a probe that is not made.

import { describe, expect, test } from "vitest";
import type { CallGrant } from "../../../src/contracts/account.ts";
import {
  closedHealth,
  HEALTH_PAUSE_FIRST_MS,
  HEALTHY,
  isProbeDue,
  withFailedProbe,
} from "../../../src/upstream/health.ts";
import { newPace } from "../../../src/upstream/pace.ts";
import { CallScheduler, type SchedulerRequest, WAKE_RETRY_MS } from "../../../src/upstream/scheduler.ts";

const NOW = 1_800_000_000_000;
const DUE = NOW + HEALTH_PAUSE_FIRST_MS;

function wish(requestId: string, changes: Partial<SchedulerRequest> = {}): SchedulerRequest {
  return {
    ...{ requestId, effect: "submit", kind: "submit", user: "acme/u", connection: "c", model: "m", since: NOW },
    ...changes,
  } as SchedulerRequest;
}

/** An account that was found locked at NOW, and for which these submits of one user wait, in this order. */
function lockedDesk(...requests: string[]): CallScheduler {
  const callScheduler = new CallScheduler(newPace(10), 40);
  callScheduler.healthByConnection.set("c", closedHealth(HEALTHY, "locked", NOW));
  for (const [n, request] of requests.entries()) callScheduler.requestGrant(wish(request, { since: NOW + n }), NOW + n);
  return callScheduler;
}

const names = (callGrant: readonly CallGrant[]) =>
  callGrant.map(({ call: waiter, probe }) => [waiter.requestId, probe]);

describe("a locked account", () => {
  test("is tried by one waiting submit when its pause is over, and by nobody else meanwhile", () => {
    const callScheduler = lockedDesk("a", "b");
    expect(callScheduler.grantWaitingCalls(DUE - 1)).toEqual([]);
    expect(names(callScheduler.grantWaitingCalls(DUE))).toEqual([["a", true]]);
    expect(callScheduler.grantWaitingCalls(DUE + 1)).toEqual([]);
  });

  test("is tried by the next at once when the first hands its turn back", () => {
    const callScheduler = lockedDesk("a", "b");
    const [first] = callScheduler.grantWaitingCalls(DUE);
    if (first === undefined) throw new Error("nobody probes");
    callScheduler.returnGrant(first, DUE + 1);
    expect(names(callScheduler.grantWaitingCalls(DUE + 1))).toEqual([["b", true]]);
  });

  test("is tried by the next at once when the first one's tracker cannot be woken, and by that one later", () => {
    const callScheduler = lockedDesk("a", "b");
    const [first] = callScheduler.grantWaitingCalls(DUE);
    if (first === undefined) throw new Error("nobody probes");
    callScheduler.deferCall(first.call, DUE + 1);
    callScheduler.returnGrant(first, DUE + 1);
    const [second] = callScheduler.grantWaitingCalls(DUE + 1);
    expect(second?.call.requestId).toBe("b");
    if (second !== undefined) callScheduler.returnGrant(second, DUE + 2);
    expect(names(callScheduler.grantWaitingCalls(DUE + WAKE_RETRY_MS))).toEqual([]);
    expect(names(callScheduler.grantWaitingCalls(DUE + WAKE_RETRY_MS + 1))).toEqual([["a", true]]);
  });

  test("is tried by the others of a user before the one that it has refused, and by that one after them", () => {
    const callScheduler = lockedDesk("a", "b", "c");
    const tried: string[] = [];
    let now = DUE;
    for (let n = 0; n < 5; n++) {
      const [callGrant] = callScheduler.grantWaitingCalls(now);
      if (callGrant === undefined) throw new Error("nobody probes");
      const { requestId } = callGrant.call;
      tried.push(requestId);
      callScheduler.callFinished(callGrant, now);
      callScheduler.submitRefused(callGrant.call, now);
      callScheduler.healthByConnection.set("c", withFailedProbe(callScheduler.healthOf("c"), "locked", now));
      // As trackers do: they ask again with the time of their request.
      callScheduler.requestGrant(wish(requestId, { since: NOW + ["a", "b", "c"].indexOf(requestId) }), now + 1);
      now = callScheduler.healthOf("c").closure?.probeAt ?? now;
    }
    expect(tried).toEqual(["a", "b", "c", "a", "b"]);
  });

  test("that has refused the key since is not tried sooner for a submit that hands its turn back", () => {
    const callScheduler = lockedDesk("a");
    const [first] = callScheduler.grantWaitingCalls(DUE);
    if (first === undefined) throw new Error("nobody probes");
    callScheduler.healthByConnection.set("c", closedHealth(callScheduler.healthOf("c"), "key_refused", DUE));
    callScheduler.returnGrant(first, DUE + 1);
    expect(isProbeDue(callScheduler.healthOf("c"), DUE + HEALTH_PAUSE_FIRST_MS - 1)).toBe(false);
  });
});

describe("a turn of an open account", () => {
  test("leaves its health as it is when it is handed back", () => {
    const callScheduler = new CallScheduler(newPace(10), 40);
    const { decision: asked } = callScheduler.requestGrant(wish("a"), NOW);
    if (asked.kind !== "granted") throw new Error("a free account gives a turn at once");
    const health = { ...closedHealth(HEALTHY, "locked", NOW), failures: 2 };
    callScheduler.healthByConnection.set("c", health);
    callScheduler.returnGrant(asked.callGrant, NOW + 1);
    expect(callScheduler.healthOf("c")).toBe(health);
  });
});
