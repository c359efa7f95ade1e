// One pass of a known number of bytes from a feed into the bucket and, beside it, into a digest. Each piece is taken before the
// next is asked for, so a slow bucket slows the source (a `tee` would buffer for the slower branch). Imports limits and feed.

import { FILE_PART_TIMEOUT_MS } from "../platform/limits.ts";
import { type Digest, type Feed, withinTime } from "./feed.ts";

export const BROKE_OFF = "The source broke off.";

export type Poured<T> =
  | { kind: "poured"; value: T }
  /** The source's doing; the reason is for people. */
  | { kind: "source"; reason: string }
  /** The bucket's. */
  | { kind: "bucket"; fault: unknown };

export interface Pouring<T> {
  feed: Feed;
  length: number;
  /** Whether the feed has to end with these bytes. */
  last: boolean;
  digest: Digest | null;
  /** Takes a stream of exactly `length` bytes: a put, or the upload of a part. A stream that is aborted must leave nothing behind. */
  send(bytes: ReadableStream): Promise<T>;
  timeoutMs?: number;
}

/** Pours. Whoever faults first is named: the other side only hears of it. */
export async function pour<T>(pouring: Pouring<T>): Promise<Poured<T>> {
  const pipe = new FixedLengthStream(pouring.length);
  const writer = pipe.writable.getWriter();
  const faults: Exclude<Poured<T>, { kind: "poured" }>[] = [];
  const sent: Promise<Poured<T>> = pouring.send(pipe.readable).then(
    (value) => ({ kind: "poured", value }),
    async (fault: unknown) => {
      faults.push({ kind: "bucket", fault });
      await writer.abort(fault).catch(() => undefined);
      return { kind: "bucket", fault };
    },
  );
  const { feed, timeoutMs = FILE_PART_TIMEOUT_MS } = pouring;
  const reason = await withinTime(feed, timeoutMs, () => pump(pouring, writer)).catch(() => BROKE_OFF);
  if (reason !== null) {
    faults.push({ kind: "source", reason });
    await writer.abort(new Error(reason)).catch(() => undefined);
  }
  const came = await sent;
  return faults[0] ?? came;
}

/** Null when all went through, else what the source did wrong. Rejects when either side breaks. */
async function pump<T>(
  { feed, length, last, digest }: Pouring<T>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<string | null> {
  for (let left = length; left > 0; ) {
    const piece = await feed.next(left);
    if (piece === null) return "The source sent fewer bytes than it announced.";
    await Promise.all([writer.write(piece), digest?.write(piece)]);
    left -= piece.length;
  }
  if (last && (await feed.peek()).length > 0) return "The source sent more bytes than it announced.";
  await writer.close();
  return null;
}
