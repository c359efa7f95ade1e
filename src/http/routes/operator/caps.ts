// What the operator caps of a team: limits and models that no plan of the team widens, and its prices while money is capped.

import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { capsSchema, type OperatorCaps } from "../../../team/quota/caps.ts";
import { capsTerms } from "../../../team/quota/plan-wire.ts";
import { priceTableSchema } from "../../../team/quota/prices.ts";
import { operatorOf } from "../../audit-actor.ts";
import { credentialMemory } from "../../credential-memory.ts";
import { defineRoute, type Route } from "../../route.ts";
import { noSuchTeam, teamId } from "./teams.ts";

/** A cap of nothing: every model and no limit. */
const noCaps = lazy(() => capsSchema().parse({}));

export const capsRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/admin/teams/:id/caps",
    summary: "Retrieve what the operator caps of a team",
    access: "operator",
    params: teamId,
    answers: { 200: { description: "The caps; without any, no limits and every model.", schema: capsSchema } },
    errors: ["not_found"],
    async handle({ env, params }) {
      const team = await askTeam(env, params.id, (stub) => stub.settings.summary());
      if (team === null) return { refusal: noSuchTeam(params.id) };
      return { status: 200, body: capsTerms((team.caps as OperatorCaps | null) ?? noCaps()) };
    },
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/admin/teams/:id/caps",
    summary: "Cap a team's limits and models",
    description:
      "Checked with the limits of the plan in one step; the team's admins see the caps and cannot change them. With a limit per `usd`, requests of unknown price are refused, and only the operator changes the team's prices.",
    access: "operator",
    params: teamId,
    body: capsSchema,
    answers: { 200: { description: "The caps. They apply from the next submit.", schema: capsSchema } },
    errors: ["not_found"],
    async handle({ env, params, body, request }) {
      const team = await askTeam(env, params.id, (stub) => stub.settings.setCaps(body, operatorOf(request)));
      if (team === null) return { refusal: noSuchTeam(params.id) };
      credentialMemory.forget(params.id);
      return { status: 200, body: capsTerms(body) };
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/admin/teams/:id/caps",
    summary: "Remove a team's caps",
    access: "operator",
    params: teamId,
    answers: { 204: { description: "Removed: the team's plans alone apply from the next submit." } },
    errors: ["not_found"],
    async handle({ env, params, request }) {
      const team = await askTeam(env, params.id, (stub) => stub.settings.setCaps(null, operatorOf(request)));
      if (team === null) return { refusal: noSuchTeam(params.id) };
      credentialMemory.forget(params.id);
      return { status: 204 };
    },
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/admin/teams/:id/prices",
    summary: "Replace a team's price table",
    access: "operator",
    params: teamId,
    body: priceTableSchema,
    answers: { 200: { description: "The table. It applies to submits from now on.", schema: priceTableSchema } },
    errors: ["not_found"],
    async handle({ env, params, body, request }) {
      const answer = await askTeam(env, params.id, (stub) => stub.prices.put(body, operatorOf(request)));
      return answer.kind === "refused" ? { refusal: noSuchTeam(params.id) } : { status: 200, body };
    },
  }),
];
