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
    managesConnections: boolean;
    caps: OperatorCaps | null;
}
export interface UserSummary {
    user: string;
    frozenAt: number | null;
    limits: LimitState[];
}
export interface PricesInForce {
    table: PriceTable;
    since: number | null;
    actor: string | null;
}
export interface AuditEntry {
    seq: number;
    at: number;
    actor: string;
    ip: string | null;
    action: string;
    target: string | null;
    detail: Record<string, string | number | boolean | null | AuditChange[]>;
}
export interface AuditChange {
    field: string;
    old?: string | number | boolean | null;
    new?: string | number | boolean | null;
}
export interface AuditPage {
    data: AuditEntry[];
    nextBefore: number | null;
}
export type TeamEvent<T extends EventType = EventType> = T extends EventType ? {
    id: string;
    type: T;
    at: number;
    data: FeedData<T>;
} : never;
export interface Alerts {
    percents: number[];
    latest: TeamEvent<"limit.reached">[];
}
export type UsageGroup = "hour" | "day" | "model" | "user" | "key" | "tag";
export interface UsageQuery {
    from: string;
    to: string;
    hours: {
        first: number;
        last: number;
    } | null;
    groupBy: UsageGroup[];
    user: string | null;
    model: string | null;
    keyId: string | null;
    tag: {
        name: string;
        value: string | null;
    } | null;
    tagName: string | null;
}
export interface UsageSums {
    requests: number;
    completed: number;
    failed: number;
    canceled: number;
    refunded: number;
    unknownCost: number;
    aboveEstimate: number;
    late: number;
    chargedMicro: number;
    refundedMicro: number;
    estimatedMicro: number;
}
export interface UsageRow extends UsageSums {
    group: Partial<Record<UsageGroup, string>>;
    keyName?: string | null;
}
export interface UsageAnswer {
    rows: UsageRow[];
    closedMonths: string[];
}
export interface LateSettlement {
    requestId: string;
    month: string;
    day: string;
    outcome: "completed" | "failed" | "canceled";
    chargedMicro: number | null;
    isRefunded: boolean;
}
export interface UsageMonth {
    month: string;
    state: "running" | "over" | "closed";
    closedAt: number | null;
    closedBy: string | null;
    sums: UsageSums;
    late: LateSettlement[];
    settledLater: LateSettlement[];
}
export interface ArchivePart {
    n: number;
    month: string;
    lines: number;
    bytes: number;
    storedAt: number;
}
export interface UserSums {
    user: string;
    requests: number;
    completed: number;
    failed: number;
    chargedMicro: number;
    lastDay: string;
}
export interface UserListInput {
    from: string;
    to: string;
    q: string | null;
    sort: "spend" | "last";
    cursor: string | null;
    limit: number;
}
export type UserListAnswer = {
    kind: "page";
    data: (UserSums & {
        frozenAt: number | null;
    })[];
    nextCursor: string | null;
    from: string;
} | Refused;
export interface ManualSettlement {
    requestId: string;
    charged: boolean;
    usdMicro: number | null;
}
export interface Removal {
    orderedAt: number;
    finishedAt: number | null;
    requests: number;
    left: number;
    uploads: number;
}
export interface TeamChoices {
    name: string;
    plan: string;
}
export interface TeamSettings {
    summary(): Answer<TeamSummary | null>;
    change(choices: TeamChoices, by: Actor, ifMatch?: IfMatch): Answer<{
        kind: "changed";
        team: TeamSummary;
        startsEmpty: EmptyLimit[];
    } | Refused>;
    freeze(frozen: boolean, by: Actor): Answer<TeamSummary | null>;
    manageConnections(may: boolean, by: Actor): Answer<TeamSummary | null>;
    setCaps(caps: OperatorCaps | null, by: Actor): Answer<TeamSummary | null>;
    remove(by: Actor): Answer<Removal | null>;
    removal(): Answer<Removal | null>;
    beginDoctor(): Answer<{
        kind: "begun";
    } | Refused>;
}
export interface TeamPrices {
    history(limit: number): Answer<PricesInForce[]>;
    ofModels(models: string[]): Answer<(Price | null)[]>;
    put(table: PriceTable, by: Actor, ifMatch?: IfMatch): Answer<{
        kind: "stored";
    } | Refused>;
}
export interface TeamAlerts {
    read(): Answer<Alerts>;
    put(percents: number[], by: Actor): Answer<void>;
}
export type UserAnswer = {
    kind: "changed";
    user: UserSummary;
} | Refused;
export interface TeamUsers {
    list(input: UserListInput): Answer<UserListAnswer>;
    read(user: string): Answer<UserSummary | null>;
    freeze(user: string, create: boolean, by: Actor): Answer<UserAnswer>;
    resume(user: string, by: Actor): Answer<UserAnswer>;
    delete(user: string, by: Actor): Answer<Removal | null>;
    deletion(user: string): Answer<Removal | null>;
}
export interface TakedownOrder {
    kind: "request" | "upload";
    id: string;
    n: number | null;
    freeze: boolean;
}
export type TakedownAnswer = {
    kind: "ordered";
    requestId: string | null;
    user: string | null;
    keyId: string;
    frozen: {
        kind: "user" | "key";
        id: string;
    } | null;
} | Refused;
export interface TeamTakedowns {
    order(order: TakedownOrder, by: Actor): Answer<TakedownAnswer>;
}
export interface TeamUsage {
    sums(query: UsageQuery): Answer<UsageAnswer>;
    month(month: string): Answer<UsageMonth | null>;
    closeMonth(month: string, by: Actor): Answer<{
        kind: "closed";
        month: UsageMonth;
    } | Refused>;
    archiveParts(after: number, limit: number): Answer<ArchivePart[]>;
    archivePart(n: number): Answer<ArchivePart | null>;
}
export interface TeamAudit {
    page(before: number | null, limit: number, target?: string | null): Answer<AuditPage>;
    note(action: "connection.created" | "connection.deleted", target: string, by: Actor): Answer<void>;
}
