// Holds and deletion of uploads. Bytes are deleted before rows, so an interrupted deletion repeats; deleting a missing object
// is no error.

import type { Upload } from "../../contracts/team-uploads.ts";
import { partsKey } from "../../files/bucket-keys.ts";
import { ALARM_BUDGET_MS } from "../../platform/alarm.ts";
import { resizeUpload } from "../quota/holds.ts";
import type { QuotaAnswer } from "../quota/limits.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { SWEEP_BATCH_ROWS } from "../team-context.ts";
import { removeBytes } from "./senders.ts";

export type UploadStores = Pick<TeamStores, "counters" | "senders" | "team" | "uploads">;

/** Resizes the hold of an upload, if it fits. */
export function reserveBytes(
  { counters }: Pick<UploadStores, "counters">,
  { terms }: Upload,
  bytes: number,
  now: number,
): QuotaAnswer {
  const quota = resizeUpload(terms.holds, bytes, (id) => counters.readCounter(id), now);
  if (quota.kind === "ok") counters.writeCounters(quota.writes);
  return quota;
}

/** Deletes one batch of expired uploads. */
export async function removeExpiredUploads(
  bucket: R2Bucket,
  context: Pick<TeamContext, "decide">,
  stores: UploadStores,
  now: number,
): Promise<void> {
  for (const upload of stores.uploads.expiredUploads(now, SWEEP_BATCH_ROWS)) {
    if (Date.now() - now > ALARM_BUDGET_MS) return;
    await removeUpload(bucket, context, stores, upload);
  }
}

/** Deletes an upload and releases unused reserved bytes. Rejects if R2 fails; the row stays then. */
export async function removeUpload(
  bucket: R2Bucket,
  { decide }: Pick<TeamContext, "decide">,
  stores: UploadStores,
  { id, objectKey, multipart }: Upload,
): Promise<void> {
  if (multipart !== null) await removeBytes(bucket, { objectKey: partsKey(objectKey), multipart });
  for (const sender of stores.senders.ofUpload(id)) await removeBytes(bucket, sender);
  await bucket.delete(objectKey);
  decide(undefined, (now) => {
    const upload = stores.uploads.findUpload(id);
    if (upload === null) return;
    if (upload.storedAt === null) reserveBytes(stores, upload, 0, now);
    stores.uploads.deleteUpload(id);
    stores.senders.deleteOfUpload(id);
  });
}
