import type { Answer } from "./rpc.ts";
export interface SweepReport {
    startedAt: number;
    finishedAt: number | null;
    refused: boolean;
    listed: number;
    known: number;
    young: number;
    foreign: number;
    deleted: number;
    deletedBytes: number;
    listedBytes?: number;
}
export interface BucketOwner {
    deployment: string | null;
    claimedAt: number | null;
}
export interface Adoption {
    at: number;
    ip: string | null;
    from: BucketOwner;
}
export interface SweepOverview {
    sweep: SweepReport | null;
    owner: BucketOwner | null;
    isOwner: boolean;
    adoptions: Adoption[];
}
export interface DeploymentFigures {
    sweep: SweepReport | null;
    finished: SweepReport | null;
    isOwner: boolean | null;
    teams: number;
}
export type BeginAnswer = {
    kind: "running";
    report: SweepReport;
} | {
    kind: "not_owner";
    owner: BucketOwner;
};
export interface TeamEntry {
    id: string;
    name: string;
    createdAt: number;
    frozenAt: number | null;
}
export interface TeamPage {
    data: TeamEntry[];
    nextAfter: string | null;
}
export interface SweeperContract {
    begin(): Answer<BeginAnswer>;
    adopt(by: {
        ip: string | null;
    }): Answer<BeginAnswer>;
    claim(): Answer<{
        isOwner: boolean;
    }>;
    overview(): Answer<SweepOverview>;
    figures(): Answer<DeploymentFigures>;
    recordTeam(entry: TeamEntry): Answer<void>;
    teams(after: string | null, limit: number): Answer<TeamPage>;
    emptyTeam(team: string): Answer<{
        deleted: number;
        done: boolean;
    }>;
}
