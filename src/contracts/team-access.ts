// Request lifecycle through Team: identity, admission and settlement. Refusals are values. Types only; times are epoch ms.

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

/** A plan in effect. `hash` identifies this revision. */
export interface PlanInUse {
  name: string;
  plan: Plan;
  hash: string;
}

/** Identity and current permissions of a credential. */
export interface Identity {
  team: string;
  /** The key id; `issuerKeyId` for a user's JWT. */
  keyId: string;
  keyName: string;
  kind: KeyKind | "token" | "jwt";
  scopes: Scope[];
  /** User that the credential is bound to; null: the call names the user. */
  user: string | null;
  /** Allowed origins of the key, else of the plan; null: any origin. */
  origins: string[] | null;
  /** Patterns that narrow the models of the plan; null: no restriction. */
  models: string[] | null;
  turnstile: Turnstile | null;
  contactUrl: string | null;
  /** Tags that the credential fixes. */
  tags: Record<string, string>;
  /** Plans that a secret key may give to tokens, beside its own. */
  plans: string[];
  /** Issuers whose users a secret key may name. */
  issuerUsers: string[];
  /** When the key expires; null: never, or a user's JWT, which has no key. */
  keyExpiresAt: number | null;
  planName: string;
  plan: Plan;
  planHash: string;
  /** What the operator caps, whatever the plan says. */
  caps: OperatorCaps | null;
  /** Whether the team's admins may manage the deployment's connections. */
  managesConnections: boolean;
}

/** `unknownTeam`: no team has this id, so every other credential of it is refused too. */
export type IdentifyAnswer = { kind: "known"; identity: Identity } | (Refused & { unknownTeam?: true });

/** A submit, with the fields that Team decides on. */
export interface AdmitInput extends ActingFor, Pick<RequestSpec, "model"> {
  /** Id of a new tracker; for a replay, the answer contains the earlier id. */
  requestId: string;
  /** Hash of the plan whose input rules were applied; if another plan is in effect, the answer is `plan_changed`. */
  planHash: string;
  /** Worst case of the input; null: the input rules refuse it, so only a replay can be answered. */
  measures: InputMeasures | null;
  files: InputFiles;
  idempotencyKey: string | null;
  /** SHA-256 of everything that identifies the submit, model and user included. */
  bodyHash: string;
}

/** Cost terms fixed at admission. */
export interface AdmittedCost {
  /** Estimated maximum in micro-USD; null if unknown. */
  estimatedMicro: number | null;
  price: Price | null;
  /** The result is fetched once more to read the billed units. */
  exact: boolean;
}

/** Terms of an admitted request. They hold for the request when keys, prices or plans change. */
export interface AdmittedTerms extends Pick<RequestSpec, "user"> {
  /** The key that the request counts towards; `issuerKeyId` for a user's JWT. */
  keyId: string;
  /** Time of admission. */
  createdAt: number;
  cost: AdmittedCost;
  retention: Retention;
  /** Lifetime of private file links in seconds; null: file URLs do not expire. */
  fileLinkS: number | null;
  /** What happens while upstream is paused. */
  whenPaused: Plan["when_paused"];
}

export type AdmitAnswer =
  | {
      kind: "admitted";
      requestId: string;
      terms: AdmittedTerms;
      /** An earlier submit created this request: same idempotency key, or identical within `dedupe_s`. */
      replayed: boolean;
      limits: LimitState[];
    }
  | { kind: "refused"; refusal: Refusal; limits?: LimitState[] }
  /** Nothing was decided: the edge applies this plan and repeats the call. */
  | ({ kind: "plan_changed" } & PlanInUse)
  /** Not a replay, and the plan whose rules refused the input is in effect. */
  | { kind: "plan_stands" };

export interface QuoteInput {
  credential: Credential;
  model: string;
  planHash: string;
  /** As in `AdmitInput`. */
  measures: InputMeasures | null;
}

export type QuoteAnswer =
  | { kind: "quoted"; estimatedMicro: number | null; price: Price | null }
  | Refused
  | ({ kind: "plan_changed" } & PlanInUse)
  | { kind: "plan_stands" };

/** Coarse outcome of a request, as the index stores it. */
export type Outcome = "completed" | "failed" | "canceled";
export type IndexStatus = "open" | Outcome;
/** Whether the holds of a request are charged, refunded, or stay reserved until the charge is known. Stored values. */
export type { Verdict } from "../team/quota/prices.ts";
export type CostSource = Charge["source"];

/** Files of an ended request. `path`: the end of the first stored file's URL, without a signature. */
export interface SettledFiles {
  stored: number;
  failed: number;
  first: { type: string | null; path: string } | null;
}

export interface SettleInput {
  requestId: string;
  outcome: Outcome;
  reservation: Verdict;
  endedAt: number;
  /** `x-fal-billable-units` of the result, if one was fetched. */
  units: string | null;
  /** Measured amounts of the output; null if there is none or the price does not depend on it. */
  measured: Measures | null;
  /** Bytes of stored files; null = not known. */
  outputBytes: number | null;
  /** A failure: HTTP status, if upstream gave one, and error code. */
  failure: { status: number | null; code: ErrorCode } | null;
  /** From submit to output; null without an output. */
  durationMs: number | null;
  files: SettledFiles;
  /** Event type of the end. */
  eventType: EndEventType;
  /** The request has its own `webhook_url`. */
  hasWebhook: boolean;
  /** Names of tags that a client chose: endpoints are not picked by them. */
  chosenTags: string[];
}

/** Settlement of an ended request. `verdict` may differ from the input: the plan decides on a 422. */
export interface Settled {
  kind: "settled";
  /** Null if unknown. */
  chargedMicro: number | null;
  source: CostSource;
  verdict: Verdict;
  /** Event id of the end (`webhook-id`); null if no event is published. */
  eventId: string | null;
  /** Deliveries that the tracker sends; the same for each repetition. */
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

/** What of a request needs a person: its charge is unknown, a file could not be stored, its end could not be delivered. */
export type AttentionReason = "unsettled_charge" | "failed_file" | "failed_delivery";

/**
 * A request as lists show it. Money is micro-USD: `estimatedMicro` null if unknown, `chargedMicro` null until it is settled or if
 * unknown. `durationMs`: from submit to output.
 */
export interface RequestLine extends RequestSummary {
  keyName: string;
  estimatedMicro: number | null;
  chargedMicro: number | null;
  errorCode: string | null;
  durationMs: number | null;
  /**
   * Stored files: how many, and the first's type and the end of its URL (`{n}/{name}`). `path` null: it was deleted, or whether its
   * links end is not known. `linkS`: lifetime of its links; null: they do not end.
   */
  files: { count: number; type: string | null; path: string | null; linkS: number | null } | null;
  attention: AttentionReason[];
}

/** Which requests a list or a count has. */
export interface RequestFilter {
  status?: IndexStatus | undefined;
  model?: string | undefined;
  user?: string | undefined;
  keyId?: string | undefined;
  errorCode?: string | undefined;
  /** Charged at least so much; what is not settled counts with its estimate. */
  costMinMicro?: number | undefined;
  /** Only those that need a person. */
  attention?: true | undefined;
  /** `name=value`, or `name` for any value. */
  tag?: string | undefined;
  /** Created at or after. */
  from?: number | undefined;
  /** Created before. */
  to?: number | undefined;
}

export interface ListInput extends RequestFilter {
  cursor?: string | undefined;
  limit: number;
}

export type ListAnswer = { kind: "page"; data: RequestLine[]; nextCursor: string | null } | Refused;

/** `lookedTo`: creation of the oldest request that was looked at, if there may be older matches; null: the count is complete. */
export interface RequestCount {
  count: number;
  lookedTo: number | null;
}

export interface Me {
  team: { id: string; name: string };
  identity: Identity;
  limits: LimitState[];
}

export type MeAnswer = ({ kind: "known" } & Me) | Refused;
