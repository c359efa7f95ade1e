// The users of a team: what is used of their limits, who is frozen, and how somebody is deleted.

import { RpcTarget } from "cloudflare:workers";
import type { Removal, TeamUsers, UserSummary } from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { randomText, sha256Hex } from "../platform/ids.ts";
import { limitStates } from "./quota/limits.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";

/** Characters of the name that stands for a deleted user in sums. */
const ALIAS_CHARS = 12;

type UserStores = Pick<
  TeamStores,
  "audit" | "events" | "ledger" | "outbox" | "removals" | "requests" | "team" | "users"
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
   * The user's requests lose name and tags and are removed one by one (removal.ts), sums stay under a name that says nothing. The
   * audit says that it was done, not to whom; what was done to them before stays in it, and so do tags of the team's own in sums,
   * a block, and until their time is over counters and idempotency keys: without those a limit could be reset by it.
   */
  async delete(user: string, by: Actor): Promise<Removal | null> {
    const subject = await this.#subject(user);
    if (subject === null) return null;
    const { requests, removals, users, events, outbox, audit } = this.#stores;
    const removal = this.#context.decide<Removal | null>(null, (now) => {
      const count = requests.countOfUser(user);
      const alias = `forgotten:${randomText(ALIAS_CHARS)}`;
      removals.orderUser(user, subject, now);
      users.anonymizeUser(user, { alias, subject }, now);
      events.anonymizeUser(user, alias);
      outbox.anonymizeUser(user, alias);
      audit.note(by, "user.forgotten", alias, { requests: count }, now);
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
    const { team, ledger, users } = this.#stores;
    const found = team.plan(team.team().plan);
    const own = (found?.plan.limits ?? []).filter((limit) => limit.scope === "user");
    const subjects = { keyId: "", user, visitor: null, ip: null, tags: {} };
    const limits = limitStates(own, (id) => ledger.readCounter(id), subjects, now);
    return { user, frozenAt: users.frozenAt(user), limits };
  }

  /**
   * What stands for a user in the rows of their own deletion: enough to find it by the name, nothing to read the name from. Null:
   * there is no such team.
   */
  async #subject(user: string): Promise<string | null> {
    const team = this.#context.decide<string | null>(null, () => this.#stores.team.team().id);
    return team === null ? null : sha256Hex(`${team}/${user}`);
  }
}
