// Usage lines as stacked days: six series and the rest, a scale with round steps, and the picture in words. Pure.

import type { UsageLine } from "../../api/types.ts";

export const SERIES_MAX = 6;
const OTHER = "Other";

export type Metric = "usd" | "requests" | "failed";

export interface Series {
  name: string;
  /** Its place among the colours; null: the rest. */
  colour: number | null;
  total: number;
  /** One value a day. */
  values: number[];
}

export interface Stack {
  days: readonly string[];
  /** Largest first, the rest last. */
  series: Series[];
  /** One sum a day. */
  totals: number[];
}

export function amountOf(line: UsageLine, metric: Metric): number {
  switch (metric) {
    case "usd":
      return Number(line.charged_usd);
    case "requests":
      return line.requests;
    case "failed":
      return line.failed;
  }
}

/** `nameOf`: what a line is stacked by. */
export function stackOf(
  lines: readonly UsageLine[],
  days: readonly string[],
  nameOf: (line: UsageLine) => string,
  metric: Metric,
): Stack {
  const places = new Map(days.map((day, n) => [day, n]));
  const byName = new Map<string, number[]>();
  for (const line of lines) {
    const place = places.get(line.day ?? "");
    if (place === undefined) continue;
    const name = nameOf(line);
    const values = byName.get(name) ?? days.map(() => 0);
    values[place] = (values[place] ?? 0) + amountOf(line, metric);
    byName.set(name, values);
  }
  const ranked = [...byName]
    .map(([name, values]) => ({ name, values, total: sum(values) }))
    .filter(({ total }) => total > 0)
    .sort((one, other) => other.total - one.total);
  const series: Series[] = ranked.slice(0, SERIES_MAX).map((each, n) => ({ ...each, colour: n }));
  const rest = ranked.slice(SERIES_MAX);
  if (rest.length > 0) {
    const values = days.map((_, n) => sum(rest.map((each) => each.values[n] ?? 0)));
    series.push({ name: `${OTHER} (${rest.length})`, colour: null, total: sum(values), values });
  }
  return { days, series, totals: days.map((_, n) => sum(series.map((each) => each.values[n] ?? 0))) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Steps of 1, 2 or 5 times a power of ten, at most four, up to the largest value or above. */
export function ticksOf(largest: number, isWhole: boolean): number[] {
  if (largest <= 0) return [0];
  const rough = largest / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const chosen = isWhole ? Math.max(1, Math.round(step)) : step;
  const count = Math.ceil(largest / chosen - 1e-9);
  return Array.from({ length: count + 1 }, (_, n) => Number((n * chosen).toPrecision(12)));
}
