// Settings of the team: frozen state, permissions by the operator, deletion.

import { RpcTarget } from "cloudflare:workers";
import type { Removal, TeamChoices, TeamSettings, TeamSummary } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import type { Env } from "../platform/bindings.ts";
import { type Refused, refusal, refused } from "../platform/errors.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";
import { type IfMatch, matchFault } from "../platform/version-tag.ts";
import { differences } from "./audit/differences.ts";
import { WHOLE_TEAM } from "./data-deletion-store.ts";
import { updateDirectory } from "./directory-update.ts";
import { seedNewLimits } from "./plans/seed-counters.ts";
import type { OperatorCaps } from "./quota/caps.ts";
import type { EmptyLimit } from "./quota/limit-seeds.ts";
import { planNotFound } from "./quota/refusals.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { teamTag } from "./version-tags.ts";

/** Each run of the self-test costs a call of the pace that all teams share. */
const DOCTOR_EVERY_MS = MINUTE_MS;

type SettingStores = Pick<TeamStores, "audit" | "counters" | "removals" | "requests" | "team" | "usage">;

export class Settings extends RpcTarget implements TeamSettings {
  readonly #env: Pick<Env, "SWEEPER">;
  readonly #context: TeamContext;
  readonly #stores: SettingStores;

  constructor(env: Pick<Env, "SWEEPER">, context: TeamContext, stores: SettingStores) {
    super();
    this.#env = env;
    this.#context = context;
    this.#stores = stores;
  }

  summary(): TeamSummary | null {
    return this.#context.decide<TeamSummary | null>(null, () => this.#stores.team.team());
  }

  async change(
    choices: TeamChoices,
    by: Actor,
    ifMatch: IfMatch = null,
  ): Promise<{ kind: "changed"; team: TeamSummary; startsEmpty: EmptyLimit[] } | Refused> {
    const { team, audit } = this.#stores;
    const answer = this.#context.ask((now) => {
      const before = team.team();
      const stale = matchFault(ifMatch, teamTag(before), "The team");
      if (stale !== null) return refused(stale);
      const chosen = team.plan(choices.plan);
      if (chosen === null) return refused(planNotFound(choices.plan));
      team.setChoices(choices, now);
      const changes = differences({ name: before.name, plan: before.plan }, choices);
      if (before.plan !== choices.plan) audit.note(by, "team.plan_chosen", choices.plan, { changes }, now);
      else if (changes.length > 0) audit.note(by, "team.changed", null, { changes }, now);
      const left = team.plan(before.plan)?.plan ?? null;
      return {
        kind: "changed" as const,
        team: team.team(),
        startsEmpty: seedNewLimits(this.#stores, left, chosen.plan, now),
      };
    });
    if (answer.kind === "changed") await this.#updateDirectory();
    return answer;
  }

  async freeze(frozen: boolean, by: Actor): Promise<TeamSummary | null> {
    const team = this.#context.decide<TeamSummary | null>(null, (now) => this.#freeze(frozen, by, now));
    if (team !== null) await this.#updateDirectory();
    return team;
  }

  manageConnections(may: boolean, by: Actor): TeamSummary | null {
    const { team, audit } = this.#stores;
    return this.#context.decide<TeamSummary | null>(null, (now) => {
      if (team.team().managesConnections !== may) {
        team.setManagesConnections(may);
        audit.note(by, may ? "team.connections_allowed" : "team.connections_forbidden", null, {}, now);
      }
      return team.team();
    });
  }

  setCaps(caps: OperatorCaps | null, by: Actor): TeamSummary | null {
    const { team, audit } = this.#stores;
    return this.#context.decide<TeamSummary | null>(null, (now) => {
      const before = team.team().caps;
      if (JSON.stringify(before) === JSON.stringify(caps)) return team.team();
      team.setCaps(caps);
      const detail = { before: JSON.stringify(before), after: JSON.stringify(caps) };
      audit.note(by, caps === null ? "team.caps_removed" : "team.caps_written", null, detail, now);
      return team.team();
    });
  }

  async remove(by: Actor): Promise<Removal | null> {
    const { removals, audit } = this.#stores;
    const removal = this.#context.decide<Removal | null>(null, (now) => {
      if (!removals.isTeamRemoval()) {
        this.#freeze(true, by, now);
        audit.note(by, "team.removal_ordered", null, {}, now);
        removals.orderTeam(now);
      }
      return removals.findRemoval(WHOLE_TEAM);
    });
    if (removal !== null) await this.#updateDirectory();
    return removal;
  }

  removal(): Removal | null {
    return this.#context.decide<Removal | null>(null, () => this.#stores.removals.findRemoval(WHOLE_TEAM));
  }

  beginDoctor(): { kind: "begun" } | Refused {
    const { team } = this.#stores;
    return this.#context.ask<{ kind: "begun" } | Refused>((now) => {
      const readyAt = (team.doctorAt() ?? 0) + DOCTOR_EVERY_MS;
      if (now < readyAt) {
        const retryAfterS = Math.ceil((readyAt - now) / SECOND_MS);
        const hint = "Retry after the time in `Retry-After`.";
        return refused(refusal("rate_limited", "The self-test ran less than a minute ago.", { hint, retryAfterS }));
      }
      team.setDoctorAt(now);
      return { kind: "begun" };
    });
  }

  async #updateDirectory(): Promise<void> {
    await updateDirectory(this.#env, this.#context, this.#stores);
    await this.#context.arm();
  }

  #freeze(frozen: boolean, by: Actor, now: number): TeamSummary {
    const { team, audit } = this.#stores;
    const before = team.team();
    if ((before.frozenAt !== null) === frozen) return before;
    team.setFrozen(frozen ? now : null, now);
    audit.note(by, frozen ? "team.frozen" : "team.resumed", null, {}, now);
    return team.team();
  }
}
