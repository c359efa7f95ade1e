// Server-sent events as bytes, with keep-alive comments; the stream ends when the client disconnects.

import { SECOND_MS } from "../platform/time.ts";

/** Interval of keep-alive comments, which keep an event stream open through proxies. */
export const SSE_COMMENT_MS = 15 * SECOND_MS;

export const EVENT_STREAM = "text/event-stream";

const COMMENT = ": keep-alive\n\n";

/** `X-Accel-Buffering` keeps nginx from buffering events. */
export const EVENT_STREAM_HEADERS = {
  "Content-Type": EVENT_STREAM,
  "Cache-Control": "no-store",
  "X-Accel-Buffering": "no",
} as const;

/**
 * How long a stream stays open after its last event. Older versions of fal's JavaScript client look for events every 16 ms, and drop
 * those that they find after the stream has ended (fal-ai/fal-js:libs/client/src/streaming.ts before 1.3).
 */
export const SSE_END_DELAY_MS = 250;

/** The same texts, with the end a little after the last. */
export async function* lingering(texts: AsyncGenerator<string>): AsyncGenerator<string> {
  yield* texts;
  await new Promise((resolve) => setTimeout(resolve, SSE_END_DELAY_MS));
}

/** The same texts, with a comment after every `everyMs` without one. */
export async function* withComments(texts: AsyncGenerator<string>, everyMs: number): AsyncGenerator<string> {
  try {
    let next = texts.next();
    for (;;) {
      const first = await Promise.race([next, quiet(everyMs)]);
      if (first === "quiet") {
        yield COMMENT;
        continue;
      }
      if (first.done) return;
      yield first.value;
      next = texts.next();
    }
  } finally {
    await texts.return(undefined);
  }
}

function quiet(ms: number): Promise<"quiet"> {
  return new Promise((resolve) => setTimeout(() => resolve("quiet"), ms));
}

export function byteStream(texts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const next = await texts.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    async cancel() {
      await texts.return(undefined);
    },
  });
}
