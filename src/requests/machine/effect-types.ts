// What a request owes: effect rows, their names and the orders that change them. Types only.

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
  | "purge";

/** What a `purge` row lets go; also its target. */
export type PurgeTarget = "inputs" | "files" | "deliveries" | "record";

/** Name of an effect row: the kind, and for `mirror`, `hash`, `deliver`, `report` which one: "mirror:0". */
export type EffectName = string;

/** Work that is owed: a row with a due time. */
export interface Effect {
  name: EffectName;
  kind: EffectKind;
  /** File number or delivery id; null for the one-of-a-kind effects. */
  target: string | null;
  dueAt: number;
  /** Tries in a row that ended without what the row is for. */
  failures: number;
  /** Tries in a row that our own doing ended before the other side was asked. */
  stumbles: number;
  /** While a try runs: until when it is believed to. A lease that is over means the try was cut off. */
  leaseUntil: number | null;
  /** Which try holds the lease; an outcome of another try is not applied. */
  leaseId: number;
  /** Times taken since the last outcome. */
  takes: number;
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
