// Deletes R2 objects: those of known keys, or all below a prefix, page by page. Deleted pages are no longer listed, so an interrupted
// run restarts at the front.

/** Objects that R2 lists at once and deletes at once (developers.cloudflare.com/r2/api/workers/workers-api-reference). */
export const R2_PAGE_KEYS = 1_000;
/** Pages that one attempt deletes; a page takes well under a second, and the attempt's lease is a minute. */
export const DELETE_PAGES_PER_ATTEMPT = 10;

/**
 * Deletes at most `pages` pages of objects. `done`: nothing is left below any of the prefixes (R2's lists are consistent).
 * Rejects when R2 is unavailable; what was deleted until then stays deleted.
 */
export async function deletePrefixes(
  bucket: R2Bucket,
  prefixes: readonly string[],
  pages: number,
): Promise<{ deleted: number; done: boolean }> {
  let deleted = 0;
  let left = pages;
  for (const prefix of prefixes) {
    for (;;) {
      const { objects, truncated } = await bucket.list({ prefix, limit: R2_PAGE_KEYS });
      if (objects.length === 0) break;
      if (left-- <= 0) return { deleted, done: false };
      await bucket.delete(objects.map(({ key }) => key));
      deleted += objects.length;
      if (!truncated) break;
    }
  }
  return { deleted, done: true };
}

/** Rejects when R2 is unavailable: repeat it with the same keys. Keys without an object are deleted all the same. */
export async function deleteKeys(bucket: R2Bucket, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += R2_PAGE_KEYS) await bucket.delete(keys.slice(at, at + R2_PAGE_KEYS));
}
