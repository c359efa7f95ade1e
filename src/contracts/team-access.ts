// The road of a request through Team: who calls, whether a submit is let in, what its end is charged. Refusals are values. Types
// only; times are epoch ms.

import type { Measures } from "../models/measures.ts";
import type { Refusal, Refused } from "../platform/errors.ts";
import type { LimitState } from "../team/quota/limits.ts";
import type { Plan, Retention } from "../team/quota/plan.ts";
import type { Charge, Price } from "../team/quota/prices.ts";
import type { EndEventType } from "../webhooks/event-types.ts";
import type { RequestSpec } from "./request-spec.ts";
import type { ActingFor, Credential, KeyKind, Scope, Turnstile } from "./team-keys.ts";
import type { InputFiles } from "./team-uploads.ts";
import type { OwedDelivery } from "./team-webhooks.ts";

export type { Retention } from "../team/quota/plan.ts";

/** A plan as it applies to somebody. `hash` names this very text of it. */
export interface PlanInUse {
  name: string;
  plan: Plan;
  hash: string;
}

/** Who a credential is, and what it may do now. */
export interface Identity {
  team: string;
  /** The key behind it; `issuerKeyId` for a user's JWT. */
  keyId: string;
  keyName: string;
  kind: KeyKind | "token" | "jwt";
  scopes: Scope[];
  /** Whom it acts for, whatever the call says; null: whom the call names. */
  user: string | null;
  /** The key's own list, else the plan's; null: any origin. */
  origins: string[] | null;
  /** Globs that narrow the plan's models; null: none do. */
  models: string[] | null;
  turnstile: Turnstile | null;
  planName: string;
  plan: Plan;
  planHash: string;
  /** What the operator allows the team; its admins alone make use of it. */
  managesConnections: boolean;
}

export type IdentifyAnswer = { kind: "known"; identity: Identity } | Refused;

/** A post, with the part of its spec that Team decides on. */
export interface AdmitInput extends ActingFor, Pick<RequestSpec, "model"> {
  /** A new tracker's id; when the call turns out to be a replay, the answer names the earlier one. */
  requestId: string;
  /** The plan whose input rules were applied; another one in use now is answered `plan_changed`. */
  planHash: string;
  /** The worst case of the input that will be sent; null: the plan's rules refuse it, so only a replay can be answered. */
  measures: Measures | null;
  files: InputFiles;
  idempotencyKey: string | null;
  /** SHA-256 of all that makes the post what it is, model and user included; compared when it comes again. */
  bodyHash: string;
}

/** What was settled about money at an admit. */
export interface AdmittedCost {
  /** Worst case in micro-USD; null = not known. */
  estimatedMicro: number | null;
  price: Price | null;
  /** The plan buys one result call for the units that fal billed. */
  exact: boolean;
}

/** What Team decided about a request when it admitted it. Holds for the request whatever keys, prices and plans say later. */
export interface AdmittedTerms extends Pick<RequestSpec, "user"> {
  /** The key that it counts for; `issuerKeyId` for a user's JWT. */
  keyId: string;
  /** When it was admitted. */
  createdAt: number;
  cost: AdmittedCost;
  retention: Retention;
  /** Life of the files' links in seconds where they are private; null: their URLs do not expire. */
  fileLinkS: number | null;
  /** What becomes of it while upstream is paused. */
  whenPaused: Plan["when_paused"];
}

export type AdmitAnswer =
  | {
      kind: "admitted";
      requestId: string;
      terms: AdmittedTerms;
      /** An earlier post made this request: the same idempotency key, or an equal post within `dedupe_s`. */
      replayed: boolean;
      limits: LimitState[];
    }
  | { kind: "refused"; refusal: Refusal; limits?: LimitState[] }
  /** Nothing was decided: the edge applies this plan's rules and asks again. */
  | ({ kind: "plan_changed" } & PlanInUse)
  /** No replay, and the plan whose rules refused the input is the one in force. */
  | { kind: "plan_stands" };

export interface QuoteInput {
  credential: Credential;
  model: string;
  planHash: string;
  /** As in `AdmitInput`. */
  measures: Measures | null;
}

export type QuoteAnswer =
  | { kind: "quoted"; estimatedMicro: number | null; price: Price | null }
  | Refused
  | ({ kind: "plan_changed" } & PlanInUse)
  | { kind: "plan_stands" };

/** How a request ended, as coarsely as the index keeps it. */
export type Outcome = "completed" | "failed" | "canceled";
export type IndexStatus = "open" | Outcome;
/** Whether what a request took of the limits stays taken, is given back, or stays reserved until somebody knows. */
export type Verdict = "take" | "refund" | "keep";
export type CostSource = Charge["source"];

export interface SettleInput {
  requestId: string;
  outcome: Outcome;
  reservation: Verdict;
  endedAt: number;
  /** fal's `x-fal-billable-units`, where a result call showed it. */
  units: string | null;
  /** What the output shows of itself; null where there is none, or its price does not ask. */
  measured: Measures | null;
  /** Bytes of stored files; null = not known. */
  outputBytes: number | null;
  /** Upstream's status of a failure, where it gave one. */
  failure: { status: number | null } | null;
  /** What the end is told as. */
  eventType: EndEventType;
  /** The request names a `webhook_url` of its own. */
  hasWebhook: boolean;
}

/** What the ledger says about an ended request. `verdict`: a 422 may have been decided otherwise than asked, by plan. */
export interface Settled {
  kind: "settled";
  /** Null = not known. */
  chargedMicro: number | null;
  source: CostSource;
  verdict: Verdict;
  /** The `webhook-id` of this end's deliveries and its id in the event feed; null where there is nothing to tell. */
  eventId: string | null;
  /** What the tracker owes; the same each time that the same end is told. */
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

export interface ListInput {
  status?: IndexStatus | undefined;
  model?: string | undefined;
  user?: string | undefined;
  /** `name=value`, or `name` alone for any value. */
  tag?: string | undefined;
  /** Created at or after. */
  from?: number | undefined;
  /** Created before. */
  to?: number | undefined;
  cursor?: string | undefined;
  limit: number;
}

export type ListAnswer = { kind: "page"; data: RequestSummary[]; nextCursor: string | null } | Refused;

export interface Me {
  team: { id: string; name: string };
  identity: Identity;
  limits: LimitState[];
}

export type MeAnswer = ({ kind: "known" } & Me) | Refused;
