// The one place that names Durable Objects and gives their stubs the types of their contracts. A call that a deploy or a move
// cut off is made again on a fresh stub, because a stub that threw stays broken.

import type { AccountContract } from "../contracts/account.ts";
import type { Stub } from "../contracts/rpc.ts";
import type { SweeperContract } from "../contracts/sweeper.ts";
import type { TeamContract } from "../contracts/team.ts";
import type { TrackerContract } from "../contracts/tracker.ts";
import type { Env } from "./bindings.ts";

/** Tries at a Durable Object that a deploy or a move has just reset, each on a fresh stub. */
const STUB_TRIES = 3;
/** Pause before such a try, times its number. */
const STUB_RETRY_MS = 100;

/** A team's object. Naming a team that does not exist is harmless: its object answers and leaves no store behind. */
export function teamFor({ TEAM }: Pick<Env, "TEAM">, teamId: string): Stub<TeamContract> {
  return typed<TeamContract>(TEAM.getByName(teamId));
}

/** Asks a team, again on a fresh stub if need be. Only for methods that may run twice (all but those that make a team or a key). */
export function askTeam<T>(
  env: Pick<Env, "TEAM">,
  teamId: string,
  ask: (team: Stub<TeamContract>) => T,
): Promise<Awaited<T>> {
  return askAgain(() => teamFor(env, teamId), ask);
}

/** The id of a request that nobody has started yet. */
export function newRequestId({ TRACKER }: Pick<Env, "TRACKER">): string {
  return TRACKER.newUniqueId().toString();
}

/** The tracker of a request id that this deployment made; null for any other text, which wakes no object. */
export function trackerOf({ TRACKER }: Pick<Env, "TRACKER">, requestId: string): Stub<TrackerContract> | null {
  try {
    return typed<TrackerContract>(TRACKER.get(TRACKER.idFromString(requestId)));
  } catch {
    return null;
  }
}

/** For ids that are known to be ours: anything else is a bug. */
export function trackerFor({ TRACKER }: Pick<Env, "TRACKER">, requestId: string): Stub<TrackerContract> {
  return typed<TrackerContract>(TRACKER.get(TRACKER.idFromString(requestId)));
}

/** Asks a request's tracker, again on a fresh stub if need be. Only for what may be asked twice. Null for a made-up id. */
export async function askTracker<T>(
  env: Pick<Env, "TRACKER">,
  requestId: string,
  ask: (tracker: Stub<TrackerContract>) => T,
): Promise<Awaited<T> | null> {
  return trackerOf(env, requestId) === null ? null : askAgain(() => trackerFor(env, requestId), ask);
}

/** The account's object. One account is supported; its name is in the object's name so that there can be more. */
export function accountFor({ UPSTREAM }: Pick<Env, "UPSTREAM">, name = "default"): Stub<AccountContract> {
  return typed<AccountContract>(UPSTREAM.getByName(`account:${name}`));
}

export function sweeperFor({ SWEEPER }: Pick<Env, "SWEEPER">): Stub<SweeperContract> {
  return typed<SweeperContract>(SWEEPER.getByName("bucket"));
}

/** The runtime's own type of a stub forgets what it cannot prove to be serializable; contracts hold data only. */
function typed<T>(stub: DurableObjectStub): Stub<T> {
  return stub as unknown as Stub<T>;
}

/**
 * Only for methods that may run twice. An overloaded object is not asked again: that would feed the overload.
 * Source: developers.cloudflare.com/durable-objects/best-practices/error-handling
 */
async function askAgain<S, T>(openStub: () => S, ask: (stub: S) => T): Promise<Awaited<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(openStub());
    } catch (fault) {
      if (attempt >= STUB_TRIES || !mayAskAgain(fault)) throw fault;
      await scheduler.wait(attempt * STUB_RETRY_MS);
    }
  }
}

function mayAskAgain(fault: unknown): boolean {
  if (typeof fault !== "object" || fault === null) return false;
  const { retryable, overloaded } = fault as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}
