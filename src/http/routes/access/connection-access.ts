// Access of a team's admins to the deployment's connections. Teams that the operator allows call Maton; others see only the connection
// in use, from the account's state, which costs no call of the shared rate limit and reveals nothing of other teams.

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

/** Maton's status of a working connection. */
const ACTIVE = "ACTIVE";

const NOT_THIS_TEAMS = refusal("forbidden", "This team may not manage the deployment's connections.", {
  hint: 'The operator can allow it with PATCH /v1/admin/teams/{id} {"manages_connections":true}.',
});

/** Whether the caller may manage the deployment's connections, and choose one for its requests. */
export function managesConnections({ scopes, identity }: Caller): boolean {
  return scopes.includes("admin") && identity.managesConnections;
}

/** Performs an admin's connection call, as far as the team's access allows. */
export async function askConnections(env: Env, caller: Caller, call: ConnectionRequest): Promise<ConnectionAnswer> {
  if (managesConnections(caller)) return manageConnections(env, call);
  switch (call.kind) {
    case "list": {
      const { status = ACTIVE } = call.filters;
      const { connection: id } = await accountFor(env).accountOverview();
      return { kind: "done", body: { connections: id === null || status !== ACTIVE ? [] : [shown(id)] }, inUse: id };
    }
    case "get": {
      const { connection: id } = await accountFor(env).accountOverview();
      return id === call.id
        ? { kind: "done", body: { connection: shown(id) }, inUse: id }
        : connectionNotFound(call.id);
    }
    case "create":
    case "delete":
      return refused(NOT_THIS_TEAMS);
  }
}

/** In Maton's format, without fields that only Maton knows. */
function shown(id: string): { connection_id: string; app: string; status: string } {
  return { connection_id: id, app: CONNECTED_APP, status: ACTIVE };
}
