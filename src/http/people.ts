// /v1/users/{id}: see, stop, let go on, and forget one user of a team (scope `admin`). A user is whatever name a call gave;
// nobody has to be made first.

import * as z from "zod";
import type { UserSummary } from "../access/admin-types.ts";
import { askTeam } from "../access/team.ts";
import { actorOf } from "./actor.ts";
import { defineRoute, type Route } from "./route.ts";
import { limitBody, limitWire, userSchema } from "./schemas.ts";
import { isoTime } from "./time.ts";

const userBody = z.object({
  user: z.string(),
  frozen_at: z.iso.datetime().nullable(),
  limits: z.array(limitBody).describe("What the team's plan counts for this user alone."),
});

const userId = z.object({ id: userSchema });

export const peopleRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/users/:id",
    summary: "One user",
    access: "admin",
    params: userId,
    answers: { 200: { description: "The user; one that nobody has heard of has no history.", schema: userBody } },
    errors: [],
    async handle({ env, caller, params }) {
      return { status: 200, body: userWire(await askTeam(env, caller.team, (team) => team.user(params.id))) };
    },
  }),
  freezing(true),
  freezing(false),
  defineRoute({
    method: "DELETE",
    path: "/v1/users/:id",
    summary: "Forget a user",
    access: "admin",
    params: userId,
    answers: {
      204: {
        description:
          "Their requests lose name and tags, records and files are removed. Sums stay, and so does a block.",
      },
    },
    errors: [],
    async handle(call) {
      const { env, caller, params } = call;
      await askTeam(env, caller.team, (team) => team.forgetUser(params.id, actorOf(call)));
      return { status: 204 };
    },
  }),
];

function freezing(frozen: boolean): Route {
  return defineRoute({
    method: "POST",
    path: frozen ? "/v1/users/:id/freeze" : "/v1/users/:id/resume",
    summary: frozen ? "Block a user" : "Let a blocked user go on",
    access: "admin",
    params: userId,
    answers: { 200: { description: "The user. It acts on submits at once.", schema: userBody } },
    errors: [],
    async handle(call) {
      const { env, caller, params } = call;
      const user = await askTeam(env, caller.team, (team) => team.freezeUser(params.id, frozen, actorOf(call)));
      return { status: 200, body: userWire(user) };
    },
  });
}

/** A caller's team exists: nobody else is let in. */
function userWire(summary: UserSummary | null): z.input<typeof userBody> {
  if (summary === null) throw new Error("a caller's team exists");
  const { user, frozenAt, limits } = summary;
  return { user, frozen_at: isoTime(frozenAt), limits: limits.map(limitWire) };
}
