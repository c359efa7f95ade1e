// Holds: a client waits, the Worker holds, the tracker only tells test. What is told comes at once and once; a hold that
// breaks is never an error.

import { evictDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { MINUTE_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { WATCH_REREAD_MS } from "../../../src/requests/service/wait-for-change.ts";
import { introduceAccount } from "../../harness/account.ts";
import type { Answer } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { finish, follow, held, neverLookAgain, pollAfter, sockets } from "../../harness/holds.ts";
import { cutOff, evict, trackerOf } from "../../harness/objects.ts";
import type { Team } from "../../harness/team.ts";
import { hurry } from "../../harness/timers.ts";
import { expectArmed } from "../../harness/tracker.ts";
import { deliverWebhooks, upstreamRequests } from "../../harness/upstream.ts";
import { holdSources } from "../../harness/wire.ts";

function submitAndWait(team: Team, seconds: number): Promise<Answer> {
  const body = { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } };
  return team.send("POST", "/v1/requests", body, { Prefer: `wait=${seconds}` });
}

function read(team: Team, id: string, query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return team.send("GET", `/v1/requests/${id}${query}`, undefined, headers);
}

describe("a submit with `Prefer: wait`", () => {
  test("is answered as soon as the request has ended", async ({ team }) => {
    neverLookAgain();
    const answer = submitAndWait(team, 60);
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

  test("is answered 202 when its time is up, with the state of that moment", async ({ team }) => {
    hurry(WATCH_REREAD_MS);
    const answer = submitAndWait(team, 30);
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
  test("is answered at every change of stage, and at once after the end", async ({ team }) => {
    neverLookAgain();
    await introduceAccount(team);
    const { id } = await team.submit("a cat sandbox:slow:100000");
    const webhook = async () => {
      await passTime(MINUTE_MS);
      expect(await deliverWebhooks()).toEqual([200]);
    };
    const sources = holdSources();
    const stages: string[] = [];
    for (const change of [() => pollAfter(id, MINUTE_MS), webhook, sources.letGo]) {
      const answer = read(team, id, "?wait=60");
      await held(id, 1);
      await change();
      stages.push((await answer).body.stage);
      await held(id, 0);
    }
    expect(stages).toEqual(["running", "storing", "completed"]);
    expect((await read(team, id, "?wait=60")).body.status).toBe("COMPLETED");
  });

  test("that is over without news is 200 with the same, or 304 for who knows it", async ({ team }) => {
    hurry(WATCH_REREAD_MS);
    const { id } = await team.submit("a cat");
    const { headers, body } = await read(team, id, "");
    const etag = headers.get("ETag") ?? "";
    for (const [known, status, told] of [
      [{}, 200, body],
      [{ "If-None-Match": etag }, 304, null],
    ] as const) {
      const answer = read(team, id, "?wait=30", known);
      await held(id, 1);
      await passTime(31 * SECOND_MS);
      expect(await answer).toMatchObject({ status, body: told });
      expect((await answer).headers.get("ETag")).toBe(etag);
    }
  });

  test("that knows the present state waits for another, which has another ETag", async ({ team }) => {
    neverLookAgain();
    const { id } = await team.submit("a cat sandbox:slow:100000");
    const etag = (await read(team, id, "")).headers.get("ETag") ?? "";
    const answer = read(team, id, "?wait=60", { "If-None-Match": etag });
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

  test.for(BREAKS)("because $what is answered all the same", async ({ breakIt }, { team }) => {
    hurry(WATCH_REREAD_MS);
    const { id } = await team.submit("a cat");
    const [waits, follows] = [read(team, id, "?wait=60"), follow(team, id)];
    await held(id, 2);
    await breakIt(id);
    await finish(id);
    expect((await waits).status).toBe(200);
    await follows.ended;
    expect(follows.events.at(-1)).toMatchObject({ event: "end", data: { status: "COMPLETED" } });
  });

  test("is told by the socket even after its tracker slept: sockets do not keep it in memory", async ({ team }) => {
    neverLookAgain();
    const { id } = await team.submit("a cat");
    const answer = read(team, id, "?wait=60");
    await held(id, 1);
    await evict(id);
    expect(await sockets(id)).toBe(1);
    const sources = holdSources();
    const finished = finish(id);
    expect(await answer).toMatchObject({ status: 200, body: { stage: "storing" } });
    sources.letGo();
    await finished;
  });
});
