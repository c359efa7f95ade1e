// The `purge` effects: bytes first, rows afterwards, so that an interrupted attempt can be repeated. The team is notified first:
// from then on lists omit the request and a repeated submit is answered 410.

import { DELETE_PAGES_PER_ATTEMPT, deletePrefixes } from "../../../files/delete-prefix.ts";
import { outputPrefix, requestPrefixes } from "../../../files/keys.ts";
import { abortUpload } from "../../../files/parts.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import type { Effect, PurgeTarget } from "../../machine/effect-types.ts";
import { hasEnded } from "../../machine/types.ts";
import type { TextName } from "../rows.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** A running copy could outlive the deletion: the purge is retried after this. */
const PURGE_WAIT_MS = 5 * SECOND_MS;

export async function runPurge(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.currentRecord();
  if (!hasEnded(state.stage) || state.settledAt === null) return { kind: "obsolete" };
  if (context.hasOtherAttempts()) return { kind: "deferred", until: context.now() + PURGE_WAIT_MS };
  const target = effect.target as PurgeTarget;
  switch (target) {
    case "record":
      // Retention is over: the request counts as deleted from now on, and this effect runs again for the bytes.
      if (state.deletion === null) return happened({ type: "deletion_requested", forget: false });
      await askTeam(context.env, state.team, (team) => team.requests.markDeleted(state.id));
      await abortUploads(context);
      return (await deletePrefixesOrDefer(context, requestPrefixes(state.team, state.id))) ?? { kind: "rows_deleted" };
    case "files":
      await deleteStoredText(context, "payload");
      await abortUploads(context);
      return (
        (await deletePrefixesOrDefer(context, [outputPrefix(state.team, state.id)])) ??
        happened({ type: "data_deleted", target })
      );
    case "deliveries":
      return happened({ type: "data_deleted", target });
    case "inputs":
      await deleteStoredText(context, "input");
      return happened({ type: "data_deleted", target });
  }
}

/** Null when nothing is left; otherwise the effect continues in its next attempt. */
async function deletePrefixesOrDefer(
  context: EffectContext,
  prefixes: readonly string[],
): Promise<EffectOutcome | null> {
  const { done } = await deletePrefixes(context.env.FILES, prefixes, DELETE_PAGES_PER_ATTEMPT);
  return done ? null : { kind: "deferred", until: context.now() };
}

/** Aborts unfinished multipart uploads, which R2 does not list. Rejects when R2 is unavailable. */
async function abortUploads(context: EffectContext): Promise<void> {
  for (const upload of context.unfinishedUploads()) {
    const aborted = await abortUpload(context.env.FILES, upload, context.multipartUploadOf(upload.n));
    if (!aborted) throw new Error("R2 did not abort the multipart upload");
  }
}

/** Deletes a long text's object; its row is deleted with the event. */
async function deleteStoredText(context: EffectContext, name: TextName): Promise<void> {
  const stored = context.storedText(name);
  if (stored?.at === "r2") await context.env.FILES.delete(stored.key);
}
