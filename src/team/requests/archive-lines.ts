// Lines of the archive: what the books keep of a request once its row is deleted, which lines make a part, and the same lines without
// a user. Pure.

import { moneyText } from "../../platform/money.ts";
import { isoTime, monthOf, SECOND_MS } from "../../platform/time.ts";
import type { RequestRow } from "./request-row.ts";

/** A part is read and written whole, and R2 cannot append. */
export const ARCHIVE_PART_MAX_BYTES = 8_000_000;
/** Its rows are deleted in one transaction. */
export const ARCHIVE_PART_MAX_LINES = 5_000;

/** Names as they stand in the file. Money is USD, times are ISO 8601; null where there was none or it is unknown. */
export interface ArchiveLine {
  id: string;
  created_at: string;
  ended_at: string | null;
  settled_at: string | null;
  deleted_at: string | null;
  status: string;
  model: string;
  user: string | null;
  key_id: string;
  key_name: string;
  account: string;
  tags: Record<string, string>;
  estimated_usd: string | null;
  charged_usd: string | null;
  refunded: boolean;
  source: string | null;
  settled_by: string | null;
  error_code: string | null;
  duration_s: number | null;
  files: number;
}

/** One line, with its line break. */
export function archiveLine(row: RequestRow): string {
  const money = (micro: number | null) => (micro === null ? null : moneyText(micro));
  const line: ArchiveLine = {
    id: row.id,
    created_at: isoTime(row.created_at),
    ended_at: isoTime(row.ended_at),
    settled_at: isoTime(row.settled_at),
    deleted_at: isoTime(row.deleted_at),
    status: row.status,
    model: row.model,
    user: row.user,
    key_id: row.key_id,
    key_name: row.key_name,
    account: row.account,
    tags: JSON.parse(row.tags) as Record<string, string>,
    estimated_usd: money(row.estimated),
    charged_usd: money(row.charged),
    refunded: row.verdict === "refund",
    source: row.source,
    settled_by: row.settled_by,
    error_code: row.error_code,
    duration_s: row.duration_ms === null ? null : row.duration_ms / SECOND_MS,
    files: row.file_count,
  };
  return `${JSON.stringify(line)}\n`;
}

export function archiveText(rows: readonly RequestRow[]): string {
  return rows.map(archiveLine).join("");
}

/** The first of these rows, oldest first, that go into one part: of one month, and not too many or too long. */
export function rowsOfPart(rows: readonly RequestRow[]): RequestRow[] {
  const [first] = rows;
  if (first === undefined) return [];
  const month = monthOf(first.created_at);
  const taken: RequestRow[] = [];
  let bytes = 0;
  for (const row of rows.slice(0, ARCHIVE_PART_MAX_LINES)) {
    bytes += new TextEncoder().encode(archiveLine(row)).length;
    if (monthOf(row.created_at) !== month || (taken.length > 0 && bytes > ARCHIVE_PART_MAX_BYTES)) break;
    taken.push(row);
  }
  return taken;
}

export function readLines(text: string): ArchiveLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ArchiveLine);
}

/** The text with the lines of these users under `alias` and without their tags, and the ids of their requests. */
export function withoutUsers(
  text: string,
  users: ReadonlySet<string>,
  alias: string,
): { text: string; requestIds: string[] } {
  const requestIds: string[] = [];
  const lines = readLines(text).map((line) => {
    if (line.user === null || !users.has(line.user)) return line;
    requestIds.push(line.id);
    return { ...line, user: alias, tags: {} };
  });
  return { text: lines.map((line) => `${JSON.stringify(line)}\n`).join(""), requestIds };
}
