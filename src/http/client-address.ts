// The address of a caller, as Cloudflare reports it, and whose share of memory the bytes of a call take.

import type { Sender } from "../net/byte-budget.ts";
import { networkOf } from "../team/auth/visitor.ts";

/** Null in a local run. No other header is trusted. */
export function addressOf(request: Request): string | null {
  return request.headers.get("CF-Connecting-IP");
}

/** Whose share a body takes: its team's, of one address for calls from browsers. A server has one address for all of its users. */
export function senderOf(caller: { team: string; ip: string | null } | null, request: Request): Sender {
  if (caller !== null) return { team: caller.team, address: caller.ip };
  return { team: null, address: networkOf(addressOf(request)) };
}

/** The same for a URL that takes bytes without a key: it counts on its team, and whoever has it by their address. */
export function urlSenderOf(team: string, request: Request): Sender {
  return { team, address: networkOf(addressOf(request)) };
}
