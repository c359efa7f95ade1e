// The actor of an administrative change, for the audit log: the key and the client address that Cloudflare reports.

import type { Actor } from "../contracts/team-keys.ts";
import { OPERATOR } from "../platform/ids.ts";
import type { Caller } from "./auth.ts";
import { addressOf } from "./client-address.ts";

export function actorOf({ caller, request }: { caller: Caller; request: Request }): Actor {
  return { id: caller.keyId, ip: addressOf(request) };
}

/** The deployment's operator, authenticated by ADMIN_TOKEN. */
export function operatorOf(request: Request): Actor {
  return { id: OPERATOR, ip: addressOf(request) };
}
