// What Team is asked and what it answers, as data that crosses RPC. Refusals are values. Times are epoch milliseconds.
// Types only; imports types.

import type { Refusal } from "../errors.ts";
import type { Plan } from "./plan.ts";
import type { LimitState } from "./quota.ts";

/** `run` submits and cancels, `read` looks, `admin` manages keys and plans. None implies another. */
export type Scope = "run" | "read" | "admin";

/** Who a key is. */
export interface Identity {
  team: string;
  keyId: string;
  keyName: string;
  scopes: Scope[];
  /** Name of the plan that applies. */
  plan: string;
}

/** A key as lists show it: never its text or digest. */
export interface KeySummary {
  id: string;
  name: string;
  scopes: Scope[];
  /** First characters of the key's text. */
  shown: string;
  createdAt: number;
  /** Within KEY_LAST_USED_STEP_MS; null = never. */
  lastUsedAt: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
}

/** A key at its making, the only time its text is told. */
export interface NewKey {
  id: string;
  secret: string;
}

export interface NamedPlan {
  name: string;
  plan: Plan;
}

export interface TeamSummary {
  id: string;
  name: string;
  plan: string;
  createdAt: number;
}

export interface AdmitInput {
  /** SHA-256 of the key's text. */
  digest: string;
  /** A new tracker's id; when the call turns out to be a replay, the answer names the earlier one. */
  requestId: string;
  /** Whole model id. */
  model: string;
  user: string | null;
  tags: Record<string, string>;
  idempotencyKey: string | null;
  /** SHA-256 of the body's bytes, compared when the idempotency key comes again. */
  bodyHash: string;
}

export type AdmitAnswer =
  | {
      kind: "admitted";
      requestId: string;
      keyId: string;
      user: string | null;
      /** An earlier post with the same idempotency key and body made this request. */
      replayed: boolean;
      /** How long compatible surfaces hold a status call, by plan. */
      holdS: number;
      admittedAt: number;
      limits: LimitState[];
    }
  | { kind: "refused"; refusal: Refusal; limits?: LimitState[] };

/** How a request ended, as coarsely as the index keeps it. */
export type Outcome = "completed" | "failed" | "canceled";
export type IndexStatus = "open" | Outcome;

export interface SettleInput {
  requestId: string;
  outcome: Outcome;
  /** Whether what it took of the limits stays taken, is given back, or stays reserved until somebody knows. */
  reservation: "take" | "refund" | "keep";
  endedAt: number;
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

export type ListAnswer =
  | { kind: "page"; data: RequestSummary[]; nextCursor: string | null }
  | { kind: "refused"; refusal: Refusal };

export interface Me {
  team: TeamSummary;
  key: KeySummary;
  plan: NamedPlan;
  limits: LimitState[];
}
