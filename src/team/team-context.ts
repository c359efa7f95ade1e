// What parts of Team need from the object: transactions and its alarm.

import type { Refused } from "../platform/errors.ts";

/** Open requests that one alarm checks. */
export const SWEEP_BATCH_ROWS = 100;

export interface TeamContext {
  /** Runs a decision in one transaction; returns `absent` if the team does not exist. */
  decide<T>(absent: T, decision: (now: number) => T): T;
  /** The same; refuses if the team does not exist. */
  ask<T>(decision: (now: number) => T): T | Refused;
  /** Runs a transaction of an existing team. */
  transact<T>(work: (now: number) => T): T;
  /** Whether new work is refused, because what is left of the object is for the ends of old. */
  isFull(): boolean;
  /** Sets the alarm to the next due time. */
  arm(): Promise<void>;
}
