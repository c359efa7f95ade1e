// Whose the bucket is. One object of the bucket names the deployment that owns it: only that one may look for orphans, because
// no other can tell them from files of the owner.

import type { BucketOwner } from "../contracts/sweeper.ts";
import { lazy } from "../platform/schema.ts";

/** Lies beside the prefixes of files, so no deletion by prefix reaches it. */
export const OWNER_KEY = "sluice-owner.json";
/** What an object must not already have to be written: any version of it (RFC 9110, section 13.1.2). */
const IF_ABSENT = new Headers({ "If-None-Match": "*" });

const markSchema = lazy((z) => z.object({ deployment: z.string(), claimed_at: z.number() }));

/** The owner as the bucket names it; null while it is unclaimed. Rejects when R2 is unavailable. */
export async function readOwner(bucket: R2Bucket): Promise<BucketOwner | null> {
  const mark = await bucket.get(OWNER_KEY);
  if (mark === null) return null;
  return ownerIn(await mark.text());
}

/**
 * Writes this deployment's mark unless there is one, whoever else tries at the same moment, and returns the owner.
 * Rejects when R2 is unavailable.
 */
export async function claimBucket(bucket: R2Bucket, deployment: string, now: number): Promise<BucketOwner> {
  const owner = await readOwner(bucket);
  if (owner !== null) return owner;
  await bucket.put(OWNER_KEY, markOf(deployment, now), { onlyIf: IF_ABSENT });
  // Another deployment may have been faster: the mark that is there counts.
  return (await readOwner(bucket)) ?? { deployment: null, claimedAt: null };
}

/** Replaces the mark, whoever is named in it. Rejects when R2 is unavailable. */
export async function takeBucketOver(bucket: R2Bucket, deployment: string, now: number): Promise<void> {
  await bucket.put(OWNER_KEY, markOf(deployment, now));
}

function markOf(deployment: string, now: number): string {
  return JSON.stringify({ deployment, claimed_at: now });
}

/** A mark that cannot be read is somebody's: nobody owns the bucket until it is taken over. */
function ownerIn(text: string): BucketOwner {
  try {
    const mark = markSchema().safeParse(JSON.parse(text));
    if (mark.success) return { deployment: mark.data.deployment, claimedAt: mark.data.claimed_at };
  } catch {
    // Not JSON: the same.
  }
  return { deployment: null, claimedAt: null };
}
