// The `mirror` and `hash` effects: copies one output file to R2, and computes its digest if the copy could not.

import { outputKey } from "../../../files/bucket-keys.ts";
import { copyData, copyUrl } from "../../../files/copy.ts";
import { hashStored } from "../../../files/digest.ts";
import { allowedHosts } from "../../../files/media-hosts.ts";
import type { RequestFile } from "../../../files/request-file.ts";
import { FILE_MAX_BYTES } from "../../../files/request-file.ts";
import { loadText } from "../../../files/stored-text.ts";
import { stringsAt } from "../../../platform/json-scan.ts";
import { HOUR_MS, SECOND_MS } from "../../../platform/time.ts";
import type { RequestState } from "../../machine/types.ts";
import { type EffectContext, type EffectOutcome, happened } from "./context.ts";

/** All files of one request together. */
export const REQUEST_FILES_MAX_BYTES = 20 * 1024 * 1024 * 1024;
/** A resumable copy yields its lane at the first part boundary after this and continues under the next alarm. */
export const FILE_COPY_SLICE_MS = 45 * SECOND_MS;
/** A copy that is not finished after this fails, whatever its progress. */
export const FILE_DEADLINE_MS = 2 * HOUR_MS;

export async function runMirror(context: EffectContext, n: number): Promise<EffectOutcome> {
  const { state, files } = context.currentRecord();
  const file = files[n];
  if (file === undefined)
    return happened({ type: "file_failed", n, code: "internal", message: "The output does not contain the file." });
  const startedAt = context.now();
  if (startedAt > file.pendingSince + FILE_DEADLINE_MS) {
    const message = `The file was not copied within ${FILE_DEADLINE_MS / HOUR_MS} hours.`;
    return happened({ type: "file_failed", n, code: "storage_failed", message });
  }
  const key = outputKey(state.team, state.id, n);
  const copied =
    file.source.kind === "url"
      ? await copyUrl({
          bucket: context.env.FILES,
          key,
          url: file.source.url,
          claimedType: file.claimedType,
          claimedName: file.claimedName,
          allowed: allowedHosts(context.config.FAL_MEDIA_HOSTS),
          uploads: context.multipartUploadOf(n),
          maxBytes: Math.min(FILE_MAX_BYTES, roomLeft(files)),
          isTimeSliceOver: () => context.now() >= startedAt + FILE_COPY_SLICE_MS,
        })
      : await copyFromPayload(context, key, file);
  switch (copied.kind) {
    case "stored":
      return happened({ type: "file_stored", n, stored: copied.stored });
    case "paused":
      return { kind: "deferred", until: context.now() };
    case "later":
      return { kind: "failed", reason: copied.reason, retryAfterMs: null, ...(copied.ours ? { ours: true } : {}) };
    case "gone":
      return happened({ type: "file_failed", n, code: "storage_failed", message: copied.reason });
    case "too_large":
      return happened({
        type: "file_failed",
        n,
        code: "payload_too_large",
        message: "The file exceeds the maximum file size, or the request's files exceed their total size limit.",
      });
  }
}

/** Parallel copies do not see each other here: the cap can be exceeded by one file at most. */
function roomLeft(files: readonly RequestFile[]): number {
  return REQUEST_FILES_MAX_BYTES - files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
}

/** Copies a data URI from the payload text, which is loaded only for the copy. */
async function copyFromPayload(context: EffectContext, key: string, file: RequestFile): ReturnType<typeof copyData> {
  const payload = context.storedText("payload");
  const loaded = payload && (await loadText(context.env.FILES, payload));
  if (loaded?.kind !== "loaded") return { kind: "later", reason: "stored payload is missing", ours: true };
  try {
    const [dataUri] = stringsAt(loaded.text, [file.path]);
    if (typeof dataUri !== "string") return { kind: "gone", reason: "The output no longer contains the file." };
    return await copyData({ bucket: context.env.FILES, key, dataUri, claimedType: file.claimedType });
  } finally {
    loaded.permit.release();
  }
}

export async function runHash(context: EffectContext, n: number): Promise<EffectOutcome> {
  const { team, id }: RequestState = context.currentRecord().state;
  const hashed = await hashStored({ bucket: context.env.FILES, key: outputKey(team, id, n) });
  if (hashed.kind === "hashed") return happened({ type: "file_hashed", n, sha256: hashed.sha256 });
  return { kind: "failed", reason: "stored file could not be read", retryAfterMs: null };
}
