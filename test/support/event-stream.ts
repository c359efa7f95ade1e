// A client of the event stream (GET /v1/requests/{id}/events): keeps what it was told, comes back, goes away.

import { expect } from "vitest";
import { call, type Team } from "./world.ts";

/** One event as it came. */
export interface Told {
  id: string | null;
  event: string;
  data: Record<string, unknown>;
}

export interface Stream {
  events: Told[];
  of(event: string): Told[];
  comments(): number;
  lastId(): string;
  lastSeq(): number;
  ended: Promise<void>;
  /** Goes away, as a client does whose connection broke. */
  leave(): Promise<void>;
}

/** Opens a request's event stream and reads it as an EventSource would. */
export function follow(team: Team, id: string, headers: Record<string, string> = {}): Stream {
  const events: Told[] = [];
  let comments = 0;
  const body = Promise.withResolvers<ReadableStreamDefaultReader<string>>();
  async function readAll(): Promise<void> {
    const answer = await call(`/v1/requests/${id}/events`, {
      headers: { Authorization: `Bearer ${team.key}`, ...headers },
    });
    expect([answer.status, answer.headers.get("Content-Type")]).toEqual([200, "text/event-stream"]);
    if (answer.body === null) throw new Error("an event stream without a body");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    body.resolve(reader);
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
        if (block.startsWith(":")) comments++;
        else events.push({ id: fields.id ?? null, event: fields.event, data: JSON.parse(fields.data) });
      }
    }
  }
  const lastId = () => events.findLast((each) => each.id !== null)?.id ?? "";
  return {
    events,
    of: (event) => events.filter((each) => each.event === event),
    comments: () => comments,
    lastId,
    lastSeq: () => Number.parseInt(lastId(), 10),
    ended: readAll(),
    leave: async () => (await body.promise).cancel(),
  };
}
