// Keys of the usage roll-up, and what a settled request adds. Pure.

import type { UsageSums } from "../../contracts/team-admin.ts";
import { monthOf } from "../../platform/time.ts";

/** Days of one answer: a year. */
export const USAGE_DAYS_MAX = 366;
/** Hours of one answer that is grouped by hour. */
export const USAGE_HOURS_MAX = 48;
/** Sums per hour are kept this long. */
export const USAGE_HOUR_KEEP_DAYS = 8;
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

/** Usage counts on the day of admission, unless that month (UTC) is over at `settledAt`: what is over does not change. */
export function recordedAt(admittedAt: number, settledAt: number): number {
  return monthOf(admittedAt) === monthOf(settledAt) ? admittedAt : settledAt;
}

/**
 * The time itself, or the first moment after it whose month is not closed. An object that wakes on a machine whose clock is behind may
 * still see the last moments of a month that was closed already.
 */
export function afterClosed(at: number, closed: readonly string[]): number {
  let open = at;
  while (closed.includes(monthOf(open))) {
    const date = new Date(open);
    open = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  }
  return open;
}

/** A settled request, as it is counted. */
export interface SettledUsage {
  outcome: "completed" | "failed" | "canceled";
  admittedAt: number;
  /** The time that it counts at. */
  countedAt: number;
  isRefunded: boolean;
  chargedMicro: number | null;
  estimatedMicro: number | null;
}

/** What a settled request adds. `requests` was counted at its admission. */
export function settledSums(settled: SettledUsage): Partial<UsageSums> {
  const { outcome, isRefunded, chargedMicro, estimatedMicro } = settled;
  return {
    [outcome]: 1,
    refunded: isRefunded ? 1 : 0,
    refundedMicro: isRefunded ? (estimatedMicro ?? 0) : 0,
    estimatedMicro: isRefunded ? 0 : (estimatedMicro ?? 0),
    unknownCost: chargedMicro === null ? 1 : 0,
    aboveEstimate: chargedMicro !== null && chargedMicro > (estimatedMicro ?? chargedMicro) ? 1 : 0,
    late: isLate(settled) ? 1 : 0,
    chargedMicro: chargedMicro ?? 0,
  };
}

/** Whether a settlement counts in another month than its request's admission. */
export function isLate({ admittedAt, countedAt }: Pick<SettledUsage, "admittedAt" | "countedAt">): boolean {
  return monthOf(admittedAt) !== monthOf(countedAt);
}

/** UTC day of a time. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
