// Digest of a stored file that was not hashed during its copy: reads the object once through one reused buffer (a pipe would allocate
// a new one per chunk).

import { BodyFeed, digestOf } from "./byte-reader.ts";

/** SHA-256 in hex of what lies at a key; `missing` when nothing does. */
export async function hashStored({
  bucket,
  key,
}: {
  bucket: R2Bucket;
  key: string;
}): Promise<{ kind: "hashed"; sha256: string } | { kind: "missing" } | { kind: "later"; reason: string }> {
  const object = await bucket.get(key).catch(() => undefined);
  if (object === null) return { kind: "missing" };
  const sha256 = object === undefined ? null : await digestOf(BodyFeed.of(object.body, null));
  if (sha256 === null) return { kind: "later", reason: "The stored file could not be read completely." };
  return { kind: "hashed", sha256 };
}
