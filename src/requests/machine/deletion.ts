// Deletion of requests: on request, after the end is settled, or by the plan's retention, counted from the end. Both owe `delete`
// effects, which delete bytes first and rows afterwards. Pure.

import { DAY_MS } from "../../platform/time.ts";
import { DELIVERY_KEEP_MS } from "../../webhooks/retry-schedule.ts";
import type { DeletionTarget } from "./effect-types.ts";
import { ignored, type OwedName, type TransitionBuilder } from "./transition.ts";
import { hasEnded, isShownInPlace, type RequestState, type Transition } from "./types.ts";

/**
 * An ended request is deleted now; an open one is cancelled and deleted after its end. An ended request is still settled, but
 * pending deliveries are dropped and late reports are ignored.
 */
export function deletionRequested(
  builder: TransitionBuilder,
  anonymize: boolean,
  cancel: (builder: TransitionBuilder) => Transition,
): Transition {
  const { state, now } = builder;
  const { deletion } = state;
  if (deletion !== null && (deletion.anonymize || !anonymize)) return ignored("deletion is already requested");
  builder.change({ deletion: { orderedAt: deletion?.orderedAt ?? now, anonymize } }).note("deletion_requested");
  if (hasEnded(state.stage)) return oweOnly(builder, state.settledAt === null ? "settle" : ["delete", "record"]);
  // Whether it can still be stopped makes no difference to its deletion.
  cancel(builder);
  return builder;
}

/** Drops all effects and owes only this one. */
export function oweOnly(builder: TransitionBuilder, name: OwedName): TransitionBuilder {
  return builder.clear().owe(name, builder.now);
}

/** Retention by the plan, once the request is settled. Data that expires with the record has no effect of its own. */
export function oweRetention(builder: TransitionBuilder): void {
  const { recordsDays, filesDays, inputsDays } = builder.state.retention;
  const recordAt = deletionTimeOf(builder.state, recordsDays);
  if (recordAt !== null) builder.owe(["delete", "record"], recordAt);
  const owePart = (target: Exclude<DeletionTarget, "record">, at: number | null): void => {
    if (at !== null && (recordAt === null || at < recordAt)) builder.owe(["delete", target], at);
  };
  if (builder.files.length > 0) owePart("files", deletionTimeOf(builder.state, filesDays));
  owePart("inputs", deletionTimeOf(builder.state, inputsDays));
  if (builder.state.deliveries.length > 0)
    owePart("deliveries", deletionTimeOf(builder.state, DELIVERY_KEEP_MS / DAY_MS));
}

/** When the record expires by its plan; null: never, or not known before the end. */
export function expiresAt(state: RequestState): number | null {
  return deletionTimeOf(state, state.retention.recordsDays);
}

/** When the files expire by the plan, alone or with the record. */
export function filesExpireAt(state: RequestState): number | null {
  const times = [state.retention.filesDays, state.retention.recordsDays].map((days) => deletionTimeOf(state, days));
  const known = times.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Marks files as deleted, including those being copied again. A file that was never stored keeps its source URL. */
export function filesDeleted(builder: TransitionBuilder): void {
  for (const file of builder.files) {
    builder.drop(["hash", file.n], ["mirror", file.n]);
    if (file.status === "stored" || file.status === "pending" || isShownInPlace(file))
      builder.file(file.n, { status: "deleted" });
  }
}

function deletionTimeOf({ endedAt }: RequestState, days: number | null): number | null {
  return endedAt === null || days === null ? null : endedAt + days * DAY_MS;
}
