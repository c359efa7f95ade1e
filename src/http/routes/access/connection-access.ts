// What a team's admins may do about the deployment's connections. A team that the operator allows asks Maton; any other sees the
// one that its requests go over, as the account remembers it: that costs no call of the pace which all teams share, and
// shows nothing of another team's.

import type { Env } from "../../../platform/bindings.ts";
import { refusal, refused } from "../../../platform/errors.ts";
import { accountFor } from "../../../platform/stubs.ts";
import {
  CONNECTED_APP,
  type ConnectionAnswer,
  type ConnectionRequest,
  connectionNotFound,
} from "../../../upstream/client/connections.ts";
import { manageConnections } from "../../../upstream/connection-calls.ts";
import type { Caller } from "../../auth.ts";

/** Maton's word for a connection that works. */
const ACTIVE = "ACTIVE";

const NOT_THIS_TEAMS = refusal(
  "forbidden",
  "Connections belong to the deployment, and this team may not change them.",
  {
    hint: 'The operator allows it with PATCH /v1/admin/teams/{id} {"manages_connections":true}.',
  },
);

/** Whether the caller may change the deployment's connections, and choose one for its requests. */
export function managesConnections({ scopes, identity }: Caller): boolean {
  return scopes.includes("admin") && identity.managesConnections;
}

/** Does what an admin wants of the connections, as far as the admin's team may. */
export async function askConnections(env: Env, caller: Caller, wish: ConnectionRequest): Promise<ConnectionAnswer> {
  if (managesConnections(caller)) return manageConnections(env, wish);
  switch (wish.kind) {
    case "list": {
      const { status = ACTIVE } = wish.filters;
      const { connection: id } = await accountFor(env).accountOverview();
      return { kind: "done", body: { connections: id === null || status !== ACTIVE ? [] : [shown(id)] }, inUse: id };
    }
    case "get": {
      const { connection: id } = await accountFor(env).accountOverview();
      return id === wish.id
        ? { kind: "done", body: { connection: shown(id) }, inUse: id }
        : connectionNotFound(wish.id);
    }
    case "create":
    case "delete":
      return refused(NOT_THIS_TEAMS);
  }
}

/** In Maton's shape, without what only Maton knows. */
function shown(id: string): { connection_id: string; app: string; status: string } {
  return { connection_id: id, app: CONNECTED_APP, status: ACTIVE };
}
