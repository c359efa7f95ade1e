// The one row of a request at its team: line of the index, reservation, and receipt. Pure.

import type { CostSource, IndexStatus, RequestSummary, Verdict } from "../../contracts/team-access.ts";
import type { PastRequest } from "../../contracts/team-plans.ts";
import type { Hold } from "../quota/limits.ts";
import type { Price } from "../quota/prices.ts";

/** Terms fixed at admission. */
export interface Terms {
  price: Price | null;
  charge422: boolean;
  exact: boolean;
  /** Lifetime of file links in seconds; null: they do not end. Rows of older code lack both. */
  fileLinkS?: number | null;
  /** Days after the end for which files are kept; null: for good. */
  filesDays?: number | null;
}

/** Charge of a request. `by`: null if settled at its end, else the key id or "operator" that settled it manually. */
export interface Receipt {
  settledAt: number;
  verdict: Exclude<Verdict, "keep">;
  /** Null if unknown. */
  chargedMicro: number | null;
  source: CostSource;
  by: string | null;
}

export interface TeamRequest extends RequestSummary {
  /** Order of admission. */
  place: number;
  /** Name of the Maton account that it runs on. */
  account: string;
  /** As the key was called at admission. */
  keyName: string;
  /** When to ask its tracker. Null: by the watermark, or not at all once it is settled. */
  sweepAt: number | null;
  /** When the request was deleted or its user anonymized; the row has no content then. */
  deletedAt: number | null;
  /** The last published end and its event. */
  published: { endedAt: number; eventId: string } | null;
  /** Holds not yet released. */
  holds: Hold[];
  terms: Terms;
  estimatedMicro: number | null;
  receipt: Receipt | null;
  errorCode: string | null;
  durationMs: number | null;
  /** Stored files; type and path of the first. */
  files: { count: number; type: string | null; path: string | null };
  /** See attention.ts. */
  attention: number;
}

/** The columns, as they are stored. */
export type RequestRow = {
  id: string;
  place: number;
  account: string;
  key_id: string;
  key_name: string;
  user: string | null;
  model: string;
  tags: string;
  status: string;
  created_at: number;
  sweep_at: number | null;
  ended_at: number | null;
  deleted_at: number | null;
  published_end_at: number | null;
  published_event_id: string | null;
  holds: string;
  terms: string;
  estimated: number | null;
  settled_at: number | null;
  verdict: string | null;
  charged: number | null;
  source: string | null;
  settled_by: string | null;
  error_code: string | null;
  duration_ms: number | null;
  file_count: number;
  file_type: string | null;
  file_path: string | null;
  attention: number;
};

export function rowOf(request: TeamRequest): RequestRow {
  const { published, receipt, files } = request;
  return {
    id: request.id,
    place: request.place,
    account: request.account,
    key_id: request.keyId,
    key_name: request.keyName,
    user: request.user,
    model: request.model,
    tags: JSON.stringify(request.tags),
    status: request.status,
    created_at: request.createdAt,
    sweep_at: request.sweepAt,
    ended_at: request.endedAt,
    deleted_at: request.deletedAt,
    published_end_at: published?.endedAt ?? null,
    published_event_id: published?.eventId ?? null,
    holds: JSON.stringify(request.holds),
    terms: JSON.stringify(request.terms),
    estimated: request.estimatedMicro,
    settled_at: receipt?.settledAt ?? null,
    verdict: receipt?.verdict ?? null,
    charged: receipt?.chargedMicro ?? null,
    source: receipt?.source ?? null,
    settled_by: receipt?.by ?? null,
    error_code: request.errorCode,
    duration_ms: request.durationMs,
    file_count: files.count,
    file_type: files.type,
    file_path: files.path,
    attention: request.attention,
  };
}

export function requestOf(row: RequestRow): TeamRequest {
  const { published_end_at: endedAt, published_event_id: eventId } = row;
  return {
    ...requestSummary(row),
    place: row.place,
    account: row.account,
    keyName: row.key_name,
    sweepAt: row.sweep_at,
    deletedAt: row.deleted_at,
    published: endedAt === null || eventId === null ? null : { endedAt, eventId },
    holds: JSON.parse(row.holds) as Hold[],
    terms: JSON.parse(row.terms) as Terms,
    estimatedMicro: row.estimated,
    receipt: receiptOf(row),
    errorCode: row.error_code,
    durationMs: row.duration_ms,
    files: { count: row.file_count, type: row.file_type, path: row.file_path },
    attention: row.attention,
  };
}

export function requestSummary(row: RequestRow): RequestSummary {
  return {
    id: row.id,
    keyId: row.key_id,
    user: row.user,
    model: row.model,
    tags: JSON.parse(row.tags) as Record<string, string>,
    status: row.status as IndexStatus,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  };
}

function receiptOf({ settled_at: settledAt, charged: chargedMicro, ...row }: RequestRow): Receipt | null {
  if (settledAt === null) return null;
  const verdict = row.verdict as Receipt["verdict"];
  return { settledAt, verdict, chargedMicro, source: row.source as CostSource, by: row.settled_by };
}

/** The columns of a request that a plan decides on. */
export type PastColumns = Pick<
  RequestRow,
  | ("id" | "place" | "key_id" | "user" | "model" | "tags" | "created_at" | "ended_at" | "deleted_at")
  | ("verdict" | "charged" | "estimated" | "terms")
>;

export function pastRequest(row: PastColumns): PastRequest {
  return {
    id: row.id,
    keyId: row.key_id,
    user: row.user,
    model: row.model,
    tags: JSON.parse(row.tags) as Record<string, string>,
    createdAt: row.created_at,
    endedAt: row.ended_at,
    verdict: row.verdict as PastRequest["verdict"],
    chargedMicro: row.charged,
    price: (JSON.parse(row.terms) as Terms).price,
    estimatedMicro: row.estimated,
  };
}
