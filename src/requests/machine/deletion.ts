// How a request is let go: deletion on somebody's word, which waits for the end and the books, and the plan's days, which count
// from the end. What is owed for it is `purge` rows; they delete bytes first and rows afterwards. Pure.

import { DAY_MS } from "../../platform/time.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/schedule.ts";
import type { PurgeTarget } from "./effect-types.ts";
import { ignored, type OwedName, type TransitionBuilder } from "./transition.ts";
import { hasEnded, isShownInPlace, type RequestState, type Transition } from "./types.ts";

/**
 * An ended request is deleted now, an open one is asked to stop (`cancel`) and deleted after its end. Of an ended one nothing
 * else is done any more but its settling: deliveries that are still owed are dropped, late reports change nothing.
 */
export function deletionOrdered(
  builder: TransitionBuilder,
  forget: boolean,
  cancel: (builder: TransitionBuilder) => Transition,
): Transition {
  const { state, now } = builder;
  const { deletion } = state;
  if (deletion !== null && (deletion.forget || !forget)) return ignored("deletion is already requested");
  builder.change({ deletion: { orderedAt: deletion?.orderedAt ?? now, forget } }).note("deletion_requested");
  if (hasEnded(state.stage)) return clearFor(builder, state.settledAt === null ? "settle" : ["purge", "record"]);
  // Whether it can still be stopped makes no difference to its deletion.
  cancel(builder);
  return builder;
}

/** Owes this and nothing else. */
export function clearFor(builder: TransitionBuilder, name: OwedName): TransitionBuilder {
  return builder.clear().owe(name, builder.now);
}

/** The plan's days, once the books are closed. What would go with the record or after it has no row of its own. */
export function oweRetention(builder: TransitionBuilder): void {
  const { recordsDays, filesDays, inputsDays } = builder.state.retention;
  const recordAt = purgeAt(builder.state, recordsDays);
  if (recordAt !== null) builder.owe(["purge", "record"], recordAt);
  const owePart = (target: Exclude<PurgeTarget, "record">, at: number | null): void => {
    if (at !== null && (recordAt === null || at < recordAt)) builder.owe(["purge", target], at);
  };
  if (builder.files.length > 0) owePart("files", purgeAt(builder.state, filesDays));
  owePart("inputs", purgeAt(builder.state, inputsDays));
  if (builder.state.deliveries.length > 0) owePart("deliveries", purgeAt(builder.state, DELIVERY_KEEP_MS / DAY_MS));
}

/** When the record goes by its plan; null: not before somebody deletes it, or not known before the end. */
export function expiresAt(state: RequestState): number | null {
  return purgeAt(state, state.retention.recordsDays);
}

/** When the files go by the plan, alone or with the record. */
export function filesExpireAt(state: RequestState): number | null {
  const times = [state.retention.filesDays, state.retention.recordsDays].map((days) => purgeAt(state, days));
  const known = times.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Files whose bytes are gone say so, also those that were just being copied again. One that was never stored goes on naming its source. */
export function filesPurged(builder: TransitionBuilder): void {
  for (const file of builder.files) {
    builder.drop(["hash", file.n], ["mirror", file.n]);
    if (file.status === "stored" || file.status === "pending" || isShownInPlace(file))
      builder.file(file.n, { status: "deleted" });
  }
}

function purgeAt({ endedAt }: RequestState, days: number | null): number | null {
  return endedAt === null || days === null ? null : endedAt + days * DAY_MS;
}
