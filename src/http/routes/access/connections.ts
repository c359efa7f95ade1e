// /v1/connections: the deployment's connections to fal at Maton, for admins (access: connection-access.ts). Maton's responses are
// converted to this API's format; compat/ has them in Maton's own. The URL that completes a connection is a secret and never logged.

import type * as z from "zod";
import { type Refusal, refusal } from "../../../platform/errors.ts";
import type { JsonTree } from "../../../platform/json.ts";
import { plainCopy, valueAt } from "../../../platform/json.ts";
import { lazy } from "../../../platform/schema.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { textAt } from "../../../upstream/client/classify.ts";
import { CONNECTION_ID, type ConnectionAnswer } from "../../../upstream/client/connections.ts";
import { actorOf } from "../../audit-actor.ts";
import { defineRoute, type Route } from "../../route.ts";
import { listBody } from "../../schemas.ts";
import { askConnections } from "./connection-access.ts";

export const connectionBody = lazy((z) =>
  z.object({
    id: z.string(),
    app: z.string(),
    method: z.string().nullable(),
    status: z.string().describe("PENDING until it is completed at `url`, then ACTIVE or FAILED."),
    url: z
      .string()
      .nullable()
      .describe("Maton's page for entering the fal key. A secret: anyone with this URL can complete the connection."),
    created_at: z.string().nullable(),
    updated_at: z.string().nullable(),
    metadata: z.unknown(),
    in_use: z.boolean().describe("Whether requests currently use this connection."),
  }),
);

const filter = lazy((z) => z.string().min(1).max(64));
const named = lazy((z) => z.object({ id: z.string().regex(CONNECTION_ID, "is not a connection id") }));

export const connectionRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/v1/connections",
    summary: "List connections to fal",
    access: "admin",
    query: (z) =>
      z.looseObject({ status: filter().optional(), method: filter().optional(), limit: filter().optional() }),
    answers: {
      200: {
        description: "All connections; only the one in use if the team does not manage connections.",
        schema: () => listBody(connectionBody()),
      },
    },
    errors: ["rate_limited", "upstream_failed", "misconfigured"],
    async handle({ env, caller, query: { status, method, limit } }) {
      const filters = { status, method, limit };
      const answer = await askConnections(env, caller, { kind: "list", filters });
      if (answer.kind !== "done") return { refusal: refusalOf(answer) };
      const list = answer.body.connections;
      const data = Array.isArray(list) ? list.map((each) => connectionWire(each, answer.inUse)) : [];
      return { status: 200, body: { data, next_cursor: null } };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/connections",
    summary: "Create a connection to fal",
    access: "admin",
    body: (z) => z.strictObject({ method: filter().optional() }),
    answers: { 201: { description: "The connection. Open `url` to enter the fal key.", schema: connectionBody } },
    errors: ["forbidden", "invalid_request", "rate_limited", "upstream_failed", "misconfigured"],
    async handle(call) {
      const { env, caller, body } = call;
      const answer = await askConnections(env, caller, { kind: "create", ...body });
      if (answer.kind !== "done") return { refusal: refusalOf(answer) };
      const connection = connectionWire(answer.body.connection ?? null, answer.inUse);
      await askTeam(env, caller.team, (team) => team.audit.note("connection.created", connection.id, actorOf(call)));
      return { status: 201, body: connection };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/connections/:id",
    summary: "Retrieve a connection",
    access: "admin",
    params: named,
    answers: { 200: { description: "The connection.", schema: connectionBody } },
    errors: ["invalid_request", "not_found", "rate_limited", "upstream_failed", "misconfigured"],
    async handle({ env, caller, params }) {
      const answer = await askConnections(env, caller, { kind: "get", id: params.id });
      if (answer.kind !== "done") return { refusal: refusalOf(answer) };
      return { status: 200, body: connectionWire(answer.body.connection ?? null, answer.inUse) };
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/connections/:id",
    summary: "Delete a connection",
    access: "admin",
    params: named,
    answers: { 204: { description: "Deleted. If it was in use, the next request selects another." } },
    errors: ["forbidden", "invalid_request", "not_found", "rate_limited", "upstream_failed", "misconfigured"],
    async handle(call) {
      const { env, caller, params } = call;
      const answer = await askConnections(env, caller, { kind: "delete", id: params.id });
      if (answer.kind !== "done") return { refusal: refusalOf(answer) };
      await askTeam(env, caller.team, (team) => team.audit.note("connection.deleted", params.id, actorOf(call)));
      return { status: 204 };
    },
  }),
];

function refusalOf(answer: Exclude<ConnectionAnswer, { kind: "done" }>): Refusal {
  if (answer.kind === "refused") return answer.refusal;
  return refusal(answer.status === 404 ? "not_found" : "invalid_request", `Maton refused the call: ${answer.message}`);
}

function connectionWire(connection: JsonTree, inUse: string | null): z.input<ReturnType<typeof connectionBody>> {
  const id = textAt(connection, "connection_id") ?? "";
  return {
    id,
    app: textAt(connection, "app") ?? "fal-ai",
    method: textAt(connection, "method"),
    status: textAt(connection, "status") ?? "UNKNOWN",
    url: textAt(connection, "url"),
    created_at: textAt(connection, "creation_time"),
    updated_at: textAt(connection, "last_updated_time"),
    metadata: plainCopy(valueAt(connection, ["metadata"]) ?? {}),
    in_use: id === inUse,
  };
}
