import type { Upload } from "../../contracts/team-uploads.ts";
// Takes the bytes of an upload out of R2, those of parts that were never put together too. Bytes go before rows: who is cut
// off in between does it again, and deleting what is not there is no fault. Imports types.

/** Rejects when R2 cannot be asked just now; then the upload stays known. */
export async function removeUploadBytes(bucket: R2Bucket, { objectKey, multipart }: Upload): Promise<void> {
  // One that R2 has ended itself (after seven days by default) is no reason to stop.
  if (multipart !== null)
    await bucket
      .resumeMultipartUpload(objectKey, multipart)
      .abort()
      .catch(() => undefined);
  await bucket.delete(objectKey);
}
