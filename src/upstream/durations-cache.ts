// Durations of models as each isolate remembers them: whoever reads model pages asks the account at most once in a while for each.

import type { Durations } from "../models/durations.ts";
import type { Env } from "../platform/bindings.ts";
import { faultName, logEvent } from "../platform/log.ts";
import { LruMap } from "../platform/lru-map.ts";
import { accountFor } from "../platform/stubs.ts";
import { SECOND_MS } from "../platform/time.ts";

/** Durations move slowly: they are medians of 64 requests. */
export const DURATIONS_REFRESH_MS = 30 * SECOND_MS;
/** Models that an isolate remembers. */
const MODELS_MAX = 500;

const remembered = new LruMap<{ askedAt: number; durations: Durations | null }>(MODELS_MAX);

/** Null: unknown, or the account did not answer, which is not asked about again before the time either. `now` is epoch ms. */
export async function cachedDurations(env: Env, model: string, now: number): Promise<Durations | null> {
  const known = remembered.get(model);
  if (known !== undefined && now - known.askedAt < DURATIONS_REFRESH_MS && now >= known.askedAt) return known.durations;
  let durations = known?.durations ?? null;
  try {
    durations = (await accountFor(env).durationsOf([model]))[0] ?? null;
  } catch (fault) {
    logEvent("account.unreachable", { error: faultName(fault) });
  }
  remembered.set(model, { askedAt: now, durations });
  return durations;
}
