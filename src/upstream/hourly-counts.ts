// What the account counts by the hour of requests that it submitted: how many, how they ended, how late their webhooks were. Kept for
// HOURS_KEPT hours, in the row of the slots (slot-pages.ts). Pure.

import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** Today and yesterday (UTC) lie within it at any hour. */
export const HOURS_KEPT = 48;
/** Hours of the figures of a day: the running one and those before it. */
const HOURS_OF_A_DAY = 24;
/** Upper ends of the classes that delays of webhooks are counted in; a class for longer ones follows. */
export const DELAY_CLASSES_MS = [
  SECOND_MS / 2,
  SECOND_MS,
  2 * SECOND_MS,
  5 * SECOND_MS,
  10 * SECOND_MS,
  30 * SECOND_MS,
  MINUTE_MS,
  5 * MINUTE_MS,
] as const;

const NAMES = ["submitted", "completed", "failed", "canceled", "webhooks", "gaveUp"] as const;
type CountName = (typeof NAMES)[number];

/** `webhooks`: ends that a verified webhook reported. `gaveUp`: deliveries that are tried no more. */
export interface HourCounts extends Record<CountName, number> {
  /** Webhooks by their delay, in the classes of DELAY_CLASSES_MS. */
  delays: readonly number[];
}

/** Counts by epoch hour. */
export type HourlyCounts = ReadonlyMap<number, HourCounts>;
/** As they are stored: the hour, the counts in the order of NAMES, the classes of delays. */
export type StoredHours = readonly (readonly number[])[];

export const NO_COUNTS: HourlyCounts = new Map();

/** Adds to the hour of `at`, and forgets hours that are over at `now` (epoch ms). What is older than that is not counted. */
export function withCount(
  counts: HourlyCounts,
  { at, now, delayMs = null }: { at: number; now: number; delayMs?: number | null },
  ...names: readonly CountName[]
): HourlyCounts {
  const hour = Math.floor(at / HOUR_MS);
  const first = Math.floor(now / HOUR_MS) - HOURS_KEPT + 1;
  const before = counts.get(hour) ?? emptyHour();
  const after: HourCounts = { ...before };
  for (const name of names) after[name]++;
  if (delayMs !== null) after.delays = before.delays.map((n, index) => (index === classOf(delayMs) ? n + 1 : n));
  return new Map([...counts, [hour, after] as const].filter(([each]) => each >= first));
}

/** The counts of the last 24 hours, over all parts: the running hour and the 23 before it. */
export function dayCounts(parts: readonly HourlyCounts[], now: number): HourCounts {
  const first = Math.floor(now / HOUR_MS) - HOURS_OF_A_DAY + 1;
  const hours = parts.flatMap((counts) => [...counts]).filter(([hour]) => hour >= first);
  return hours.map(([, counts]) => counts).reduce(sum, emptyHour());
}

/** Whether a time lies in those hours. */
export function isInDay(at: number, now: number): boolean {
  return Math.floor(at / HOUR_MS) > Math.floor(now / HOUR_MS) - HOURS_OF_A_DAY;
}

/**
 * The delay that 95 of 100 webhooks did not exceed, in ms: within its class by proportion, so it is off by the width of a class at
 * most, and what exceeds the last class counts as its end. Null without webhooks.
 */
export function p95DelayMs({ delays }: HourCounts): number | null {
  const total = delays.reduce((all, n) => all + n, 0);
  if (total === 0) return null;
  let below = 0;
  for (const [index, n] of delays.entries()) {
    const upper = DELAY_CLASSES_MS[index];
    if (upper === undefined) break;
    const rank = 0.95 * total - below;
    const lower = DELAY_CLASSES_MS[index - 1] ?? 0;
    if (n > 0 && rank <= n) return Math.round(lower + (upper - lower) * (rank / n));
    below += n;
  }
  return DELAY_CLASSES_MS[DELAY_CLASSES_MS.length - 1] ?? null;
}

export function storedHours(counts: HourlyCounts): StoredHours {
  return [...counts].map(([hour, each]) => [hour, ...NAMES.map((name) => each[name]), ...each.delays]);
}

export function hoursFrom(stored: StoredHours): HourlyCounts {
  return new Map(
    stored.map(([hour = 0, ...numbers]) => {
      const named = Object.fromEntries(NAMES.map((name, index) => [name, numbers[index] ?? 0]));
      const delays = emptyHour().delays.map((_, index) => numbers[NAMES.length + index] ?? 0);
      return [hour, { ...(named as Record<CountName, number>), delays }];
    }),
  );
}

function emptyHour(): HourCounts {
  const delays = Array.from({ length: DELAY_CLASSES_MS.length + 1 }, () => 0);
  return { submitted: 0, completed: 0, failed: 0, canceled: 0, webhooks: 0, gaveUp: 0, delays };
}

function classOf(delayMs: number): number {
  const index = DELAY_CLASSES_MS.findIndex((upper) => delayMs <= upper);
  return index === -1 ? DELAY_CLASSES_MS.length : index;
}

function sum(one: HourCounts, other: HourCounts): HourCounts {
  const named = Object.fromEntries(NAMES.map((name) => [name, one[name] + other[name]])) as Record<CountName, number>;
  return { ...named, delays: one.delays.map((n, index) => n + (other.delays[index] ?? 0)) };
}
