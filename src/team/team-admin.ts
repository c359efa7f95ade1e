// What admins may do with a team beside its keys: plans, prices, users, freezing, alerts. Each change writes its audit line
// in the same transaction. Synchronous over the stores, with the clock passed in.

import type { Actor, Alerts, LimitAlert, Removal, TeamSummary, UserSummary } from "../contracts/team-admin.ts";
import type { Refused } from "../platform/errors.ts";
import { randomText } from "../platform/ids.ts";
import { HISTORY_LIMIT_MAX } from "../platform/limits.ts";
import { noSuchPlan } from "./auth/key-admin.ts";
import { limitStates } from "./quota/limits.ts";
import type { Plan } from "./quota/plan.ts";
import type { PriceTable } from "./quota/prices.ts";
import type { Books } from "./stores.ts";

/** Characters of the name that stands for a forgotten user in sums. */
const ALIAS_CHARS = 12;

export function putPlan(books: Books, name: string, plan: Plan, by: Actor, now: number): void {
  books.team.putPlan(name, plan);
  books.audit.note(by, "plan.written", name, { limits: plan.limits.length }, now);
}

/** Chooses the plan of all whose credential has none of its own. What was counted stays counted. */
export function choosePlan(
  books: Books,
  name: string,
  by: Actor,
  now: number,
): { kind: "chosen"; team: TeamSummary } | Refused {
  if (books.team.plan(name) === null) return { kind: "refused", refusal: noSuchPlan(name) };
  books.team.choosePlan(name);
  books.audit.note(by, "team.plan_chosen", name, {}, now);
  return { kind: "chosen", team: books.team.team() };
}

/** Stops everybody but admins, or lets them go on. Again: the same answer. */
export function freezeTeam(books: Books, frozen: boolean, by: Actor, now: number): TeamSummary {
  const team = books.team.team();
  if ((team.frozenAt !== null) === frozen) return team;
  books.team.setFrozen(frozen ? now : null);
  books.audit.note(by, frozen ? "team.frozen" : "team.resumed", null, {}, now);
  return books.team.team();
}

/** Lets the team's admins change the deployment's connections, or no longer. Again: the same answer. */
export function allowConnections(books: Books, may: boolean, by: Actor, now: number): TeamSummary {
  if (books.team.team().managesConnections !== may) {
    books.team.setManagesConnections(may);
    books.audit.note(by, may ? "team.connections_allowed" : "team.connections_forbidden", null, {}, now);
  }
  return books.team.team();
}

export function putAlerts(books: Books, percents: number[], by: Actor, now: number): void {
  books.team.setAlertPercents(percents);
  books.audit.note(by, "alerts.written", null, { percents: percents.join(" ") }, now);
}

export function alertsOf({ team, events }: Books): Alerts {
  return { percents: team.alertPercents(), latest: events.latest<LimitAlert>("limit.reached", HISTORY_LIMIT_MAX) };
}

export function putPrices(books: Books, table: PriceTable, by: Actor, now: number): void {
  books.prices.put(table, by.id, now);
  books.audit.note(by, "prices.written", null, { entries: Object.keys(table).length }, now);
}

/** A user, whether or not anybody has heard of them, with what the team's plan counts for them alone. */
export function userSummary(books: Books, user: string, now: number): UserSummary {
  const found = books.team.plan(books.team.team().plan);
  const own = (found?.plan.limits ?? []).filter((limit) => limit.scope === "user");
  const subjects = { keyId: "", user, visitor: null, ip: null, tags: {} };
  const limits = limitStates(own, (id) => books.ledger.counter(id), subjects, now);
  return { user, frozenAt: books.people.frozenAt(user), limits };
}

/** Stops a user, or lets them go on. Again: the same answer. */
export function freezeUser(books: Books, user: string, frozen: boolean, by: Actor, now: number): UserSummary {
  if ((books.people.frozenAt(user) !== null) !== frozen) {
    if (frozen) books.people.freeze(user, now);
    else books.people.resume(user);
    books.audit.note(by, frozen ? "user.frozen" : "user.resumed", user, {}, now);
  }
  return userSummary(books, user, now);
}

/**
 * Forgets a user: their requests lose name and tags and are removed one by one (removal.ts), sums stay under a name that says
 * nothing. The audit says that it was done, not to whom; what was done to them before stays in it, and so do tags of the
 * team's own in sums, a block, and until their time is over counters and idempotency keys: without those a limit could be
 * reset by it. `subject` is how the removal can be found again.
 */
export function forgetUser(books: Books, user: string, subject: string, by: Actor, now: number): Removal {
  const requests = books.index.countOf(user);
  const alias = `forgotten:${randomText(ALIAS_CHARS)}`;
  books.removals.orderUser(user, subject, now);
  books.people.forget(user, { alias, subject }, now);
  books.events.forget(user, alias);
  books.outbox.forget(user, alias);
  books.audit.note(by, "user.forgotten", alias, { requests }, now);
  books.removals.finishAll(now);
  const removal = books.removals.removal(subject);
  if (removal === null) throw new Error("a removal that was just ordered is there");
  return removal;
}
