// What a team's administration is asked and what it answers, as data that crosses RPC. Times are epoch milliseconds.
// Types only; imports types.

import type { KeyKind } from "../team/auth/keys.ts";
import type { LimitState } from "../team/quota/limits.ts";
import type { Plan } from "../team/quota/plan.ts";
import type { PriceTable } from "../team/quota/prices.ts";
import type { EventType } from "../webhooks/event-types.ts";
import type { FeedData } from "../webhooks/events.ts";
import type { KeyTerms, Scope } from "./team-access.ts";

/** Who makes a change, and from where: a key's id, or "operator". */
export interface Actor {
  id: string;
  ip: string | null;
}

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

/** A key at its making or rotation, the only times its text is told. */
export interface NewKey {
  id: string;
  secret: string;
}

export interface KeyWish extends KeyTerms {
  kind: KeyKind;
  name: string;
  scopes: Scope[];
  expiresAt: number | null;
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

/** The operator's or an admin's word on a charge that nobody could judge. `usdMicro` null: what was reserved. */
export interface ChargeWord {
  requestId: string;
  charged: boolean;
  usdMicro: number | null;
}
