// Plans of a team: what is read, written and tried out. Types only; times are epoch ms.

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

/** A plan as it was from `at` on. Author and time are null for what was stored before versions were kept. */
export interface PlanVersion {
  version: number;
  at: number | null;
  actor: string | null;
  plan: Plan;
}

/** What a writer of a plan insists on. */
export interface PlanWrite {
  ifMatch: IfMatch;
  /** `keep`: a limit that the plan has may change but not go. `create`: there must be no such plan. */
  mode: "replace" | "keep" | "create";
}

/** One request to try a plan on. `measures` null: its input is refused already, and only the limits are asked for. */
export interface PlanTest {
  name: string;
  plan: Plan;
  /** Key whose counters and models apply. With a publishable key, or for a visitor, it is a visitor who asks. */
  keyId: string;
  model: string;
  user: string | null;
  visitor: string | null;
  ip: string | null;
  tags: Record<string, string>;
  measures: InputMeasures | null;
  files: InputFiles;
}

/** `exceeded`: names of the limits that refuse it; `limits`: those that apply, before it. */
export interface PlanTestAnswer {
  kind: "tested";
  refusal: Refusal | null;
  exceeded: string[];
  limits: LimitState[];
  price: Price | null;
  estimatedMicro: number | null;
}

/** A request of the index, as a plan sees it. `verdict` null: not settled. Money in micro-USD. */
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
  /** What limits count of it where they do not say so; absent: as of a secret key. */
  counts?: LimitCount;
}

/** Admitted from `from` on and before `to`; after the place of the page before. */
export interface PastQuery {
  from: number;
  to: number;
  after: number | null;
}

/** In the order of admission, without deleted requests. `next`: `after` of the next page; null on the last. */
export interface PastPage {
  data: PastRequest[];
  next: number | null;
}

/** New limits begin with what their day or month has had; `startsEmpty` are those that cannot. */
export interface SeededLimits {
  startsEmpty: EmptyLimit[];
}

export interface TeamPlans {
  /** What a plan would say of a request now. Reserves nothing. */
  test(test: PlanTest): Answer<PlanTestAnswer | Refused>;
  /** A page of past requests, to try a plan on. */
  past(query: PastQuery): Answer<PastPage>;
  list(): Answer<NamedPlan[]>;
  read(name: string): Answer<{ kind: "known"; plan: Plan } | Refused>;
  /** Refused if publishable keys use the plan and it would no longer bound their money. */
  put(name: string, plan: Plan, by: Actor, write?: PlanWrite): Answer<({ kind: "stored" } & SeededLimits) | Refused>;
  /** Refused for a plan that the team or a key uses. Its versions stay. */
  remove(name: string, by: Actor, ifMatch?: IfMatch): Answer<{ kind: "removed" } | Refused>;
  /** Newest first, also of a deleted plan. */
  versions(name: string): Answer<{ kind: "known"; versions: PlanVersion[] } | Refused>;
  /** Writes an earlier version again, as a new one. */
  restore(
    name: string,
    version: number,
    by: Actor,
    ifMatch?: IfMatch,
  ): Answer<({ kind: "restored"; plan: Plan } & SeededLimits) | Refused>;
}
