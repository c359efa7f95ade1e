// What Team is asked and what it answers: what each request needs directly, all else by parts. Types only.

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
  Settled,
  SettleInput,
} from "./team-access.ts";
import type {
  ManualSettlement,
  TeamAlerts,
  TeamAudit,
  TeamPlans,
  TeamPrices,
  TeamSettings,
  TeamSummary,
  TeamUsage,
  TeamUsers,
} from "./team-admin.ts";
import type { ActingFor, Actor, Credential, NewKey, TeamIssuers, TeamKeys } from "./team-keys.ts";
import type { TeamUploads } from "./team-uploads.ts";
import type { TeamDeliveries, TeamEndpoints, TeamEvents, TeamReplayJobs } from "./team-webhooks.ts";

export interface NewTeam {
  id: string;
  name: string;
  plan?: Plan;
  managesConnections?: boolean;
  by: Actor;
}

export type CreateTeamAnswer = { kind: "created"; team: TeamSummary; key: NewKey } | { kind: "exists" };

/** The index of a team's requests. */
export interface TeamRequests {
  /** One page, newest first. `limit` is at least 1. A page of a rare filter may be short, or empty, and still have a next one. */
  list(input: ListInput): Answer<ListAnswer>;
  /** A request that is being deleted: lists show it no more, a post that comes again is told so, nothing of it is delivered. */
  markDeleted(requestId: string): Answer<void>;
  /** Books what a person says about a charge that nobody could judge. The same again changes nothing and answers the same. */
  settleManually(settlement: ManualSettlement, by: Actor): Answer<Settled | Refused>;
}

/** Ids of requests and uploads. */
export interface TeamIds {
  requests: string[];
  uploads: string[];
}

export interface TeamContract {
  readonly settings: TeamSettings;
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
  /** Makes the team and its first key, which has every scope. */
  create(input: NewTeam): Answer<CreateTeamAnswer>;
  /** Who a credential is, and what it may do now. */
  identify(credential: Credential): Answer<IdentifyAnswer>;
  /** Who somebody is, and every limit of theirs as it stands. */
  me(acting: ActingFor): Answer<MeAnswer>;
  /** What a request would cost and whether it would be let in at all, limits aside. Reserves nothing. */
  quote(input: QuoteInput): Answer<QuoteAnswer>;
  /** Decides about one submit and books it, in one transaction. May be called again with the same `requestId`. */
  admit(input: AdmitInput): Answer<AdmitAnswer>;
  /** The tracker has taken the request: it is asked again only should its end stay untold. */
  started(requestId: string): Answer<void>;
  /** Books the end of a request. The second time it changes nothing. Answers the deliveries that the tracker owes of it. */
  settle(input: SettleInput): Answer<Settled>;
  /** Undoes an admit, after the tracker has been closed for good without a start. */
  release(requestId: string): Answer<void>;
  /** Which of these ids are still there, or still being removed: their bytes are theirs. */
  filterKnownIds(ids: TeamIds): Answer<TeamIds>;
}
