// /v1/users: list those with usage; /v1/users/{id}: retrieve, block, unblock and delete a user of a team (scope `admin`). A user is any id that a call has named; users
// are not created first.

import type * as z from "zod";
import type { Removal, UserSummary } from "../../../contracts/team-admin.ts";
import { refusal } from "../../../platform/errors.ts";
import { moneyText } from "../../../platform/money.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { DAY_MS, isoTime } from "../../../platform/time.ts";
import { USER_MAX_CHARS } from "../../../platform/validate.ts";
import { dayOf, USAGE_DAYS_MAX } from "../../../team/usage/usage.ts";
import { actorOf } from "../../audit-actor.ts";
import { TAKES_EFFECT } from "../../credential-memory.ts";
import { defineRoute, type Route } from "../../route.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, limitBody, limitWire, userSchema } from "../../schemas.ts";
import { clientSecretBody, clientSecretWire } from "./me.ts";

const userBody = lazy((z) =>
  z.object({
    user: z.string(),
    frozen_at: z.iso.datetime().nullable(),
    limits: z.array(limitBody()).describe("The limits of the team's plan per user."),
  }),
);

export const removalBody = lazy((z) =>
  z.object({
    ordered_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
    requests: z
      .object({ total: z.int(), removed: z.int(), left: z.int() })
      .describe("`left` are not removed yet; open requests are canceled, and removed after they end."),
    uploads_left: z.int().describe("Uploads not removed yet, because an open request uses them."),
  }),
);

const userId = lazy((z) => z.object({ id: userSchema() }));

/** Days that a list of users counts unless it is told. */
const USER_LIST_DAYS = 30;

export const userLineBody = lazy((z) =>
  z.object({
    user: z.string(),
    frozen_at: z.iso.datetime().nullable(),
    requests: z.int(),
    completed: z.int(),
    failed: z.int(),
    charged_usd: z.string(),
    last_day: z.iso.date().describe("The newest day on which something of theirs counts."),
  }),
);

export const userRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/users",
    summary: "List users by what they used",
    access: "admin",
    query: (z) =>
      z.looseObject({
        q: z.string().max(USER_MAX_CHARS).optional().describe("Part of the user's name, in any case."),
        sort: z.enum(["spend", "last"]).default("spend").describe("Most spent, or newest day of use first."),
        from: z.iso.date().optional().describe(`First UTC day, inclusive; ${USER_LIST_DAYS} days back by default.`),
        to: z.iso.date().optional().describe("Last UTC day, inclusive; today by default."),
        cursor: z.string().optional(),
        limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
      }),
    answers: {
      200: {
        description: "A page of users with usage in these days. Calls without a user are in none.",
        schema: (z) =>
          z.object({
            from: z.iso.date().describe("The first day that was counted: of very many sums the newest days are."),
            to: z.iso.date(),
            data: z.array(userLineBody()),
            next_cursor: z.string().nullable(),
          }),
      },
    },
    errors: ["invalid_request"],
    async handle({ env, caller, query }) {
      const { q = null, sort, cursor = null, limit, to = dayOf(Date.now()) } = query;
      const from = query.from ?? dayOf(Date.parse(to) - (USER_LIST_DAYS - 1) * DAY_MS);
      if (Date.parse(to) - Date.parse(from) >= USAGE_DAYS_MAX * DAY_MS) {
        const hint = `Ask for at most ${USAGE_DAYS_MAX} days at a time.`;
        return { refusal: refusal("invalid_request", "`from` to `to` is too long.", { hint }) };
      }
      const page = await askTeam(env, caller.team, (team) => team.users.list({ from, to, q, sort, cursor, limit }));
      if (page.kind === "refused") return { refusal: page.refusal };
      const data = page.data.map(({ user, frozenAt, requests, completed, failed, chargedMicro, lastDay }) => {
        const sums = { requests, completed, failed, charged_usd: moneyText(chargedMicro), last_day: lastDay };
        return { user, frozen_at: isoTime(frozenAt), ...sums };
      });
      return { status: 200, body: { from: page.from, to, data, next_cursor: page.nextCursor } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/users/:id",
    summary: "Retrieve a user",
    access: "admin",
    params: userId,
    answers: { 200: { description: "The user. An unknown user is returned without history.", schema: userBody } },
    errors: [],
    async handle({ env, caller, params }) {
      return { status: 200, body: userWire(await askTeam(env, caller.team, (team) => team.users.read(params.id))) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/users/:id/webhook_secret",
    summary: "Retrieve the secret of a user's own webhooks",
    access: "admin",
    description: "Deliveries to a `webhook_url` that a client token or JWT of the user named are signed with it.",
    params: userId,
    answers: { 200: { description: "The user's secret.", schema: clientSecretBody } },
    errors: [],
    async handle({ caller, config, params }) {
      return { status: 200, body: await clientSecretWire(config(), caller.team, params.id) };
    },
  }),
  freezing(true),
  freezing(false),
  defineRoute({
    method: "DELETE",
    path: "/v1/users/:id",
    summary: "Delete a user's data",
    access: "admin",
    params: userId,
    answers: {
      202: {
        description:
          "The deletion has started. The user disappears from lists immediately; records and files are deleted in the background. Usage sums and a block are kept.",
        schema: removalBody,
        headers: ["Location"],
      },
    },
    errors: [],
    async handle(call) {
      const { env, caller, params } = call;
      const removal = await askTeam(env, caller.team, (team) => team.users.delete(params.id, actorOf(call)));
      if (removal === null) throw new Error("the caller's team does not exist");
      const headers = { Location: `/v1/users/${encodeURIComponent(params.id)}/removal` };
      return { status: 202, headers, body: removalWire(removal) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/users/:id/removal",
    summary: "Retrieve the progress of a user's deletion",
    access: "admin",
    params: userId,
    answers: {
      200: { description: "The progress. Available for 30 days after it has finished.", schema: removalBody },
    },
    errors: ["not_found"],
    async handle({ env, caller, params }) {
      const removal = await askTeam(env, caller.team, (team) => team.users.deletion(params.id));
      if (removal !== null) return { status: 200, body: removalWire(removal) };
      const hint = "DELETE /v1/users/{id} deletes a user's data.";
      return { refusal: refusal("not_found", "No deletion found for this user.", { hint }) };
    },
  }),
];

function freezing(frozen: boolean): Route {
  return defineRoute({
    method: "POST",
    path: frozen ? "/v1/users/:id/freeze" : "/v1/users/:id/resume",
    summary: frozen ? "Block a user" : "Unblock a user",
    access: "admin",
    params: userId,
    query: (z) =>
      z.object({
        create: z
          .enum(["true", "false"])
          .optional()
          .describe("Blocks a user whom no request, upload or key has named yet."),
      }),
    answers: { 200: { description: `The user. ${TAKES_EFFECT[frozen ? "freeze" : "resume"]}`, schema: userBody } },
    errors: ["not_found"],
    async handle(call) {
      const { env, caller, params, query } = call;
      const answer = await askTeam(env, caller.team, (team) =>
        frozen
          ? team.users.freeze(params.id, query.create === "true", actorOf(call))
          : team.users.resume(params.id, actorOf(call)),
      );
      return answer.kind === "refused" ? { refusal: answer.refusal } : { status: 200, body: userWire(answer.user) };
    },
  });
}

export function removalWire({
  orderedAt,
  finishedAt,
  requests,
  left,
  uploads,
}: Removal): z.input<ReturnType<typeof removalBody>> {
  return {
    ordered_at: isoTime(orderedAt),
    finished_at: isoTime(finishedAt),
    requests: { total: requests, removed: requests - left, left },
    uploads_left: uploads,
  };
}

/** Authentication guarantees that the team exists. */
function userWire(summary: UserSummary | null): z.input<ReturnType<typeof userBody>> {
  if (summary === null) throw new Error("the caller's team does not exist");
  const { user, frozenAt, limits } = summary;
  return { user, frozen_at: isoTime(frozenAt), limits: limits.map(limitWire) };
}
