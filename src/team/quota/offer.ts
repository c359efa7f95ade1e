// What a plan says of a request before any limit is asked: models, tags, price. One decision for admissions, for the plan tester and
// for replays of past requests. Pure.

import type { InputMeasures } from "../../models/measures.ts";
import { type Refusal, type Refused, refused } from "../../platform/errors.ts";
import { microOf } from "../../platform/money.ts";
import { capsMoney, type OperatorCaps, termsAllow } from "./caps.ts";
import { missingTags, type Plan, unlistedTag } from "./plan.ts";
import { amountOutOfRange, estimate, type Price, type PriceTable, priceFor } from "./prices.ts";
import { amountRefusal, costRefusal, modelRefusal, priceRefusal, tagsRefusal, tagValueRefusal } from "./refusals.ts";

/** A plan with the name that refusals give it, and what the operator caps beside it. */
export interface PlanRules {
  planName: string;
  plan: Plan;
  caps: OperatorCaps | null;
}

/** A request as these rules see it. */
interface Asked {
  model: string;
  tags: Readonly<Record<string, string>>;
  /** Whether a visitor of a page asks. */
  isVisitor: boolean;
}

/** The field of a plan that refuses. */
export type PlanRule = "models" | "require_tags" | "tag_values" | "unknown_price" | "max_cost_per_request";

export interface RuleFault {
  rule: PlanRule;
  refusal: Refusal;
}

/** What a request is admitted at. */
export interface Offer {
  kind: "offered";
  price: Price | null;
  estimatedMicro: number | null;
}

/** Price and worst case of a request, or why the plan or the key refuses it. `keyFault`: what its key says of the model. */
export function offerUnder(
  rules: PlanRules,
  table: PriceTable,
  asked: Asked & { measures: InputMeasures },
  keyFault: Refusal | null,
): Offer | Refused {
  const fault = modelRuleFault(rules, asked.model)?.refusal ?? keyFault ?? tagRuleFault(rules, asked.tags)?.refusal;
  if (fault !== undefined) return refused(fault);
  const price = priceFor(table, asked.model);
  const outside = amountOutOfRange(price, asked.measures);
  if (price !== null && outside !== null) return refused(amountRefusal(price, outside));
  const estimatedMicro = estimate(price, asked.measures);
  const costly = costRuleFault(rules, asked, price, estimatedMicro);
  return costly === null ? { kind: "offered", price, estimatedMicro } : refused(costly.refusal);
}

/** What a request counts towards limits of money: its worst case, or what the plan assumes; null: nothing. */
export function countedMicro({ assumed_cost }: Plan, estimatedMicro: number | null): number | null {
  return estimatedMicro ?? (assumed_cost === null ? null : microOf(assumed_cost));
}

/** The same for a request whose price and worst case are known already. */
export function ruleFault(
  rules: PlanRules,
  asked: Asked,
  { price, estimatedMicro }: Omit<Offer, "kind">,
): RuleFault | null {
  return (
    modelRuleFault(rules, asked.model) ??
    tagRuleFault(rules, asked.tags) ??
    costRuleFault(rules, asked, price, estimatedMicro)
  );
}

export function modelRuleFault(rules: PlanRules, model: string): RuleFault | null {
  return termsAllow(rules, model) ? null : { rule: "models", refusal: modelRefusal(model, rules) };
}

function tagRuleFault({ planName: name, plan }: PlanRules, tags: Asked["tags"]): RuleFault | null {
  const missing = missingTags(plan, tags);
  if (missing.length > 0) return { rule: "require_tags", refusal: tagsRefusal(missing, name) };
  const unlisted = unlistedTag(plan, tags);
  if (unlisted === null) return null;
  return { rule: "tag_values", refusal: tagValueRefusal(unlisted.name, unlisted.allowed, name) };
}

function costRuleFault(
  { planName: name, plan, caps }: PlanRules,
  { model, isVisitor }: Asked,
  price: Price | null,
  estimatedMicro: number | null,
): RuleFault | null {
  if (estimatedMicro === null) {
    if (capsMoney(caps)) return { rule: "unknown_price", refusal: priceRefusal(model, null, price, false) };
    // Whoever has the page has its key: the limit of its money must hold whatever a request turns out to cost.
    const isUnbounded = isVisitor && plan.assumed_cost === null;
    if (plan.unknown_price === "allow" && !isUnbounded) return null;
    return { rule: "unknown_price", refusal: priceRefusal(model, name, price, plan.unknown_price === "allow") };
  }
  const mostMicro = plan.max_cost_per_request === null ? null : microOf(plan.max_cost_per_request);
  if (mostMicro === null || estimatedMicro <= mostMicro) return null;
  return { rule: "max_cost_per_request", refusal: costRefusal(estimatedMicro, mostMicro, name) };
}
