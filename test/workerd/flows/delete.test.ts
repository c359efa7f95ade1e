// DELETE /v1/requests/{id}: what is gone afterwards, for whom, in which stage it may be asked for, and that nothing that comes
// late brings anything back. R2 is counted before and after.

import { describe, expect, vi } from "vitest";
import { HOUR_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { exhaustPace } from "../../harness/account.ts";
import { type Answer, call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { follow, held } from "../../harness/holds.ts";
import { cutOff, evict, trackerOf } from "../../harness/objects.ts";
import { Person } from "../../harness/people.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, recordOf, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, dueWebhooks, post, sandbox } from "../../harness/upstream.ts";
import { RECEIVER } from "../../harness/walk.ts";
import { holdSubmits, interceptFetch, isSource, upstreamCall } from "../../harness/wire.ts";

type Said = RequestObject & { code?: string; hint?: string };

/** What lies in R2 of a team. */
async function stored(team: Team): Promise<string[]> {
  const { objects } = await bindings.FILES.list();
  return objects.map(({ key }) => key).filter((key) => key.split("/")[1] === team.id);
}

async function completed(team: Team, more: Record<string, unknown> = {}): Promise<RequestObject> {
  const { id } = await team.submit("a cat", more);
  await passTime(5 * SECOND_MS);
  return runToEnd(team, id);
}

function remove(team: Team, id: string, query = ""): Promise<Answer<Said>> {
  return team.send<Said>("DELETE", `/v1/requests/${id}${query}`);
}

/** A long input lies in R2 beside the files. */
const LONG = { input: { note: "x".repeat(600_000) } };

describe("a deleted request", () => {
  test("leaves nothing in R2, and is gone for its owner and unknown to others", async ({ team }) => {
    const other = await Team.create();
    const { id, files } = await completed(team, LONG);
    expect((await stored(team)).map((key) => key.split("/")[0]).sort()).toEqual(["outputs", "texts"]);
    expect((await remove(other, id)).status).toBe(404);
    expect((await remove(team, id)).status).toBe(204);
    expect(await stored(team)).toEqual([]);
    expect(await recordOf(id)).toBeNull();

    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/timeline"],
      ["GET", "/events"],
      ["POST", "/cancel"],
    ] as const) {
      expect((await team.send<Said>(method, `/v1/requests/${id}${path}`)).body).toMatchObject({ code: "gone" });
      expect((await other.send<Said>(method, `/v1/requests/${id}${path}`)).body).toMatchObject({ code: "not_found" });
    }
    const file = await call("GET", files[0]?.url ?? "");
    expect([file.status, ((await file.json()) as Said).code]).toEqual([410, "gone"]);
    expect((await call("HEAD", files[0]?.url ?? "")).status).toBe(410);
    expect((await remove(team, id)).status, "again").toBe(204);
  });

  test("keeps its line in the books, without content, and is in no list", async () => {
    const team = await Team.create({
      limits: [{ name: "daily", scope: "team", per: "request", limit: 9, window: "1d" }],
    });
    const { id } = await completed(team, { tags: { client: "acme" } });
    await remove(team, id);
    expect(await team.used()).toEqual([1]);
    expect((await team.send<{ data: unknown[] }>("GET", "/v1/requests")).body.data).toEqual([]);
    const day = new Date().toISOString().slice(0, 10);
    const usage = await team.send<{ data: Record<string, unknown>[] }>("GET", `/v1/usage?from=${day}&to=${day}`);
    expect(usage.body.data).toMatchObject([{ requests: 1, completed: 1 }]);
  });

  test("answers a post that comes again with 410", async ({ team }) => {
    const submit = () =>
      team.send<Said>(
        "POST",
        "/v1/requests",
        { model: "fal-ai/flux/schnell", input: { prompt: "a cat" } },
        { "Idempotency-Key": "k" },
      );
    const { id } = (await submit()).body;
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    await remove(team, id);
    const again = await submit();
    expect([again.status, again.body.code]).toEqual([410, "gone"]);
  });

  test("is gone for the user that it was of, and unknown to other users", async ({ team }) => {
    const [anna, bob] = await Promise.all(
      ["anna", "bob"].map(async (user) => {
        const made = await team.send<{ token: string }>("POST", "/v1/tokens", { user });
        return new Person(made.body.token);
      }),
    );
    const { id } = await completed(team, { user: "anna" });
    expect((await bob?.ask("DELETE", `/v1/requests/${id}`))?.status).toBe(404);
    expect((await anna?.ask("DELETE", `/v1/requests/${id}`))?.status).toBe(204);
    expect((await anna?.ask("GET", `/v1/requests/${id}`))?.status).toBe(410);
    expect((await bob?.ask("GET", `/v1/requests/${id}`))?.status).toBe(404);
  });

  test("drops deliveries that are still owed", async ({ team }) => {
    const heard: string[] = [];
    interceptFetch(async (request, pass) => {
      if (request.url !== RECEIVER) return pass();
      heard.push(await request.text());
      return new Response(null, { status: 503 });
    });
    const { id } = await completed(team, { webhook_url: RECEIVER });
    await ring(id);
    expect(heard).toHaveLength(1);
    expect((await remove(team, id)).status).toBe(204);
    await passTime(HOUR_MS);
    expect(await ring(id)).toBe(false);
    expect(heard).toHaveLength(1);
  });

  test("is changed by nothing that comes late: webhooks are taken and forgotten", async ({ team }) => {
    const { id } = await team.submit();
    await passTime(5 * SECOND_MS);
    const [webhook] = await dueWebhooks();
    await runToEnd(team, id);
    await remove(team, id);
    if (webhook === undefined) throw new Error("no webhook");
    expect(await post(webhook)).toBe(200);
    expect(await post({ ...webhook, body: `${webhook.body} ` }), "forged").toBe(401);
    expect(await recordOf(id)).toBeNull();
    expect(await stored(team)).toEqual([]);
    expect(await ring(id)).toBe(false);
  });
});

describe("before the end", () => {
  /** Brings a request to a stage and answers its id. */
  const stages: Record<string, (team: Team) => Promise<string>> = {
    async held(team) {
      await exhaustPace();
      return (await team.submit()).id;
    },
    async queued(team) {
      await sandbox("PATCH", "settings", { queue_ms: { image: HOUR_MS } });
      return (await team.submit()).id;
    },
    async running(team) {
      const { id } = await team.submit("a cat sandbox:slow");
      await passTime(2 * SECOND_MS);
      await trackerOf(id).read({ team: team.id, user: null, keyId: null });
      return id;
    },
    async uncertain(team) {
      interceptFetch(async (request, pass) => {
        const answer = await pass();
        return upstreamCall(request) === "submit" ? new Response("lost", { status: 502 }) : answer;
      });
      return (await team.submit()).id;
    },
    async storing(team) {
      interceptFetch((request, pass) =>
        isSource(request) ? Promise.resolve(new Response("busy", { status: 503 })) : pass(),
      );
      const { id } = await team.submit();
      await passTime(5 * SECOND_MS);
      await deliverWebhooks();
      await ring(id);
      return id;
    },
  };

  test.for(Object.keys(stages))("%s: 409, and with ?cancel=true it goes after its end", async (stage, { team }) => {
    const id = (await stages[stage]?.(team)) ?? "";
    const refused = await remove(team, id);
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect(refused.body.hint).toContain("?cancel=true");

    const ordered = await remove(team, id, "?cancel=true");
    // Held costs nothing and ends on the spot; the others are asked to stop.
    expect(ordered.status).toBe(stage === "held" ? 204 : 202);
    for (let i = 0; i < 40 && (await recordOf(id)) !== null; i++) {
      await deliverWebhooks();
      await ring(id);
      await expectArmed(id);
      await passTime(HOUR_MS / 2);
    }
    expect(await recordOf(id)).toBeNull();
    expect(await stored(team)).toEqual([]);
    expect((await team.send(`GET`, `/v1/requests/${id}`)).status).toBe(410);
    expect((await team.send<{ data: unknown[] }>("GET", "/v1/requests")).body.data).toEqual([]);
  });

  test("while its submit is under way: it is remembered, and goes after the end", async ({ team }) => {
    const { reached, letGo } = holdSubmits("a cat");
    const submitted = team.submit("a cat");
    await reached;
    const id = await team.onlyRequest();
    expect((await remove(team, id)).status).toBe(409);
    expect((await remove(team, id, "?cancel=true")).status).toBe(202);
    letGo();
    await submitted;
    for (let i = 0; i < 40 && (await recordOf(id)) !== null; i++) {
      await passTime(5 * SECOND_MS);
      await deliverWebhooks();
      await ring(id);
    }
    expect(await recordOf(id)).toBeNull();
    expect(await stored(team)).toEqual([]);
  });

  test("whoever waits hears that it is gone", async ({ team }) => {
    await sandbox("PATCH", "settings", { queue_ms: { image: HOUR_MS } });
    const { id } = await team.submit();
    const waiting = team.send<Said>("GET", `/v1/requests/${id}?wait=60`);
    const following = follow(team, id);
    await held(id, 2);
    expect((await remove(team, id, "?cancel=true")).status).toBe(202);
    await ring(id);
    expect([(await waiting).status, (await waiting).body.code]).toEqual([410, "gone"]);
    await following.ended;
    expect(following.events.at(-1)).toMatchObject({ event: "deleted", data: { id } });
  });
});

describe("the object breaks off in the midst of a deletion, and it is finished all the same", () => {
  test("R2 was away and the object is evicted: what is owed is done later", async ({ team }) => {
    const { id } = await completed(team);
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    vi.spyOn(bucket, "delete").mockRejectedValue(new Error("R2 is away"));
    expect((await remove(team, id)).status).toBe(204);
    vi.restoreAllMocks();
    expect(await stored(team)).toHaveLength(1);
    await evict(id);
    await expectArmed(id);
    await passTime(HOUR_MS);
    await ring(id);
    expect(await stored(team)).toEqual([]);
    expect(await recordOf(id)).toBeNull();
  });

  test.for(["before", "after"] as const)("%s R2's delete", async (moment, { team }) => {
    const { id } = await completed(team, LONG);
    expect(await stored(team)).toHaveLength(2);
    const stuck = stickDelete(moment);
    const removed = remove(team, id).catch(() => null);
    await eventually(async () => expect(stuck()).toBe(true));
    await cutOff(id);
    await removed;
    vi.restoreAllMocks();
    expect((await team.send(`GET`, `/v1/requests/${id}`)).status).toBe(410);
    await ring(id);
    expect(await recordOf(id)).toBeNull();
    expect(await stored(team)).toEqual([]);
    expect((await team.send(`GET`, `/v1/requests/${id}`)).status).toBe(410);
  });

  /** The first such call never comes back. Answers whether it has been made. */
  function stickDelete(moment: "before" | "after"): () => boolean {
    const bucket = Object.getPrototypeOf(bindings.FILES) as R2Bucket;
    const real = bucket.delete as (...args: unknown[]) => Promise<unknown>;
    let stuck = false;
    vi.spyOn(bucket, "delete").mockImplementation(async function (this: R2Bucket, ...args: unknown[]) {
      if (stuck) return real.apply(this, args);
      if (moment === "after") await real.apply(this, args);
      stuck = true;
      return new Promise(() => undefined);
    } as never);
    return () => stuck;
  }
});
