// What the meter counts, and how two readings of it are compared. Shared by the metered Worker and bench/cost.ts.

/** Of all objects of one class. */
export interface Count {
  /** Calls by RPC or fetch. */
  requests: number;
  /** Alarm invocations. */
  alarms: number;
  /** Each is billed as a row written. */
  alarmsSet: number;
  rowsRead: number;
  rowsWritten: number;
  /** Time in which at least one call or alarm was in an object, by object, in ms. */
  activeMs: number;
  /** Size of each object's database, by object id. */
  bytes: Record<string, number>;
}

export interface Tally {
  /** Calls of the Worker from outside. */
  invocations: number;
  objects: Record<string, Count>;
  /** Operations on the bucket, by method. */
  bucket: Record<string, number>;
}

export function emptyTally(): Tally {
  return { invocations: 0, objects: {}, bucket: {} };
}
