// The most that a key can cost, by the limits of its plan: what the wizard says before the key exists. Pure; amounts are micro-USD.

import type { Plan } from "../../api/types.ts";
import type { Kind } from "./draft.ts";

type PlanLimit = Plan["limits"][number];

const DAYS_PER_MONTH = 31;
const MICRO = 1_000_000;
/** How often the window of a limit passes in a day. */
const WINDOWS_PER_DAY = { minute: 1_440, hour: 24, day: 1, month: 1 } as const;

export interface WorstCase {
  /** Null: no limit stops it. */
  day: number | null;
  month: number | null;
  /** The limit that stops a day first. */
  by: string | null;
  /** What becomes of requests of unknown price: they may count nothing towards limits, or what the plan assumes. */
  unknown: "refused" | "assumed" | "uncounted";
}

type Terms = Pick<Plan, "limits" | "unknown_price" | "assumed_cost" | "max_cost_per_request">;

/** A member's key is bound to one user, so limits per user hold for all of it. */
export function worstCaseOf(plan: Terms, kind: Kind): WorstCase {
  const scopes = new Set<string>(kind === "member" ? ["team", "key", "user"] : ["team", "key"]);
  const bounds = plan.limits
    .filter(({ scope }) => scopes.has(scope))
    .flatMap((limit) => boundOf(limit, plan.max_cost_per_request));
  const day = leastOf(bounds, ({ perDay }) => perDay);
  const monthly = leastOf(bounds, ({ perMonth }) => perMonth);
  return {
    day: day?.perDay ?? null,
    month: monthly?.perMonth ?? null,
    by: day?.name ?? null,
    unknown: unknownOf(plan, kind),
  };
}

/** Visitors of a page are refused what would count nothing: docs/decisions/strangers.md. */
function unknownOf({ unknown_price, assumed_cost }: Terms, kind: Kind): WorstCase["unknown"] {
  if (unknown_price === "refuse") return "refused";
  if (assumed_cost !== null) return "assumed";
  return kind === "page" ? "refused" : "uncounted";
}

interface Bound {
  name: string;
  perDay: number;
  perMonth: number;
}

/** Money limits, and counts of requests where each has a greatest cost. */
function boundOf(limit: PlanLimit, maxCost: string | null): Bound[] {
  const perWindow =
    limit.per === "usd"
      ? Number(limit.limit) * MICRO
      : limit.per === "request" && maxCost !== null
        ? limit.limit * Number(maxCost) * MICRO
        : null;
  if (perWindow === null || limit.window === undefined) return [];
  const perDay = perWindow * WINDOWS_PER_DAY[limit.window];
  return [{ name: limit.name, perDay, perMonth: limit.window === "month" ? perWindow : perDay * DAYS_PER_MONTH }];
}

function leastOf(bounds: readonly Bound[], by: (bound: Bound) => number): Bound | null {
  return bounds.reduce<Bound | null>((least, bound) => (least === null || by(bound) < by(least) ? bound : least), null);
}

/** `$2.00`: an upper bound is rounded up, never down. */
export function ceilingText(micro: number): string {
  const cents = Math.ceil(micro / 10_000);
  return `$${(cents / 100).toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, ",")}`;
}
