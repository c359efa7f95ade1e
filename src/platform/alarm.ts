// How alarms of Durable Objects run: how long one may work, and what brings the next should this one fail.

import { MINUTE_MS } from "./time.ts";

/** The alarm is put here before any row runs; a handler that is cut off is woken again. */
export const SAFETY_ALARM_MS = 2 * MINUTE_MS;
/** An alarm handler starts nothing after this; the rest runs under the next alarm. */
export const ALARM_BUDGET_MS = MINUTE_MS;
