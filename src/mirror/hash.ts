// The digest of a stored file whose bytes did not pass by in one piece: the finished object is read once. Imports ids.

import { hex } from "../ids.ts";

/** SHA-256 in hex of what lies at a key; `missing` when nothing does. */
export async function hashStored({
  bucket,
  key,
}: {
  bucket: R2Bucket;
  key: string;
}): Promise<{ kind: "hashed"; sha256: string } | { kind: "missing" } | { kind: "later"; reason: string }> {
  try {
    const object = await bucket.get(key);
    if (object === null) return { kind: "missing" };
    const digest = new crypto.DigestStream("SHA-256");
    const [, sum] = await Promise.all([object.body.pipeTo(digest), digest.digest]);
    return { kind: "hashed", sha256: hex(sum) };
  } catch {
    return { kind: "later", reason: "The stored file could not be read to its end." };
  }
}
