// Accounts under load on a virtual clock: requests of many users come in, the real desk gives the turns, upstream answers, runs
// and ends. The same simulation is a property in the tests and prints figures in the bench.

import type { CallGrant } from "../../src/contracts/account.ts";
import { SECOND_MS } from "../../src/platform/time.ts";
import { GRANT_USE_MS, newPace } from "../../src/upstream/pace.ts";
import { CallScheduler, type SchedulerRequest } from "../../src/upstream/scheduler.ts";
import { Agenda } from "./agenda.ts";

/** What an account is, and what its requests are like. */
export interface AccountLoad {
  rps: number;
  slots: number;
  runMs: () => number;
  /** How long upstream takes to answer a submit. */
  answerMs: number;
  /** Polls that each request needs to come to its end, `pollGapMs` apart; 0: a webhook tells it. */
  polls: number;
  pollGapMs: number;
  /** How much longer than usual things take at `at` (ms after the start): each of a call's ways (out of its tracker, there, back). */
  stallMs?: (at: number) => number;
}

export interface Load extends AccountLoad {
  /** Requests of each user, and when they come (ms after the start). */
  users: { name: string; requests: number; atMs: number }[];
}

type Then = (at: number) => void;

/** The objects that a request passes on its way. Each goes on at a time of its own, which is at once where nothing is said. */
export interface Objects {
  /** Its team lets it in. */
  admit: (request: SimulatedRequest, now: number, then: Then) => void;
  /** A message reaches its account, whose desk stands so. */
  reach: (
    message: "requestGrant" | "callFinished" | "releaseSlot",
    callScheduler: CallScheduler,
    now: number,
    then: Then,
  ) => void;
  /** Its team books its end. */
  settle: (request: SimulatedRequest, now: number, then: Then) => void;
}

export interface SimulatedRequest {
  user: string;
  cameAt: number;
  /** The place it was told when it came; null: it went at once. */
  toldPosition: number | null;
  sentAt: number | null;
  endedAt: number | null;
  pollsLeft: number;
}

export interface SimulatedRun {
  requests: SimulatedRequest[];
  /** When each call arrived upstream, in order of leaving. */
  calls: number[];
  mostSlots: number;
  /** The longest that a waiting call's queue was looked through, as a count of looks at the desk. */
  looks: number;
}

export const START_AT = 1_800_000_000_000;

const AT_ONCE: Objects = {
  admit: (_request, now, then) => then(now),
  reach: (_message, _desk, now, then) => then(now),
  settle: (_request, now, then) => then(now),
};

/** Runs until everything has ended, or `untilMs` is over. */
export function simulate(load: Load, untilMs: number): SimulatedRun {
  const agenda = new Agenda();
  const account = new SimulatedAccount(agenda, load, AT_ONCE);
  for (const { name, requests, atMs } of load.users) {
    // A burst comes through many doors at once: a millisecond apart.
    for (let n = 0; n < requests; n++) account.come(name, START_AT + atMs + n);
  }
  agenda.run(START_AT + untilMs);
  return account.run;
}

/** One account with its desk. Times are epoch milliseconds of the virtual clock. */
export class SimulatedAccount {
  readonly run: SimulatedRun = { requests: [], calls: [], mostSlots: 0, looks: 0 };
  readonly #agenda: Agenda;
  readonly #load: AccountLoad;
  readonly #objects: Objects;
  readonly #stallMs: (at: number) => number;
  readonly #callScheduler: CallScheduler;
  #looksAt: number | null = null;

  constructor(agenda: Agenda, load: AccountLoad, objects: Objects) {
    this.#agenda = agenda;
    this.#load = load;
    this.#objects = objects;
    this.#stallMs = (at) => load.stallMs?.(at - START_AT) ?? 0;
    this.#callScheduler = new CallScheduler(newPace(load.rps), load.slots);
  }

  /** Calls that wait for their turn. */
  get waiting(): number {
    return this.#callScheduler.queue.size;
  }

  /** A request of this user comes then. */
  come(user: string, cameAt: number): void {
    const id = this.run.requests.length;
    const request = { user, cameAt, toldPosition: null, sentAt: null, endedAt: null, pollsLeft: this.#load.polls };
    this.run.requests.push(request);
    this.#agenda.add(cameAt, () => this.#objects.admit(request, cameAt, (at) => this.#ask(id, "submit", at)));
  }

  #ask(id: number, kind: SchedulerRequest["kind"], now: number): void {
    this.#objects.reach("requestGrant", this.#callScheduler, now, (at) => {
      const request = this.run.requests[id];
      if (request === undefined) return;
      const { decision: asked, grantedToOthers: woken } = this.#callScheduler.requestGrant(
        this.#wish(id, kind, at),
        at,
      );
      this.#go(asked.kind === "granted" ? [asked.callGrant, ...woken] : woken);
      this.#plan(at);
      if (kind === "submit") request.toldPosition = asked.kind === "wait" ? asked.queuePosition.position : null;
    });
  }

  #wish(id: number, kind: SchedulerRequest["kind"], now: number): SchedulerRequest {
    const user = this.run.requests[id]?.user ?? "";
    return { requestId: String(id), effect: kind, kind, user, connection: "c", model: "m", since: now };
  }

  #go(callGrant: readonly CallGrant[]): void {
    for (const each of callGrant) {
      this.#agenda.add(each.callTime.at + Math.min(GRANT_USE_MS, this.#stallMs(each.callTime.at)), (at) =>
        this.#leave(each, at),
      );
    }
  }

  #look(now: number): void {
    this.run.looks++;
    this.#go(this.#callScheduler.grantWaitingCalls(now));
    this.#plan(now);
  }

  #plan(now: number): void {
    const next = this.#callScheduler.nextGrantAt(now);
    if (next === null || (this.#looksAt !== null && this.#looksAt <= next && this.#looksAt > now)) return;
    this.#looksAt = next;
    this.#agenda.add(next, () => {
      this.#looksAt = null;
      this.#look(next);
    });
  }

  #leave(callGrant: CallGrant, now: number): void {
    this.#agenda.add(now + this.#stallMs(now), (at) => {
      this.#send(Number(callGrant.call.requestId), callGrant.call.kind, at);
      this.#agenda.add(at + this.#load.answerMs + this.#stallMs(at), (finishedAt) =>
        this.#objects.reach("callFinished", this.#callScheduler, finishedAt, (toldAt) => {
          this.#callScheduler.callFinished(callGrant, toldAt);
          this.#look(toldAt);
        }),
      );
    });
  }

  #send(id: number, kind: SchedulerRequest["kind"], now: number): void {
    const request = this.run.requests[id];
    if (request === undefined) return;
    const { answerMs, polls, pollGapMs } = this.#load;
    this.run.calls.push(now);
    this.run.mostSlots = Math.max(this.run.mostSlots, this.#callScheduler.slots.size);
    if (kind !== "submit") {
      request.pollsLeft--;
      if (request.pollsLeft === 0) this.#end(id, now);
      else this.#agenda.add(now + pollGapMs, (at) => this.#ask(id, "status", at));
      return;
    }
    request.sentAt = now;
    const runMs = this.#load.runMs();
    if (polls === 0) this.#agenda.add(now + answerMs + runMs, (at) => this.#end(id, at));
    else this.#agenda.add(now + Math.max(runMs, pollGapMs), (at) => this.#ask(id, "status", at));
  }

  #end(id: number, now: number): void {
    const request = this.run.requests[id];
    if (request === undefined) return;
    this.#objects.settle(request, now, (at) => {
      request.endedAt = at;
    });
    this.#objects.reach("releaseSlot", this.#callScheduler, now, (at) => {
      this.#callScheduler.releaseSlot(String(id), at);
      this.#look(at);
    });
  }
}

/** When a user's last request ended, in seconds after the first of all came; infinite when one has not. */
export function lastEndsS(run: SimulatedRun): Map<string, number> {
  const ends = new Map<string, number>();
  for (const { user, endedAt } of run.requests) {
    const at = endedAt === null ? Number.POSITIVE_INFINITY : (endedAt - START_AT) / SECOND_MS;
    ends.set(user, Math.max(ends.get(user) ?? 0, at));
  }
  return ends;
}
