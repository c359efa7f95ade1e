// The plans of a team: what writing, deleting and restoring one may not do, and what the audit log keeps of it.

import { RpcTarget } from "cloudflare:workers";
import type { Actor, KeySummary } from "../../contracts/team-keys.ts";
import type {
  NamedPlan,
  PastPage,
  PastQuery,
  PlanTest,
  PlanTestAnswer,
  PlanVersion,
  PlanWrite,
  SeededLimits,
  TeamPlans,
} from "../../contracts/team-plans.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { type IfMatch, matchFault } from "../../platform/version-tag.ts";
import { differences } from "../audit/differences.ts";
import { DEFAULT_PLAN, defaultPlan, limitsKeyMoney, type Plan } from "../quota/plan.ts";
import { planTerms } from "../quota/plan-wire.ts";
import {
  keptMoneyRefusal,
  lostLimitsRefusal,
  planExistsRefusal,
  planInUseRefusal,
  planNotFound,
} from "../quota/refusals.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { planTag } from "../version-tags.ts";
import { type PlanTestStores, pastRequests, testPlan } from "./plan-tests.ts";
import { seedNewLimits } from "./seed-counters.ts";

const ANY_WRITE: PlanWrite = { ifMatch: null, mode: "replace" };

type PlanStores = Pick<TeamStores, "audit" | "keys" | "team" | "usage"> & PlanTestStores;

export class PlanAdmin extends RpcTarget implements TeamPlans {
  readonly #context: TeamContext;
  readonly #stores: PlanStores;

  constructor(context: TeamContext, stores: PlanStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  test(test: PlanTest): PlanTestAnswer | Refused {
    return this.#context.ask((now) => testPlan(this.#stores, test, now));
  }

  past(query: PastQuery): PastPage {
    return this.#context.decide<PastPage>({ data: [], next: null }, () => pastRequests(this.#stores, query));
  }

  list(): NamedPlan[] {
    return this.#context.decide<NamedPlan[]>([], () => this.#stores.team.plans());
  }

  read(name: string): { kind: "known"; plan: Plan } | Refused {
    return this.#context.ask(() => {
      const plan = this.#current(name);
      return plan === null ? refused(planNotFound(name)) : { kind: "known" as const, plan };
    });
  }

  put(
    name: string,
    plan: Plan,
    by: Actor,
    { ifMatch, mode } = ANY_WRITE,
  ): ({ kind: "stored" } & SeededLimits) | Refused {
    return this.#context.ask((now) => {
      const current = this.#current(name);
      const fault =
        this.#matchFault(name, current, ifMatch) ??
        (mode === "create" && current !== null ? planExistsRefusal(name) : null) ??
        (mode === "keep" ? lostLimitsFault(name, current, plan) : null) ??
        this.#moneyFault(name, plan, now);
      if (fault !== null) return refused(fault);
      putPlan(this.#stores, name, plan, by, now);
      const startsEmpty = seedNewLimits(this.#stores, current, plan, now);
      // Nobody was under a plan that is new.
      return { kind: "stored" as const, startsEmpty: current === null ? [] : startsEmpty };
    });
  }

  remove(name: string, by: Actor, ifMatch: IfMatch = null): { kind: "removed" } | Refused {
    const { team, audit } = this.#stores;
    return this.#context.ask((now) => {
      const current = this.#current(name);
      if (current === null) return refused(planNotFound(name));
      const fault = this.#matchFault(name, current, ifMatch) ?? this.#useFault(name, now);
      if (fault !== null) return refused(fault);
      team.removePlan(name);
      audit.note(by, "plan.deleted", name, {}, now);
      return { kind: "removed" as const };
    });
  }

  versions(name: string): { kind: "known"; versions: PlanVersion[] } | Refused {
    return this.#context.ask(() => {
      const versions = this.#stores.team.planVersions(name);
      return versions.length === 0 ? refused(planNotFound(name)) : { kind: "known" as const, versions };
    });
  }

  restore(
    name: string,
    version: number,
    by: Actor,
    ifMatch: IfMatch = null,
  ): ({ kind: "restored"; plan: Plan } & SeededLimits) | Refused {
    return this.#context.ask((now) => {
      const current = this.#current(name);
      const stale = this.#matchFault(name, current, ifMatch);
      if (stale !== null) return refused(stale);
      const versions = this.#stores.team.planVersions(name);
      if (versions.length === 0) return refused(planNotFound(name));
      const wanted = versions.find((each) => each.version === version);
      if (wanted === undefined) return refused(noVersion(name, version));
      const fault = this.#moneyFault(name, wanted.plan, now);
      if (fault !== null) return refused(fault);
      putPlan(this.#stores, name, wanted.plan, by, now, version);
      const startsEmpty = seedNewLimits(this.#stores, current, wanted.plan, now);
      return { kind: "restored" as const, plan: wanted.plan, startsEmpty };
    });
  }

  #current(name: string): Plan | null {
    return this.#stores.team.plan(name)?.plan ?? null;
  }

  #matchFault(name: string, current: Plan | null, ifMatch: IfMatch): Refusal | null {
    return matchFault(ifMatch, current === null ? null : planTag(current), `Plan "${name}"`);
  }

  /** Publishable keys must stay bounded: anybody may use them. */
  #moneyFault(name: string, plan: Plan, now: number): Refusal | null {
    if (limitsKeyMoney(plan)) return null;
    const pages = this.#keysUnder(name, now).filter((key) => key.kind === "publishable" && key.plan === name);
    if (pages.length === 0) return null;
    return keptMoneyRefusal(
      name,
      pages.map(({ id }) => id),
    );
  }

  #useFault(name: string, now: number): Refusal | null {
    if (name === DEFAULT_PLAN) {
      const hint = `Change it with PATCH /v1/plans/${name}.`;
      return refusal("conflict", `Plan "${name}" cannot be deleted: every team has one.`, { hint });
    }
    if (this.#stores.team.team().plan === name) return planInUseRefusal(name, "the team");
    const ids = this.#keysUnder(name, now).map(({ id }) => id);
    return ids.length === 0 ? null : planInUseRefusal(name, `these keys: ${ids.join(", ")}`);
  }

  /** Keys that have the plan, or may give it to tokens, and have not ended. */
  #keysUnder(name: string, now: number): KeySummary[] {
    const hasEnded = (key: KeySummary) => key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now);
    return this.#stores.keys.all().filter((key) => (key.plan === name || key.plans.includes(name)) && !hasEnded(key));
  }
}

function lostLimitsFault(name: string, before: Plan | null, after: Plan): Refusal | null {
  const kept = new Set(after.limits.map((limit) => limit.name));
  const lost = (before?.limits ?? []).map((limit) => limit.name).filter((limit) => !kept.has(limit));
  return lost.length === 0 ? null : lostLimitsRefusal(name, lost);
}

function noVersion(name: string, version: number): Refusal {
  const hint = `GET /v1/plans/${name}/versions lists those that are kept.`;
  return refusal("not_found", `Plan "${name}" has no version ${version}.`, { hint });
}

/** Runs in the transaction of the caller. `from`: the version that is written again. */
export function putPlan(
  { team, audit }: Pick<TeamStores, "audit" | "team">,
  name: string,
  plan: Plan,
  by: Actor,
  now: number,
  from: number | null = null,
): void {
  const before = team.plan(name)?.plan ?? defaultPlan();
  team.putPlan(name, plan, by.id, now);
  const changes = differences(planTerms(before), planTerms(plan));
  const version = team.plan(name)?.revision ?? null;
  if (from === null) audit.note(by, "plan.written", name, { version, changes }, now);
  else audit.note(by, "plan.restored", name, { version, from, changes }, now);
}
