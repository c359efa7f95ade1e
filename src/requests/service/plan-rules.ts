// Applies the plan's input rules at the edge, which has the input; Team, which has the plan, confirms that they are current.

import type { RequestSpec } from "../../contracts/request-spec.ts";
import type { PlanInUse } from "../../contracts/team-access.ts";
import { type InputMeasures, measureInput } from "../../models/measures.ts";
import { type Refusal, type Refused, refusal, refused } from "../../platform/errors.ts";
import { type JsonTree, plainCopy } from "../../platform/json.ts";
import { applyInputRules } from "../../team/quota/input-rules.ts";
import type { Plan } from "../../team/quota/plan.ts";
import { isByClient } from "../machine/types.ts";

/** Plans that a submit is tried under: the one at hand, the one in force, and one that is written just then. */
const PLAN_TRIES = 3;

export type PlanChanged = { kind: "plan_changed" } & PlanInUse;

/** An input as a plan lets it through, with its worst case. */
export type RulesOutcome =
  | {
      kind: "ok";
      tree: JsonTree;
      /** Paths whose value the plan set. */
      forced: string[];
      measures: InputMeasures;
    }
  | Refused;

/** What a plan has rules about. */
interface RuledRequest {
  spec: Pick<RequestSpec, "model" | "webhookUrl" | "webhookFormat" | "chosenTags">;
  input: JsonTree;
}

/**
 * Applies the plan's rules and asks Team, again under the new plan when Team says that there is one. What the rules refuse
 * is asked about too (`ruled` null): the plan at hand may be seconds old, and a replay is answered whatever it says.
 */
export async function askUnderPlan<A extends { kind: string }>(
  known: PlanInUse,
  judgeable: RuledRequest,
  ask: (planHash: string, ruled: Extract<RulesOutcome, { kind: "ok" }> | null) => Promise<A | PlanChanged>,
): Promise<{ answer: A | Refused; judged: RulesOutcome }> {
  let plan = known;
  for (let tries = 1; tries <= PLAN_TRIES; tries++) {
    const judged = applyPlanRules(plan, judgeable);
    const answer = await ask(plan.hash, judged.kind === "ok" ? judged : null);
    if (!isPlanChanged(answer)) return { answer, judged };
    plan = answer;
  }
  const hint = "Retry the request.";
  const changing = refused(refusal("conflict", "The plan changed while the request was being admitted.", { hint }));
  return { answer: changing, judged: changing };
}

function isPlanChanged(answer: { kind: string }): answer is PlanChanged {
  return answer.kind === "plan_changed";
}

/** What one plan says about a request. */
export function applyPlanRules({ name, plan }: PlanInUse, { spec, input }: RuledRequest): RulesOutcome {
  const fault = webhookFault(name, plan, spec);
  if (fault !== null) return refused(fault);
  const ruled = applyInputRules(plan.input, input, name);
  if (ruled.kind === "refused") return ruled;
  const measures = measureInput(spec.model, plainCopy(ruled.tree));
  return { kind: "ok", tree: ruled.tree, forced: ruled.forced, measures };
}

/** Why the plan does not let this caller name a webhook, or null. A client's is allowed only by a plan that says so. */
function webhookFault(name: string, { webhooks }: Plan, spec: RuledRequest["spec"]): Refusal | null {
  if (spec.webhookUrl === null || webhooks === true) return null;
  const field = spec.webhookFormat === "fal" ? "fal_webhook" : "webhook_url";
  if (webhooks === false) {
    const hint = `Omit \`${field}\`, or ask an admin to enable webhooks with PATCH /v1/plans/${name}.`;
    return refusal("forbidden", `Plan "${name}" does not allow a \`${field}\`.`, { hint });
  }
  if (!isByClient(spec)) return null;
  return refusal(
    "forbidden",
    `Plan "${name}" allows a \`${field}\` to secret keys only, not to client tokens and JWTs.`,
    {
      hint: `Omit \`${field}\` and read the request, or ask an admin to set \`webhooks: true\` with PATCH /v1/plans/${name}.`,
    },
  );
}
