// Holds: a client waits, the Worker holds, the tracker only tells it. What is told comes at once and once; a hold that
// breaks is never an error.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EVENT_STREAM_MAX_MS,
  HOLD_REREAD_MS,
  MINUTE_MS,
  POLL_FOLLOWED_FIRST_MS,
  SECOND_MS,
  SSE_COMMENT_MS,
} from "../../src/limits.ts";
import { follow, type Stream } from "../support/event-stream.ts";
import {
  type Answer,
  catchTimers,
  cutOff,
  deliverWebhooks,
  eventually,
  evict,
  expectArmed,
  freezeClocks,
  passTime,
  recordOf,
  ring,
  Team,
  trackerOf,
  upstreamRequests,
} from "../support/world.ts";

let team: Team;
beforeEach(async () => {
  await freezeClocks();
  team = await Team.create();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Holds that are told nothing look again by themselves; here they do not, so what comes was told. */
function neverLookAgain(): void {
  catchTimers(HOLD_REREAD_MS);
}

/** What takes so long takes next to nothing. */
function hurry(ms: number): void {
  const real = globalThis.setTimeout;
  const hurried = (run: () => void, delay?: number) => real(run, delay === ms ? 10 : delay);
  vi.spyOn(globalThis, "setTimeout").mockImplementation(hurried as unknown as typeof setTimeout);
}

function sockets(id: string): Promise<number> {
  return runInDurableObject(trackerOf(id), (_instance, state) => state.getWebSockets().length);
}

/** Resolves once so many holds on the request are told of changes. */
function held(id: string, holds: number): Promise<void> {
  return eventually(async () => expect(await sockets(id)).toBe(holds));
}

async function finish(id: string): Promise<void> {
  await passTime(5 * SECOND_MS);
  expect(await deliverWebhooks()).toEqual([200]);
  await ring(id);
}

function submitAndWait(seconds: number): Promise<Answer> {
  const body = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
  return team.send("POST", "/v1/requests", body, { Prefer: `wait=${seconds}` });
}

function read(id: string, query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return team.send("GET", `/v1/requests/${id}${query}`, undefined, headers);
}

describe("a submit with `Prefer: wait`", () => {
  it("is answered as soon as the request has ended", async () => {
    neverLookAgain();
    const answer = submitAndWait(60);
    await eventually(async () => expect(await upstreamRequests()).toHaveLength(1));
    const id = await team.onlyRequest();
    await held(id, 1);
    await expectArmed(id);
    await finish(id);
    expect(await answer).toMatchObject({
      status: 200,
      body: { id, status: "COMPLETED", files: [{ status: "stored" }] },
    });
    await held(id, 0);
  });

  it("is answered 202 when its time is up, with the state of that moment", async () => {
    hurry(HOLD_REREAD_MS);
    const answer = submitAndWait(30);
    await eventually(async () => expect(await upstreamRequests()).toHaveLength(1));
    const id = await team.onlyRequest();
    await held(id, 1);
    await passTime(31 * SECOND_MS);
    const { status, body, headers } = await answer;
    expect([status, body.stage, headers.get("Location")]).toEqual([202, "queued", `/v1/requests/${id}`]);
    await held(id, 0);
  });
});

describe("a read with `?wait`", () => {
  it("is answered at every change of stage, and at once after the end", async () => {
    neverLookAgain();
    const { id } = await team.submit("a cat sandbox:slow:100000");
    const stages: string[] = [];
    for (const change of [() => pollAfter(id, MINUTE_MS), () => fileLater(id), () => ring(id)]) {
      const answer = read(id, "?wait=60");
      await held(id, 1);
      await change();
      stages.push((await answer).body.stage);
      await held(id, 0);
    }
    expect(stages).toEqual(["running", "storing", "completed"]);
    expect((await read(id, "?wait=60")).body.status).toBe("COMPLETED");
  });

  it("that is over without news is 200 with the same, or 304 for who knows it", async () => {
    hurry(HOLD_REREAD_MS);
    const { id } = await team.submit("a cat");
    const { headers, body } = await read(id, "");
    const etag = headers.get("ETag") ?? "";
    for (const [known, status, told] of [
      [{}, 200, body],
      [{ "If-None-Match": etag }, 304, null],
    ] as const) {
      const answer = read(id, "?wait=30", known);
      await held(id, 1);
      await passTime(31 * SECOND_MS);
      expect(await answer).toMatchObject({ status, body: told });
      expect((await answer).headers.get("ETag")).toBe(etag);
    }
  });

  it("that knows the present state waits for another, which has another ETag", async () => {
    neverLookAgain();
    const { id } = await team.submit("a cat sandbox:slow:100000");
    const etag = (await read(id, "")).headers.get("ETag") ?? "";
    const answer = read(id, "?wait=60", { "If-None-Match": etag });
    await held(id, 1);
    await pollAfter(id, MINUTE_MS);
    const { status, body, headers } = await answer;
    expect([status, body.stage]).toEqual([200, "running"]);
    expect(headers.get("ETag")).not.toBe(etag);
  });
});

describe("a hold that breaks", () => {
  const BREAKS: { what: string; breakIt: (id: string) => Promise<void> }[] = [
    { what: "its tracker sleeps", breakIt: evict },
    {
      what: "its tracker goes and its socket with it",
      breakIt: (id) => evictDurableObject(trackerOf(id), { webSockets: "close" }),
    },
    { what: "its tracker crashes", breakIt: cutOff },
  ];

  it.each(BREAKS)("because $what is answered all the same", async ({ breakIt }) => {
    hurry(HOLD_REREAD_MS);
    const { id } = await team.submit("a cat");
    const [waits, follows] = [read(id, "?wait=60"), follow(team, id)];
    await held(id, 2);
    await breakIt(id);
    await finish(id);
    expect((await waits).status).toBe(200);
    await follows.ended;
    expect(follows.events.at(-1)).toMatchObject({ event: "end", data: { status: "COMPLETED" } });
  });

  it("is told by the socket even after its tracker slept: sockets do not keep it in memory", async () => {
    neverLookAgain();
    const { id } = await team.submit("a cat");
    const answer = read(id, "?wait=60");
    await held(id, 1);
    await evict(id);
    expect(await sockets(id)).toBe(1);
    await finish(id);
    expect(await answer).toMatchObject({ status: 200, body: { stage: "storing" } });
  });
});

describe("the event stream", () => {
  it("tells every line of the timeline once and in order, log lines as they come, and the object at the end", async () => {
    neverLookAgain();
    const { id } = await team.submit("a cat sandbox:slow:20000");
    const stream = follow(team, id);
    await held(id, 1);
    // Three polls at ten seconds each: two of them see it run, with ever more log lines.
    for (const lines of [2, 4, 6]) {
      await pollAfter(id, 8 * SECOND_MS);
      await eventually(async () => expect(stream.of("log").length).toBeGreaterThanOrEqual(lines));
    }
    await stream.ended;
    const { body } = await team.send<{ data: { seq: number; event: string; stage: string }[] }>(
      "GET",
      `/v1/requests/${id}/timeline`,
    );
    const told = body.data.filter((entry) => entry.seq <= stream.lastSeq());
    expect(stream.of("update").map(({ data }) => [data.event, data.stage])).toEqual(
      told.map(({ event, stage }) => [event, stage]),
    );
    expect(told.map(({ event }) => event)).toContain("completed");
    const messages = stream.of("log").map(({ data }) => data.message);
    expect(messages).toEqual(["Loading the model", "Step 1 of 4", "Step 2 of 4", "Step 3 of 4", "Step 4 of 4", "Done"]);
    // What it cost is known a moment later, once the ledger has heard of the end.
    const { cost: _settled, ...ended } = (await read(id, "?logs=1")).body;
    expect(stream.events.at(-1)).toMatchObject({ event: "end", data: { ...ended, webhook: null } });
    expect(stream.of("end")).toHaveLength(1);
    await held(id, 0);
  });

  it("goes on after Last-Event-ID: nothing again, nothing left out", async () => {
    neverLookAgain();
    const { id } = await team.submit("a cat sandbox:slow:20000");
    const first = follow(team, id);
    await held(id, 1);
    await pollAfter(id, 12 * SECOND_MS);
    await eventually(async () => expect(first.of("log").length).toBeGreaterThan(1));
    await first.leave();
    const second = follow(team, id, { "Last-Event-ID": first.lastId() });
    await held(id, 1);
    await pollAfter(id, 20 * SECOND_MS);
    await second.ended;
    const whole = follow(team, id);
    await whole.ended;
    // The place in the queue is that of the moment of telling.
    const told = (kind: string, stream: Stream) => stream.of(kind).map(({ data: { queue_position, ...rest } }) => rest);
    for (const kind of ["update", "log"]) {
      const inTwo = [...told(kind, first), ...told(kind, second)];
      expect(inTwo).toEqual(told(kind, whole).slice(0, inTwo.length));
      expect([kind, told(kind, first).length > 0, told(kind, second).length > 0]).toEqual([kind, true, true]);
    }
    expect(second.of("log")).toHaveLength(6 - first.of("log").length);
    expect([first.of("end").length, second.of("end").length]).toEqual([0, 1]);
  });

  it("after the end is the end alone for who has heard all", async () => {
    const { id } = await team.submit("a cat");
    await finish(id);
    await ring(id);
    const all = follow(team, id);
    await all.ended;
    const again = follow(team, id, { "Last-Event-ID": all.lastId() });
    await again.ended;
    expect(again.events.map(({ event }) => event)).toEqual(["end"]);
  });

  it("ends after an hour without the end; who comes back hears the rest", async () => {
    hurry(HOLD_REREAD_MS);
    const { id } = await team.submit("a cat");
    const first = follow(team, id);
    await held(id, 1);
    await passTime(EVENT_STREAM_MAX_MS);
    await first.ended;
    expect(first.of("end")).toEqual([]);
    await held(id, 0);
    const second = follow(team, id, { "Last-Event-ID": first.lastId() });
    await held(id, 1);
    await finish(id);
    await second.ended;
    expect(second.of("end")).toHaveLength(1);
  });

  it("is not there for another team", async () => {
    const { id } = await team.submit("a cat");
    const stranger = await Team.create();
    expect((await stranger.send("GET", `/v1/requests/${id}/events`)).status).toBe(404);
    expect(await sockets(id)).toBe(0);
  });

  it("has a comment whenever nothing came for a while", async () => {
    hurry(SSE_COMMENT_MS);
    const { id } = await team.submit("a cat");
    const stream = follow(team, id);
    await held(id, 1);
    await eventually(async () => expect(stream.comments()).toBeGreaterThan(1));
    await finish(id);
    await stream.ended;
    expect(stream.of("end")).toHaveLength(1);
  });

  it("makes polls quick while somebody follows, and leaves them rare for who only waits for the end", async () => {
    const { id } = await team.submit("a first request, so that webhooks are known to arrive");
    await finish(id);
    await ring(id);
    const next = await team.submit("a cat");
    const pollIn = async () =>
      ((await recordOf(next.id))?.effects.find((effect) => effect.kind === "poll")?.dueAt ?? 0) - Date.now();
    const waits = read(next.id, "?wait=60");
    await held(next.id, 1);
    expect(await pollIn()).toBe(MINUTE_MS);
    const follows = follow(team, next.id);
    await held(next.id, 2);
    expect(await pollIn()).toBeLessThanOrEqual(POLL_FOLLOWED_FIRST_MS);
    await expectArmed(next.id);
    await finish(next.id);
    await Promise.all([waits, follows.ended]);
  });
});

/** Lets time pass and the poll that is due then run. */
async function pollAfter(id: string, ms: number): Promise<void> {
  await passTime(ms);
  await ring(id);
}

/** The end comes by a poll, and the one file not yet. */
async function fileLater(id: string): Promise<void> {
  const [sent] = await upstreamRequests();
  expect(sent?.status).toBe("IN_PROGRESS");
  await passTime(5 * MINUTE_MS);
  await deliverWebhooks();
  if ((await recordOf(id))?.state.stage !== "storing") await ring(id);
}
