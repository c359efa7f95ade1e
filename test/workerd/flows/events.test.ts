// The event stream of a request: every change once and in order, log lines as they come, the object at the end; who comes
// back hears what it missed.

import { describe, expect } from "vitest";
import { SSE_COMMENT_MS } from "../../../src/http/event-stream.ts";
import { EVENT_STREAM_MAX_MS } from "../../../src/http/routes/requests/events.ts";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { POLL_FOLLOWED_FIRST_MS } from "../../../src/requests/machine/poll-schedule.ts";
import { WATCH_REREAD_MS } from "../../../src/requests/service/wait-for-change.ts";
import { introduceAccount } from "../../harness/account.ts";
import type { Answer } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { finish, follow, held, neverLookAgain, pollAfter, type Stream, sockets } from "../../harness/holds.ts";
import { Team } from "../../harness/team.ts";
import { hurry } from "../../harness/timers.ts";
import { expectArmed, recordOf, ring } from "../../harness/tracker.ts";

function read(team: Team, id: string, query: string): Promise<Answer> {
  return team.send("GET", `/v1/requests/${id}${query}`);
}

describe("the event stream", () => {
  test("tells every line of the timeline once and in order, log lines as they come, and the object at the end", async ({
    team,
  }) => {
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
    const { body: ended } = await read(team, id, "?logs=1");
    expect(stream.events.at(-1)).toMatchObject({ event: "end", data: { ...ended, webhook: null } });
    expect(stream.of("end")).toHaveLength(1);
    await held(id, 0);
  });

  test("goes on after Last-Event-ID: nothing again, nothing left out", async ({ team }) => {
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

  test("after the end is the end alone for who has heard all", async ({ team }) => {
    const { id } = await team.submit("a cat");
    await finish(id);
    await ring(id);
    const all = follow(team, id);
    await all.ended;
    const again = follow(team, id, { "Last-Event-ID": all.lastId().replace(".end", "") });
    await again.ended;
    expect(again.events.map(({ event }) => event)).toEqual(["end"]);
  });

  test("is 204 for who has heard the end, so that an EventSource stops", async ({ team }) => {
    const { id } = await team.submit("a cat");
    const open = await team.send("GET", `/v1/requests/${id}`);
    expect(open.status).toBe(200);
    await finish(id);
    await ring(id);
    const all = follow(team, id);
    await all.ended;
    expect(all.lastId()).toMatch(/\.end$/);
    const again = await team.send("GET", `/v1/requests/${id}/events`, undefined, { "Last-Event-ID": all.lastId() });
    expect([again.status, again.body]).toEqual([204, null]);
  });

  test("ends after an hour without the end; who comes back hears the rest", async ({ team }) => {
    hurry(WATCH_REREAD_MS);
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

  test("is not there for another team", async ({ team }) => {
    const { id } = await team.submit("a cat");
    const stranger = await Team.create();
    expect((await stranger.send("GET", `/v1/requests/${id}/events`)).status).toBe(404);
    expect(await sockets(id)).toBe(0);
  });

  test("has a comment whenever nothing came for a while", async ({ team }) => {
    hurry(SSE_COMMENT_MS);
    const { id } = await team.submit("a cat");
    const stream = follow(team, id);
    await held(id, 1);
    await eventually(async () => expect(stream.comments()).toBeGreaterThan(1));
    await finish(id);
    await stream.ended;
    expect(stream.of("end")).toHaveLength(1);
  });

  test("makes polls quick while somebody follows, and leaves them rare for who only waits for the end", async ({
    team,
  }) => {
    await introduceAccount(team);
    const next = await team.submit("a cat");
    const pollIn = async () =>
      ((await recordOf(next.id))?.effects.find((effect) => effect.kind === "poll")?.dueAt ?? 0) - Date.now();
    const waits = read(team, next.id, "?wait=60");
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
