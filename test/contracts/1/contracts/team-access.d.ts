import type { InputMeasures, Measures } from "../models/measures.ts";
import type { ErrorCode, Refusal, Refused } from "../platform/errors.ts";
import type { OperatorCaps } from "../team/quota/caps.ts";
import type { LimitState } from "../team/quota/limits.ts";
import type { Plan, Retention } from "../team/quota/plan.ts";
import type { Charge, Price, Verdict } from "../team/quota/prices.ts";
import type { EndEventType } from "../webhooks/event-types.ts";
import type { RequestSpec } from "./request-spec.ts";
import type { ActingFor, Credential, KeyKind, Scope, Turnstile } from "./team-keys.ts";
import type { InputFiles } from "./team-uploads.ts";
import type { OwedDelivery } from "./team-webhooks.ts";
export type { Retention } from "../team/quota/plan.ts";
export interface PlanInUse {
    name: string;
    plan: Plan;
    hash: string;
}
export interface Identity {
    team: string;
    keyId: string;
    keyName: string;
    kind: KeyKind | "token" | "jwt";
    scopes: Scope[];
    user: string | null;
    origins: string[] | null;
    models: string[] | null;
    turnstile: Turnstile | null;
    contactUrl: string | null;
    tags: Record<string, string>;
    plans: string[];
    issuerUsers: string[];
    keyExpiresAt: number | null;
    planName: string;
    plan: Plan;
    planHash: string;
    caps: OperatorCaps | null;
    managesConnections: boolean;
}
export type IdentifyAnswer = {
    kind: "known";
    identity: Identity;
} | (Refused & {
    unknownTeam?: true;
});
export interface AdmitInput extends ActingFor, Pick<RequestSpec, "model"> {
    requestId: string;
    planHash: string;
    measures: InputMeasures | null;
    files: InputFiles;
    idempotencyKey: string | null;
    bodyHash: string;
}
export interface AdmittedCost {
    estimatedMicro: number | null;
    price: Price | null;
    exact: boolean;
}
export interface AdmittedTerms extends Pick<RequestSpec, "user"> {
    keyId: string;
    createdAt: number;
    cost: AdmittedCost;
    retention: Retention;
    fileLinkS: number | null;
    whenPaused: Plan["when_paused"];
}
export type AdmitAnswer = {
    kind: "admitted";
    requestId: string;
    terms: AdmittedTerms;
    replayed: boolean;
    limits: LimitState[];
} | {
    kind: "refused";
    refusal: Refusal;
    limits?: LimitState[];
} | ({
    kind: "plan_changed";
} & PlanInUse) | {
    kind: "plan_stands";
};
export interface QuoteInput {
    credential: Credential;
    model: string;
    planHash: string;
    measures: InputMeasures | null;
}
export type QuoteAnswer = {
    kind: "quoted";
    estimatedMicro: number | null;
    price: Price | null;
} | Refused | ({
    kind: "plan_changed";
} & PlanInUse) | {
    kind: "plan_stands";
};
export type Outcome = "completed" | "failed" | "canceled";
export type IndexStatus = "open" | Outcome;
export type { Verdict } from "../team/quota/prices.ts";
export type CostSource = Charge["source"];
export interface SettledFiles {
    stored: number;
    failed: number;
    first: {
        type: string | null;
        path: string;
    } | null;
}
export interface SettleInput {
    requestId: string;
    outcome: Outcome;
    reservation: Verdict;
    endedAt: number;
    units: string | null;
    measured: Measures | null;
    outputBytes: number | null;
    failure: {
        status: number | null;
        code: ErrorCode;
    } | null;
    durationMs: number | null;
    files: SettledFiles;
    eventType: EndEventType;
    hasWebhook: boolean;
    chosenTags: string[];
}
export interface Settled {
    kind: "settled";
    chargedMicro: number | null;
    source: CostSource;
    verdict: Verdict;
    eventId: string | null;
    deliveries: OwedDelivery[];
}
export interface RequestSummary {
    id: string;
    keyId: string;
    user: string | null;
    model: string;
    tags: Record<string, string>;
    status: IndexStatus;
    createdAt: number;
    endedAt: number | null;
}
export type AttentionReason = "unsettled_charge" | "failed_file" | "failed_delivery";
export interface RequestLine extends RequestSummary {
    keyName: string;
    estimatedMicro: number | null;
    chargedMicro: number | null;
    errorCode: string | null;
    durationMs: number | null;
    files: {
        count: number;
        type: string | null;
        path: string | null;
        linkS: number | null;
    } | null;
    attention: AttentionReason[];
}
export interface RequestFilter {
    status?: IndexStatus | undefined;
    model?: string | undefined;
    user?: string | undefined;
    keyId?: string | undefined;
    errorCode?: string | undefined;
    costMinMicro?: number | undefined;
    attention?: true | undefined;
    tag?: string | undefined;
    from?: number | undefined;
    to?: number | undefined;
}
export interface ListInput extends RequestFilter {
    cursor?: string | undefined;
    limit: number;
}
export type ListAnswer = {
    kind: "page";
    data: RequestLine[];
    nextCursor: string | null;
} | Refused;
export interface RequestCount {
    count: number;
    lookedTo: number | null;
}
export interface Me {
    team: {
        id: string;
        name: string;
    };
    identity: Identity;
    limits: LimitState[];
}
export type MeAnswer = ({
    kind: "known";
} & Me) | Refused;
