// `/maton`: the API of the Maton gateway for existing clients: fal's queue below `/maton/fal-ai`, and connections in Maton's format
// (maton-ai/api-gateway-skill:SKILL.md). Of Maton's apps, only fal is supported.

import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../http/app-env.ts";
import { actorOf } from "../http/audit-actor.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { askConnections } from "../http/routes/access/connection-access.ts";
import { refusal } from "../platform/errors.ts";
import { printTree } from "../platform/json.ts";
import { lazy } from "../platform/schema.ts";
import { askTeam } from "../platform/stubs.ts";
import { textAt } from "../upstream/client/classify.ts";
import { CONNECTED_APP, type ConnectionAnswer } from "../upstream/client/connections.ts";
import { connectionSchema, connectionsSchema } from "./answers.ts";
import { falErrorResponse, falJson } from "./fal-errors.ts";
import { queueRoutes } from "./queue-routes.ts";
import type { CompatOutcome } from "./submit.ts";

const filter = lazy((z) => z.string().max(64).optional());
const named = lazy((z) => z.object({ id: z.string() }));
const ERRORS_OF_CONNECTIONS = [
  "forbidden",
  "invalid_request",
  "rate_limited",
  "upstream_failed",
  "misconfigured",
] as const;

const MATON_REFUSED = "Maton refused the call; its status is passed on.";

const connectionRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/maton/connections",
    summary: "List connections to fal (Maton API)",
    access: "admin",
    query: (z) => z.looseObject({ app: filter(), status: filter(), method: filter(), limit: filter() }),
    answers: {
      200: { description: "`connections` to fal; empty for other apps.", schema: connectionsSchema },
    },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_REFUSED,
    async handle({ env, caller, query: { app, status, method, limit } }) {
      if (app !== undefined && app !== CONNECTED_APP) return { response: falJson(200, '{"connections":[]}') };
      return matonResponse(await askConnections(env, caller, { kind: "list", filters: { status, method, limit } }));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/maton/connections",
    summary: "Create a connection to fal (Maton API)",
    access: "admin",
    body: (z) => z.looseObject({ app: z.string().optional(), method: z.string().max(64).optional() }),
    answers: {
      200: { description: "`connection`, with the `url` for entering the fal key.", schema: connectionSchema },
    },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_REFUSED,
    async handle(call) {
      const { env, caller, body } = call;
      if (body.app !== CONNECTED_APP) {
        return matonResponse({
          kind: "declined",
          status: 400,
          message: `Unknown app. Only ${CONNECTED_APP} is supported.`,
        });
      }
      const answer = await askConnections(env, caller, { kind: "create", method: body.method });
      if (answer.kind === "done") {
        const id = textAt(answer.body.connection, "connection_id") ?? "";
        await askTeam(env, caller.team, (team) => team.audit.note("connection.created", id, actorOf(call)));
      }
      return matonResponse(answer);
    },
  }),
  defineRoute({
    method: "GET",
    path: "/maton/connections/:id",
    summary: "Retrieve a connection to fal (Maton API)",
    access: "admin",
    params: named,
    answers: { 200: { description: "`connection`.", schema: connectionSchema } },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_REFUSED,
    async handle({ env, caller, params }) {
      return matonResponse(await askConnections(env, caller, { kind: "get", id: params.id }));
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/maton/connections/:id",
    summary: "Delete a connection to fal (Maton API)",
    access: "admin",
    params: named,
    answers: { 200: { description: "Maton's response; `{}` if it is empty.", schema: (z) => z.looseObject({}) } },
    errors: ERRORS_OF_CONNECTIONS,
    passesOn: MATON_REFUSED,
    async handle(call) {
      const { env, caller, params } = call;
      const answer = await askConnections(env, caller, { kind: "delete", id: params.id });
      if (answer.kind === "done") {
        await askTeam(env, caller.team, (team) => team.audit.note("connection.deleted", params.id, actorOf(call)));
      }
      return matonResponse(answer);
    },
  }),
];

export const matonRoutes: readonly Route[] = [...connectionRoutes, ...queueRoutes("/maton/fal-ai")];

/** Paths of other apps are 400, as unknown apps are at Maton. */
export const onlyFal = createMiddleware<AppEnv>(async function onlyFal(context, next) {
  const [, , app] = context.req.path.split("/");
  if (app === CONNECTED_APP || app === "connections") return next();
  const hint = `Use paths below /maton/${CONNECTED_APP}/{owner}/{app} or /maton/connections.`;
  return context.get("refuse")(refusal("invalid_request", "Unknown app.", { hint }), context.get("callId"));
});

/** In Maton's format: its body, or an error in both of its error shapes. */
function matonResponse(answer: ConnectionAnswer): CompatOutcome {
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
