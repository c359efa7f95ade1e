// An admin's calls of Maton's connection API: each within the account's pace, and never on another vendor's connection.

import type { Env } from "../platform/bindings.ts";
import { refused } from "../platform/errors.ts";
import { accountFor } from "../platform/stubs.ts";
import { SECOND_MS } from "../platform/time.ts";
import {
  CONNECTION_ID,
  type ConnectionAnswer,
  type ConnectionRequest,
  connectionCallsExhausted,
  connectionMeaning,
  connectionNotFound,
  isFalConnection,
} from "./client/connections.ts";

/** How long a connection call waits for the rate limit before it is refused. */
export const CONNECTION_GRANT_WAIT_MS = 10 * SECOND_MS;

/** A deletion reads first: Maton would delete any vendor's. Costs a call each. */
export async function manageConnections(env: Env, request: ConnectionRequest): Promise<ConnectionAnswer> {
  if (request.kind === "list" || request.kind === "create") return callConnection(env, request);
  if (!CONNECTION_ID.test(request.id)) return connectionNotFound(request.id);
  const read = await callConnection(env, { kind: "get", id: request.id });
  if (read.kind !== "done") return read;
  if (!isFalConnection(read.body.connection ?? null)) return connectionNotFound(request.id);
  return request.kind === "get" ? read : callConnection(env, request);
}

/** One call, once the rate limit allows it. */
async function callConnection(env: Env, request: ConnectionRequest): Promise<ConnectionAnswer> {
  const giveUpAt = Date.now() + CONNECTION_GRANT_WAIT_MS;
  for (;;) {
    const answer = await accountFor(env).callConnections(request);
    if (answer.kind === "replied") return connectionMeaning(request, answer);
    const wait = answer.retryAt - Date.now();
    if (answer.retryAt > giveUpAt) return refused(connectionCallsExhausted(wait));
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
