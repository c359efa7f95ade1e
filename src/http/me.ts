// GET /v1/me: who am I, what is my plan, what is left of every limit. What an app draws "3 of 5 left today" from.

import * as z from "zod";
import type { LimitState } from "../access/quota.ts";
import { askTeam } from "../access/team.ts";
import { limitHeaders } from "./limit-headers.ts";
import { defineRoute, type Route } from "./route.ts";
import { planBody, planWire, scopeSchema, userSchema } from "./schemas.ts";
import { isoTime } from "./time.ts";

const limitBody = z.object({
  name: z.string(),
  scope: z.enum(["team", "key", "user"]),
  per: z.literal("request"),
  window: z.enum(["1d", "1mo"]),
  limit: z.int(),
  used: z.int(),
  remaining: z.int(),
  reset: z.iso.datetime(),
});

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
    summary: "Who am I, and what is left of my limits",
    access: "read",
    query: z.object({ user: userSchema.optional() }),
    headers: z.object({ "sluice-user": userSchema.optional() }),
    answers: { 200: { description: "The caller, its plan and its limits.", schema: me } },
    errors: [],
    async handle({ env, caller, query, headers }) {
      const user = query.user ?? headers["sluice-user"] ?? null;
      const answer = await askTeam(env, caller.team, (team) => team.me({ digest: caller.digest, user }));
      if (answer.kind === "refused") return { refusal: answer.refusal };
      const { team, key, plan, limits } = answer;
      return {
        status: 200,
        headers: limitHeaders(limits, Date.now()),
        body: {
          team: { id: team.id, name: team.name },
          key: { id: key.id, name: key.name, scopes: key.scopes },
          user,
          plan: planWire(plan),
          limits: limits.map(limitWire),
        },
      };
    },
  }),
];

function limitWire({ resetAt, ...state }: LimitState): z.input<typeof limitBody> {
  return { ...state, reset: isoTime(resetAt) };
}
