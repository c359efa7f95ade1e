// Alarm handlers of Durable Objects: their time budget and the fallback alarm.

import { MINUTE_MS } from "./time.ts";

/** Set before a handler starts work, so that an interrupted handler runs again. */
export const SAFETY_ALARM_MS = 2 * MINUTE_MS;
/** A handler starts no work after this; the rest runs under the next alarm. */
export const ALARM_BUDGET_MS = MINUTE_MS;
