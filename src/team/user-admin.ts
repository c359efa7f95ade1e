// Users of a team: who they are by their usage, limits, freezing and deletion.

import { RpcTarget } from "cloudflare:workers";
import type {
  Removal,
  TeamUsers,
  UserAnswer,
  UserListAnswer,
  UserListInput,
  UserSummary,
} from "../contracts/team-admin.ts";
import type { Actor } from "../contracts/team-keys.ts";
import { refusal, refused } from "../platform/errors.ts";
import { randomText } from "../platform/ids.ts";
import { capLimits } from "./quota/caps.ts";
import { subjectsOfUser } from "./quota/counters.ts";
import { limitStates } from "./quota/limits.ts";
import { userDigest } from "./requests/archive.ts";
import type { TeamStores } from "./stores.ts";
import type { TeamContext } from "./team-context.ts";
import { pageOfUsers } from "./usage/user-list.ts";

/** Characters of the alias of a deleted user. */
const ALIAS_CHARS = 12;

/** A block of a mistyped name would stop nobody, and look as if it had. */
const UNKNOWN_USER = refusal("not_found", "No request, upload or key names this user.", {
  hint: "Compare the id: it is case-sensitive. `?create=true` blocks a user who has not come yet.",
});

type UserStores = Pick<
  TeamStores,
  "archive" | "audit" | "events" | "counters" | "keys" | "outbox" | "removals" | "requests" | "team" | "usage" | "users"
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

  list(input: UserListInput): UserListAnswer {
    const { usage, users } = this.#stores;
    return this.#context.ask<UserListAnswer>(() => {
      usage.rollUp();
      const sums = usage.userSums(input.from, input.to);
      const found = pageOfUsers(sums.users, input);
      if (found === null) {
        const hint = "Pass `next_cursor` from the previous page unchanged, with the same `sort`.";
        return refused(refusal("invalid_request", "`cursor` is invalid.", { hint }));
      }
      const data = found.page.map((each) => ({ ...each, frozenAt: users.frozenAt(each.user) }));
      return { kind: "page", data, nextCursor: found.nextCursor, from: sums.from };
    });
  }

  freeze(user: string, create: boolean, by: Actor): UserAnswer {
    const { users, audit } = this.#stores;
    return this.#context.ask((now) => {
      if (users.frozenAt(user) === null) {
        if (!create && !this.#isKnown(user)) return refused(UNKNOWN_USER);
        users.freezeUser(user, now);
        audit.note(by, "user.frozen", user, {}, now);
      }
      return { kind: "changed" as const, user: this.#summary(user, now) };
    });
  }

  resume(user: string, by: Actor): UserAnswer {
    const { users, audit } = this.#stores;
    return this.#context.ask((now) => {
      if (users.frozenAt(user) !== null) {
        users.resumeUser(user);
        audit.note(by, "user.resumed", user, {}, now);
      }
      return { kind: "changed" as const, user: this.#summary(user, now) };
    });
  }

  /** Whether a request, an upload, a sum or a key names the user. */
  #isKnown(user: string): boolean {
    return this.#stores.users.hasTraces(user) || this.#stores.keys.all().some((key) => key.user === user);
  }

  /**
   * Requests lose user and tags and are deleted one by one (data-deletion.ts); usage stays under an alias. The audit log records the
   * deletion, not the user. Earlier audit entries, team tags in usage, a freeze, and counters and idempotency keys until they
   * expire are kept: otherwise a deletion would reset limits.
   */
  async delete(user: string, by: Actor): Promise<Removal | null> {
    const subject = await this.#subject(user);
    if (subject === null) return null;
    const { archive, requests, removals, users, events, outbox, audit, usage } = this.#stores;
    const removal = this.#context.decide<Removal | null>(null, (now) => {
      const count = requests.countOfUser(user);
      const alias = `deleted:${randomText(ALIAS_CHARS)}`;
      removals.orderUser(user, subject, now);
      archive.orderWalk(subject, alias, now);
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
    const { plan, caps } = team.team();
    const limitsInForce = [...(team.plan(plan)?.plan.limits ?? []), ...capLimits(caps)];
    const own = limitsInForce.filter((limit) => limit.scope === "user");
    const limits = limitStates(own, (id) => counters.readCounter(id), subjectsOfUser(user), now);
    return { user, frozenAt: users.frozenAt(user), limits };
  }

  /** Digest that identifies a deleted user: found by the name, but not reversible. Null: the team does not exist. */
  async #subject(user: string): Promise<string | null> {
    const team = this.#context.decide<string | null>(null, () => this.#stores.team.team().id);
    return team === null ? null : userDigest(team, user);
  }
}
