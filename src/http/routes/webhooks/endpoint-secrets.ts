// Signing secrets of webhooks (scope `admin`): of an endpoint, and of the team for requests' own `webhook_url`. The previous secret of a
// rotation signs too, for a while.

import * as z from "zod";
import type { SecretAnswer } from "../../../contracts/team-webhooks.ts";
import { askTeam, teamFor } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { actorOf } from "../../actor.ts";
import { defineRoute, type Route } from "../../route.ts";

/** How long the previous secret of a rotation signs beside the new one. */
const SECRET_OVERLAP_DEFAULT_S = 24 * 3_600;
/** A rotated webhook secret signs beside the new one at most this long. */
const SECRET_OVERLAP_MAX_S = 7 * 24 * 3_600;

const endpointId = z.object({ id: z.string() });

export const secretBody = z.object({
  secret: z.string().describe("A Standard Webhooks secret."),
  previous_valid_until: z.iso.datetime().nullable().describe("Until then, the previous secret signs too."),
});

const secret = defineRoute({
  method: "GET",
  path: "/v1/webhooks/:id/secret",
  summary: "Retrieve an endpoint's signing secret",
  access: "admin",
  params: endpointId,
  answers: { 200: { description: "The secret.", schema: secretBody } },
  errors: ["not_found"],
  async handle({ env, caller, params }) {
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.secrets(params.id));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: secretWire(answer) };
  },
});

const overlapBody = z.strictObject({
  overlap_s: z
    .int()
    .min(0)
    .max(SECRET_OVERLAP_MAX_S)
    .default(SECRET_OVERLAP_DEFAULT_S)
    .describe("Seconds for which the previous secret signs too. Use 0 after a leak: it stops with the next attempt."),
});

const rotate = defineRoute({
  method: "POST",
  path: "/v1/webhooks/:id/rotate",
  summary: "Rotate an endpoint's signing secret",
  access: "admin",
  params: endpointId,
  body: overlapBody,
  answers: { 200: { description: "The new secret.", schema: secretBody } },
  errors: ["not_found", "conflict"],
  async handle(call) {
    const { env, caller, params, body } = call;
    const answer = await teamFor(env, caller.team).endpoints.rotateSecret(params.id, body.overlap_s, actorOf(call));
    if (answer.kind === "refused") return { refusal: answer.refusal };
    return { status: 200, body: secretWire(answer) };
  },
});

const teamSecret = defineRoute({
  method: "GET",
  path: "/v1/team/webhook_secret",
  summary: "Retrieve the signing secret for requests' own `webhook_url`",
  access: "admin",
  answers: { 200: { description: "The secret.", schema: secretBody } },
  errors: [],
  async handle({ env, caller }) {
    const answer = await askTeam(env, caller.team, (team) => team.endpoints.teamSecrets());
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: secretWire(answer) };
  },
});

const rotateTeamSecret = defineRoute({
  method: "POST",
  path: "/v1/team/webhook_secret/rotate",
  summary: "Rotate the signing secret for requests' own `webhook_url`",
  access: "admin",
  body: overlapBody,
  answers: { 200: { description: "The new secret.", schema: secretBody } },
  errors: ["conflict"],
  async handle(call) {
    const { env, caller, body } = call;
    const answer = await teamFor(env, caller.team).endpoints.rotateTeamSecret(body.overlap_s, actorOf(call));
    return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: secretWire(answer) };
  },
});

export const secretRoutes: readonly Route[] = [secret, rotate, teamSecret, rotateTeamSecret];

function secretWire({ secret, previousUntil }: Extract<SecretAnswer, { kind: "secrets" }>): z.input<typeof secretBody> {
  return { secret, previous_valid_until: isoTime(previousUntil) };
}
