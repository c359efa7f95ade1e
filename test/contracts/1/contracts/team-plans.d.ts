import type { InputMeasures } from "../models/measures.ts";
import type { Refusal, Refused } from "../platform/errors.ts";
import type { IfMatch } from "../platform/version-tag.ts";
import type { EmptyLimit } from "../team/quota/limit-seeds.ts";
import type { LimitState } from "../team/quota/limits.ts";
import type { Plan } from "../team/quota/plan.ts";
import type { LimitCount } from "../team/quota/plan-limits.ts";
import type { Price } from "../team/quota/prices.ts";
import type { Answer } from "./rpc.ts";
import type { Actor } from "./team-keys.ts";
import type { InputFiles } from "./team-uploads.ts";
export interface NamedPlan {
    name: string;
    plan: Plan;
}
export interface PlanVersion {
    version: number;
    at: number | null;
    actor: string | null;
    plan: Plan;
}
export interface PlanWrite {
    ifMatch: IfMatch;
    mode: "replace" | "keep" | "create";
}
export interface PlanTest {
    name: string;
    plan: Plan;
    keyId: string;
    model: string;
    user: string | null;
    visitor: string | null;
    ip: string | null;
    tags: Record<string, string>;
    measures: InputMeasures | null;
    files: InputFiles;
}
export interface PlanTestAnswer {
    kind: "tested";
    refusal: Refusal | null;
    exceeded: string[];
    limits: LimitState[];
    price: Price | null;
    estimatedMicro: number | null;
}
export interface PastRequest {
    id: string;
    keyId: string;
    user: string | null;
    model: string;
    tags: Record<string, string>;
    createdAt: number;
    endedAt: number | null;
    verdict: "charge" | "refund" | null;
    chargedMicro: number | null;
    price: Price | null;
    estimatedMicro: number | null;
    counts?: LimitCount;
}
export interface PastQuery {
    from: number;
    to: number;
    after: number | null;
}
export interface PastPage {
    data: PastRequest[];
    next: number | null;
}
export interface SeededLimits {
    startsEmpty: EmptyLimit[];
}
export interface TeamPlans {
    test(test: PlanTest): Answer<PlanTestAnswer | Refused>;
    past(query: PastQuery): Answer<PastPage>;
    list(): Answer<NamedPlan[]>;
    read(name: string): Answer<{
        kind: "known";
        plan: Plan;
    } | Refused>;
    put(name: string, plan: Plan, by: Actor, write?: PlanWrite): Answer<({
        kind: "stored";
    } & SeededLimits) | Refused>;
    remove(name: string, by: Actor, ifMatch?: IfMatch): Answer<{
        kind: "removed";
    } | Refused>;
    versions(name: string): Answer<{
        kind: "known";
        versions: PlanVersion[];
    } | Refused>;
    restore(name: string, version: number, by: Actor, ifMatch?: IfMatch): Answer<({
        kind: "restored";
        plan: Plan;
    } & SeededLimits) | Refused>;
}
