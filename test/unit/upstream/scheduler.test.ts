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
import {
  CallScheduler,
  type SchedulerRequest,
  WAITING_SUBMITS_MAX,
  WAITING_SUBMITS_PER_TEAM_MAX,
  WAKE_RETRY_MS,
} from "../../../src/upstream/scheduler.ts";

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

describe("a look at the queue", () => {
  /** Calls over connection "full", of so many users, whose reading is counted. */
  function fullQueue(waiting: number): { callScheduler: CallScheduler; reads: () => number; reset: () => void } {
    const callScheduler = new CallScheduler(newPace(10), 1);
    callScheduler.requestGrant(wish("runs", { connection: "full" }), NOW);
    let read = 0;
    for (let n = 0; n < waiting; n++) {
      const call = {
        ...wish(`w${n}`, { connection: "full", user: `t/u${n % 97}`, since: NOW + n }),
        expectedBy: NOW,
      };
      const counted = new Proxy(call, {
        get: (target, property) => {
          read++;
          return Reflect.get(target, property) as unknown;
        },
      });
      callScheduler.queue.addCall(counted);
    }
    return { callScheduler, reads: () => read, reset: () => (read = 0) };
  }

  test.each([100, 1_000, 10_000])("visits none of %i submits that wait for a slot", (waiting) => {
    const { callScheduler, reads, reset } = fullQueue(waiting);
    reset();
    for (let look = 0; look < 20; look++) {
      expect(callScheduler.grantWaitingCalls(NOW + look)).toEqual([]);
      expect(callScheduler.nextGrantAt(NOW + look)).not.toBeNull();
      expect(callScheduler.waitsForSlot()).toBe(true);
    }
    expect(callScheduler.requestGrant(wish("free", { kind: "status", effect: "poll" }), NOW + 30).decision.kind).toBe(
      "granted",
    );
    expect(reads()).toBe(0);
  });

  test("visits one call of each user when a slot is free", () => {
    const { callScheduler, reads, reset } = fullQueue(10_000);
    callScheduler.releaseSlot("runs", NOW + 1);
    reset();
    expect(callScheduler.grantWaitingCalls(NOW + 2).map(({ call }) => call.requestId)).toEqual(["w0"]);
    // 97 heads, each looked at a few times, and the one that is taken out.
    expect(reads()).toBeLessThan(97 * 6);
  });

  test("that searches for calls whose trackers are gone is made once a minute", () => {
    const { callScheduler, reads, reset } = fullQueue(1_000);
    expect(callScheduler.dropExpiredCalls(NOW)).toEqual([]);
    reset();
    for (let second = 1; second < 60; second++) callScheduler.dropExpiredCalls(NOW + second * 1_000);
    expect(reads()).toBe(0);
    expect(callScheduler.dropExpiredCalls(NOW + 3_600_000)).toHaveLength(1_000);
    expect(callScheduler.queue.size).toBe(0);
  });
});

describe("a submit that has a slot already", () => {
  test("goes before those that need one, though all slots are taken", () => {
    const callScheduler = new CallScheduler(newPace(10), 1);
    callScheduler.requestGrant(wish("a"), NOW);
    callScheduler.requestGrant(wish("b"), NOW + 1);
    expect(callScheduler.requestGrant(wish("a"), NOW + 2).decision).toMatchObject({ callGrant: { tookSlot: false } });
  });

  test("waits with the others once its slot is freed", () => {
    const callScheduler = new CallScheduler(newPace(10), 1);
    const { decision } = callScheduler.requestGrant(wish("a"), NOW);
    if (decision.kind !== "granted") throw new Error("a free account gives a turn at once");
    callScheduler.pauseAfterRateLimit(5_000, NOW);
    callScheduler.requestGrant(wish("a"), NOW + 1);
    callScheduler.releaseSlot("a", NOW + 2);
    callScheduler.slots.set("other", {
      requestId: "other",
      connection: "c",
      since: NOW,
      grantedAt: NOW,
      checkedAt: NOW,
    });
    expect(callScheduler.grantWaitingCalls(NOW + 60_000)).toEqual([]);
    callScheduler.releaseSlot("other", NOW + 60_001);
    expect(names(callScheduler.grantWaitingCalls(NOW + 60_002))).toEqual([["a", false]]);
  });

  test("keeps it when an older grant comes back late", () => {
    const callScheduler = new CallScheduler(newPace(10), 1);
    const first = callScheduler.requestGrant(wish("a"), NOW).decision;
    const second = callScheduler.requestGrant(wish("a"), NOW + 700).decision;
    if (first.kind !== "granted" || second.kind !== "granted") throw new Error("both are granted");
    expect(callScheduler.returnGrant(first.callGrant, NOW + 701)).toBe(false);
    expect(callScheduler.slots.has("a")).toBe(true);
    expect(callScheduler.returnGrant({ ...second.callGrant, tookSlot: true }, NOW + 702)).toBe(true);
  });
});

describe("a queue that is full", () => {
  /** Nobody may go, and so many submits of each team wait. */
  function crowded(teams: Record<string, number>): CallScheduler {
    const callScheduler = new CallScheduler(newPace(10), 1);
    callScheduler.requestGrant(wish("runs"), NOW);
    for (const [team, waiting] of Object.entries(teams)) {
      for (let n = 0; n < waiting; n++) {
        const call = wish(`${team}-${n}`, { user: `${team}/u`, since: NOW + n });
        callScheduler.queue.addCall({ ...call, expectedBy: NOW });
      }
    }
    return callScheduler;
  }
  const ask = (callScheduler: CallScheduler, changes: Partial<SchedulerRequest>) =>
    callScheduler.requestGrant(wish("new", { isNew: true, ...changes }), NOW + 1).decision;

  test("of a team turns its new submits away, and nobody else's", () => {
    const callScheduler = crowded({ acme: WAITING_SUBMITS_PER_TEAM_MAX });
    expect(ask(callScheduler, { user: "acme/v" })).toEqual({ kind: "queue_full", of: "team" });
    expect(ask(callScheduler, { user: "other/u" }).kind).toBe("wait");
    expect(callScheduler.queue.submits("acme")).toBe(WAITING_SUBMITS_PER_TEAM_MAX);
  });

  test("of all teams turns every new submit away, and counts each once", () => {
    const each = WAITING_SUBMITS_MAX / 5;
    const callScheduler = crowded({ a: each, b: each, c: each, d: each, e: each });
    expect(ask(callScheduler, { user: "other/u" })).toEqual({ kind: "queue_full", of: "account" });
    callScheduler.queue.removeCall("a-0/submit");
    expect(ask(callScheduler, { user: "other/u" }).kind).toBe("wait");
  });

  test("is as long as the deployment says", () => {
    const callScheduler = new CallScheduler(newPace(10), 1, 0, { team: 2, all: 3 });
    callScheduler.requestGrant(wish("runs"), NOW);
    for (const [n, team] of ["acme", "acme", "other"].entries()) {
      expect(ask(callScheduler, { requestId: `w${n}`, user: `${team}/u` }).kind).toBe("wait");
      if (n === 1) expect(ask(callScheduler, { user: "acme/u" })).toEqual({ kind: "queue_full", of: "team" });
    }
    expect(ask(callScheduler, { user: "third/u" })).toEqual({ kind: "queue_full", of: "account" });
  });

  test("turns away no request that was taken before, no call that waits already, and no other call", () => {
    const callScheduler = crowded({ acme: WAITING_SUBMITS_PER_TEAM_MAX });
    const inFull = { user: "acme/u" };
    expect(ask(callScheduler, { ...inFull, isNew: false }).kind).toBe("wait");
    expect(ask(callScheduler, { ...inFull, requestId: "acme-5" }).kind).toBe("wait");
    expect(ask(callScheduler, { ...inFull, kind: "status", effect: "poll" }).kind).toBe("granted");
  });
});
