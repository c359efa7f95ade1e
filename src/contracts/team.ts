// RPC contract of the Team object: the request lifecycle directly, everything else by parts. Types only.

import type { Refused } from "../platform/errors.ts";
import type { Plan } from "../team/quota/plan.ts";
import type { Answer } from "./rpc.ts";
import type {
  AdmitAnswer,
  AdmitInput,
  IdentifyAnswer,
  ListAnswer,
  ListInput,
  MeAnswer,
  QuoteAnswer,
  QuoteInput,
  RequestCount,
  RequestFilter,
  Settled,
  SettleInput,
} from "./team-access.ts";
import type {
  ManualSettlement,
  TeamAlerts,
  TeamAudit,
  TeamPrices,
  TeamSettings,
  TeamSummary,
  TeamTakedowns,
  TeamUsage,
  TeamUsers,
} from "./team-admin.ts";
import type { ActingFor, Actor, Credential, NewKey, TeamIssuers, TeamKeys } from "./team-keys.ts";
import type { TeamPlans } from "./team-plans.ts";
import type { TeamUploads } from "./team-uploads.ts";
import type { TeamDeliveries, TeamEndpoints, TeamEvents, TeamReplayJobs } from "./team-webhooks.ts";

export interface NewTeam {
  id: string;
  name: string;
  plan?: Plan;
  managesConnections?: boolean;
  by: Actor;
}

/**
 * `refusedForMs`: so long may isolates still remember that no such team exists. Its maker is answered after it, so that the new key
 * works everywhere.
 */
export type CreateTeamAnswer =
  | { kind: "created"; team: TeamSummary; key: NewKey; refusedForMs: number }
  | { kind: "exists" };

/** The index of a team's requests. */
export interface TeamRequests {
  /** One page, newest first. A page of a selective filter may be short or empty and still have a next one. */
  list(input: ListInput): Answer<ListAnswer>;
  /** Number of matches among the newest requests. */
  count(filter: RequestFilter): Answer<RequestCount>;
  /** Marks a request as deleted: lists omit it, a repeated submit is answered `gone`, its deliveries are dropped. */
  markDeleted(requestId: string): Answer<void>;
  /** Settles a charge that could not be determined automatically. Idempotent. */
  settleManually(settlement: ManualSettlement, by: Actor): Answer<Settled | Refused>;
}

/** Ids of requests and uploads. */
export interface TeamIds {
  requests: string[];
  uploads: string[];
}

export interface TeamContract {
  readonly settings: TeamSettings;
  readonly takedowns: TeamTakedowns;
  readonly keys: TeamKeys;
  readonly issuers: TeamIssuers;
  readonly plans: TeamPlans;
  readonly prices: TeamPrices;
  readonly users: TeamUsers;
  readonly usage: TeamUsage;
  readonly alerts: TeamAlerts;
  readonly audit: TeamAudit;
  readonly requests: TeamRequests;
  readonly uploads: TeamUploads;
  readonly endpoints: TeamEndpoints;
  readonly deliveries: TeamDeliveries;
  readonly replayJobs: TeamReplayJobs;
  readonly events: TeamEvents;
  /** Creates the team and its first key, which has every scope. */
  create(input: NewTeam): Answer<CreateTeamAnswer>;
  /** Resolves a credential to its identity and current permissions. */
  identify(credential: Credential): Answer<IdentifyAnswer>;
  /** The identity of a caller and the state of every limit that applies. */
  me(acting: ActingFor): Answer<MeAnswer>;
  /** The estimated cost of a request and whether its plan and key allow it, limits aside. Reserves nothing. */
  quote(input: QuoteInput): Answer<QuoteAnswer>;
  /** Admits or refuses a submit and reserves its limits, in one transaction. Idempotent by `requestId`. */
  admit(input: AdmitInput): Answer<AdmitAnswer>;
  /** Settles an ended request. Idempotent. Returns the deliveries that the tracker has to send. */
  settle(input: SettleInput): Answer<Settled>;
  /** Undoes an admit after the tracker was closed without a start. */
  release(requestId: string): Answer<void>;
  /** The subset of ids that exist or are still being deleted; their objects in R2 are kept. Null: there never was such a team. */
  filterKnownIds(ids: TeamIds): Answer<TeamIds | null>;
}
