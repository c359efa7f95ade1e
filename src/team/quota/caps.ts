// What the operator caps of a team, whatever its admins write into plans: limits that are checked with those of the plan, and models.
// Only the operator changes it. Pure.

import type * as z from "zod";
import { lazy } from "../../platform/schema.ts";
import type { AppliedLimit } from "./counters.ts";
import { modelAllowed, type Plan, planSchema } from "./plan.ts";

export const capsSchema = lazy((z) =>
  z.strictObject({
    limits: planSchema().shape.limits.describe(
      "Limits that apply beside those of every plan. They cannot be raised by the team.",
    ),
    models: planSchema().shape.models.describe(
      "Models that the team may run, as in plans; a plan can only narrow them.",
    ),
  }),
);

export type OperatorCaps = z.output<ReturnType<typeof capsSchema>>;

/** What decides on a submit beside the credential. */
interface Terms {
  plan: Plan;
  caps: OperatorCaps | null;
}

/** The operator's limits, which apply beside those of every plan. */
export function capLimits(caps: OperatorCaps | null): AppliedLimit[] {
  return (caps?.limits ?? []).map((limit) => ({ ...limit, setBy: "operator" as const }));
}

/** Whether the plan and the operator allow a model. */
export function termsAllow({ plan, caps }: Terms, model: string): boolean {
  return modelAllowed(plan, model) && capsAllow(caps, model);
}

export function capsAllow(caps: OperatorCaps | null, model: string): boolean {
  return caps === null || modelAllowed(caps, model);
}

/** Whether the operator caps money: then prices are the operator's too, because such a limit counts by them. */
export function capsMoney(caps: OperatorCaps | null): boolean {
  return caps?.limits.some(({ per }) => per === "usd") ?? false;
}
