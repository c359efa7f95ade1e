// How the parts of Team make one decision one transaction, and wake it later. Team fills it in.

import type { Refused } from "../platform/errors.ts";

/** Unstarted requests that one alarm of a team asks about; the rest comes with the next. */
export const SWEEP_BATCH_ROWS = 100;

export interface TeamContext {
  /** One decision in one transaction, with the time; `absent` where there is no such team. */
  decide<T>(absent: T, decision: (now: number) => T): T;
  /** The same, refused where there is no such team. */
  ask<T>(decision: (now: number) => T): T | Refused;
  /** One transaction of a team that is there. */
  transact<T>(work: (now: number) => T): T;
  /** Puts the alarm where the rows need it. */
  arm(): Promise<void>;
}
