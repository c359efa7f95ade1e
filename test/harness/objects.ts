// The objects of the Worker under test: their alarms are rung, they are evicted and broken off.

import { evictAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import { accountFor, teamFor, trackerFor } from "../../src/platform/stubs.ts";
import { bindings } from "./env.ts";
import type { Team } from "./team.ts";

export function trackerOf(id: string) {
  return trackerFor(bindings, id);
}

/** Runs the team's alarm now. False when none was set. */
export function ringTeam(team: Team): Promise<boolean> {
  return runDurableObjectAlarm(teamFor(bindings, team.id));
}

/** Runs the account's alarm now: turns are given to those who wait. False when none was set. */
export function ringAccount(): Promise<boolean> {
  return runDurableObjectAlarm(account());
}

export function account() {
  return accountFor(bindings);
}

/** Drops the object from memory; its rows stay. */
export function evict(id: string): Promise<void> {
  return evictDurableObject(trackerOf(id));
}

/** Drops every object from memory: trackers, teams, the account, the sandbox's world. */
export function evictEverything(): Promise<void> {
  return evictAllDurableObjects();
}

/**
 * Breaks the object off in the midst of whatever it does, as a crash or a deploy would; its rows stay. A test that waits for
 * the moment does so with `eventually`: a promise resolved inside the object would let the test go on there, and die with it.
 */
export async function cutOff(id: string): Promise<void> {
  const cut = runInDurableObject(trackerOf(id), (_instance, state) => state.abort("cut off by a test"));
  await expect(cut).rejects.toThrow("cut off by a test");
}
