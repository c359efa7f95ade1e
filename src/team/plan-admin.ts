// The plans of a team.

import { RpcTarget } from "cloudflare:workers";
import type { NamedPlan, TeamPlans, TeamSummary } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { type Refused, refused } from "../platform/errors.ts";
import type { Plan } from "./quota/plan.ts";
import { planNotFound } from "./quota/refusals.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

type PlanStores = Pick<TeamStores, "audit" | "team">;

export class PlanAdmin extends RpcTarget implements TeamPlans {
  readonly #context: TeamContext;
  readonly #stores: PlanStores;

  constructor(context: TeamContext, stores: PlanStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  list(): NamedPlan[] {
    return this.#context.decide<NamedPlan[]>([], () => this.#stores.team.plans());
  }

  put(name: string, plan: Plan, by: Actor): void {
    this.#context.decide(undefined, (now) => putPlan(this.#stores, name, plan, by, now));
  }

  choose(name: string, by: Actor): { kind: "chosen"; team: TeamSummary } | Refused {
    const { team, audit } = this.#stores;
    return this.#context.ask((now) => {
      if (team.plan(name) === null) return refused(planNotFound(name));
      team.choosePlan(name);
      audit.note(by, "team.plan_chosen", name, {}, now);
      return { kind: "chosen" as const, team: team.team() };
    });
  }
}

/** Runs in the transaction of the caller. */
export function putPlan({ team, audit }: PlanStores, name: string, plan: Plan, by: Actor, now: number): void {
  team.putPlan(name, plan);
  audit.note(by, "plan.written", name, { limits: plan.limits.length }, now);
}
