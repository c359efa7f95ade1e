// The digest of a stored file whose bytes did not pass by in one piece: the finished object is read once, through one buffer
// that is used again (a pipe makes a new one for each piece, faster than they are collected). Imports limits and feed.

import { FILE_COPY_CHUNK_BYTES } from "../platform/limits.ts";
import { BodyFeed, Digest } from "./feed.ts";

/** SHA-256 in hex of what lies at a key; `missing` when nothing does. */
export async function hashStored({
  bucket,
  key,
}: {
  bucket: R2Bucket;
  key: string;
}): Promise<{ kind: "hashed"; sha256: string } | { kind: "missing" } | { kind: "later"; reason: string }> {
  const digest = new Digest();
  try {
    const object = await bucket.get(key);
    if (object === null) {
      await digest.drop();
      return { kind: "missing" };
    }
    const feed = new BodyFeed(object.body);
    for (;;) {
      const piece = await feed.next(FILE_COPY_CHUNK_BYTES);
      if (piece === null) return { kind: "hashed", sha256: await digest.hex() };
      await digest.write(piece);
    }
  } catch {
    await digest.drop();
    return { kind: "later", reason: "The stored file could not be read to its end." };
  }
}
