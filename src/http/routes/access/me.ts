// GET /v1/me: who am I, what is my plan, what is left of every limit. What an app draws "3 of 5 left today" from.

import type * as z from "zod";
import type { Identity } from "../../../contracts/team-access.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { shownLimits } from "../../../team/quota/caller-limits.ts";
import type { Plan } from "../../../team/quota/plan.ts";
import { type Caller, userFor } from "../../auth.ts";
import { LIMIT_HEADERS, limitHeaders } from "../../limit-headers.ts";
import { defineRoute, type Route } from "../../route.ts";
import { headerUserSchema, limitBody, limitWire, planBody, planWire, scopeSchema, userSchema } from "../../schemas.ts";

export const meBody = lazy((z) =>
  z.object({
    team: z.object({ id: z.string(), name: z.string() }),
    kind: z
      .enum(["secret", "token", "jwt"])
      .describe("A secret key, a client token, or a user's JWT of a registered issuer."),
    key: z.object({ id: z.string(), name: z.string(), scopes: z.array(scopeSchema()) }),
    expires_at: z.iso.datetime().nullable().describe("When the credential expires; null if it does not."),
    origins: z
      .array(z.string())
      .nullable()
      .describe(
        "Page origins that may use this secret key, beside the deployment's own. Null: any, or not a secret key.",
      ),
    user: z.string().nullable(),
    plan: planBody(),
    limits: z.array(limitBody()),
  }),
);

function kindWire(kind: Identity["kind"]): z.input<ReturnType<typeof meBody>>["kind"] {
  if (kind === "publishable") throw new Error("a publishable key is good for an exchange alone");
  return kind;
}

/** A visitor, who may be anybody, is told no origins, and no limits that it shares with all others. */
function shownPlan(plan: Plan, caller: Pick<Caller, "visitor">): Plan {
  return caller.visitor === null ? plan : { ...plan, limits: shownLimits(plan.limits, caller), origins: [] };
}

export const meRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/me",
    summary: "Retrieve the caller and its limits",
    access: "any",
    query: (z) => z.object({ user: userSchema().optional() }),
    headers: (z) => z.object({ "sluice-user": headerUserSchema().optional() }),
    answers: { 200: { description: "The caller, its plan and its limits.", schema: meBody, headers: LIMIT_HEADERS } },
    errors: ["user_mismatch"],
    async handle({ env, caller, query, headers }) {
      const acting = userFor(caller.user, query.user ?? headers["sluice-user"]);
      if (acting.kind === "refused") return { refusal: acting.refusal };
      const { credential, visitor, ip, network, tags, expiresAt } = caller;
      const { user } = acting;
      const answer = await askTeam(env, caller.team, (team) =>
        team.me({ credential, user, visitor, ip, network, tags }),
      );
      if (answer.kind === "refused") return { refusal: answer.refusal };
      const { team, identity, limits } = answer;
      return {
        status: 200,
        headers: limitHeaders(limits, Date.now()),
        body: {
          team: { id: team.id, name: team.name },
          kind: kindWire(identity.kind),
          key: { id: identity.keyId, name: identity.keyName, scopes: identity.scopes },
          expires_at: isoTime(expiresAt),
          origins: identity.kind === "secret" ? identity.origins : null,
          user,
          plan: planWire({ name: identity.planName, plan: shownPlan(identity.plan as Plan, caller) }),
          limits: limits.map(limitWire),
        },
      };
    },
  }),
];
