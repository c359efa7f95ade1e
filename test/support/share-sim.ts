// An account under load on a virtual clock: requests of many users come in, the real desk gives the turns, upstream answers,
// runs and ends. The same simulation is a property in the tests and prints figures in the bench.

import { GRANT_USE_MS, SECOND_MS } from "../../src/limits.ts";
import { newPace } from "../../src/upstream/pace.ts";
import { type Given, TurnDesk, type Wish } from "../../src/upstream/turn-desk.ts";

export interface Load {
  /** Requests of each user, and when they come (ms after the start). */
  users: { name: string; requests: number; atMs: number }[];
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

/** Runs until everything has ended, or `untilMs` is over. */
export function simulate(load: Load, untilMs: number): SimulatedRun {
  const desk = new TurnDesk(newPace(load.rps), load.slots);
  const agenda = new Agenda();
  const run: SimulatedRun = { requests: [], calls: [], mostSlots: 0, looks: 0 };
  const stallMs = (at: number) => load.stallMs?.(at - START_AT) ?? 0;
  let looksAt: number | null = null;

  const wishOf = (id: number, kind: Wish["kind"], now: number): Wish => {
    const user = run.requests[id]?.user ?? "";
    return { requestId: String(id), effect: kind, kind, user, connection: "c", model: "m", since: now };
  };
  const go = (given: readonly Given[]) => {
    for (const each of given) {
      agenda.add(each.turn.at + Math.min(GRANT_USE_MS, stallMs(each.turn.at)), (at) => leave(each, at));
    }
  };
  const look = (now: number) => {
    run.looks++;
    go(desk.pump(now));
    plan(now);
  };
  const plan = (now: number) => {
    const next = desk.nextPumpAt(now);
    if (next === null || (looksAt !== null && looksAt <= next && looksAt > now)) return;
    looksAt = next;
    agenda.add(next, () => {
      looksAt = null;
      look(next);
    });
  };
  const ask = (id: number, kind: Wish["kind"], now: number): number | null => {
    const { asked, woken } = desk.take(wishOf(id, kind, now), now);
    go(asked.kind === "turn" ? [asked.given, ...woken] : woken);
    plan(now);
    return asked.kind === "turn" ? null : asked.place.position;
  };
  const leave = (given: Given, now: number) => {
    agenda.add(now + stallMs(now), (at) => {
      send(Number(given.waiter.requestId), given.waiter.kind, at);
      agenda.add(at + load.answerMs + stallMs(at), (heardAt) => {
        desk.answered(given, heardAt);
        look(heardAt);
      });
    });
  };
  const send = (id: number, kind: Wish["kind"], now: number) => {
    const request = run.requests[id];
    if (request === undefined) return;
    run.calls.push(now);
    run.mostSlots = Math.max(run.mostSlots, desk.slots.size);
    if (kind !== "submit") {
      request.pollsLeft--;
      return request.pollsLeft === 0 ? end(id, now) : agenda.add(now + load.pollGapMs, (at) => ask(id, "status", at));
    }
    request.sentAt = now;
    const runMs = load.runMs();
    if (load.polls === 0) agenda.add(now + load.answerMs + runMs, (at) => end(id, at));
    else agenda.add(now + Math.max(runMs, load.pollGapMs), (at) => ask(id, "status", at));
  };
  const end = (id: number, now: number) => {
    const request = run.requests[id];
    if (request !== undefined) request.endedAt = now;
    desk.release(String(id), now);
    look(now);
  };

  for (const { name, requests, atMs } of load.users) {
    for (let n = 0; n < requests; n++) {
      // A burst comes through many doors at once: a millisecond apart.
      const cameAt = START_AT + atMs + n;
      const id = run.requests.length;
      const request = { user: name, cameAt, toldPosition: null, sentAt: null, endedAt: null, pollsLeft: load.polls };
      run.requests.push(request);
      agenda.add(cameAt, () => {
        (run.requests[id] as SimulatedRequest).toldPosition = ask(id, "submit", cameAt);
      });
    }
  }
  agenda.run(START_AT + untilMs);
  return run;
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

type Job = (at: number) => unknown;

/** What is to happen, in order of its time; equal times in the order in which they were planned. A binary heap. */
class Agenda {
  readonly #jobs: { at: number; n: number; job: Job }[] = [];
  #planned = 0;

  add(at: number, job: Job): void {
    const jobs = this.#jobs;
    jobs.push({ at, n: this.#planned++, job });
    let index = jobs.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  run(until: number): void {
    for (;;) {
      const first = this.#jobs[0];
      if (first === undefined || first.at > until) return;
      this.#removeFirst();
      first.job(first.at);
    }
  }

  #removeFirst(): void {
    const jobs = this.#jobs;
    this.#swap(0, jobs.length - 1);
    jobs.pop();
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < jobs.length && this.#isBefore(child, least)) least = child;
      }
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#jobs[a], this.#jobs[b]];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.n < y.n);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#jobs[a], this.#jobs[b]];
    if (x === undefined || y === undefined) return;
    this.#jobs[a] = y;
    this.#jobs[b] = x;
  }
}
