// The account at a glance, for askers without a credential: the isolate asks the one object now and then, and answers everybody
// from what it saw. A look belongs to the call that makes it and is never waited for by another: a call that is broken off takes
// its own promises with it. Accepted loss: who comes while an isolate's first look is under way is told that nothing is known.

import type { AccountHealth } from "../contracts/account.ts";
import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { accountFor } from "../platform/stubs.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** Anybody may ask for the account's health: an isolate asks the one object at most this often, whoever and how many do. */
export const HEALTH_REFRESH_MS = 5 * SECOND_MS;
/** How long whoever asks waits for the account: a health check that hangs says less than one that does not know. */
export const HEALTH_WAIT_MS = 500;
/** Beyond this an earlier look says nothing of now. */
export const HEALTH_STALE_MS = MINUTE_MS;

let checkedAt = Number.NEGATIVE_INFINITY;
let cachedHealth: AccountHealth | null = null;

/** At most GLANCE_OLD_MS old; null: not known. `now` is epoch ms. */
export async function cachedAccountHealth(env: Env, now: number): Promise<AccountHealth | null> {
  if (now - checkedAt >= HEALTH_REFRESH_MS) {
    checkedAt = now;
    cachedHealth = (await fetchHealth(env)) ?? cachedHealth;
  }
  return cachedHealth !== null && now - cachedHealth.at < HEALTH_STALE_MS ? cachedHealth : null;
}

/** Null: it did not answer in time. */
async function fetchHealth(env: Env): Promise<AccountHealth | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeUp = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, HEALTH_WAIT_MS, null);
  });
  try {
    return await Promise.race([accountFor(env).accountHealth(), timeUp]);
  } catch (fault) {
    logEvent("account.unreachable", { error: faultName(fault) });
    return null;
  } finally {
    clearTimeout(timer);
  }
}
