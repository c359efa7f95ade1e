// POST /v1/estimate: the maximum cost of a request, by the same rules and prices as its submit. Reserves nothing.

import { parseModelId } from "../../../models/model-id.ts";
import { checkInput, unknownModel } from "../../../models/models.ts";
import { refusal } from "../../../platform/errors.ts";
import { valueAt } from "../../../platform/json.ts";
import { lazy } from "../../../platform/schema.ts";
import { quoteRequest } from "../../../requests/service/submit.ts";
import { planOf } from "../../../team/auth/identity.ts";
import { measuresUsed, priceSchema } from "../../../team/quota/prices.ts";
import { defineRoute, type Route } from "../../route.ts";
import { moneyWire } from "../../schemas.ts";

/** Quantities that prices are made of. */
export const measuresBody = lazy((z) =>
  z.object({
    images: z.number().nullable(),
    megapixels: z.number().nullable(),
    seconds: z.number().nullable(),
    characters: z.number().nullable(),
  }),
);

const estimateAnswer = lazy((z) =>
  z.object({
    model: z.string(),
    currency: z.literal("USD"),
    estimated: z.string().nullable().describe("Maximum cost. Null if the price or a quantity is unknown."),
    price: priceSchema().nullable(),
    measures: measuresBody().describe(
      "Maximum quantities that the input requests, in the units of prices; null if not known: only fields that the model is known to read, or that its price names, count.",
    ),
  }),
);

export const estimateRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/v1/estimate",
    summary: "Estimate the cost of a request",
    access: "view",
    body: (z) => z.strictObject({ model: z.string(), input: z.looseObject({}) }),
    answers: { 200: { description: "The estimate.", schema: estimateAnswer } },
    errors: ["invalid_request", "invalid_input", "model_not_allowed", "not_found", "conflict"],
    async handle({ env, caller, body, bodyTree }) {
      const unknown = unknownModel(body.model);
      if (unknown !== null) return { refusal: unknown };
      const id = parseModelId(body.model);
      if (!id.ok) return { refusal: refusal("invalid_request", `\`model\` ${id.reason}.`) };
      const checked = checkInput(id.model, body.input);
      if (checked.kind === "refused") return { refusal: checked.refusal };
      const { team, credential } = caller;
      const input = valueAt(bodyTree, ["input"]) ?? {};
      const quote = await quoteRequest(env, {
        team,
        credential,
        plan: planOf(caller.identity),
        model: id.model,
        input,
      });
      if (quote.kind === "refused") return { refusal: quote.refusal };
      const { estimatedMicro, price } = quote;
      const measures = measuresUsed(price, quote.measures);
      return {
        status: 200,
        body: { model: id.model, currency: "USD" as const, estimated: moneyWire(estimatedMicro), price, measures },
      };
    },
  }),
];
