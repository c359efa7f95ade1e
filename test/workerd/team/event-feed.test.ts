// The event feed as its readers get it: in order, from any point on, held until something comes.

import { runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { teamFor } from "../../../src/platform/stubs.ts";
import { DAY_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { TeamDatabase } from "../../../src/team/database.ts";
import { EVENT_KEEP_MS } from "../../../src/team/endpoints/event-store.ts";
import { openStores } from "../../../src/team/stores.ts";
import type { EventData } from "../../../src/webhooks/events.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test as base } from "../../harness/fixtures.ts";
import { Team } from "../../harness/team.ts";
import { anEnd, SOMEBODY } from "../../harness/team-object.ts";

interface Feed {
  data: { cursor: string; id: string; type: string; timestamp: string; data: Record<string, unknown> }[];
  next_cursor: string;
  has_more: boolean;
  code?: string;
  hint?: string;
}

type Pause = EventData<"upstream.paused">;

const test = base
  .extend("feed", async ({ team }) => {
    return (query = "") => team.send<Feed>("GET", `/v1/events${query}`);
  })
  /** Ends a request of this team without a tracker; answers its id. */
  .extend("anEnded", async ({ teamObject }) => {
    return async (changes: Parameters<typeof anEnd>[2] = {}) => {
      const id = await teamObject.admitted();
      await teamObject.stub.settle(anEnd(id, "charge", changes));
      return id;
    };
  })
  .extend("pause", async ({ teamObject }) => (why: Pause["why"]) => {
    return teamObject.stub.events.publish({ type: "upstream.paused", data: { why, since: new Date().toISOString() } });
  });

describe("the event feed", () => {
  test("tells every end once, in order, with ids and short facts alone", async ({ teamObject, feed, anEnded }) => {
    const one = await teamObject.admitted();
    const end = anEnd(one, "charge");
    const settled = await teamObject.stub.settle(end);
    expect(await teamObject.stub.settle(end), "told twice").toEqual(settled);
    const two = await anEnded({ eventType: "request.failed", outcome: "failed" });
    const { body } = await feed();
    expect(body.data.map(({ type, data }) => [type, data.request_id])).toEqual([
      ["request.completed", one],
      ["request.failed", two],
    ]);
    expect(body.data[0]?.id).toBe(settled.eventId);
    expect(Object.keys(body.data[0]?.data ?? {}).sort()).toEqual(["model", "request_id", "status"]);
    expect(body.has_more).toBe(false);
  });

  test("tells of a recovered request anew, and of the same end never again", async ({ teamObject, feed }) => {
    const id = await teamObject.admitted();
    const failed = anEnd(id, "keep", { outcome: "failed", eventType: "request.failed", hasWebhook: true });
    const first = await teamObject.stub.settle(failed);
    await passTime(SECOND_MS);
    const proven = anEnd(id, "charge", { eventType: "request.recovered", hasWebhook: true });
    const second = await teamObject.stub.settle(proven);
    expect((await teamObject.stub.settle(proven)).deliveries).toEqual(second.deliveries);
    expect(second.deliveries).not.toEqual(first.deliveries);
    expect((await feed()).body.data.map(({ type }) => type)).toEqual(["request.failed", "request.recovered"]);
  });

  test("goes on where a reader stopped, page by page and type by type", async ({ feed, anEnded, pause }) => {
    for (const why of ["locked", "key_refused", "failing"] as const) await pause(why);
    await anEnded();
    const first = (await feed("?limit=2")).body;
    expect([first.data.map(({ data }) => data.why), first.has_more]).toEqual([["locked", "key_refused"], true]);
    const second = (await feed(`?limit=2&after=${first.next_cursor}`)).body;
    expect(second.data.map(({ type }) => type)).toEqual(["upstream.paused", "request.completed"]);
    expect((await feed(`?after=${second.next_cursor}`)).body).toMatchObject({ data: [], has_more: false });
    const some = (await feed("?types=request.completed,request.failed")).body;
    expect(some.data.map(({ type }) => type)).toEqual(["request.completed"]);
    expect((await feed("?after=latest")).body).toEqual({ data: [], next_cursor: second.next_cursor, has_more: false });
  });

  test("says so when a cursor is older than what is kept, and where to go on", async ({ team, feed, pause }) => {
    for (const why of ["locked", "key_refused"] as const) await pause(why);
    const { next_cursor: seen } = (await feed("?limit=1")).body;
    await passTime(EVENT_KEEP_MS + DAY_MS);
    await pause("failing");
    await runInDurableObject(teamFor(bindings, team.id), (_instance, state) => {
      const { events, usage } = openStores(new TeamDatabase(state.storage.sql));
      events.cleanUp(Date.now(), 100);
      expect(events.bounds().first, "usage has not counted it yet").toBe(1);
      usage.rollUp();
      events.cleanUp(Date.now(), 100);
    });
    const late = await feed(`?after=${seen}`);
    expect([late.status, late.body.code]).toEqual([410, "gone"]);
    expect(late.body.hint).toContain("after=2");
    expect((await feed("?after=2")).body.data.map(({ data }) => data.why)).toEqual(["failing"]);
    expect((await feed()).body.data).toHaveLength(1);
  });

  test.for(["?after=99", "?after=x", "?types=nonsense", "?limit=0"])("refuses %s", async (query, { feed }) => {
    expect((await feed(query)).body.code).toBe("invalid_request");
  });

  test("is not for who sees one user's requests alone", async ({ team }) => {
    const member = await team.send<{ secret: string }>("POST", "/v1/keys", { user: "ada", scopes: ["read"] });
    const answer = await new Team(team.id, member.body.secret).send<Feed>("GET", "/v1/events");
    expect([answer.status, answer.body.code]).toEqual([403, "forbidden"]);
  });
});

describe("a forgotten user", () => {
  test("is named neither in the feed nor in what is still to be sent", async ({ team, teamObject, feed }) => {
    const limits = [{ name: "each", scope: "user", per: "usd", limit: "0.01", window: "1d" } as const];
    await teamObject.putPlan("default", { limits });
    await team.send("PUT", "/v1/prices", { "**": { unit: "request", usd: "0.009" } });
    const made = await team.send("POST", "/v1/webhooks", { url: "https://one.example/", events: ["limit.reached"] });
    expect(made.status).toBe(201);
    await teamObject.admitted({ user: "ada" });
    expect(JSON.stringify((await feed()).body)).toContain("ada");
    await teamObject.stub.users.delete("ada", SOMEBODY);
    expect((await feed()).body.data[0]?.data.subject).toMatch(/^deleted:/);
    const bodies = await runInDurableObject(teamFor(bindings, team.id), (_instance, state) =>
      state.storage.sql.exec<{ body: string }>("SELECT body FROM outbox").toArray(),
    );
    expect(bodies).toHaveLength(1);
    expect(bodies[0]?.body).not.toContain("ada");
  });
});

describe("a hold of the feed", () => {
  test("answers as soon as something comes", async ({ team, feed, pause }) => {
    const held = feed("?after=latest&wait=30");
    await eventually(async () => {
      const sockets = await runInDurableObject(teamFor(bindings, team.id), (_instance, state) => {
        return state.getWebSockets().length;
      });
      expect(sockets).toBe(1);
    });
    await pause("failing");
    expect((await held).body.data.map(({ data }) => data.why)).toEqual(["failing"]);
  });

  test("answers at once when there is something already", async ({ feed, pause }) => {
    await pause("locked");
    expect((await feed("?wait=30")).body.data).toHaveLength(1);
  });
});
