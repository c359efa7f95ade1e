// /v1/users/{id}: see, stop, let go on, and forget one user of a team (scope `admin`). A user is whatever name a call gave.
// nobody has to be made first.

import * as z from "zod";
import type { Removal, UserSummary } from "../../../contracts/team-admin.ts";
import { refusal } from "../../../platform/errors.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { isoTime } from "../../../platform/time.ts";
import { actorOf } from "../../actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { limitBody, limitWire, userSchema } from "../../schemas.ts";

const userBody = z.object({
  user: z.string(),
  frozen_at: z.iso.datetime().nullable(),
  limits: z.array(limitBody).describe("What the team's plan counts for this user alone."),
});

export const removalBody = z.object({
  ordered_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable(),
  requests: z
    .object({ total: z.int(), removed: z.int(), left: z.int() })
    .describe("`left` still hold something: what has not ended is stopped, and removed after its end."),
  uploads_left: z.int().describe("Files for inputs that are still there, because an open request uses them."),
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
      return { status: 200, body: userWire(await askTeam(env, caller.team, (team) => team.users.read(params.id))) };
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
      202: {
        description:
          "They are out of every list at once; records and files are removed one by one. Sums stay, and so does a block.",
        schema: removalBody,
        headers: ["Location"],
      },
    },
    errors: [],
    async handle(call) {
      const { env, caller, params } = call;
      const removal = await askTeam(env, caller.team, (team) => team.users.delete(params.id, actorOf(call)));
      if (removal === null) throw new Error("a caller's team exists");
      const headers = { Location: `/v1/users/${encodeURIComponent(params.id)}/removal` };
      return { status: 202, headers, body: removalWire(removal) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/users/:id/removal",
    summary: "How far the forgetting of a user is",
    access: "admin",
    params: userId,
    answers: { 200: { description: "It can be read for 30 days after it is finished.", schema: removalBody } },
    errors: ["not_found"],
    async handle({ env, caller, params }) {
      const removal = await askTeam(env, caller.team, (team) => team.users.deletion(params.id));
      if (removal !== null) return { status: 200, body: removalWire(removal) };
      const hint = "DELETE /v1/users/{id} forgets a user.";
      return { refusal: refusal("not_found", "Nobody by that name was forgotten lately.", { hint }) };
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
      const user = await askTeam(env, caller.team, (team) => team.users.freeze(params.id, frozen, actorOf(call)));
      return { status: 200, body: userWire(user) };
    },
  });
}

export function removalWire({ orderedAt, finishedAt, requests, left, uploads }: Removal): z.input<typeof removalBody> {
  return {
    ordered_at: isoTime(orderedAt),
    finished_at: isoTime(finishedAt),
    requests: { total: requests, removed: requests - left, left },
    uploads_left: uploads,
  };
}

/** A caller's team exists: nobody else is let in. */
function userWire(summary: UserSummary | null): z.input<typeof userBody> {
  if (summary === null) throw new Error("a caller's team exists");
  const { user, frozenAt, limits } = summary;
  return { user, frozen_at: isoTime(frozenAt), limits: limits.map(limitWire) };
}
