// What a plan would have done to past requests: each is decided in the order of admission, as an admission would decide it, and ends
// when it ended. Counters begin empty. Pure.

import type { PastRequest } from "../../contracts/team-plans.ts";
import { settleHolds } from "./holds.ts";
import { type CounterWrite, check, type Hold } from "./limits.ts";
import { countedMicro, type PlanRule, type PlanRules, ruleFault } from "./offer.ts";
import { countedFor, type PlanLimit } from "./plan-limits.ts";

/** Refused requests that are listed. */
const REFUSED_SHOWN_MAX = 20;

export interface ReplaySums {
  requests: number;
  refused: number;
  /** What the refused ones were charged, in micro-USD, as far as it is known. */
  refusedMicro: number;
  /** A request may exceed several limits, and counts for each. */
  byLimit: Map<string, number>;
  byRule: Map<PlanRule, number>;
  /** The first that were refused. `by`: names of limits, or the rule. */
  firstRefused: { id: string; createdAt: number; by: string[] }[];
}

/** Limits that past requests can be counted against: the index keeps no address, visitor, upload and byte of a request. */
export function isReplayable({ scope, per }: PlanLimit): boolean {
  const { kind } = countedFor(scope);
  return (
    kind !== "visitor" &&
    kind !== "ip" &&
    kind !== "network" &&
    (per === "request" || per === "usd" || per === "concurrent")
  );
}

/** `past` in the order of admission. */
export function replay(rules: PlanRules, past: readonly PastRequest[]): ReplaySums {
  const sums: ReplaySums = {
    ...{ requests: past.length, refused: 0, refusedMicro: 0, byLimit: new Map(), byRule: new Map(), firstRefused: [] },
  };
  const limits = rules.plan.limits.filter(isReplayable);
  const counters = new Map<string, number>();
  const read = (id: string) => counters.get(id) ?? 0;
  const apply = (writes: readonly CounterWrite[]) => {
    for (const { id, value } of writes) counters.set(id, value);
  };
  const holds = new Map<PastRequest, Hold[]>();
  for (const { at, request, ends } of stepsOf(past)) {
    if (ends) {
      const { verdict, chargedMicro } = request;
      const actual = { usdMicro: chargedMicro, outputBytes: null };
      apply(settleHolds(holds.get(request) ?? [], verdict ?? "keep", actual, read, at).writes);
      holds.delete(request);
      continue;
    }
    const { keyId, user, tags, estimatedMicro } = request;
    const fault = ruleFault(rules, { ...request, isVisitor: false }, request);
    if (fault !== null) {
      sums.byRule.set(fault.rule, (sums.byRule.get(fault.rule) ?? 0) + 1);
      refuse(sums, request, [fault.rule]);
      continue;
    }
    const subjects = { keyId, user, visitor: null, ip: null, network: null, tags };
    const { counts = "completed" } = request;
    const applied = limits.map((limit) => ({ ...limit, counts }));
    const quota = check(
      applied,
      read,
      subjects,
      { requests: 1, usdMicro: countedMicro(rules.plan, estimatedMicro) },
      at,
    );
    if (quota.kind === "over") {
      const names = quota.violated.map(({ name }) => name);
      for (const name of names) sums.byLimit.set(name, (sums.byLimit.get(name) ?? 0) + 1);
      refuse(sums, request, names);
      continue;
    }
    apply(quota.writes);
    holds.set(request, quota.holds);
  }
  return sums;
}

function refuse(sums: ReplaySums, { id, createdAt, chargedMicro }: PastRequest, by: string[]): void {
  sums.refused += 1;
  sums.refusedMicro += chargedMicro ?? 0;
  if (sums.firstRefused.length < REFUSED_SHOWN_MAX) sums.firstRefused.push({ id, createdAt, by });
}

/** Admissions and ends in the order of time; what ends in a millisecond makes room for what is admitted in it. */
function stepsOf(past: readonly PastRequest[]): { at: number; request: PastRequest; ends: boolean }[] {
  const admits = past.map((request) => ({ at: request.createdAt, request, ends: false }));
  const ends = past.flatMap((request) =>
    // An end before the admission is a clock that went back.
    request.endedAt === null ? [] : [{ at: Math.max(request.endedAt, request.createdAt + 1), request, ends: true }],
  );
  return [...ends, ...admits].sort((one, other) => one.at - other.at);
}
