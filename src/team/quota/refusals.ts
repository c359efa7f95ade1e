// Refusals of submits and uploads. Pure.

import { similarModel } from "../../models/models.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";
import { moneyText } from "../../platform/money.ts";
import { isOwnScope } from "./caller-limits.ts";
import { capsAllow, type OperatorCaps, termsAllow } from "./caps.ts";
import type { LimitViolation, QuotaAnswer, Subjects } from "./limits.ts";
import type { Plan } from "./plan.ts";
import type { Price } from "./prices.ts";

/** Allowed values of a tag that a refusal names. */
const TAG_VALUES_SHOWN = 5;

/** New submits and uploads stop while there is room for the ends of those under way (size-watch.ts). */
export const TEAM_FULL = refusal("team_full", "The team's stored records have nearly reached the size of its object.", {
  hint: "Delete requests that are no longer needed, or have the operator look: it was told at 80 %.",
});

/** The plan does not allow the model. */
export function modelRefusal(
  model: string,
  { planName: name, plan, caps }: { planName: string; plan: Plan; caps: OperatorCaps | null },
): Refusal {
  if (!capsAllow(caps, model)) {
    return refusal("model_not_allowed", `The operator does not allow this team model "${model}".`, {
      hint: "GET /v1/models lists the allowed models. Only the operator changes the team's caps.",
    });
  }
  const meant = similarModel(model, plan.models.allow);
  const similar = meant !== null && termsAllow({ plan, caps }, meant) ? `Did you mean "${meant}"? ` : "";
  return refusal("model_not_allowed", `Plan "${name}" does not allow model "${model}".`, {
    hint: `${similar}GET /v1/models lists the allowed models. A team admin changes them with PATCH /v1/plans/${name}.`,
  });
}

export function idempotencyRefusal(requestId: string): Refusal {
  return refusal("idempotency_mismatch", "The idempotency key was already used with different parameters.", {
    hint: "Use a new idempotency key, or repeat the original parameters to get the original request.",
    requestId,
  });
}

/** The request of a repeated submit was deleted. No new request is created, because the caller expects the earlier one. */
export function deletedRefusal(requestId: string): Refusal {
  const hint = "Use a new idempotency key to create another request.";
  return refusal("gone", "The request created with this idempotency key was deleted.", { hint, requestId });
}

export function tagsRefusal(missing: readonly string[], plan: string): Refusal {
  const names = missing.map((name) => `\`${name}\``).join(", ");
  const example = missing.map((name) => `"${name}": "…"`).join(", ");
  return refusal("invalid_request", `Plan "${plan}" requires tags; missing: ${names}.`, {
    hint: `Send \`"tags": { ${example} }\`, or the header Sluice-Tags.`,
  });
}

/** `plan` null: the operator's cap per USD refuses what it could not count. `forVisitors`: the plan allows unknown prices, but to nobody who has only a publishable key. */
export function priceRefusal(model: string, plan: string | null, price: Price | null, forVisitors: boolean): Refusal {
  const why = price === null ? "has no price" : `is priced per ${price.unit}, which the input does not determine`;
  const give =
    price === null
      ? plan === null
        ? "Only the operator sets prices while its caps limit money."
        : "A team admin sets it with PUT /v1/prices/{model}."
      : "Set the field of the input that determines the amount; a team admin names it in `fields` of the price.";
  if (plan === null) {
    const detail = `Model "${model}" ${why}, and the operator's cap per USD allows no request of unknown price.`;
    return refusal("price_unknown", detail, { hint: give });
  }
  const rule = forVisitors
    ? `plan "${plan}" has no \`assumed_cost\` with which a publishable key's requests of unknown price would count`
    : `plan "${plan}" refuses requests of unknown price`;
  const assume = forVisitors ? ` Or the admin sets \`assumed_cost\` with PATCH /v1/plans/${plan}.` : "";
  return refusal("price_unknown", `Model "${model}" ${why}, and ${rule}.`, { hint: `${give}${assume}` });
}

/** A tag has a value that the plan does not list. */
export function tagValueRefusal(name: string, allowed: readonly string[], plan: string): Refusal {
  const shown = allowed.slice(0, TAG_VALUES_SHOWN).map((value) => `"${value}"`);
  const more = allowed.length > TAG_VALUES_SHOWN ? ", …" : "";
  return refusal(
    "invalid_request",
    `\`tags.${name}\` must be one of ${shown.join(", ")}${more}: plan "${plan}" lists its values.`,
    {
      hint: `A team admin adds values to \`tag_values\` with PUT /v1/plans/${plan}.`,
    },
  );
}

/** The key's callers have brought too many new values of tags today. */
export function newTagValuesRefusal(tag: string, most: number, resetAt: number, plan: string): Refusal {
  const detail = `\`tags.${tag}\` is a new value, and the callers of this key have used ${most} different values of tags today, which is the most.`;
  return refusal("quota_exceeded", detail, {
    hint: `Use a value that was used before, or leave the tag out. New values are taken again from ${new Date(resetAt).toISOString()}. A team admin can list the allowed values in \`tag_values\` of plan "${plan}"; listed values are not counted.`,
  });
}

/** The fields that the price names hold an amount outside its range. */
export function amountRefusal({ unit, fields = [], min, max }: Price, amount: number): Refusal {
  const names = fields.map((name) => `\`${name}\``).join(", ");
  const what = unit === "thousand_characters" ? "characters" : `${unit}s`;
  const range = [min === undefined ? [] : [`at least ${min}`], max === undefined ? [] : [`at most ${max}`]].flat();
  return refusal(
    "invalid_input",
    `${names}: the price of this model allows ${range.join(" and ")} ${what}, not ${amount}.`,
  );
}

export function costRefusal(estimated: number, most: number, plan: string): Refusal {
  const detail = `The estimated cost is ${moneyText(estimated)} USD; plan "${plan}" allows at most ${moneyText(most)} USD per request.`;
  return refusal("quota_exceeded", detail, {
    hint: "Reduce the requested output. Retries of the same request fail: stop and ask a person. A team admin can raise `max_cost_per_request`.",
    violated: [{ name: "max_cost_per_request", per: "usd", limit: most, used: estimated, resetAt: null }],
  });
}

/** Limits are exceeded. A visitor, who may be anybody, is told no amounts of limits that it shares with all others. */
export function quotaRefusal(
  { code, violated: exceeded, retryAfterS }: Extract<QuotaAnswer, { kind: "over" }>,
  plan: string,
  { visitor }: Pick<Subjects, "visitor">,
): Refusal {
  const isTold = ({ scope }: LimitViolation): boolean => visitor === null || isOwnScope(scope);
  const names = exceeded.map((each) => violationText(each, isTold(each))).join(", ");
  const violated = exceeded.map((each) => {
    const { name, per, resetAt } = each;
    const [limit, used] = isTold(each) ? [each.limit, each.used] : [null, null];
    return { name, per, limit, used, resetAt };
  });
  const raise = exceeded.some(({ setBy }) => setBy === "operator")
    ? "Only the operator can raise its caps."
    : `A team admin can raise the limit in plan "${plan}".`;
  const later =
    retryAfterS === null
      ? {
          hint: `Retries fail until the limit resets: stop and ask a person. ${raise}`,
        }
      : { hint: `Retry in ${retryAfterS} seconds.`, retryAfterS };
  switch (code) {
    case "quota_exceeded":
      return refusal(code, `Quota exceeded: ${names}.`, {
        ...later,
        ...addressMessage(exceeded, retryAfterS),
        violated,
      });
    case "rate_limited":
      return refusal(code, `Rate limit exceeded: ${names}.`, {
        ...later,
        ...addressMessage(exceeded, retryAfterS),
        violated,
      });
    case "visitor_limit": {
      const short = retryAfterS === null ? {} : { status: 429, retryable: true };
      const userMessage = visitorMessage("You have reached your limit", exceeded, retryAfterS);
      return refusal(code, `The visitor's limit is reached: ${names}.`, { ...later, ...short, userMessage, violated });
    }
  }
}

/** What a page may tell its visitor: when to come back, and no figure of the plan. */
function visitorMessage(what: string, violated: readonly LimitViolation[], retryAfterS: number | null): string {
  if (retryAfterS !== null) {
    const minutes = Math.ceil(retryAfterS / 60);
    const wait = minutes > 1 ? `${minutes} minutes` : "a minute";
    return `${what} for the moment. Please try again in about ${wait}.`;
  }
  const isMonth = violated.some(({ window }) => window === "1mo");
  return `${what} for this ${isMonth ? "month" : "day"}. Please come back ${isMonth ? "next month" : "tomorrow"}.`;
}

/** The sentence for people whose address or network, not they alone, is at its limit; none if another limit is exceeded too. */
function addressMessage(violated: readonly LimitViolation[], retryAfterS: number | null): Pick<Refusal, "userMessage"> {
  const isNear = violated.every(({ scope }) => scope === "ip" || scope === "network" || scope === "visitor");
  if (!isNear) return {};
  return { userMessage: visitorMessage("The people at your address have reached their limit", violated, retryAfterS) };
}

function violationText(violation: LimitViolation, isTold: boolean): string {
  const { name, per, resetAt, setBy } = violation;
  const whose = setBy === "operator" ? "the operator's " : "";
  const amounts = [sharedBy(violation), isTold ? amountsText(violation) : []].flat();
  const texts = per === "concurrent" ? amounts : [...amounts, `resets ${new Date(resetAt).toISOString()}`];
  return `${whose}"${name}"${texts.length === 0 ? "" : ` (${texts.join(", ")})`}`;
}

/** Who else counts towards a limit that a person does not have alone. */
function sharedBy({ scope }: LimitViolation): string[] {
  if (scope === "ip") return ["all at this address"];
  return scope === "network" ? ["all in this network, an IPv6 /48"] : [];
}

function amountsText({ per, used, limit }: LimitViolation): string {
  switch (per) {
    case "usd":
      return `${moneyText(used)} of ${moneyText(limit)} USD`;
    case "request":
      return `${used} of ${limit} requests`;
    case "output_byte":
      return `${used} of ${limit} bytes`;
    case "upload":
      return `${used} of ${limit} uploads`;
    case "upload_byte":
      return `${used} of ${limit} uploaded bytes`;
    case "concurrent":
      return `${used} of ${limit} open at once`;
  }
}

const MONEY_LIMIT = "a limit per `usd` with the scope `key` or `team`";

/** A publishable key without a plan that bounds its money. */
export function pagePlanRefusal(plan: string | null): Refusal {
  const hint = `Name a plan that has ${MONEY_LIMIT}, e.g. { "name": "page-money", "scope": "key", "per": "usd", "limit": "2", "window": "day" }.`;
  const detail =
    plan === null
      ? "`plan` is required for publishable keys, which anybody may use."
      : `Plan "${plan}" does not bound what a publishable key may spend: it lacks ${MONEY_LIMIT}.`;
  return refusal("invalid_request", detail, { hint });
}

/** The plan would leave publishable keys without a bound on their money. */
export function keptMoneyRefusal(plan: string, keyIds: readonly string[]): Refusal {
  const detail = `Publishable keys use plan "${plan}", so it must keep ${MONEY_LIMIT}: ${keyIds.join(", ")}.`;
  return refusal("conflict", detail, { hint: "Revoke these keys first, or keep such a limit." });
}

/** The key does not run the model, whatever its plan allows. */
export function keyModelRefusal(key: string, model: string): Refusal {
  return refusal("model_not_allowed", `Key "${key}" does not allow model "${model}".`, {
    hint: "GET /v1/models lists the allowed models.",
  });
}

/** The plan would lose limits that its writer did not name. */
export function lostLimitsRefusal(plan: string, lost: readonly string[]): Refusal {
  const names = lost.map((name) => `"${name}"`).join(", ");
  return refusal(
    "conflict",
    `PUT replaces the whole plan, and this one lacks limits that plan "${plan}" has: ${names}.`,
    {
      hint: `Change single fields with PATCH /v1/plans/${plan}. To remove these limits, send PUT /v1/plans/${plan}?replace=true.`,
    },
  );
}

/** The plan may not be deleted while it is in use. */
export function planInUseRefusal(plan: string, users: string): Refusal {
  return refusal("conflict", `Plan "${plan}" cannot be deleted: it is used by ${users}.`, {
    hint: "Give these another plan first: PATCH /v1/team, PATCH /v1/keys/{id}.",
  });
}

export function planExistsRefusal(plan: string): Refusal {
  const hint = `Change it with PATCH /v1/plans/${plan}, or choose another name.`;
  return refusal("conflict", `A plan "${plan}" already exists.`, { hint });
}

/** The plan does not exist. */
export function planNotFound(name: string): Refusal {
  return refusal("not_found", `No plan found with the name "${name}".`, {
    hint: `Create it with PUT /v1/plans/${name}.`,
  });
}
