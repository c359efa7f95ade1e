// Effects of a request: pending work, its names, and the orders that change it. Types only.

export type EffectKind =
  | "submit"
  | "poll"
  | "fetch_result"
  | "mirror"
  | "hash"
  | "settle"
  | "deliver"
  | "report"
  | "cancel"
  | "expire"
  | "delete";

/** The data that a `delete` effect deletes; also its target. */
export type DeletionTarget = "inputs" | "files" | "deliveries" | "record";

/** Name of an effect row: the kind, and for `mirror`, `hash`, `deliver`, `report` which one: "mirror:0". */
export type EffectName = string;

/** Work that is owed: a row with a due time. */
export interface Effect {
  name: EffectName;
  kind: EffectKind;
  /** File number or delivery id; null for the one-of-a-kind effects. */
  target: string | null;
  dueAt: number;
  /** Failed attempts in a row. */
  failures: number;
  /** Internal failures in a row, before the other side was called. */
  internalFailures: number;
  /** End of the running attempt's lease. An expired lease means that the attempt was interrupted. */
  leaseUntil: number | null;
  /** The attempt that holds the lease; outcomes of other attempts are not applied. */
  leaseId: number;
  /** Leases since the last outcome. */
  attempts: number;
  lastFailure: string | null;
  /** Only `deliver` parks: shown, counted, retried by hand. */
  parkedAt: number | null;
}

/** What the machine wants done to the rows. */
export type EffectOrder =
  | { do: "owe"; kind: EffectKind; target?: string; dueAt: number }
  /** The same, but what is due sooner stays so. */
  | { do: "hasten"; kind: EffectKind; target?: string; dueAt: number }
  | { do: "drop"; kind: EffectKind; target?: string }
  /** Drops every row. */
  | { do: "clear" };
