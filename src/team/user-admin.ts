// Users of a team: limits, freezing and deletion.

import { RpcTarget } from "cloudflare:workers";
import type { Removal, TeamUsers, UserSummary } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { randomText, sha256Hex } from "../platform/ids.ts";
import { subjectsOfUser } from "./quota/counters.ts";
import { limitStates } from "./quota/limits.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

/** Characters of the alias of a deleted user. */
const ALIAS_CHARS = 12;

type UserStores = Pick<
  TeamStores,
  "audit" | "events" | "counters" | "outbox" | "removals" | "requests" | "team" | "usage" | "users"
>;

export class UserAdmin extends RpcTarget implements TeamUsers {
  readonly #context: TeamContext;
  readonly #stores: UserStores;

  constructor(context: TeamContext, stores: UserStores) {
    super();
    this.#context = context;
    this.#stores = stores;
  }

  read(user: string): UserSummary | null {
    return this.#context.decide<UserSummary | null>(null, (now) => this.#summary(user, now));
  }

  freeze(user: string, frozen: boolean, by: Actor): UserSummary | null {
    const { users, audit } = this.#stores;
    return this.#context.decide<UserSummary | null>(null, (now) => {
      if ((users.frozenAt(user) !== null) !== frozen) {
        if (frozen) users.freezeUser(user, now);
        else users.resumeUser(user);
        audit.note(by, frozen ? "user.frozen" : "user.resumed", user, {}, now);
      }
      return this.#summary(user, now);
    });
  }

  /**
   * Requests lose user and tags and are deleted one by one (data-deletion.ts); usage stays under an alias. The audit log records the
   * deletion, not the user. Earlier audit entries, team tags in usage, a freeze, and counters and idempotency keys until they
   * expire are kept: otherwise a deletion would reset limits.
   */
  async delete(user: string, by: Actor): Promise<Removal | null> {
    const subject = await this.#subject(user);
    if (subject === null) return null;
    const { requests, removals, users, events, outbox, audit, usage } = this.#stores;
    const removal = this.#context.decide<Removal | null>(null, (now) => {
      const count = requests.countOfUser(user);
      const alias = `deleted:${randomText(ALIAS_CHARS)}`;
      removals.orderUser(user, subject, now);
      // Usage counts by user and tags, which are replaced here.
      usage.rollUp();
      users.anonymizeUser(user, { alias, subject }, now);
      events.anonymizeUser(user, alias);
      outbox.anonymizeUser(user, alias);
      audit.note(by, "user.deleted", alias, { requests: count }, now);
      removals.finishCompleted(now);
      return removals.findRemoval(subject);
    });
    await this.#context.arm();
    return removal;
  }

  async deletion(user: string): Promise<Removal | null> {
    const subject = await this.#subject(user);
    return subject === null ? null : this.#stores.removals.findRemoval(subject);
  }

  #summary(user: string, now: number): UserSummary {
    const { team, counters, users } = this.#stores;
    const found = team.plan(team.team().plan);
    const own = (found?.plan.limits ?? []).filter((limit) => limit.scope === "user");
    const limits = limitStates(own, (id) => counters.readCounter(id), subjectsOfUser(user), now);
    return { user, frozenAt: users.frozenAt(user), limits };
  }

  /** Digest that identifies a deleted user: found by the name, but not reversible. Null: the team does not exist. */
  async #subject(user: string): Promise<string | null> {
    const team = this.#context.decide<string | null>(null, () => this.#stores.team.team().id);
    return team === null ? null : sha256Hex(`${team}/${user}`);
  }
}
