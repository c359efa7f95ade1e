// GET /v1/me: who am I, what is my plan, what is left of every limit. What an app draws "3 of 5 left today" from.

import type * as z from "zod";
import type { Identity } from "../../../contracts/team-access.ts";
import type { Config } from "../../../platform/config.ts";
import { refusal } from "../../../platform/errors.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { shownLimits } from "../../../team/quota/caller-limits.ts";
import type { Plan } from "../../../team/quota/plan.ts";
import { clientWebhookSecrets } from "../../../webhooks/client-secret.ts";
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

export const clientSecretBody = lazy((z) =>
  z.object({
    user: z.string(),
    secret: z.string().describe("`whsec_…`: verifies deliveries with any Standard Webhooks library."),
    previous: z
      .array(z.string())
      .describe("Secrets of signing keys that the deployment still accepts; deliveries carry a signature of each."),
  }),
);

/** The secrets of deliveries to a `webhook_url` that a client token or JWT of the user named. */
export async function clientSecretWire(
  config: Config,
  team: string,
  user: string,
): Promise<z.input<ReturnType<typeof clientSecretBody>>> {
  const [secret = "", ...previous] = await clientWebhookSecrets(config.SIGNING_KEY, team, user);
  return { user, secret, previous };
}

const OF_THE_TEAM = refusal(
  "not_found",
  "A secret key has no secret of its own: its requests' deliveries are signed with the team's.",
  {
    hint: "GET /v1/team/webhook_secret returns it; GET /v1/users/{id}/webhook_secret that of a user's client tokens and JWTs.",
  },
);

export const meRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/me/webhook_secret",
    summary: "Retrieve the secret of the caller's own webhooks",
    access: "any",
    description: "For client tokens and users' JWTs whose plan has `webhooks: true`.",
    answers: { 200: { description: "The user's secret.", schema: clientSecretBody } },
    errors: ["not_found"],
    async handle({ caller, config }) {
      if (caller.identity.kind === "secret" || caller.user === null) return { refusal: OF_THE_TEAM };
      return { status: 200, body: await clientSecretWire(config(), caller.team, caller.user) };
    },
  }),
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
