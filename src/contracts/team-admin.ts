// Administration of a team: settings, plans, prices, users, usage, alerts and audit. Types only; times are epoch ms.

import type { Refused } from "../platform/errors.ts";
import type { IfMatch } from "../platform/version-tag.ts";
import type { OperatorCaps } from "../team/quota/caps.ts";
import type { EmptyLimit } from "../team/quota/limit-seeds.ts";
import type { LimitState } from "../team/quota/limits.ts";
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
  /** Whether its admins may manage the deployment's connections, which all teams share. */
  managesConnections: boolean;
  /** What the operator caps, whatever the team's plans say. */
  caps: OperatorCaps | null;
}

/** A user as team admins see it. Users need no record to exist. */
export interface UserSummary {
  user: string;
  frozenAt: number | null;
  /** State of the `user` limits of the team plan. */
  limits: LimitState[];
}

/** A price table and its start; `actor` is null for the initial one. */
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
  detail: Record<string, string | number | boolean | null | AuditChange[]>;
}

/** A field that was changed, by its path. `old` is absent for what is new, `new` for what is gone; never a secret. */
export interface AuditChange {
  field: string;
  old?: string | number | boolean | null;
  new?: string | number | boolean | null;
}

/** `nextBefore`: `before` of the next page; null on the last. */
export interface AuditPage {
  data: AuditEntry[];
  nextBefore: number | null;
}

/** An entry of the event feed. `data` has wire names. */
export type TeamEvent<T extends EventType = EventType> = T extends EventType
  ? { id: string; type: T; at: number; data: FeedData<T> }
  : never;

/** Percentages of USD limits that publish an event, and the latest such events. */
export interface Alerts {
  percents: number[];
  latest: TeamEvent<"limit.reached">[];
}

/** Dimensions of usage. `tag`: values of one tag name, and what has none. */
export type UsageGroup = "hour" | "day" | "model" | "user" | "key" | "tag";

export interface UsageQuery {
  /** UTC days, both included ("2026-11-01"). */
  from: string;
  to: string;
  /** Epoch hours, both included: sums per hour, which know no tags, instead of the days. */
  hours: { first: number; last: number } | null;
  groupBy: UsageGroup[];
  user: string | null;
  model: string | null;
  keyId: string | null;
  /** Only requests with this tag; `value` null: with any value. */
  tag: { name: string; value: string | null } | null;
  /** With `tag` in `groupBy`: whose values. One name, because a request has at most one value of each: so the rows add up. */
  tagName: string | null;
}

/** Sums of a group. Unsettled requests count in `requests` only. Money is micro-USD. */
export interface UsageSums {
  requests: number;
  completed: number;
  failed: number;
  canceled: number;
  /** Ended without a charge: upstream does not bill them. */
  refunded: number;
  /** Charged an unknown amount, which is not in `chargedMicro`. */
  unknownCost: number;
  /** Charged more than the estimate. */
  aboveEstimate: number;
  /** Settled after the month of submission; counted on the day of settlement. */
  late: number;
  chargedMicro: number;
  refundedMicro: number;
  /** Estimates of the requests that were charged, to compare with the charges. */
  estimatedMicro: number;
}

/** `group.tag`: "name=value", or "" for what has no tag of the name. `group.hour`: an epoch hour. `keyName`: with `key` in the groups. */
export interface UsageRow extends UsageSums {
  group: Partial<Record<UsageGroup, string>>;
  keyName?: string | null;
}

/** `closedMonths`: those in the range that are closed ("2026-10"). */
export interface UsageAnswer {
  rows: UsageRow[];
  closedMonths: string[];
}

/** A settlement that counts on `day`, in a later month than `month`, that of its request's admission. */
export interface LateSettlement {
  requestId: string;
  month: string;
  day: string;
  outcome: "completed" | "failed" | "canceled";
  /** Null: unknown. */
  chargedMicro: number | null;
  isRefunded: boolean;
}

/** A UTC month. `late`: what counts in it and belongs to earlier ones; `settledLater`: what belongs to it and counts in later ones. */
export interface UsageMonth {
  month: string;
  state: "running" | "over" | "closed";
  closedAt: number | null;
  closedBy: string | null;
  /** Of a closed month as they were at its closing, which nothing changes. */
  sums: UsageSums;
  late: LateSettlement[];
  settledLater: LateSettlement[];
}

/** A part of the archive: so many lines of requests that were admitted in one month. */
export interface ArchivePart {
  n: number;
  month: string;
  lines: number;
  bytes: number;
  storedAt: number;
}

/** What a user has used. `lastDay`: the newest day on which something counts ("2026-11-30"). */
export interface UserSums {
  user: string;
  requests: number;
  completed: number;
  failed: number;
  chargedMicro: number;
  lastDay: string;
}

/** UTC days, both included. `q`: part of the user's name. */
export interface UserListInput {
  from: string;
  to: string;
  q: string | null;
  sort: "spend" | "last";
  cursor: string | null;
  limit: number;
}

/** `from`: the first day that was counted, which may be later than the one that was asked for. */
export type UserListAnswer =
  | { kind: "page"; data: (UserSums & { frozenAt: number | null })[]; nextCursor: string | null; from: string }
  | Refused;

/** Manual settlement of an unknown charge. `usdMicro` null: the reserved amount. */
export interface ManualSettlement {
  requestId: string;
  charged: boolean;
  usdMicro: number | null;
}

/**
 * Progress of a deletion. `left`: requests not yet deleted; `uploads`: files not yet deleted; `finishedAt` null: in progress.
 */
export interface Removal {
  orderedAt: number;
  finishedAt: number | null;
  requests: number;
  left: number;
  uploads: number;
}

/** What a team's admins set of it. */
export interface TeamChoices {
  name: string;
  /** Plan of credentials without one of their own. Counters are kept. */
  plan: string;
}

/** Settings of the team. All methods return null if the team does not exist. */
export interface TeamSettings {
  summary(): Answer<TeamSummary | null>;
  /** Refused if the plan does not exist. */
  change(
    choices: TeamChoices,
    by: Actor,
    ifMatch?: IfMatch,
  ): Answer<{ kind: "changed"; team: TeamSummary; startsEmpty: EmptyLimit[] } | Refused>;
  /** Freezes or unfreezes the team; admins keep access. Idempotent. */
  freeze(frozen: boolean, by: Actor): Answer<TeamSummary | null>;
  /** Allows or forbids the team's admins to manage connections. Idempotent. */
  manageConnections(may: boolean, by: Actor): Answer<TeamSummary | null>;
  /** Sets or removes what the operator caps. Idempotent. */
  setCaps(caps: OperatorCaps | null, by: Actor): Answer<TeamSummary | null>;
  /** Deletes the team and its data in the background. Access ends at once. Idempotent: returns the progress. */
  remove(by: Actor): Answer<Removal | null>;
  /** Progress of the deletion; null if none was started, or once it is complete. */
  removal(): Answer<Removal | null>;
  /** An admin runs the self-test: refused when the last one was less than a minute ago. */
  beginDoctor(): Answer<{ kind: "begun" } | Refused>;
}

export interface TeamPrices {
  /** Price tables, newest first. */
  history(limit: number): Answer<PricesInForce[]>;
  /** Prices of these models, in their order; null where the table has none. */
  ofModels(models: string[]): Answer<(Price | null)[]>;
  /** Refused to the team's admins while the operator caps money, which counts by prices. */
  put(table: PriceTable, by: Actor, ifMatch?: IfMatch): Answer<{ kind: "stored" } | Refused>;
}

export interface TeamAlerts {
  read(): Answer<Alerts>;
  put(percents: number[], by: Actor): Answer<void>;
}

/** All methods return null if the team does not exist. */
export type UserAnswer = { kind: "changed"; user: UserSummary } | Refused;

export interface TeamUsers {
  /** Users by what they used in some days. */
  list(input: UserListInput): Answer<UserListAnswer>;
  /** A user with the state of its limits. */
  read(user: string): Answer<UserSummary | null>;
  /** Freezes a user whom the team knows, or with `create` any name. Idempotent. */
  freeze(user: string, create: boolean, by: Actor): Answer<UserAnswer>;
  /** Unfreezes a user. Idempotent. */
  resume(user: string, by: Actor): Answer<UserAnswer>;
  /** Anonymizes a user and deletes their requests in the background. A repetition includes requests created since. */
  delete(user: string, by: Actor): Answer<Removal | null>;
  /** Progress of the deletion; null if there was none recently. */
  deletion(user: string): Answer<Removal | null>;
}

/** A file to take down: of a request's output, or an upload. `freeze`: also who made it. */
export interface TakedownOrder {
  kind: "request" | "upload";
  id: string;
  n: number | null;
  freeze: boolean;
}

/** `requestId`: the request that goes with the file; null for an upload that was announced by itself. */
export type TakedownAnswer =
  | {
      kind: "ordered";
      requestId: string | null;
      user: string | null;
      keyId: string;
      frozen: { kind: "user" | "key"; id: string } | null;
    }
  | Refused;

export interface TeamTakedowns {
  /** Notes who made the file and the order in the audit log, and freezes them if asked. The caller removes the file then. Idempotent. */
  order(order: TakedownOrder, by: Actor): Answer<TakedownAnswer>;
}

export interface TeamUsage {
  sums(query: UsageQuery): Answer<UsageAnswer>;
  /** A month, whether anything was used or not; null if the team does not exist. */
  month(month: string): Answer<UsageMonth | null>;
  /** Closes a month that is over: its sums do not change from then on. Idempotent. */
  closeMonth(month: string, by: Actor): Answer<{ kind: "closed"; month: UsageMonth } | Refused>;
  /** Stored parts of the archive after a number, oldest first. */
  archiveParts(after: number, limit: number): Answer<ArchivePart[]>;
  /** A stored part; null if there is none. */
  archivePart(n: number): Answer<ArchivePart | null>;
}

export interface TeamAudit {
  /** `target`: only changes of what has this name or id. Absent or null: all. */
  page(before: number | null, limit: number, target?: string | null): Answer<AuditPage>;
  /** Records an admin's change to the deployment's connections. */
  note(action: "connection.created" | "connection.deleted", target: string, by: Actor): Answer<void>;
}
