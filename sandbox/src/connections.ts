// Maton's connections: list, create, get, delete, and the page that finishes one. Shapes: maton-ai/api-gateway-skill:SKILL.md.

import { type Call, flatMatonError, matonError } from "./call.ts";
import { parseObject } from "./json.ts";
import { randomFrom } from "./random.ts";
import type { Connection } from "./store.ts";

/** The only app that the sandbox supports. */
export const APP = "fal-ai";

/** The account's connections. A new account starts with an active one. */
export function connectionsOf(call: Call, account: string): Connection[] {
  const { store } = call;
  if (store.connections(account).length === 0 && !store.hasAccount(account)) {
    store.saveConnection({ ...newConnection(call, account), status: "ACTIVE", userId: null });
  }
  return store.connections(account);
}

/** `/connections` and below it. */
export function connections(call: Call, account: string, id: string | undefined): Response {
  call.note.kind = "connections";
  const own = connectionsOf(call, account);
  const { method } = call.request;
  if (id === undefined) {
    if (method === "GET") return list(call, own);
    if (method === "POST") return create(call, account);
    return matonError(call.settings, 405, "Method not allowed");
  }
  const connection = own.find((candidate) => candidate.connectionId === id);
  if (!connection) return flatMatonError(404, `Connection ${id} not found`);
  if (method === "GET") return Response.json({ connection: wireConnection(call, connection) });
  if (method === "DELETE") {
    call.store.deleteConnection(id);
    return Response.json({});
  }
  return matonError(call.settings, 405, "Method not allowed");
}

function list(call: Call, own: Connection[]): Response {
  const query = call.url.searchParams;
  const limit = query.get("limit") ?? "100";
  if (!/^[1-9][0-9]{0,3}$/.test(limit)) return matonError(call.settings, 400, "limit must be an integer above 0");
  const wanted = (name: "app" | "status" | "method", value: string) => (query.get(name) ?? value) === value;
  const found = own.filter(
    ({ app, status, method }) => wanted("app", app) && wanted("status", status) && wanted("method", method),
  );
  return Response.json({
    connections: found.slice(0, Number(limit)).map((connection) => wireConnection(call, connection)),
  });
}

function create(call: Call, account: string): Response {
  const body = parseObject(call.body);
  if (body?.app !== APP) return matonError(call.settings, 400, `Unknown app: ${String(body?.app)}`);
  if (body.method !== undefined && body.method !== "API_KEY") {
    return matonError(call.settings, 400, `${APP} connects by API_KEY only`);
  }
  const connection = newConnection(call, account);
  call.store.saveConnection(connection);
  const { connection_id, status, url, app, method } = wireConnection(call, connection);
  return Response.json({ connection: { connection_id, status, url, app, method } });
}

function newConnection(call: Call, account: string): Connection {
  const random = randomFrom(call.settings.seed, "connection", call.store.connectionCount() + 1);
  return {
    connectionId: random.uuid(),
    account,
    status: "PENDING",
    app: APP,
    method: "API_KEY",
    sessionToken: random.hex(40),
    createdAt: call.now,
    updatedAt: call.now,
    userId: `user_${random.hex(12)}`,
  };
}

/** Opening the URL of a pending connection activates it, as entering a fal key does at Maton. */
export function finishConnection(call: Call): Response {
  call.note.kind = "connect";
  const token = call.url.searchParams.get("session_token") ?? "";
  const connection = call.store.connectionByToken(token);
  if (!connection) return new Response("Unknown link.\n", { status: 404 });
  call.store.saveConnection({ ...connection, status: "ACTIVE", updatedAt: call.now });
  return new Response("Connected. You can close this page.\n");
}

function wireConnection(call: Call, connection: Connection) {
  return {
    connection_id: connection.connectionId,
    status: connection.status,
    creation_time: microseconds(connection.createdAt),
    last_updated_time: microseconds(connection.updatedAt),
    url: `${call.url.origin}/connect?session_token=${connection.sessionToken}`,
    app: connection.app,
    method: connection.method,
    metadata: {},
  };
}

/** ISO time with microseconds, as Maton prints it. */
function microseconds(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
