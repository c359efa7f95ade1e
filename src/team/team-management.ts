// The part of the Team object that is for whoever runs the team: keys, plans, prices, people, alerts, audit, issuers. A thin
// shell like Team itself: each call is one transaction. The only fetch is for issuers' keys.

import type { IssuerKeys, KeptIssuer, KeySummary, Settled } from "../contracts/team-access.ts";
import type {
  Actor,
  Alerts,
  AuditPage,
  ChargeWord,
  KeyWish,
  NamedPlan,
  NewKey,
  PricesInForce,
  Removal,
  TeamSummary,
  UserSummary,
} from "../contracts/team-admin.ts";
import { requireConfig } from "../platform/config.ts";
import type { Refused } from "../platform/errors.ts";
import { countMint, IssuerKeyRing, putIssuer, removeIssuer } from "./auth/issuer-admin.ts";
import type { Issuer } from "./auth/issuers.ts";
import { freezeKey, type KeyAnswer, keyText, makeTeamKey, revokeKey, rotateKey } from "./auth/key-admin.ts";
import type { Plan } from "./quota/plan.ts";
import { type Price, type PriceTable, priceFor } from "./quota/prices.ts";
import { subjectOf } from "./removal.ts";
import { WHOLE_TEAM } from "./removal-store.ts";
import { settleByWord } from "./settle.ts";
import {
  alertsOf,
  allowConnections,
  choosePlan,
  forgetUser,
  freezeTeam,
  freezeUser,
  putAlerts,
  putPlan,
  putPrices,
  userSummary,
} from "./team-admin.ts";
import { REFUSED } from "./team-context.ts";
import { orderTeamRemoval } from "./team-removal.ts";
import { TeamWebhooks } from "./team-webhooks.ts";

export abstract class TeamManagement extends TeamWebhooks {
  readonly #issuerKeys = new IssuerKeyRing();

  // --- Keys ------------------------------------------------------------------------------------------------------

  /** Makes a key and tells its text, this once. */
  async createKey(wish: KeyWish, by: Actor): Promise<{ kind: "created"; key: KeySummary; secret: string } | Refused> {
    const team = this.#teamId();
    if (team === null) return REFUSED;
    const text = await keyText(team, wish.kind);
    const made = this.room.ask((now) => makeTeamKey(this.room.books, wish, text, by, now));
    return made.kind === "refused" ? made : { kind: "created", key: made.key, secret: text.text };
  }

  /** Gives a key another text and tells it, this once. The old one works for `overlapS` more. */
  async rotateKey(id: string, overlapS: number, by: Actor): Promise<{ kind: "rotated"; key: NewKey } | Refused> {
    const team = this.#teamId();
    if (team === null) return REFUSED;
    const text = await keyText(team, this.room.books.keys.byId(id)?.kind ?? "secret");
    const made = this.room.ask((now) => rotateKey(this.room.books, id, text, overlapS, by, now));
    return made.kind === "refused" ? made : { kind: "rotated", key: { id, secret: text.text } };
  }

  listKeys(): KeySummary[] {
    return this.room.decide<KeySummary[]>([], () => this.room.books.keys.all());
  }

  revokeKey(id: string, by: Actor): KeyAnswer {
    return this.room.ask((now) => revokeKey(this.room.books, id, by, now));
  }

  freezeKey(id: string, frozen: boolean, by: Actor): KeyAnswer {
    return this.room.ask((now) => freezeKey(this.room.books, id, frozen, by, now));
  }

  // --- Team, plans, prices ---------------------------------------------------------------------------------------

  /** The team; null when it does not exist. */
  summary(): TeamSummary | null {
    return this.room.decide<TeamSummary | null>(null, () => this.room.books.team.team());
  }

  freezeTeam(frozen: boolean, by: Actor): TeamSummary | null {
    return this.room.decide<TeamSummary | null>(null, (now) => freezeTeam(this.room.books, frozen, by, now));
  }

  /** Lets the team's admins change the deployment's connections, or no longer. Null: there is no such team. */
  manageConnections(may: boolean, by: Actor): TeamSummary | null {
    return this.room.decide<TeamSummary | null>(null, (now) => allowConnections(this.room.books, may, by, now));
  }

  /** Removes the team with all that it stored. Null: there is no such team. Again: how far it is. */
  async remove(by: Actor): Promise<Removal | null> {
    const removal = this.room.decide<Removal | null>(null, (now) => orderTeamRemoval(this.room.books, by, now));
    if (removal !== null) await this.room.arm();
    return removal;
  }

  /** How far the removal of the team is; null when none was ordered, or nothing of the team is left. */
  removal(): Removal | null {
    return this.room.decide<Removal | null>(null, () => this.room.books.removals.removal(WHOLE_TEAM));
  }

  putPlan(name: string, plan: Plan, by: Actor): void {
    this.room.decide(undefined, (now) => putPlan(this.room.books, name, plan, by, now));
  }

  listPlans(): NamedPlan[] {
    return this.room.decide<NamedPlan[]>([], () => this.room.books.team.plans());
  }

  choosePlan(name: string, by: Actor): { kind: "chosen"; team: TeamSummary } | Refused {
    return this.room.ask((now) => choosePlan(this.room.books, name, by, now));
  }

  /** Price tables, the one in force first. */
  prices(limit: number): PricesInForce[] {
    return this.room.decide<PricesInForce[]>([], () => this.room.books.prices.history(limit));
  }

  /** What these models cost, in their order; null where the table has no price. */
  pricesOf(models: string[]): (Price | null)[] {
    return this.room.decide<(Price | null)[]>([], () => {
      const table = this.room.books.prices.current();
      return models.map((model) => priceFor(table, model));
    });
  }

  putPrices(table: PriceTable, by: Actor): void {
    this.room.decide(undefined, (now) => putPrices(this.room.books, table, by, now));
  }

  // --- People and money ------------------------------------------------------------------------------------------

  user(user: string): UserSummary | null {
    return this.room.decide<UserSummary | null>(null, (now) => userSummary(this.room.books, user, now));
  }

  freezeUser(user: string, frozen: boolean, by: Actor): UserSummary | null {
    return this.room.decide<UserSummary | null>(null, (now) => freezeUser(this.room.books, user, frozen, by, now));
  }

  /** Takes a user out of the books; their requests are removed by alarm. Again: also what came since. */
  async forgetUser(user: string, by: Actor): Promise<Removal | null> {
    const team = this.#teamId();
    if (team === null) return null;
    const subject = await subjectOf(team, user);
    const removal = this.room.decide<Removal | null>(null, (now) =>
      forgetUser(this.room.books, user, subject, by, now),
    );
    await this.room.arm();
    return removal;
  }

  /** How far the forgetting of a user is; null when there was none, or none lately. */
  async userRemoval(user: string): Promise<Removal | null> {
    const team = this.#teamId();
    return team === null ? null : this.room.books.removals.removal(await subjectOf(team, user));
  }

  /** Somebody's word on a charge that nobody could judge. */
  settleByWord(word: ChargeWord, by: Actor): Settled | Refused {
    return this.room.ask((now) => settleByWord(this.room.books, word, by, now));
  }

  alerts(): Alerts {
    return this.room.decide({ percents: [], latest: [] }, () => alertsOf(this.room.books));
  }

  putAlerts(percents: number[], by: Actor): void {
    this.room.decide(undefined, (now) => putAlerts(this.room.books, percents, by, now));
  }

  audit(before: number | null, limit: number): AuditPage {
    return this.room.decide<AuditPage>({ data: [], nextBefore: null }, () => this.room.books.audit.page(before, limit));
  }

  /** An admin changed something of the deployment's, which this team's audit remembers. */
  noteChange(action: "connection.created" | "connection.deleted", target: string, by: Actor): void {
    this.room.decide(undefined, (now) => this.room.books.audit.note(by, action, target, {}, now));
  }

  // --- Issuers and exchanges -------------------------------------------------------------------------------------

  issuers(): KeptIssuer[] {
    return this.room.decide<KeptIssuer[]>([], () => this.room.books.issuers.all());
  }

  putIssuer(issuer: Issuer, by: Actor): { kind: "kept" } | Refused {
    this.#issuerKeys.forget(issuer);
    return this.room.ask((now) => putIssuer(this.room.books, issuer, by, now));
  }

  removeIssuer(name: string, by: Actor): { kind: "removed" } | Refused {
    return this.room.ask((now) => removeIssuer(this.room.books, name, by, now));
  }

  /** An issuer's keys, asked for first when that is due. Null: there are none. */
  async issuerKeys({ name, unknownKey }: { name: string; unknownKey: boolean }): Promise<IssuerKeys | null> {
    if (this.#teamId() === null) return null;
    const rules = { allowHosts: requireConfig(this.env).RELAY_ALLOW_HOSTS, ownHosts: [] };
    return this.#issuerKeys.keys(this.room.books, name, unknownKey, rules);
  }

  /** Counts one exchange of a publishable key by an address, or refuses it. */
  countMint(exchange: { keyId: string; ip: string }): { kind: "counted" } | Refused {
    return this.room.ask((now) => countMint(this.room.books, exchange, now));
  }

  /** Null: there is no such team. */
  #teamId(): string | null {
    return this.room.decide<string | null>(null, () => this.room.books.team.team().id);
  }
}
