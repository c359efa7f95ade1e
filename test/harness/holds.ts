// Clients that wait: what a hold is told and when, and a client of the event stream that keeps what it hears.

import { runInDurableObject } from "cloudflare:test";
import { expect } from "vitest";
import { SECOND_MS } from "../../src/platform/time.ts";
import { WATCH_REREAD_MS } from "../../src/requests/service/wait-for-change.ts";
import { call } from "./calls.ts";
import { passTime } from "./clock.ts";
import { eventually } from "./eventually.ts";
import { trackerOf } from "./objects.ts";
import type { Team } from "./team.ts";
import { catchTimers } from "./timers.ts";
import { ring } from "./tracker.ts";
import { deliverWebhooks } from "./upstream.ts";

/** Holds that are told nothing look again by themselves; here they do not, so what comes was told. */
export function neverLookAgain(): void {
  catchTimers(WATCH_REREAD_MS);
}

/** How many holds the request's tracker tells of changes. */
export function sockets(id: string): Promise<number> {
  return runInDurableObject(trackerOf(id), (_instance, state) => state.getWebSockets().length);
}

/** Resolves once so many holds on the request are told of changes. */
export function held(id: string, holds: number): Promise<void> {
  return eventually(async () => expect(await sockets(id)).toBe(holds));
}

/** Webhook and files, until the end. */
export async function finish(id: string): Promise<void> {
  await passTime(5 * SECOND_MS);
  expect(await deliverWebhooks()).toEqual([200]);
  await ring(id);
}

/** Lets time pass and the poll that is due then run. */
export async function pollAfter(id: string, ms: number): Promise<void> {
  await passTime(ms);
  await ring(id);
}

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
    const answer = await call("GET", `/v1/requests/${id}/events`, {
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
