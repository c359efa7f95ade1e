// What a caller reads when a submit or an upload is not let in. Pure.

import { type Refusal, refusal } from "../../platform/errors.ts";
import { moneyText } from "../../platform/money.ts";
import type { LimitViolation } from "./limits.ts";
import type { Price } from "./prices.ts";

/** Why a plan does not run a model. */
export function modelRefusal(model: string, plan: string): Refusal {
  return refusal("model_not_allowed", `Plan "${plan}" does not include model "${model}".`, {
    hint: `GET /v1/models lists what you may run; an admin changes it with PUT /v1/plans/${plan}.`,
  });
}

export function bodyDiffers(requestId: string): Refusal {
  return refusal("idempotency_mismatch", "This idempotency key came before, with another body.", {
    hint: "Use a new key for a new request, or send the first body again to get the first request.",
    requestId,
  });
}

/** A post whose request is there no more: nothing is made in its place, because the caller believes that it was made. */
export function deletedPost(requestId: string): Refusal {
  const hint = "Use a new idempotency key for a new request.";
  return refusal("gone", "The request that this post made was deleted.", { hint, requestId });
}

export function tagsRefusal(missing: readonly string[], plan: string): Refusal {
  const names = missing.map((name) => `\`${name}\``).join(", ");
  const example = missing.map((name) => `"${name}": "…"`).join(", ");
  return refusal("invalid_request", `Plan "${plan}" asks for a tag on each request; missing: ${names}.`, {
    hint: `Send \`"tags": { ${example} }\`, or the header Sluice-Tags.`,
  });
}

export function priceRefusal(model: string, plan: string, price: Price | null): Refusal {
  const why = price === null ? "has no price" : `has a price per ${price.unit}, which this input leaves open`;
  const give = price === null ? "An admin gives it one with PUT /v1/prices." : "Say in the input how much is wanted.";
  return refusal("price_unknown", `Model "${model}" ${why}, and plan "${plan}" refuses what it cannot price.`, {
    hint: give,
  });
}

export function tooDear(estimated: number, most: number, plan: string): Refusal {
  const detail = `This request may cost ${moneyText(estimated)} USD, and plan "${plan}" allows ${moneyText(most)} each.`;
  return refusal("quota_exceeded", detail, {
    hint: "Ask for less in the input. Sending the same again does not help: stop, and ask who pays.",
    violated: [{ name: "max_cost_per_request", per: "usd", limit: most, used: estimated, resetAt: null }],
  });
}

/** What a caller reads of limits that are over. */
export function quotaRefusal(
  {
    code,
    violated,
    retryAfterS,
  }: { code: "quota_exceeded" | "rate_limited"; violated: LimitViolation[]; retryAfterS?: number },
  plan: string,
): Refusal {
  const names = violated.map((each) => violationText(each));
  if (code === "rate_limited") {
    return refusal(code, `Too fast: ${names.join(", ")}.`, {
      hint: `Wait ${retryAfterS ?? 1} s and send it again.`,
      violated,
      ...(retryAfterS === undefined ? {} : { retryAfterS }),
    });
  }
  return refusal(code, `Used up: ${names.join(", ")}.`, {
    hint: `Retrying earlier does not help: stop, and ask a person. An admin can raise the limit in plan "${plan}".`,
    violated,
  });
}

function violationText({ name, per, used, limit, resetAt }: LimitViolation): string {
  const reset = `resets ${new Date(resetAt).toISOString()}`;
  switch (per) {
    case "usd":
      return `"${name}" (${moneyText(used)} of ${moneyText(limit)} USD, ${reset})`;
    case "request":
      return `"${name}" (${used} of ${limit} requests, ${reset})`;
    case "output_byte":
      return `"${name}" (${used} of ${limit} bytes, ${reset})`;
    case "upload":
      return `"${name}" (${used} of ${limit} uploads, ${reset})`;
    case "upload_byte":
      return `"${name}" (${used} of ${limit} uploaded bytes, ${reset})`;
    case "concurrent":
      return `"${name}" (${used} of ${limit} open at once)`;
  }
}

/** A plan's name that nobody wrote. */
export function noSuchPlan(name: string): Refusal {
  return refusal("not_found", `There is no plan "${name}".`, { hint: `Make it first, with PUT /v1/plans/${name}.` });
}
