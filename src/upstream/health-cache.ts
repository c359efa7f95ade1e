// Cached account health for the public health check: each isolate refreshes it at most every HEALTH_REFRESH_MS. A refresh is not
// shared between requests, because a cancelled request takes its promises with it. Accepted loss: during the first refresh the health
// is unknown.

import type { AccountHealth } from "../contracts/account.ts";
import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { accountFor } from "../platform/stubs.ts";
import { MINUTE_MS, SECOND_MS } from "../platform/time.ts";

/** An isolate asks the account at most this often, however many clients do. */
export const HEALTH_REFRESH_MS = 5 * SECOND_MS;
/** How long a health check waits for the account. */
export const HEALTH_WAIT_MS = 500;
/** Older cached health is not used. */
export const HEALTH_STALE_MS = MINUTE_MS;

let checkedAt = Number.NEGATIVE_INFINITY;
let cachedHealth: AccountHealth | null = null;

/** At most HEALTH_STALE_MS old; null: unknown. `now` is epoch ms. */
export async function cachedAccountHealth(env: Env, now: number): Promise<AccountHealth | null> {
  if (now - checkedAt >= HEALTH_REFRESH_MS) {
    checkedAt = now;
    cachedHealth = (await fetchHealth(env)) ?? cachedHealth;
  }
  return cachedHealth !== null && now - cachedHealth.at < HEALTH_STALE_MS ? cachedHealth : null;
}

/** Null: the account did not answer in time. */
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
