// The administration of a team: what its parts of Team are asked and what they answer. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { LimitState } from "../team/quota/limits.ts";
import type { Plan } from "../team/quota/plan.ts";
import type { Price, PriceTable } from "../team/quota/prices.ts";
import type { EventType } from "../webhooks/event-types.ts";
import type { FeedData } from "../webhooks/events.ts";
import type { Answer } from "./rpc.ts";
import type { Actor } from "./team-keys.ts";

export interface TeamSummary {
  id: string;
  name: string;
  plan: string;
  createdAt: number;
  frozenAt: number | null;
  /** Whether its admins may change the deployment's connections, and choose one: what they do there, all teams pay for. */
  managesConnections: boolean;
}

export interface NamedPlan {
  name: string;
  plan: Plan;
}

/** A user as the team's admins see it. A user that nobody has heard of is one without a history. */
export interface UserSummary {
  user: string;
  frozenAt: number | null;
  /** What is used of the limits of the team's plan that count this user alone. */
  limits: LimitState[];
}

/** A price table and when it came into force; `actor` is null for the one that a team begins with. */
export interface PricesInForce {
  table: PriceTable;
  since: number | null;
  actor: string | null;
}

export interface AuditEntry {
  seq: number;
  at: number;
  /** A key's id, or "operator". */
  actor: string;
  ip: string | null;
  /** `subject.verb_in_past`. */
  action: string;
  target: string | null;
  detail: Record<string, string | number | boolean | null>;
}

/** `nextBefore`: the `before` of the next page; null at the end. */
export interface AuditPage {
  data: AuditEntry[];
  nextBefore: number | null;
}

/** A line of the team's event feed. `data` is spelled as feed and webhooks tell it, so that all say the same. */
export type TeamEvent<T extends EventType = EventType> = T extends EventType
  ? { id: string; type: T; at: number; data: FeedData<T> }
  : never;

/** At which percentages of a limit in USD an event is written, and the latest that were. */
export interface Alerts {
  percents: number[];
  latest: TeamEvent<"limit.reached">[];
}

/** What usage may be grouped by. */
export type UsageGroup = "day" | "model" | "user" | "key" | "tag";

export interface UsageQuery {
  /** UTC days, both included ("2026-11-01"). */
  from: string;
  to: string;
  groupBy: UsageGroup[];
  user: string | null;
  model: string | null;
  keyId: string | null;
  /** With `tag` in `groupBy`: only tags of this name. */
  tagName: string | null;
}

/** Sums of a group. Requests that are not settled yet are in `requests` only. Money is micro-USD. */
export interface UsageSums {
  requests: number;
  completed: number;
  failed: number;
  canceled: number;
  /** Ended without a charge, because upstream bills none. */
  refunded: number;
  /** Charged, but nobody knows how much: they add nothing to `chargedMicro`. */
  unknownCost: number;
  /** Charged more than was reserved. */
  aboveEstimate: number;
  /** Settled after the month of their submit was over, and booked on the day they were settled. */
  late: number;
  chargedMicro: number;
  refundedMicro: number;
}

export interface UsageRow extends UsageSums {
  group: Partial<Record<UsageGroup, string>>;
}

/** What the operator or an admin says about a charge that nobody could judge. `usdMicro` null: what was reserved. */
export interface ManualSettlement {
  requestId: string;
  charged: boolean;
  usdMicro: number | null;
}

/** How far a deletion is. `left` counts the requests that still hold something, `uploads` the files; `finishedAt` null: under way. */
export interface Removal {
  orderedAt: number;
  finishedAt: number | null;
  requests: number;
  left: number;
  uploads: number;
}

/** The team itself. Null everywhere: there is no such team. */
export interface TeamSettings {
  summary(): Answer<TeamSummary | null>;
  /** Stops everybody but admins, or lets them go on. Again: the same answer. */
  freeze(frozen: boolean, by: Actor): Answer<TeamSummary | null>;
  /** Lets the team's admins change the deployment's connections, or no longer. Again: the same answer. */
  manageConnections(may: boolean, by: Actor): Answer<TeamSummary | null>;
  /** Removes the team with all that it stored. Nobody of it is let in from now on. Again: how far it is. */
  remove(by: Actor): Answer<Removal | null>;
  /** How far the removal of the team is; null also when none was ordered, or nothing of the team is left. */
  removal(): Answer<Removal | null>;
}

export interface TeamPlans {
  list(): Answer<NamedPlan[]>;
  put(name: string, plan: Plan, by: Actor): Answer<void>;
  /** Chooses the plan of all whose credential has none of its own. What was counted stays counted. */
  choose(name: string, by: Actor): Answer<{ kind: "chosen"; team: TeamSummary } | Refused>;
}

export interface TeamPrices {
  /** Price tables, the one in force first. */
  history(limit: number): Answer<PricesInForce[]>;
  /** What these models cost, in their order; null where the table has no price. */
  ofModels(models: string[]): Answer<(Price | null)[]>;
  put(table: PriceTable, by: Actor): Answer<void>;
}

export interface TeamAlerts {
  read(): Answer<Alerts>;
  put(percents: number[], by: Actor): Answer<void>;
}

/** Null everywhere: there is no such team. */
export interface TeamUsers {
  /** A user, whether or not anybody has heard of them, with what the team's plan counts for them alone. */
  read(user: string): Answer<UserSummary | null>;
  /** Freezes or unfreezes a user. Again: the same answer. */
  freeze(user: string, frozen: boolean, by: Actor): Answer<UserSummary | null>;
  /** Takes a user's name out of everything and deletes their requests by alarm. Again: also what came since. */
  delete(user: string, by: Actor): Answer<Removal | null>;
  /** How far the deletion of a user is; null also when there was none lately. */
  deletion(user: string): Answer<Removal | null>;
}

export interface TeamUsage {
  sums(query: UsageQuery): Answer<UsageRow[]>;
}

export interface TeamAudit {
  page(before: number | null, limit: number): Answer<AuditPage>;
  /** An admin changed something of the deployment's, which this team's audit remembers. */
  note(action: "connection.created" | "connection.deleted", target: string, by: Actor): Answer<void>;
}
