// Reading requests: one, its timeline, lists page by page; and that what is not the caller's is not there at all.

import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { describe, expect } from "vitest";
import { HOUR_MS, SECOND_MS } from "../../../src/platform/time.ts";
import { introduceAccount } from "../../harness/account.ts";
import { call } from "../../harness/calls.ts";
import { passTime } from "../../harness/clock.ts";
import { bindings } from "../../harness/env.ts";
import { eventually } from "../../harness/eventually.ts";
import { test } from "../../harness/fixtures.ts";
import { trackerOf } from "../../harness/objects.ts";
import type { RequestObject } from "../../harness/request-object.ts";
import { Team } from "../../harness/team.ts";
import { expectArmed, ring, runToEnd } from "../../harness/tracker.ts";
import { deliverWebhooks, post, signedWebhook } from "../../harness/upstream.ts";

interface Page {
  data: { id: string; created_at: string; [field: string]: unknown }[];
  next_cursor: string | null;
}

function get<T = RequestObject>(team: Team, path: string, headers: Record<string, string> = {}) {
  return team.send<T>("GET", path, undefined, headers);
}

async function ids(team: Team, query: string): Promise<string[]> {
  const { status, body } = await get<Page>(team, `/v1/requests?${query}`);
  expect(status).toBe(200);
  return body.data.map(({ id }) => id);
}

describe("one request", () => {
  test("has a strong ETag that holds until it changes", async ({ team }) => {
    await introduceAccount(team);
    const { id } = await team.submit();
    const path = `/v1/requests/${id}`;
    const etag = (await get(team, path)).headers.get("ETag") ?? "";
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const known of [etag, `"other", ${etag}`, `W/${etag}`]) {
      const same = await get(team, path, { "If-None-Match": known });
      expect([same.status, same.body, same.headers.get("ETag")]).toEqual([304, null, etag]);
    }
    expect((await get(team, path, { "If-None-Match": '"other"' })).status).toBe(200);
    await passTime(5 * SECOND_MS);
    await deliverWebhooks();
    const changed = await get(team, path, { "If-None-Match": etag });
    expect(changed.status).toBe(200);
    expect(changed.headers.get("ETag")).not.toBe(etag);
    await expectArmed(id);
  });

  test.for([
    ["", null],
    ["?logs=0", null],
    ["?logs=1", []],
    ["?logs=true", []],
  ] as const)("%s has the log lines %j before there are any", async ([query, logs], { team }) => {
    const { id } = await team.submit();
    expect((await get(team, `/v1/requests/${id}${query}`)).body.logs).toEqual(logs);
  });

  test("is held until it changes, not by what changes nothing in it", async ({ team }) => {
    await introduceAccount(team);
    const { id, upstream } = await team.submit();
    const held = get(team, `/v1/requests/${id}?wait=60`);
    await eventually(async () => {
      const sockets = await runInDurableObject(trackerOf(id), (_instance, state) => state.getWebSockets().length);
      expect(sockets).toBe(1);
    });
    // A call that cannot be believed is told by the timeline; the request is as it was.
    expect(await post(await signedWebhook({ request_id: upstream.request_id ?? "", forged: true }))).toBe(401);
    expect(await team.timeline(id)).toContain("unverified_callback");
    await passTime(5 * SECOND_MS);
    expect(await deliverWebhooks()).toEqual([200]);
    const { status, body } = await held;
    expect([status, body.id, body.stage]).toEqual([200, id, "storing"]);
  });

  test("is not held when what the caller knows is already old, nor after the end", async ({ team }) => {
    const { id } = await team.submit();
    const path = `/v1/requests/${id}?wait=60`;
    expect((await get(team, path, { "If-None-Match": '"old"' })).body.stage).toBe("queued");
    await passTime(5 * SECOND_MS);
    const ended = await runToEnd(team, id);
    expect((await get(team, path)).body).toEqual(ended);
  });

  test.for(["wait=-1", "wait=soon", "wait=1.5", "logs=maybe"])("refuses ?%s and names it", async (query, { team }) => {
    const { id } = await team.submit();
    const { status, body } = await get<{ detail: string }>(team, `/v1/requests/${id}?${query}`);
    expect([status, body.detail]).toEqual([400, expect.stringContaining(`\`${query.split("=")[0]}\` must be`)]);
  });

  test("may be asked for by HEAD, and its address may end in a slash", async ({ team }) => {
    const { id } = await team.submit();
    const headers = { Authorization: `Bearer ${team.key}` };
    const head = await call("HEAD", `/v1/requests/${id}`, { headers });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect(head.headers.get("ETag")).toBe((await get(team, `/v1/requests/${id}`)).headers.get("ETag"));
    expect((await get(team, `/v1/requests/${id}/`)).body.id).toBe(id);
  });

  test("has a timeline of what happened, in order, with the times", async ({ team }) => {
    const startedAt = Date.now();
    const { id, upstream } = await team.submit();
    await passTime(5 * SECOND_MS);
    await runToEnd(team, id);
    const { body } = await get<{ data: Record<string, unknown>[] }>(team, `/v1/requests/${id}/timeline`);
    expect(body.data.map(({ seq }) => seq)).toEqual(body.data.map((_entry, n) => n + 1));
    expect(body.data.slice(0, 3)).toEqual([
      { seq: 1, at: new Date(startedAt).toISOString(), event: "admitted", stage: "held", detail: {} },
      {
        ...{ seq: 2, at: new Date(startedAt).toISOString(), event: "granted", stage: "submitting" },
        detail: { waited_ms: 0 },
      },
      {
        ...{ seq: 3, at: new Date(startedAt).toISOString(), event: "submitted", stage: "queued" },
        detail: { upstream_id: upstream.request_id },
      },
    ]);
    expect(body.data.map(({ event }) => event)).toEqual(expect.arrayContaining(["stored", "completed", "settled"]));
  });
});

describe("what is not the caller's", () => {
  const ROADS = [
    ["GET", ""],
    ["GET", "/events"],
    ["GET", "/timeline"],
    ["POST", "/cancel"],
  ] as const;

  test.for(ROADS)(
    "is not there: %s /v1/requests/{id}%s tells nothing of whose it is",
    async ([method, road], { team }) => {
      const stranger = await Team.create();
      const theirs = (await stranger.submit()).id;
      const unused = bindings.TRACKER.newUniqueId().toString();
      const answers = await Promise.all(
        [theirs, unused, "0".repeat(64)].map(async (id) => {
          const { status, body } = await team.send<Record<string, unknown>>(method, `/v1/requests/${id}${road}`);
          const { instance, request_id, ...told } = body;
          return { status, told };
        }),
      );
      expect(answers[0]).toMatchObject({
        status: 404,
        told: { code: "not_found", detail: "No request found with this id." },
      });
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
      expect((await stranger.read(theirs)).stage).toBe("queued");
    },
  );

  test.for(ROADS)(
    "%s /v1/requests/{id}%s with what is no id says what ids look like",
    async ([method, road], { team }) => {
      for (const id of ["abc", "A".repeat(64), "0".repeat(65), "req_1"]) {
        const { status, body } = await team.send<{ detail: string }>(method, `/v1/requests/${id}${road}`);
        expect([status, body.detail]).toEqual([404, "`id` must be a request id: 64 hexadecimal characters."]);
      }
    },
  );

  test("costs no storage: an id that never started leaves nothing behind", async ({ team }) => {
    const unused = bindings.TRACKER.newUniqueId();
    const before = (await listDurableObjectIds(bindings.TRACKER)).length;
    expect((await get(team, `/v1/requests/${unused.toString()}`)).status).toBe(404);
    expect((await get(team, `/v1/requests/${"f".repeat(64)}`)).status).toBe(404);
    const tables = await runInDurableObject(bindings.TRACKER.get(unused), (_instance, state) => {
      return state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray();
    });
    expect(tables).toEqual([]);
    expect((await listDurableObjectIds(bindings.TRACKER)).length - before).toBeLessThanOrEqual(1);
  });

  test("is in no list", async ({ team }) => {
    await (await Team.create()).submit("theirs", { user: "anna", tags: { job: "7" } });
    const mine = await team.submit("mine", { user: "anna", tags: { job: "7" } });
    for (const query of ["", "user=anna", "tag=job=7", "status=open"])
      expect(await ids(team, query)).toEqual([mine.id]);
  });
});

describe("the list", () => {
  test("has a summary of each request, newest first", async ({ team }) => {
    const first = await team.submit("one", { user: "anna", tags: { job: "7" } });
    await passTime(SECOND_MS);
    const second = await team.submit("two sandbox:slow:100000");
    await passTime(5 * SECOND_MS);
    await runToEnd(team, first.id);
    const { body } = await get<Page>(team, "/v1/requests");
    expect(body.next_cursor).toBeNull();
    expect(body.data.map(({ id }) => id)).toEqual([second.id, first.id]);
    expect(body.data[1]).toMatchObject({
      ...{ id: first.id, model: "fal-ai/flux/schnell", status: "completed", user: "anna", key_id: first.key_id },
      ...{ tags: { job: "7" }, created_at: first.created_at, completed_at: (await team.read(first.id)).completed_at },
    });
    expect(body.data[0]).toMatchObject({ status: "open", user: null, tags: {}, completed_at: null });
  });

  test("is read page by page to its end without a gap or a repeat, also while requests come in", async ({ team }) => {
    const made: string[] = [];
    for (let n = 0; n < 7; n++) {
      made.push((await team.submit(`cat ${n}`)).id);
      // Some in the same millisecond, some not.
      if (n % 3 === 2) await passTime(SECOND_MS);
    }
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let pages = 0; cursor !== null && pages < 10; pages++) {
      const { body }: { body: Page } = await get<Page>(team, `/v1/requests?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(body.data.length).toBe(pages < 3 ? 2 : 1);
      seen.push(...body.data.map(({ id }) => id));
      cursor = body.next_cursor;
      if (pages === 0) await team.submit("a newcomer");
    }
    expect(seen.toSorted()).toEqual(made.toSorted());
    const times = await Promise.all(seen.map(async (id) => String((await team.read(id)).created_at)));
    expect(times).toEqual(times.toSorted().toReversed());
  });

  test("is filtered by status, model, user, tag and time, each and together", async ({ team }) => {
    const at = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
    const start = Date.now();
    const anna = (await team.submit("one", { user: "anna", tags: { job: "7", big: "yes" } })).id;
    await passTime(HOUR_MS);
    const bob = (await team.submit("sandbox:submit-422", { user: "bob", tags: { job: "8", eq: "a=b" } })).id;
    await ring(bob);
    await passTime(HOUR_MS);
    const spoken = { model: "fal-ai/f5-tts", input: { gen_text: "Hello" }, user: "anna" };
    const voice = (await team.send("POST", "/v1/requests", spoken)).body.id;
    await team.cancel(voice);
    await ring(voice);
    await ring(voice);
    const expected: [string, string[]][] = [
      ["status=open", [anna]],
      ["status=failed", [bob]],
      ["status=canceled", [voice]],
      ["status=completed", []],
      ["model=fal-ai/f5-tts", [voice]],
      ["model=fal-ai", []],
      ["user=anna", [voice, anna]],
      ["tag=job", [bob, anna]],
      ["tag=job=7", [anna]],
      ["tag=eq=a=b", [bob]],
      ["tag=7", []],
      [`from=${at(start + HOUR_MS)}`, [voice, bob]],
      [`to=${at(start + HOUR_MS)}`, [anna]],
      [`from=${at(start)}&to=${at(start + 1)}`, [anna]],
      [`from=${encodeURIComponent(new Date(start + 3 * HOUR_MS).toISOString().replace("Z", "+02:00"))}`, [voice, bob]],
      ["user=anna&model=fal-ai/flux/schnell&tag=big=yes&status=open", [anna]],
      ["user=anna&status=failed", []],
      ["limit=1", [voice]],
      ["unknown=filter", [voice, bob, anna]],
    ];
    for (const [query, found] of expected) expect([query, await ids(team, query)]).toEqual([query, found]);
  });

  test.for([
    ["status=done", '`status` must be one of "open", "completed", "failed", "canceled".'],
    ["limit=0", "`limit` must be at least 1."],
    ["limit=101", "`limit` must be at most 100."],
    ["limit=some", "`limit` must be a number."],
    ["from=yesterday", "`from` must be a valid datetime."],
    ["to=2026-11-22", "`to` must be a valid datetime."],
    ["cursor=abc", "`cursor` is invalid."],
    ["cursor=", "`cursor` is invalid."],
  ] as const)("refuses ?%s: %s", async ([query, detail], { team }) => {
    const { status, body } = await get<{ code: string; detail: string }>(team, `/v1/requests?${query}`);
    expect([status, body.code, body.detail]).toEqual([400, "invalid_request", detail]);
  });
});

describe("other methods", () => {
  test.for([
    ["PUT", "/v1/requests", "POST, GET, HEAD"],
    ["DELETE", "/v1/requests", "POST, GET, HEAD"],
    ["PUT", `/v1/requests/${"0".repeat(64)}`, "GET, DELETE, HEAD"],
    ["GET", `/v1/requests/${"0".repeat(64)}/cancel`, "POST"],
    ["POST", `/v1/requests/${"0".repeat(64)}/events`, "GET, HEAD"],
    ["POST", `/v1/requests/${"0".repeat(64)}/timeline`, "GET, HEAD"],
  ] as const)("%s %s is 405 and says what goes", async ([method, path, allow], { team }) => {
    const answer = await team.send<{ code: string }>(method, path);
    expect([answer.status, answer.headers.get("Allow"), answer.body.code]).toEqual([405, allow, "invalid_request"]);
  });

  test.for<[unknown, string]>([
    [{}, "`filter` is required."],
    [{ filter: { status: "open" } }, "`filter.status` is not a known field."],
    [{ filter: { user: 5 } }, "`filter.user` must be a string."],
  ] as const)("a cancel of many with %j is refused", async ([body, detail], { team }) => {
    const answer = await team.send<{ detail: string }>("POST", "/v1/requests/cancel", body);
    expect([answer.status, answer.body.detail]).toEqual([400, detail]);
  });
});
