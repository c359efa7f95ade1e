// One sender at a time for each file and each part. A call takes the lease before its first byte, renews it while bytes come, and
// is checked again when it is done: the bytes of one that lost its lease are deleted, never served.

import type { Upload } from "../../contracts/team-uploads.ts";
import { partsKey } from "../../files/bucket-keys.ts";
import { ALARM_BUDGET_MS } from "../../platform/alarm.ts";
import { type Refusal, refusal } from "../../platform/errors.ts";
import { HOUR_MS, SECOND_MS } from "../../platform/time.ts";
import type { TeamContext } from "../team-context.ts";
import { SWEEP_BATCH_ROWS } from "../team-context.ts";
import type { SenderTable, UploadSender } from "./sender-store.ts";

/** A call that was cut off renews nothing: after this another may send. */
export const UPLOAD_LEASE_MS = 30 * SECOND_MS;
/** What a sender left is deleted this long after its lease: longer than any body may take, so that nothing comes after. */
export const UPLOAD_LEFTOVER_MS = HOUR_MS;

type Sending = Pick<UploadSender, "id" | "uploadId" | "n">;

/** Why a sender cannot have the lease of `n` now: another one has it. */
export function uploadLeaseFault(senders: SenderTable, { id, uploadId, n }: Sending, now: number): Refusal | null {
  const other = senders.ofUpload(uploadId).find((each) => isInTheWay(each, { id, n }) && each.leaseUntil > now);
  return other === undefined ? null : leaseTaken(n, other.leaseUntil - now);
}

/** Gives a sender the lease of `n`; one whose lease is over loses its claim. Idempotent by id. */
export function giveUploadLease(
  senders: SenderTable,
  sending: Sending & Pick<UploadSender, "objectKey">,
  now: number,
): void {
  for (const each of senders.ofUpload(sending.uploadId)) if (isInTheWay(each, sending)) leave(senders, each);
  senders.put({ ...sending, multipart: null, leaseUntil: now + UPLOAD_LEASE_MS, superseded: false });
}

function isInTheWay(each: UploadSender, { id, n }: Pick<UploadSender, "id" | "n">): boolean {
  return each.n === n && !each.superseded && each.id !== id;
}

/** Whether a sender still has its lease. */
export function hasUploadLease(senders: SenderTable, id: string): boolean {
  const sender = senders.findSender(id);
  return sender !== null && !sender.superseded;
}

/** Renews the lease. False: it lost its lease. */
export function renewUploadLease(senders: SenderTable, id: string, now: number): boolean {
  const sender = senders.findSender(id);
  if (sender === null || sender.superseded) return false;
  senders.put({ ...sender, leaseUntil: now + UPLOAD_LEASE_MS });
  return true;
}

/** The file of `winner` was stored, or that in parts (null): the rows of all others stay until their bytes are deleted. */
export function endUploadLeases(senders: SenderTable, uploadId: string, winner: string | null): void {
  for (const each of senders.ofUpload(uploadId)) {
    if (each.id === winner) senders.deleteSender(each.id);
    else leave(senders, each);
  }
}

/** A whole file was stored while others sent parts: their multipart upload is left to the alarm. */
export function leaveParts(senders: SenderTable, { id, objectKey, multipart }: Upload, now: number): void {
  const parts = { id: `${id}.parts`, uploadId: id, n: 0, objectKey: partsKey(objectKey), multipart };
  senders.put({ ...parts, leaseUntil: now, superseded: true });
}

/** Deletes one batch of what senders left behind. Bytes go before rows, so that an interruption repeats it. */
export async function removeLeftovers(
  bucket: R2Bucket,
  { decide }: Pick<TeamContext, "decide">,
  senders: SenderTable,
  now: number,
): Promise<void> {
  for (const sender of senders.endedBefore(now - UPLOAD_LEFTOVER_MS, SWEEP_BATCH_ROWS)) {
    if (Date.now() - now > ALARM_BUDGET_MS) return;
    await removeBytes(bucket, sender);
    decide(undefined, () => senders.deleteSender(sender.id));
  }
}

export async function removeBytes(
  bucket: R2Bucket,
  { objectKey, multipart }: Pick<UploadSender, "objectKey" | "multipart">,
): Promise<void> {
  if (objectKey === null) return;
  if (multipart !== null) {
    // R2 may have aborted it already (after seven days by default).
    await bucket
      .resumeMultipartUpload(objectKey, multipart)
      .abort()
      .catch(() => undefined);
  }
  await bucket.delete(objectKey);
}

/** A sender without its lease. One of a part has no bytes of its own. */
function leave(senders: SenderTable, sender: UploadSender): void {
  if (sender.objectKey === null) senders.deleteSender(sender.id);
  else senders.put({ ...sender, superseded: true });
}

function leaseTaken(n: number, leftMs: number): Refusal {
  const what = n === 0 ? "this file" : `part ${n} of this file`;
  return refusal("conflict", `Another call is sending ${what}.`, {
    hint: "Wait for its answer. If it broke off, send again after the time in `Retry-After`.",
    retryAfterS: Math.ceil(leftMs / SECOND_MS),
  });
}

/** For a call whose lease was taken while it sent. */
export const LEASE_LOST = refusal("conflict", "Another call has sent this file meanwhile.", {
  hint: "Use the answer of that call. Create one upload per file with POST /v1/uploads.",
});
