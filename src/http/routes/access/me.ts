// GET /v1/me: who am I, what is my plan, what is left of every limit. What an app draws "3 of 5 left today" from.

import * as z from "zod";
import { askTeam } from "../../../platform/stubs.ts";
import type { Plan } from "../../../team/quota/plan.ts";
import { userFor } from "../../auth.ts";
import { LIMIT_HEADERS, limitHeaders } from "../../limit-headers.ts";
import { defineRoute, type Route } from "../../route.ts";
import { limitBody, limitWire, planBody, planWire, scopeSchema, userSchema } from "../../schemas.ts";

const me = z.object({
  team: z.object({ id: z.string(), name: z.string() }),
  key: z.object({ id: z.string(), name: z.string(), scopes: z.array(scopeSchema) }),
  user: z.string().nullable(),
  plan: planBody,
  limits: z.array(limitBody),
});

export const meRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/me",
    summary: "Retrieve the caller and its limits",
    access: "read",
    query: z.object({ user: userSchema.optional() }),
    headers: z.object({ "sluice-user": userSchema.optional() }),
    answers: { 200: { description: "The caller, its plan and its limits.", schema: me, headers: LIMIT_HEADERS } },
    errors: ["user_mismatch"],
    async handle({ env, caller, query, headers }) {
      const acting = userFor(caller.user, query.user ?? headers["sluice-user"]);
      if (acting.kind === "refused") return { refusal: acting.refusal };
      const { credential, visitor, ip, tags } = caller;
      const { user } = acting;
      const answer = await askTeam(env, caller.team, (team) => team.me({ credential, user, visitor, ip, tags }));
      if (answer.kind === "refused") return { refusal: answer.refusal };
      const { team, identity, limits } = answer;
      return {
        status: 200,
        headers: limitHeaders(limits, Date.now()),
        body: {
          team: { id: team.id, name: team.name },
          key: { id: identity.keyId, name: identity.keyName, scopes: identity.scopes },
          user,
          plan: planWire({ name: identity.planName, plan: identity.plan as Plan }),
          limits: limits.map(limitWire),
        },
      };
    },
  }),
];
