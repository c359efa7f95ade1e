// Reads server-sent events from a fetch, because EventSource cannot send the credential (html.spec.whatwg.org, server-sent events).

export interface StreamEvent {
  id: string;
  event: string;
  data: string;
}

/** The events of a stream, until it ends or breaks. */
export async function* readEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  let waiting = "";
  for await (const text of textsOf(stream)) {
    waiting += text;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== null) yield event;
    }
  }
}

/** One block between empty lines; null for a comment. */
export function parseEvent(block: string): StreamEvent | null {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (name === "") continue;
    const before = fields.get(name);
    fields.set(name, name === "data" && before !== undefined ? `${before}\n${value}` : value);
  }
  const data = fields.get("data");
  return data === undefined ? null : { id: fields.get("id") ?? "", event: fields.get("event") ?? "message", data };
}

/** A reader loop instead of `for await`, which Safari's streams lack. */
async function* textsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } catch {
    // A broken connection ends the stream; the caller opens it again after the last event id.
  } finally {
    reader.releaseLock();
    await stream.cancel().catch(() => undefined);
  }
}
