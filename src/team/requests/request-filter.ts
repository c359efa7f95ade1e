// Which requests of the index a list, a count or an export has, and what of one a list shows. Pure.

import type { AttentionReason, RequestFilter, RequestLine } from "../../contracts/team-access.ts";
import { DAY_MS } from "../../platform/time.ts";
import { type Attention, needsAttention } from "../attention.ts";
import { type RequestRow, requestSummary, type Terms } from "./request-row.ts";

/** What the filter looks at; times and users are conditions of the query (request-index.ts). */
export type FilteredColumns = Pick<
  RequestRow,
  | "deleted_at"
  | "status"
  | "model"
  | "key_id"
  | "error_code"
  | "attention"
  | "tags"
  | "settled_at"
  | "charged"
  | "estimated"
>;
export const FILTERED_COLUMNS =
  "deleted_at, status, model, key_id, error_code, attention, tags, settled_at, charged, estimated" as const;

export function matches(row: FilteredColumns, filter: RequestFilter): boolean {
  const { status, model, keyId, errorCode, costMinMicro, attention, tag } = filter;
  if (row.deleted_at !== null) return false;
  if (status !== undefined && row.status !== status) return false;
  if (model !== undefined && row.model !== model) return false;
  if (keyId !== undefined && row.key_id !== keyId) return false;
  if (errorCode !== undefined && row.error_code !== errorCode) return false;
  if (attention === true && row.attention === 0) return false;
  if (costMinMicro !== undefined && (costOf(row) ?? -1) < costMinMicro) return false;
  return tag === undefined || hasTag(row.tags, tag);
}

/** Micro-USD; null: unknown. */
function costOf({ settled_at: settledAt, charged, estimated }: FilteredColumns): number | null {
  return settledAt === null ? estimated : charged;
}

function hasTag(text: string, tag: string): boolean {
  const [name = "", ...rest] = tag.split("=");
  const tags = JSON.parse(text) as Record<string, string>;
  return Object.hasOwn(tags, name) && (rest.length === 0 || tags[name] === rest.join("="));
}

const REASONS: Record<Attention, AttentionReason> = {
  unsettledCharge: "unsettled_charge",
  failedFile: "failed_file",
  parkedDelivery: "failed_delivery",
};

export function requestLine(row: RequestRow, now: number): RequestLine {
  const reasons = (Object.keys(REASONS) as Attention[]).filter((what) => needsAttention(row.attention, what));
  return {
    ...requestSummary(row),
    keyName: row.key_name,
    estimatedMicro: row.estimated,
    chargedMicro: row.settled_at === null ? null : row.charged,
    errorCode: row.error_code,
    durationMs: row.duration_ms,
    files: filesOf(row, now),
    attention: reasons.map((what) => REASONS[what]),
  };
}

function filesOf(row: RequestRow, now: number): RequestLine["files"] {
  if (row.file_count === 0) return null;
  const { fileLinkS, filesDays = null } = JSON.parse(row.terms) as Terms;
  const isOver = filesDays !== null && row.ended_at !== null && now >= row.ended_at + filesDays * DAY_MS;
  const path = isOver || fileLinkS === undefined ? null : row.file_path;
  return { count: row.file_count, type: row.file_type, path, linkS: fileLinkS ?? null };
}
