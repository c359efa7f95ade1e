// `/maton`: what code written for the Maton gateway calls. The queue below `/maton/fal-ai`, and the account's connections to fal
// in Maton's own shapes (maton-ai/api-gateway-skill:SKILL.md). Maton fronts hundreds of apps; this fronts fal.

import { createMiddleware } from "hono/factory";
import * as z from "zod";
import { actorOf } from "../http/actor.ts";
import type { AppEnv } from "../http/app-env.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { askConnections } from "../http/routes/access/connection-access.ts";
import { refusal } from "../platform/errors.ts";
import { printTree } from "../platform/json.ts";
import { askTeam } from "../platform/stubs.ts";
import { textAt } from "../upstream/client/classify.ts";
import { CONNECTED_APP, type ConnectionAnswer } from "../upstream/client/connections.ts";
import { connectionSchema, connectionsSchema } from "./answers.ts";
import { queueRoutes } from "./queue-routes.ts";
import { falErrorResponse, falJson } from "./refusal.ts";
import type { CompatOutcome } from "./submit.ts";

const filter = z.string().max(64).optional();
const named = z.object({ id: z.string() });
const ERRORS_OF_CONNECTIONS = [
  "forbidden",
  "invalid_request",
  "rate_limited",
  "upstream_failed",
  "misconfigured",
] as const;

const MATON_DECLINED = "Maton's own no, with Maton's status.";

const connectionRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/maton/connections",
    summary: "Connections to fal, as Maton lists them",
    access: "admin",
    query: z.looseObject({ app: filter, status: filter, method: filter, limit: filter }),
    answers: {
      200: { description: "`connections`, fal's alone: other apps have none here.", schema: connectionsSchema },
    },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_DECLINED,
    async handle({ env, caller, query: { app, status, method, limit } }) {
      if (app !== undefined && app !== CONNECTED_APP) return { response: falJson(200, '{"connections":[]}') };
      return spell(await askConnections(env, caller, { kind: "list", filters: { status, method, limit } }));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/maton/connections",
    summary: "Begin a connection to fal",
    access: "admin",
    body: z.looseObject({ app: z.string().optional(), method: z.string().max(64).optional() }),
    answers: {
      200: { description: "`connection`, with the `url` where the fal key is entered.", schema: connectionSchema },
    },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_DECLINED,
    async handle(call) {
      const { env, caller, body } = call;
      if (body.app !== CONNECTED_APP) {
        return spell({
          kind: "declined",
          status: 400,
          message: `Unknown app: only ${CONNECTED_APP} is connected here.`,
        });
      }
      const answer = await askConnections(env, caller, { kind: "create", method: body.method });
      if (answer.kind === "done") {
        const id = textAt(answer.body.connection, "connection_id") ?? "";
        await askTeam(env, caller.team, (team) => team.audit.note("connection.created", id, actorOf(call)));
      }
      return spell(answer);
    },
  }),
  defineRoute({
    method: "GET",
    path: "/maton/connections/:id",
    summary: "One connection to fal",
    access: "admin",
    params: named,
    answers: { 200: { description: "`connection`.", schema: connectionSchema } },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_DECLINED,
    async handle({ env, caller, params }) {
      return spell(await askConnections(env, caller, { kind: "get", id: params.id }));
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/maton/connections/:id",
    summary: "Delete a connection to fal",
    access: "admin",
    params: named,
    answers: { 200: { description: "What Maton says, `{}` where it says nothing.", schema: z.looseObject({}) } },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_DECLINED,
    async handle(call) {
      const { env, caller, params } = call;
      const answer = await askConnections(env, caller, { kind: "delete", id: params.id });
      if (answer.kind === "done") {
        await askTeam(env, caller.team, (team) => team.audit.note("connection.deleted", params.id, actorOf(call)));
      }
      return spell(answer);
    },
  }),
];

export const matonRoutes: readonly Route[] = [...connectionRoutes, ...queueRoutes("/maton/fal-ai")];

/** Another app's path is 400, as Maton says of an app that it does not know. */
export const falAlone = createMiddleware<AppEnv>(async function falAlone(context, next) {
  const [, , app] = context.req.path.split("/");
  if (app === CONNECTED_APP || app === "connections") return next();
  const hint = `Paths begin with /maton/${CONNECTED_APP}/{owner}/{app} or /maton/connections.`;
  return context.get("refuse")(refusal("invalid_request", "Unknown app.", { hint }), context.get("callId"));
});

/** Maton's words: its own body, or its no in both of its error shapes. */
function spell(answer: ConnectionAnswer): CompatOutcome {
  switch (answer.kind) {
    case "done":
      return { response: falJson(200, printTree(answer.body)) };
    case "refused":
      return answer;
    case "declined": {
      const { status, message } = answer;
      const type = status === 404 ? "Not Found" : "Bad Request";
      const error = { status, detail: message, type: status === 404 ? "not_found" : "invalid_request", message };
      return { response: falErrorResponse({ ...error, retryable: false }, {}, { type, code: status }) };
    }
  }
}
