import type { Refused } from "../platform/errors.ts";
import type { Plan } from "../team/quota/plan.ts";
import type { Answer } from "./rpc.ts";
import type { AdmitAnswer, AdmitInput, IdentifyAnswer, ListAnswer, ListInput, MeAnswer, QuoteAnswer, QuoteInput, RequestCount, RequestFilter, Settled, SettleInput } from "./team-access.ts";
import type { ManualSettlement, TeamAlerts, TeamAudit, TeamPrices, TeamSettings, TeamSummary, TeamTakedowns, TeamUsage, TeamUsers } from "./team-admin.ts";
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
export type CreateTeamAnswer = {
    kind: "created";
    team: TeamSummary;
    key: NewKey;
    refusedForMs: number;
} | {
    kind: "exists";
};
export interface TeamRequests {
    list(input: ListInput): Answer<ListAnswer>;
    count(filter: RequestFilter): Answer<RequestCount>;
    markDeleted(requestId: string): Answer<void>;
    settleManually(settlement: ManualSettlement, by: Actor): Answer<Settled | Refused>;
}
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
    create(input: NewTeam): Answer<CreateTeamAnswer>;
    identify(credential: Credential): Answer<IdentifyAnswer>;
    me(acting: ActingFor): Answer<MeAnswer>;
    quote(input: QuoteInput): Answer<QuoteAnswer>;
    admit(input: AdmitInput): Answer<AdmitAnswer>;
    settle(input: SettleInput): Answer<Settled>;
    release(requestId: string): Answer<void>;
    filterKnownIds(ids: TeamIds): Answer<TeamIds | null>;
}
