// GET /v1/models and /v1/models/{id}: what this caller's plan lets it run, with the input schema where one is known.

import * as z from "zod";
import { modelRefusal } from "../access/admission.ts";
import { modelAllowed } from "../access/plan.ts";
import { askTeam } from "../access/team.ts";
import type { NamedPlan } from "../access/types.ts";
import type { Env } from "../env.ts";
import { type Refusal, refusal } from "../errors.ts";
import { parseModelId } from "../upstream/model-id.ts";
import { inputSchemaOf, knownModel, MODELS, unknownModel } from "../upstream/models.ts";
import type { Caller } from "./auth.ts";
import { defineRoute, type Route } from "./route.ts";
import { listBody } from "./schemas.ts";

const modelSummary = z.object({
  id: z.string(),
  title: z.string().nullable(),
  /** fal's category, e.g. text-to-image. */
  kind: z.string().nullable(),
});

const modelBody = modelSummary.extend({
  input_schema: z.record(z.string(), z.unknown()).nullable().meta({ description: "JSON Schema, where known." }),
});

export const modelRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/models",
    summary: "The known models that the plan includes",
    access: "read",
    answers: {
      200: { description: "Models by name; the plan may include others too.", schema: listBody(modelSummary) },
    },
    errors: [],
    async handle({ env, caller }) {
      const inUse = await planOf(env, caller);
      if ("refusal" in inUse) return inUse;
      const allowed = MODELS.filter((model) => modelAllowed(inUse.plan, model.id));
      const data = allowed.map(({ id, title, kind }) => ({ id, title, kind }));
      return { status: 200, body: { data, next_cursor: null } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/models/:id{.+}",
    summary: "One model and its input schema",
    access: "read",
    params: z.object({ id: z.string() }),
    answers: { 200: { description: "The model; nulls where Sluice knows nothing of it.", schema: modelBody } },
    errors: ["not_found", "model_not_allowed"],
    async handle({ env, caller, params }) {
      const ownerless = unknownModel(params.id);
      if (ownerless !== null) return { refusal: ownerless };
      const parsed = parseModelId(params.id);
      if (!parsed.ok) return { refusal: refusal("not_found", `A model id ${parsed.reason}.`) };
      const inUse = await planOf(env, caller);
      if ("refusal" in inUse) return inUse;
      if (!modelAllowed(inUse.plan, parsed.model)) return { refusal: modelRefusal(parsed.model, inUse.name) };
      const known = knownModel(parsed.model);
      return {
        status: 200,
        body: {
          id: parsed.model,
          title: known?.title ?? null,
          kind: known?.kind ?? null,
          input_schema: known === null ? null : inputSchemaOf(known),
        },
      };
    },
  }),
];

async function planOf(env: Env, caller: Caller): Promise<NamedPlan | { refusal: Refusal }> {
  const answer = await askTeam(env, caller.team, (team) => team.me({ digest: caller.digest, user: null }));
  return answer.kind === "known" ? answer.plan : { refusal: answer.refusal };
}
