// Keys of the usage roll-up and CSV export. Pure.

import type { UsageSums } from "../../contracts/team-admin.ts";

/** Days of one answer: a year. */
export const USAGE_DAYS_MAX = 366;
/** Rows of one answer, which a team's object holds in memory. */
export const USAGE_ROWS_MAX = 10_000;

/** Key of a usage row. `tag` is "name=value", or "" for the row that counts every request once. */
export interface UsageKey {
  /** UTC day that the usage counts on ("2026-11-22"). */
  day: string;
  model: string;
  user: string;
  keyId: string;
  tag: string;
}

/** What of a request says where it counts. `recordedAt` is epoch ms. */
export interface CountedRequest {
  recordedAt: number;
  model: string;
  user: string | null;
  keyId: string;
  tags: Readonly<Record<string, string>>;
}

/** Rows that a request adds to: one without tag and one per tag. No user is "". */
export function usageKeys(request: CountedRequest): UsageKey[] {
  const { model, keyId } = request;
  const line = { day: dayOf(request.recordedAt), model, user: request.user ?? "", keyId };
  const tags = Object.entries(request.tags).map(([name, value]) => `${name}=${value}`);
  return ["", ...tags].map((tag) => ({ ...line, tag }));
}

/** Usage counts on the day of admission, unless that month (UTC) is over at `settledAt`: closed months do not change. */
export function recordedAt(admittedAt: number, settledAt: number): number {
  const monthOf = (at: number) => new Date(at).toISOString().slice(0, 7);
  return monthOf(admittedAt) === monthOf(settledAt) ? admittedAt : settledAt;
}

/** A settled request, as it is counted. */
export interface SettledUsage {
  outcome: "completed" | "failed" | "canceled";
  admittedAt: number;
  settledAt: number;
  isRefunded: boolean;
  chargedMicro: number | null;
  estimatedMicro: number | null;
}

/** What a settled request adds. `requests` was counted at its admission. */
export function settledSums(settled: SettledUsage): Partial<UsageSums> {
  const { outcome, admittedAt, settledAt, isRefunded, chargedMicro, estimatedMicro } = settled;
  return {
    [outcome]: 1,
    refunded: isRefunded ? 1 : 0,
    refundedMicro: isRefunded ? (estimatedMicro ?? 0) : 0,
    estimatedMicro: isRefunded ? 0 : (estimatedMicro ?? 0),
    unknownCost: chargedMicro === null ? 1 : 0,
    aboveEstimate: chargedMicro !== null && chargedMicro > (estimatedMicro ?? chargedMicro) ? 1 : 0,
    late: recordedAt(admittedAt, settledAt) === admittedAt ? 0 : 1,
    chargedMicro: chargedMicro ?? 0,
  };
}

/** UTC day of a time. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export type CsvCell = string | number | null;

/** RFC 4180 CSV with a header row. Text that a spreadsheet would run as a formula is prefixed with an apostrophe. */
export function csvText(columns: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

/** Decimal numbers are no formulas, also with a minus sign. */
const NUMBER = /^-?\d+(\.\d+)?$/;
/** Formula prefixes, also in full width and after trimmed characters (owasp.org, "CSV Injection"). */
const FORMULA = /^[\s\p{C}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;

function csvCell(value: CsvCell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
