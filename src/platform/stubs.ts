// The only place that names Durable Objects and types their stubs. A call interrupted by a deploy or a move is retried on a new
// stub, because a stub that threw stays broken.

import type { AccountContract } from "../contracts/account.ts";
import type { Stub } from "../contracts/rpc.ts";
import type { SweeperContract } from "../contracts/sweeper.ts";
import type { TeamContract } from "../contracts/team.ts";
import type { TrackerContract } from "../contracts/tracker.ts";
import type { Env } from "./bindings.ts";
import { placementOf } from "./config.ts";

/** Attempts at a Durable Object that was reset, each on a new stub. */
const STUB_TRIES = 3;
/** Delay before a retry, times its number. */
const STUB_RETRY_MS = 100;

/** A team's object. Addressing a team that does not exist is harmless: its object answers and stores nothing. */
export function teamFor(env: Pick<Env, "TEAM">, teamId: string): Stub<TeamContract> {
  return named<TeamContract>(env, env.TEAM, teamId);
}

/** Calls a team, with retries on a new stub. For idempotent methods only (all but those that create a team or a key). */
export function askTeam<T>(
  env: Pick<Env, "TEAM">,
  teamId: string,
  ask: (team: Stub<TeamContract>) => T,
): Promise<Awaited<T>> {
  return askAgain(() => teamFor(env, teamId), ask);
}

/** A new request id. */
export function newRequestId(env: Pick<Env, "TRACKER">): string {
  return bounded(env, env.TRACKER).newUniqueId().toString();
}

/** The tracker of a request id; null for text that is no id of this deployment, which wakes no object. */
export function trackerOf(env: Pick<Env, "TRACKER">, requestId: string): Stub<TrackerContract> | null {
  try {
    return trackerFor(env, requestId);
  } catch {
    return null;
  }
}

/** For ids created by this deployment; others throw. */
export function trackerFor(env: Pick<Env, "TRACKER">, requestId: string): Stub<TrackerContract> {
  const trackers = bounded(env, env.TRACKER);
  return typed<TrackerContract>(trackers.get(trackers.idFromString(requestId), hinted(env)));
}

/** Calls a request's tracker, with retries on a new stub. For idempotent methods only. Null for an invalid id. */
export async function askTracker<T>(
  env: Pick<Env, "TRACKER">,
  requestId: string,
  ask: (tracker: Stub<TrackerContract>) => T,
): Promise<Awaited<T> | null> {
  return trackerOf(env, requestId) === null ? null : askAgain(() => trackerFor(env, requestId), ask);
}

/** The name of the one account that is supported. */
export const DEFAULT_ACCOUNT = "default";

/** The account's object; the account's name is part of its name. */
export function accountFor(env: Pick<Env, "UPSTREAM">): Stub<AccountContract> {
  return named<AccountContract>(env, env.UPSTREAM, `account:${DEFAULT_ACCOUNT}`);
}

export function sweeperFor(env: Pick<Env, "SWEEPER">): Stub<SweeperContract> {
  return named<SweeperContract>(env, env.SWEEPER, "bucket");
}

/** Counts where the object is made by this call: it stays there. */
function named<T>(env: object, objects: DurableObjectNamespace, name: string): Stub<T> {
  return typed<T>(bounded(env, objects).getByName(name, hinted(env)));
}

/** Ids of one jurisdiction are unknown to another, and to a deployment without one. */
function bounded(env: object, objects: DurableObjectNamespace): DurableObjectNamespace {
  const { JURISDICTION } = placementOf(env);
  return JURISDICTION === undefined ? objects : objects.jurisdiction(JURISDICTION);
}

function hinted(env: object): DurableObjectNamespaceGetDurableObjectOptions {
  const { LOCATION_HINT } = placementOf(env);
  return LOCATION_HINT === undefined ? {} : { locationHint: LOCATION_HINT };
}

/** The runtime's stub type drops members that it cannot prove to be serializable; contracts contain data only. */
function typed<T>(stub: DurableObjectStub): Stub<T> {
  return stub as unknown as Stub<T>;
}

/**
 * For idempotent methods only. An overloaded object is not retried.
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
  return (fault as { retryable?: unknown }).retryable === true && !isOverloaded(fault);
}

/**
 * Whether a call failed because an object gets more calls than its one thread answers; it was not begun. An error that crossed
 * another object on its way keeps its message only (developers.cloudflare.com/durable-objects/observability/troubleshooting).
 */
export function isOverloaded(fault: unknown): boolean {
  if (typeof fault !== "object" || fault === null) return false;
  const { overloaded, message } = fault as { overloaded?: unknown; message?: unknown };
  return overloaded === true || (typeof message === "string" && message.includes("Durable Object is overloaded"));
}
