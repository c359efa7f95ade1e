// GET /v1/models and /v1/models/{id}: the models that the caller may run, with input schema and price where known.

import { parseModelId } from "../../../models/model-id.ts";
import { inputSchemaOf, knownModel, MODELS, unknownModel } from "../../../models/models.ts";
import { refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import { termsAllow } from "../../../team/quota/caps.ts";
import { matchesModel } from "../../../team/quota/plan.ts";
import { priceSchema } from "../../../team/quota/prices.ts";
import { modelRefusal } from "../../../team/quota/refusals.ts";
import { cachedDurations } from "../../../upstream/durations-cache.ts";
import type { Caller } from "../../auth.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody } from "../../schemas.ts";

export const modelSummary = lazy((z) =>
  z.object({
    id: z.string(),
    title: z.string().nullable(),
    /** fal's category, e.g. text-to-image. */
    kind: z.string().nullable(),
    price: priceSchema().nullable().meta({ description: "Price of the team's table; null if it has none." }),
  }),
);

export const modelBody = lazy((z) =>
  modelSummary().extend({
    typical_duration: z.object({ p50_s: z.number(), p95_s: z.number() }).nullable().meta({
      description: "Duration from submit to end, over the latest requests of all teams; null until there are enough.",
    }),
    input_schema: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: "JSON Schema of the input; null if unknown." }),
  }),
);

export const modelRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/models",
    summary: "List models that the plan includes",
    access: "view",
    answers: {
      200: {
        description: "Known models, sorted by id. The plan may allow others too.",
        schema: () => listBody(modelSummary()),
      },
    },
    errors: [],
    async handle({ env, caller }) {
      const allowed = MODELS.filter((model) => mayRun(caller, model.id));
      const ids = allowed.map((model) => model.id);
      const prices = await askTeam(env, caller.team, (team) => team.prices.ofModels(ids));
      const data = allowed.map(({ id, title, kind }, n) => ({ id, title, kind, price: prices[n] ?? null }));
      return { status: 200, body: { data, next_cursor: null } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/models/:id{.+}",
    summary: "Retrieve a model",
    access: "view",
    params: (z) => z.object({ id: z.string() }),
    answers: { 200: { description: "The model. Unknown properties are null.", schema: modelBody } },
    errors: ["not_found", "model_not_allowed"],
    async handle({ env, caller, params }) {
      const ownerless = unknownModel(params.id);
      if (ownerless !== null) return { refusal: ownerless };
      const parsed = parseModelId(params.id);
      if (!parsed.ok) return { refusal: refusal("not_found", `A model id ${parsed.reason}.`) };
      if (!mayRun(caller, parsed.model)) return { refusal: modelRefusal(parsed.model, caller.identity) };
      const known = knownModel(parsed.model);
      const [price = null] = await askTeam(env, caller.team, (team) => team.prices.ofModels([parsed.model]));
      const typical = await cachedDurations(env, parsed.model, Date.now());
      return {
        status: 200,
        body: {
          id: parsed.model,
          title: known?.title ?? null,
          kind: known?.kind ?? null,
          price,
          typical_duration: typical && { p50_s: typical.p50Ms / SECOND_MS, p95_s: typical.p95Ms / SECOND_MS },
          input_schema: known === null ? null : inputSchemaOf(known),
        },
      };
    },
  }),
];

/** By the plan and the credential's model list, which may be cached for IDENTITY_CACHE_MS. */
function mayRun({ identity, models }: Caller, model: string): boolean {
  return termsAllow(identity, model) && (models === null || matchesModel(models, model));
}
