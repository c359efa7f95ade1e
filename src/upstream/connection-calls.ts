// An admin's calls of Maton's connection API: each within the account's pace, and never on another vendor's connection.

import type { Env } from "../platform/bindings.ts";
import { refused } from "../platform/errors.ts";
import { accountFor } from "../platform/stubs.ts";
import { SECOND_MS } from "../platform/time.ts";
import {
  busy,
  CONNECTION_ID,
  type ConnectionAnswer,
  type ConnectionRequest,
  connectionMeaning,
  isOfFal,
  noSuchConnection,
} from "./client/connections.ts";

/** How long an admin's call about connections waits for its turn of the pace, before it is told to come back. */
export const CONNECTION_TURN_WAIT_MS = 10 * SECOND_MS;

/** A deletion reads first: Maton would delete any vendor's. Costs a call each. */
export async function manageConnections(env: Env, wish: ConnectionRequest): Promise<ConnectionAnswer> {
  if (wish.kind === "list" || wish.kind === "create") return ask(env, wish);
  if (!CONNECTION_ID.test(wish.id)) return noSuchConnection(wish.id);
  const read = await ask(env, { kind: "get", id: wish.id });
  if (read.kind !== "done") return read;
  if (!isOfFal(read.body.connection ?? null)) return noSuchConnection(wish.id);
  return wish.kind === "get" ? read : ask(env, wish);
}

/** One call, once its turn has come. */
async function ask(env: Env, wish: ConnectionRequest): Promise<ConnectionAnswer> {
  const giveUpAt = Date.now() + CONNECTION_TURN_WAIT_MS;
  for (;;) {
    const turn = await accountFor(env).askConnections(wish);
    if (turn.kind === "replied") return connectionMeaning(wish, turn);
    const wait = turn.retryAt - Date.now();
    if (turn.retryAt > giveUpAt) return refused(busy(wait));
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
