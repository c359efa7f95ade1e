// What Team is asked and what it answers, as data that crosses RPC. Refusals are values. Times are epoch milliseconds.
// Types only.

import type { Measures } from "../models/measures.ts";
import type { Refusal, Refused } from "../platform/errors.ts";
import type { Issuer } from "../team/auth/issuers.ts";
import type { LimitState } from "../team/quota/limits.ts";
import type { Plan, Retention } from "../team/quota/plan.ts";
import type { Charge, Price } from "../team/quota/prices.ts";
import type { EndEventType } from "../webhooks/event-types.ts";
import type { Answer } from "./rpc.ts";
import type { Actor, KeyWish, NewKey } from "./team-admin.ts";
import type { InputFiles } from "./team-uploads.ts";
import type { OwedDelivery } from "./team-webhooks.ts";

export type { Retention } from "../team/quota/plan.ts";

/** `secret` is for servers; `publishable` may be seen by anybody and can only be exchanged for a client token. */
export type KeyKind = "secret" | "publishable";

/** `run` submits and cancels, `read` looks, `admin` manages keys and plans. None implies another. */
export type Scope = "run" | "read" | "admin";

/**
 * What the edge found behind an Authorization header, every signature checked: what Team is asked by. A token and a JWT are
 * good for their user alone. `visitor` and `ip` are our own marks, never the caller's words. A JWT has no key: in requests
 * and counters its key id is `issuerKeyId(issuer)`.
 */
export type Credential =
  /** A secret or publishable key, by the SHA-256 of its text. */
  | { kind: "key"; digest: string }
  /** A client token of ours, minted with the key `keyId`. `models` are globs that narrow the plan's; null: as the key's. */
  | {
      kind: "token";
      keyId: string;
      user: string;
      visitor: string | null;
      ip: string | null;
      models: string[] | null;
      plan: string | null;
    }
  /** A user's JWT. `issuer` is the name that the team gave it; `plan` is what its claim says, if it has one. */
  | { kind: "jwt"; issuer: string; user: string; plan: string | null; tags: Record<string, string> };

/** A plan as it applies to somebody. `hash` names this very text of it. */
export interface PlanInUse {
  name: string;
  plan: Plan;
  hash: string;
}

/** Cloudflare Turnstile of a publishable key. `secret` is for siteverify and never shown. */
export interface Turnstile {
  siteKey: string;
  secret: string;
  hostname: string | null;
}

/** What only some keys have. */
export interface KeyTerms {
  /** The member that a key is bound to; null: it may act for anybody. */
  user: string | null;
  /** The plan that applies instead of the team's. */
  plan: string | null;
  /** Globs that narrow the plan's models. */
  models: string[] | null;
  /** Exact origins that pages may call from. */
  origins: string[] | null;
  turnstile: Turnstile | null;
}

/** A key as lists show it: never its text or digest. */
export interface KeySummary extends KeyTerms {
  id: string;
  kind: KeyKind;
  name: string;
  /** Empty for a publishable key: it can only be exchanged. */
  scopes: Scope[];
  /** First characters of the key's text; all of it for a publishable one. */
  shown: string;
  createdAt: number;
  /** Within KEY_LAST_USED_STEP_MS; null = never. */
  lastUsedAt: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
  frozenAt: number | null;
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

/** For whom a call counts, beside the credential's key. */
export interface ActingFor {
  credential: Credential;
  user: string | null;
  visitor: string | null;
  ip: string | null;
  tags: Record<string, string>;
}

export interface AdmitInput extends ActingFor {
  /** A new tracker's id; when the call turns out to be a replay, the answer names the earlier one. */
  requestId: string;
  /** Whole model id. */
  model: string;
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

export type AdmitAnswer =
  | {
      kind: "admitted";
      requestId: string;
      keyId: string;
      user: string | null;
      /** An earlier post made this request: the same idempotency key, or an equal post within `dedupe_s`. */
      replayed: boolean;
      /** How long compatible surfaces hold a status call, by plan. */
      holdS: number;
      /** What becomes of the request while upstream is paused. */
      whenPaused: Plan["when_paused"];
      admittedAt: number;
      cost: AdmittedCost;
      retention: Retention;
      /** Life of the files' links in seconds where they are private; null: their URLs are for good. */
      fileLinkS: number | null;
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

export type CreateKeyAnswer = { kind: "created"; key: KeySummary; secret: string } | Refused;
export type KeyAnswer = { kind: "changed"; key: KeySummary } | Refused;

export interface TeamKeys {
  /** Makes a key and tells its text, this once. */
  create(wish: KeyWish, by: Actor): Answer<CreateKeyAnswer>;
  /** Gives a key another text and tells it, this once. The old one works for `overlapS` more; id, limits and history stay. */
  rotate(id: string, overlapS: number, by: Actor): Answer<{ kind: "rotated"; key: NewKey } | Refused>;
  /** Newest first, revoked and expired ones included. */
  list(): Answer<KeySummary[]>;
  /** Ends a key for good. Again: the same answer. */
  revoke(id: string, by: Actor): Answer<KeyAnswer>;
  /** Freezes or unfreezes a key. Again: the same answer. */
  freeze(id: string, frozen: boolean, by: Actor): Answer<KeyAnswer>;
}

/** A key set as it was fetched. `json` is a JWKS (RFC 7517) of public keys only. `fetchedAt` is epoch milliseconds. */
export interface IssuerKeys {
  json: string;
  fetchedAt: number;
}

/** An issuer and the keys that were last fetched for it. */
export interface KeptIssuer {
  issuer: Issuer;
  keys: IssuerKeys | null;
}

export interface TeamIssuers {
  /** By name. */
  list(): Answer<KeptIssuer[]>;
  /** Writes an issuer, a new one or another text of the old. */
  put(issuer: Issuer, by: Actor): Answer<{ kind: "kept" } | Refused>;
  remove(name: string, by: Actor): Answer<{ kind: "removed" } | Refused>;
  /** An issuer's keys, fetched first when that is due. Null: there are none. */
  keysOf(wish: { name: string; unknownKey: boolean }): Answer<IssuerKeys | null>;
  /** Counts one exchange of a publishable key by an address, or refuses it. */
  countMint(exchange: { keyId: string; ip: string }): Answer<{ kind: "counted" } | Refused>;
}
