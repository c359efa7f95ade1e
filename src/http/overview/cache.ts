// The overview as an isolate last read it: it asks the account and the sweeper at most every OVERVIEW_REFRESH_MS, one call each. A read is
// not shared between calls, because a cancelled one takes its promises with it.

import type { AccountOverview } from "../../contracts/account.ts";
import type { DeploymentFigures } from "../../contracts/sweeper.ts";
import type { Env } from "../../platform/bindings.ts";
import { accountFor, sweeperFor } from "../../platform/stubs.ts";
import { SECOND_MS } from "../../platform/time.ts";

export const OVERVIEW_REFRESH_MS = 10 * SECOND_MS;

/** `at`: when it was read, epoch ms. */
export interface Read {
  at: number;
  account: AccountOverview;
  deployment: DeploymentFigures;
}

let cached: Read | null = null;

/** At most OVERVIEW_REFRESH_MS old. Rejects when one of the two objects is unavailable. `now` is epoch ms. */
export async function readOverview(env: Env, now: number): Promise<Read> {
  if (cached !== null && now - cached.at < OVERVIEW_REFRESH_MS && now >= cached.at) return cached;
  const [account, deployment] = await Promise.all([accountFor(env).accountOverview(), sweeperFor(env).figures()]);
  cached = { at: now, account, deployment };
  return cached;
}
