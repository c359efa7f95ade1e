// What an upload holds of the limits, and its removal. Bytes go before rows: whoever is cut off in between does it again, and
// deleting what is not there is no fault.

import type { Upload } from "../../contracts/team-uploads.ts";
import { ALARM_BUDGET_MS } from "../../platform/alarm.ts";
import { type QuotaAnswer, resizeUpload } from "../quota/limits.ts";
import type { TeamStores } from "../stores.ts";
import type { TeamContext } from "../team-context.ts";
import { SWEEP_BATCH_ROWS } from "../team-context.ts";

export type UploadStores = Pick<TeamStores, "ledger" | "team" | "uploads">;

/** Makes an upload hold so many bytes of its plan's limits, where they fit. */
export function reserveBytes(
  { team, ledger }: Pick<UploadStores, "ledger" | "team">,
  { terms }: Upload,
  bytes: number,
  now: number,
): QuotaAnswer {
  const limits = team.plan(terms.plan)?.plan.limits ?? [];
  const quota = resizeUpload(terms.takes, bytes, limits, (id) => ledger.readCounter(id), now);
  if (quota.kind === "ok") ledger.writeCounters(quota.writes);
  return quota;
}

/** One batch of the uploads that have expired. */
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

/** Rejects when R2 cannot be asked just now; then the upload stays known. Gives back what it reserved for bytes that never came. */
export async function removeUpload(
  bucket: R2Bucket,
  { decide }: Pick<TeamContext, "decide">,
  stores: UploadStores,
  { id, objectKey, multipart }: Upload,
): Promise<void> {
  if (multipart !== null) {
    // One that R2 has ended itself (after seven days by default) is no reason to stop.
    await bucket
      .resumeMultipartUpload(objectKey, multipart)
      .abort()
      .catch(() => undefined);
  }
  await bucket.delete(objectKey);
  decide(undefined, (now) => {
    const upload = stores.uploads.findUpload(id);
    if (upload === null) return;
    if (upload.storedAt === null) reserveBytes(stores, upload, 0, now);
    stores.uploads.deleteUpload(id);
  });
}
