// The `purge` effects: bytes first, rows afterwards, so that a try that is cut off anywhere is simply made again. The team
// is told before anything goes: from then on no list shows the request and a post that comes again is answered 410.

import { PURGE_PAGES_PER_TRY, purgePrefixes } from "../../../files/delete-prefix.ts";
import { outputPrefix, requestPrefixes } from "../../../files/keys.ts";
import { abandon } from "../../../files/parts.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import type { Effect, PurgeTarget } from "../../machine/effect-types.ts";
import { hasEnded } from "../../machine/types.ts";
import type { TextName } from "../rows.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** A copy that still runs would outlive the deletion: the purge comes back after this. */
const PURGE_WAIT_MS = 5 * SECOND_MS;

export async function runPurge(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.record();
  if (!hasEnded(state.stage) || state.settledAt === null) return { kind: "obsolete" };
  if (context.othersRun()) return { kind: "turned_away", until: context.now() + PURGE_WAIT_MS };
  const target = effect.target as PurgeTarget;
  switch (target) {
    case "record":
      // Its days are over: from now on it is deleted, whoever asks, and this row comes again for the bytes.
      if (state.deletion === null) return happened({ type: "deletion_ordered", forget: false });
      await askTeam(context.env, state.team, (team) => team.requests.markDeleted(state.id));
      await abortUploads(context);
      return (await purged(context, requestPrefixes(state.team, state.id))) ?? { kind: "rows_deleted" };
    case "files":
      await dropStoredText(context, "payload");
      await abortUploads(context);
      return (await purged(context, [outputPrefix(state.team, state.id)])) ?? happened({ type: "purged", target });
    case "deliveries":
      return happened({ type: "purged", target });
    case "inputs":
      await dropStoredText(context, "input");
      return happened({ type: "purged", target });
  }
}

/** Null once nothing is left; else the row goes on in its next try. */
async function purged(context: EffectContext, prefixes: readonly string[]): Promise<EffectOutcome | null> {
  const { done } = await purgePrefixes(context.env.FILES, prefixes, PURGE_PAGES_PER_TRY);
  return done ? null : { kind: "turned_away", until: context.now() };
}

/** Parts of unfinished uploads are bytes too, and R2 shows them nowhere. Rejects when R2 does not take it just now. */
async function abortUploads(context: EffectContext): Promise<void> {
  for (const upload of context.unfinishedUploads()) {
    const aborted = await abandon(context.env.FILES, upload, context.uploads(upload.n));
    if (!aborted) throw new Error("R2 did not abort the multipart upload");
  }
}

/** A long text's object; its row goes with the event. */
async function dropStoredText(context: EffectContext, name: TextName): Promise<void> {
  const stored = context.text(name);
  if (stored?.at === "r2") await context.env.FILES.delete(stored.key);
}
