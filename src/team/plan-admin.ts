// The plans of a team.

import { RpcTarget } from "cloudflare:workers";
import type { NamedPlan, TeamPlans, TeamSummary } from "../contracts/team-admin.ts";
import type { Actor, KeySummary } from "../contracts/team-keys.ts";
import { type Refused, refused } from "../platform/errors.ts";
import { limitsKeyMoney, type Plan } from "./quota/plan.ts";
import { keptMoneyRefusal, planNotFound } from "./quota/refusals.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

type PlanStores = Pick<TeamStores, "audit" | "keys" | "team">;

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

  put(name: string, plan: Plan, by: Actor): { kind: "stored" } | Refused {
    const { keys } = this.#stores;
    return this.#context.ask((now) => {
      const ended = (key: KeySummary) => key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now);
      const pages = limitsKeyMoney(plan)
        ? []
        : keys.all().filter((key) => key.kind === "publishable" && key.plan === name && !ended(key));
      if (pages.length > 0)
        return refused(
          keptMoneyRefusal(
            name,
            pages.map(({ id }) => id),
          ),
        );
      putPlan(this.#stores, name, plan, by, now);
      return { kind: "stored" as const };
    });
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
export function putPlan(
  { team, audit }: Pick<TeamStores, "audit" | "team">,
  name: string,
  plan: Plan,
  by: Actor,
  now: number,
): void {
  team.putPlan(name, plan);
  audit.note(by, "plan.written", name, { limits: plan.limits.length }, now);
}
