// A plan as callers see it: the same fields, with windows as words. Pure.

import type * as z from "zod";
import type { capsSchema, OperatorCaps } from "./caps.ts";
import type { Plan, planSchema } from "./plan.ts";
import type { PlanLimit } from "./plan-limits.ts";
import { windowWord } from "./windows.ts";

/** The terms of a plan in wire format; PUT takes them as they are. */
export function planTerms(plan: Plan): z.input<ReturnType<typeof planSchema>> & object {
  return { ...plan, limits: plan.limits.map(inWords) };
}

/** The same of what the operator caps. */
export function capsTerms(caps: OperatorCaps): z.input<ReturnType<typeof capsSchema>>;
export function capsTerms(caps: OperatorCaps | null): z.input<ReturnType<typeof capsSchema>> | null;
export function capsTerms(caps: OperatorCaps | null): z.input<ReturnType<typeof capsSchema>> | null {
  return caps === null ? null : { ...caps, limits: caps.limits.map(inWords) };
}

function inWords(limit: PlanLimit) {
  return limit.window === undefined ? limit : { ...limit, window: windowWord(limit.window) };
}
