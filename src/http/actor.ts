// Who makes an administrative change, for the audit: the key, and the address that Cloudflare saw it come from.

import type { Actor } from "../contracts/team-keys.ts";
import { addressOf, type Caller } from "./auth.ts";

export function actorOf({ caller, request }: { caller: Caller; request: Request }): Actor {
  return { id: caller.keyId, ip: addressOf(request) };
}

/** The deployment's operator, known by ADMIN_TOKEN. */
export function operatorOf(request: Request): Actor {
  return { id: "operator", ip: addressOf(request) };
}
