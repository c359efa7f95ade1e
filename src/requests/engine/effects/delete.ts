// The `delete` effects: bytes first, the record afterwards, so that an interrupted attempt can be repeated. The record knows the keys
// of all its bytes. The team is notified first: from then on lists omit the request and a repeated submit is answered 410.

import { outputKey } from "../../../files/bucket-keys.ts";
import { deleteKeys } from "../../../files/delete-prefix.ts";
import { abortUpload } from "../../../files/parts.ts";
import { askTeam } from "../../../platform/stubs.ts";
import { SECOND_MS } from "../../../platform/time.ts";
import type { DeletionTarget, Effect } from "../../machine/effect-types.ts";
import { hasEnded } from "../../machine/types.ts";
import type { TextName } from "../document.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** A running copy could outlive the deletion: the deletion is retried after this. */
const DELETE_WAIT_MS = 5 * SECOND_MS;

export async function runDelete(context: EffectContext, effect: Effect): Promise<EffectOutcome> {
  const { state } = context.currentRecord();
  if (!hasEnded(state.stage) || state.settledAt === null) return { kind: "obsolete" };
  if (context.hasOtherAttempts()) return { kind: "deferred", until: context.now() + DELETE_WAIT_MS };
  const target = effect.target as DeletionTarget;
  switch (target) {
    case "record":
      // Retention is over: the request counts as deleted from now on, and this effect runs again for the bytes.
      if (state.deletion === null) return happened({ type: "deletion_requested", anonymize: false });
      await askTeam(context.env, state.team, (team) => team.requests.markDeleted(state.id));
      await abortUploads(context);
      await deleteKeys(context.env.FILES, [...outputKeys(context), ...context.bucketKeys()]);
      return { kind: "rows_deleted" };
    case "files":
      await deleteStoredText(context, "payload");
      await abortUploads(context);
      await deleteKeys(context.env.FILES, outputKeys(context));
      return happened({ type: "data_deleted", target });
    case "deliveries":
      return happened({ type: "data_deleted", target });
    case "inputs":
      await deleteStoredText(context, "input");
      return happened({ type: "data_deleted", target });
  }
}

/** Of every file, stored or not: a copy may have put its bytes before it broke off. */
function outputKeys(context: EffectContext): string[] {
  const { state, files } = context.currentRecord();
  return files.map(({ n }) => outputKey(state.team, state.id, n));
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
