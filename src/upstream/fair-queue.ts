// Order of waiting calls: by kind, within a kind round robin over teams, and within a team over its users, so that neither a thousand
// calls nor a hundred names delay others. Deterministic and in memory. Pure: the clock is a parameter.

import type { QueuedKind, WaitingCall } from "../contracts/account.ts";
import { SECOND_MS } from "../platform/time.ts";
import { GrantCounts } from "./grant-counts.ts";

/** Calls that waited this long get every second grant: a result must be fetched before fal deletes it (six minutes). */
const OVERDUE_MS = {
  submit: Number.POSITIVE_INFINITY,
  cancel: 5 * SECOND_MS,
  result: 10 * SECOND_MS,
  status: 30 * SECOND_MS,
} as const;

/** In the order of service while no later kind is overdue. */
export const QUEUED_KINDS: readonly QueuedKind[] = ["submit", "cancel", "result", "status"];

export function callName({ requestId, effect }: Pick<WaitingCall, "requestId" | "effect">): string {
  return `${requestId}/${effect}`;
}

/**
 * Calls that may be granted or not together: those of a kind over a connection. Submits that have a slot already are apart from those
 * that need one. So a look at the queue decides about each lane once, however many calls wait in it.
 */
export interface Lane {
  readonly kind: QueuedKind;
  readonly connection: string;
  readonly hasSlot: boolean;
}

/** Whether the calls of a lane may be granted now (slots, health). */
export type Admissible = (lane: Lane) => boolean;

/** Each user's calls, oldest first. */
type UserQueues = Map<string, WaitingCall[]>;

interface QueueLane extends Lane {
  readonly teams: Map<string, UserQueues>;
}

interface Entry {
  readonly call: WaitingCall;
  readonly lane: QueueLane;
}

/** A team's call that would be next, and the grants of its user. */
interface Candidate {
  readonly call: WaitingCall;
  readonly userGrants: number;
}

/**
 * Fairness is counted in grants, of teams first and within a team of its users: made-up names only divide
 * the grants of their own team.
 */
export class FairQueue {
  readonly #lanes = new Map<QueuedKind, Map<string, QueueLane>>(QUEUED_KINDS.map((kind) => [kind, new Map()]));
  readonly #entries = new Map<string, Entry>();
  /** Calls that are in no lane until then, in that order: their trackers could not be notified. */
  readonly #deferred = new Map<string, number>();
  readonly #submitsOf = new Map<string, number>();
  #teams = new GrantCounts();
  readonly #usersOf = new Map<string, GrantCounts>();
  #submits = 0;
  /** Overdue calls get at most every second grant, so that other calls do not starve. */
  #lastWasOverdue = false;

  get size(): number {
    return this.#entries.size;
  }

  /** Waiting submits, of all teams or one. */
  submits(team?: string): number {
    return team === undefined ? this.#submits : (this.#submitsOf.get(team) ?? 0);
  }

  findCall(name: string): WaitingCall | undefined {
    return this.#entries.get(name)?.call;
  }

  *waitingCalls(): Generator<WaitingCall> {
    for (const { call } of this.#entries.values()) yield call;
  }

  /** `hasSlot`: it is a submit that needs no slot any more. */
  addCall(call: WaitingCall, hasSlot = false): void {
    const name = callName(call);
    this.removeCall(name);
    const { user, kind } = call;
    const team = teamOf(user);
    this.#teams.addWaiting(team);
    const users = this.#usersOf.get(team) ?? new GrantCounts();
    this.#usersOf.set(team, users);
    users.addWaiting(user);
    this.#countSubmit(call, 1);
    const lane = this.#laneOf(kind, call.connection, hasSlot);
    this.#entries.set(name, { call, lane });
    enter(lane, call);
  }

  removeCall(name: string): WaitingCall | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const { call } = entry;
    this.#entries.delete(name);
    if (!this.#deferred.delete(name)) this.#leave(entry);
    this.#countSubmit(call, -1);
    const { user } = call;
    const team = teamOf(user);
    this.#teams.removeWaiting(team);
    this.#usersOf.get(team)?.removeWaiting(user);
    if (this.#entries.size === 0) {
      this.#teams = new GrantCounts();
      this.#usersOf.clear();
    }
    return call;
  }

  /** Keeps a waiting call out of its lane until then. Each deferral has to end after the ones before it. */
  deferCall(name: string, until: number): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (!this.#deferred.delete(name)) this.#leave(entry);
    this.#deferred.set(name, until);
  }

  /** A waiting submit got a slot, or lost it. */
  setHasSlot(name: string, hasSlot: boolean): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.lane.hasSlot === hasSlot) return;
    const { call } = entry;
    const lane = this.#laneOf(call.kind, call.connection, hasSlot);
    this.#entries.set(name, { call, lane });
    if (this.#deferred.has(name)) return;
    this.#leave(entry);
    enter(lane, call);
  }

  /** The next call, without removing it; undefined when none is eligible. */
  peekNextCall(now: number, admissible: Admissible): WaitingCall | undefined {
    return this.#choose(now, admissible)?.call;
  }

  /** Removes the next call and counts its grant. */
  takeNextCall(now: number, admissible: Admissible): WaitingCall | undefined {
    const chosen = this.#choose(now, admissible);
    if (chosen === undefined) return undefined;
    const { call, overdue } = chosen;
    this.#lastWasOverdue = overdue;
    const team = teamOf(call.user);
    this.#teams.addGrant(team);
    this.#usersOf.get(team)?.addGrant(call.user);
    this.removeCall(callName(call));
    return call;
  }

  /** Whether calls wait in a lane of this sort. */
  hasLane(isSought: (lane: Lane) => boolean): boolean {
    for (const lanes of this.#lanes.values()) {
      for (const lane of lanes.values()) if (lane.teams.size > 0 && isSought(lane)) return true;
    }
    return false;
  }

  /**
   * Position of a waiting call within its kind, from 1, if no further call arrives: the calls of its team that are granted before
   * it, plus those of other teams.
   */
  positionOf(name: string): number | null {
    const entry = this.#entries.get(name);
    if (entry === undefined) return null;
    const { call, lane } = entry;
    const team = teamOf(call.user);
    const own = Math.max(0, lane.teams.get(team)?.get(call.user)?.indexOf(call) ?? 0);
    const ownTeam = this.#usersOf.get(team) ?? new GrantCounts();
    const rank = ownTeam.of(call.user) + own;
    const waitingOf = new Map<string, number>();
    let beforeInTeam = own;
    for (const { teams } of this.#lanesOf(call.kind).values()) {
      for (const [other, users] of teams) {
        if (other !== team) waitingOf.set(other, (waitingOf.get(other) ?? 0) + callsIn(users));
      }
      for (const [user, queue] of teams.get(team) ?? []) {
        if (queue.includes(call)) continue;
        beforeInTeam += Math.min(queue.length, Math.max(0, rank - ownTeam.of(user)));
      }
    }
    const teamRank = this.#teams.of(team) + beforeInTeam;
    let position = beforeInTeam + 1;
    for (const [other, waiting] of waitingOf) {
      position += Math.min(waiting, Math.max(0, teamRank - this.#teams.of(other)));
    }
    return position;
  }

  /** Number of waiting calls by user. */
  waitingByUser(): ReadonlyMap<string, number> {
    return new Map([...this.#usersOf.values()].flatMap((users) => [...users.waiting()]));
  }

  #lanesOf(kind: QueuedKind): Map<string, QueueLane> {
    const lanes = this.#lanes.get(kind);
    if (lanes === undefined) throw new Error("unknown call kind");
    return lanes;
  }

  #laneOf(kind: QueuedKind, connection: string, hasSlot: boolean): QueueLane {
    const lanes = this.#lanesOf(kind);
    const key = laneKey({ connection, hasSlot });
    const lane = lanes.get(key) ?? { kind, connection, hasSlot, teams: new Map<string, UserQueues>() };
    lanes.set(key, lane);
    return lane;
  }

  /** Empty lanes go. */
  #leave({ call, lane }: Entry): void {
    const team = teamOf(call.user);
    const users = lane.teams.get(team);
    const queue = users?.get(call.user) ?? [];
    queue.splice(queue.indexOf(call), 1);
    if (queue.length === 0) users?.delete(call.user);
    if (users?.size === 0) lane.teams.delete(team);
    if (lane.teams.size === 0) this.#lanesOf(lane.kind).delete(laneKey(lane));
  }

  #countSubmit({ kind, user }: WaitingCall, by: 1 | -1): void {
    if (kind !== "submit") return;
    this.#submits += by;
    const team = teamOf(user);
    const submits = (this.#submitsOf.get(team) ?? 0) + by;
    if (submits > 0) this.#submitsOf.set(team, submits);
    else this.#submitsOf.delete(team);
  }

  /** Deferred calls whose time is over take their places again. */
  #readmit(now: number): void {
    for (const [name, until] of this.#deferred) {
      if (until > now) return;
      this.#deferred.delete(name);
      const entry = this.#entries.get(name);
      if (entry === undefined) continue;
      const { kind, connection, hasSlot } = entry.lane;
      const lane = this.#laneOf(kind, connection, hasSlot);
      this.#entries.set(name, { call: entry.call, lane });
      enter(lane, entry.call);
    }
  }

  #choose(now: number, admissible: Admissible): { call: WaitingCall; overdue: boolean } | undefined {
    this.#readmit(now);
    const open = new Map<QueuedKind, QueueLane[]>();
    for (const [kind, lanes] of this.#lanes) open.set(kind, [...lanes.values()].filter(admissible));
    if (!this.#lastWasOverdue) {
      for (const kind of QUEUED_KINDS) {
        if (kind === "submit") continue;
        const call = this.#fairest(open.get(kind) ?? [], now - OVERDUE_MS[kind]);
        if (call !== undefined) return { call, overdue: true };
      }
    }
    for (const kind of QUEUED_KINDS) {
      const call = this.#fairest(open.get(kind) ?? [], Number.POSITIVE_INFINITY);
      if (call !== undefined) return { call, overdue: false };
    }
    return undefined;
  }

  /**
   * Of the team with the fewest grants, the oldest call, at most as new as `newest`, of its user with the fewest grants. On a tie,
   * the oldest call.
   */
  #fairest(lanes: readonly QueueLane[], newest: number): WaitingCall | undefined {
    const candidates = new Map<string, Candidate>();
    let fewestGrants = Number.POSITIVE_INFINITY;
    for (const { teams } of lanes) {
      for (const [team, users] of teams) {
        const grants = this.#teams.of(team);
        if (grants > fewestGrants) continue;
        const found = this.#fairestOf(team, users, newest, candidates.get(team));
        if (found === undefined) continue;
        if (grants < fewestGrants) candidates.clear();
        fewestGrants = grants;
        candidates.set(team, found);
      }
    }
    let best: WaitingCall | undefined;
    for (const { call } of candidates.values()) if (best === undefined || call.since < best.since) best = call;
    return best;
  }

  /** The next call among these users of a team, or the one found in another lane. */
  #fairestOf(team: string, users: UserQueues, newest: number, found: Candidate | undefined): Candidate | undefined {
    const counts = this.#usersOf.get(team);
    let best = found;
    for (const [user, [head]] of users) {
      if (head === undefined || head.since > newest) continue;
      const userGrants = counts?.of(user) ?? 0;
      const isAfter =
        best !== undefined &&
        (userGrants > best.userGrants || (userGrants === best.userGrants && head.since >= best.call.since));
      if (!isAfter) best = { call: head, userGrants };
    }
    return best;
  }
}

/** Users are named below their team. */
export function teamOf(user: string): string {
  return user.split("/", 1)[0] ?? user;
}

function laneKey({ connection, hasSlot }: Pick<Lane, "connection" | "hasSlot">): string {
  return `${hasSlot ? "held" : "new"}/${connection}`;
}

/** A user's calls are served by their times. */
function enter(lane: QueueLane, call: WaitingCall): void {
  const team = teamOf(call.user);
  const users = lane.teams.get(team) ?? new Map<string, WaitingCall[]>();
  lane.teams.set(team, users);
  const queue = users.get(call.user) ?? [];
  let at = queue.length;
  while (at > 0 && (queue[at - 1]?.since ?? 0) > call.since) at--;
  queue.splice(at, 0, call);
  users.set(call.user, queue);
}

function callsIn(users: UserQueues): number {
  let calls = 0;
  for (const queue of users.values()) calls += queue.length;
  return calls;
}

export function byMostCalls(waiting: ReadonlyMap<string, number>): { user: string; calls: number }[] {
  return [...waiting].map(([user, calls]) => ({ user, calls })).sort((a, b) => b.calls - a.calls);
}
