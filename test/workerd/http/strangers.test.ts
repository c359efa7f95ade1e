// What whoever has a page's key can cost its owner: requests that are given up again, uploads, requests of unknown price, tags.

import { describe, expect } from "vitest";
import { HOUR_MS } from "../../../src/platform/time.ts";
import { BROWSER_POSTS_PER_MINUTE, BROWSER_UPLOADS_PER_DAY } from "../../../src/team/quota/caller-limits.ts";
import { TAG_VALUES_PER_DAY } from "../../../src/team/quota/tag-values.ts";
import { call } from "../../harness/calls.ts";
import { test } from "../../harness/fixtures.ts";
import { MODEL } from "../../harness/model.ts";
import { endOf, many, Person, sorted } from "../../harness/people.ts";
import { newKey, Team } from "../../harness/team.ts";
import { aPng, send, streamed } from "../../harness/upload-calls.ts";
import { sandbox } from "../../harness/upstream.ts";
import { openPage, visit } from "../../harness/visitors.ts";

const ADDRESS = "203.0.113.7";
const VISITOR_DAY = { name: "visitor-day", scope: "visitor", per: "request", limit: 3, window: "1d" };
const MEBIBYTE = 1024 * 1024;
/** What is canceled has not ended by itself before. */
const LONG_QUEUE = { queue_ms: { image: HOUR_MS } };
/** Above what an input keeps inline, so that it becomes an upload. */
const DATA_URI = `data:image/png;base64,iVBORw0KGgoAAAANSUhEUg${"A".repeat(12_000)}`;

async function userToken(team: Team, user = "ada"): Promise<Person> {
  const { body } = await team.send<{ token: string }>("POST", "/v1/tokens", { user });
  return new Person(body.token);
}

describe("a limit of requests", () => {
  test("counts for a visitor what was canceled, and gives its money back", async () => {
    await sandbox("PATCH", "settings", LONG_QUEUE);
    const page = await openPage([VISITOR_DAY]);
    const visitor = await visit(page, ADDRESS);
    const posts = [];
    for (let n = 0; n < 6; n++) {
      const posted = await visitor.post(`cat ${n}`);
      posts.push(posted);
      if (posted.status !== 202) continue;
      expect((await visitor.ask("POST", `/v1/requests/${posted.body.id}/cancel`)).status).toBeLessThan(300);
      expect((await endOf(page.team, posted.body)).status).toBe("CANCELED");
    }
    expect(posts.map(({ status }) => status)).toEqual([202, 202, 202, 402, 402, 402]);
    const { body } = await page.team.send<{ data: { charged_usd: string }[] }>("GET", "/v1/usage");
    expect(body.data).toMatchObject([{ requests: 3, canceled: 3, charged_usd: "0.000000" }]);
    const money = { name: "page-money", scope: "key", per: "usd", limit: "0.003", window: "1d" };
    const plan = { limits: [{ ...VISITOR_DAY, limit: 4 }, money] };
    expect((await page.team.send("PUT", "/v1/plans/page", plan)).status).toBe(200);
    expect((await visitor.post("cat 7")).status, "its money was given back").toBe(202);
  });

  test("counts for a visitor what failed at the model", async () => {
    const page = await openPage([VISITOR_DAY]);
    const visitor = await visit(page, ADDRESS);
    const statuses = [];
    for (let n = 0; n < 5; n++) {
      const { status, body } = await visitor.post(`sandbox:crash ${n}`);
      statuses.push(status);
      if (status === 202) expect((await endOf(page.team, body)).cost.charged).toBe("0.000000");
    }
    expect(statuses).toEqual([202, 202, 202, 402, 402]);
  });

  test.each<[string, object, "key" | "token", number]>([
    ["gives a secret key back what was canceled", {}, "key", 0],
    ["keeps it from a secret key where the plan says `admitted`", { count: "admitted" }, "key", 1],
    ["keeps it from a user's token", {}, "token", 1],
    ["gives it back to a user's token where the plan says `completed`", { count: "completed" }, "token", 0],
  ])("%s", async (_rule, count, held, used) => {
    const limit = { name: "day", scope: "team", per: "request", limit: 3, window: "1d", ...count };
    await sandbox("PATCH", "settings", LONG_QUEUE);
    const team = await Team.create({ limits: [limit] });
    const person = held === "key" ? new Person(team.key) : await userToken(team);
    const { body } = await person.post("a cat");
    await person.ask("POST", `/v1/requests/${body.id}/cancel`);
    expect((await endOf(team, body)).status).toBe("CANCELED");
    const counts = held === "key" ? "completed" : "admitted";
    expect((await person.limits())[0]).toMatchObject({ name: "day", used, count: counts, ...count });
  });

  test("of a team is one counter for its servers and its pages", async () => {
    const team = await Team.create({
      limits: [{ name: "day", scope: "team", per: "request", limit: 3, window: "1d" }],
    });
    const [server, ada] = [new Person(team.key), await userToken(team)];
    expect([await server.post("a"), await ada.post("b"), await server.post("c")].map(({ status }) => status)).toEqual([
      202, 202, 202,
    ]);
    expect([await server.post("d"), await ada.post("e")].map(({ status }) => status)).toEqual([402, 402]);
  });

  test("is built in per minute for every token, which a plan raises, and no secret key has it", async () => {
    const team = await Team.create();
    const ada = await userToken(team);
    const burst = (person: Person, count: number) => many(count, (n) => person.post(`cat ${n}`));
    const { taken, refused } = sorted(await burst(ada, BROWSER_POSTS_PER_MINUTE + 2));
    expect(taken).toHaveLength(BROWSER_POSTS_PER_MINUTE);
    expect(refused[0]?.body).toMatchObject({
      code: "rate_limited",
      violated_policies: [{ name: "sluice:posts-minute" }],
    });
    expect((await (await userToken(team, "bob")).post("a cat")).status, "another user").toBe(202);
    expect(sorted(await burst(new Person(team.key), 32)).taken).toHaveLength(32);
    const raised = { name: "posts", scope: "user", per: "request", limit: 50, window: "1m" };
    await team.send("PUT", "/v1/plans/default", { limits: [raised] });
    expect((await ada.post("one more")).status).toBe(202);
    expect((await ada.limits()).map(({ name }) => name)).not.toContain("sluice:posts-minute");
  });
});

describe("uploads by whoever has a page's key", () => {
  const announce = (person: Person, size: number | null = MEBIBYTE, headers: Record<string, string> = {}) =>
    person.ask<{ id: string; upload_url: string; detail: string; hint: string; code: string }>(
      "POST",
      "/v1/uploads",
      { file_name: "cat.png", content_type: "image/png", size },
      headers,
    );

  test("are so many a day, on every surface together, and the refusal names the limit", async () => {
    const page = await openPage();
    const visitor = await visit(page, ADDRESS);
    const answers = await many(BROWSER_UPLOADS_PER_DAY - 1, () => announce(visitor, 1_000));
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const target = { "x-fal-target-url": "https://rest.fal.ai/storage/upload/initiate" };
    const initiate = () =>
      visitor.ask("POST", "/fal/proxy", { file_name: "cat.png", content_type: "image/png" }, target);
    expect((await initiate()).status).toBe(200);
    const refused = await announce(visitor, 1_000);
    expect(refused.body).toMatchObject({ status: 402, code: "visitor_limit" });
    expect(refused.body.detail).toContain(`"sluice:uploads-day" (30 of 30 uploads, resets `);
    expect((await initiate()).status).toBe(402);
    const inline = await visitor.post("a cat", { input: { image_url: DATA_URI } });
    expect([inline.status, inline.body.violated_policies?.map(({ name }) => name)]).toEqual([
      402,
      ["sluice:uploads-day"],
    ]);
    expect((await announce(await visit(page, ADDRESS), 1_000)).status, "another visitor").toBe(201);
  });

  test("are so many bytes a day, and what is deleted still counts", async () => {
    const page = await openPage([], { uploads: { browser_max_bytes: 60 * MEBIBYTE } });
    const visitor = await visit(page, ADDRESS);
    const { body } = await announce(visitor, 2_000);
    expect((await send(body.upload_url, { body: aPng(2_000) })).status).toBe(200);
    expect((await announce(visitor, 60 * MEBIBYTE)).status).toBe(201);
    const refused = await announce(visitor, 41 * MEBIBYTE);
    expect([refused.status, refused.body.detail]).toEqual([402, expect.stringContaining('"sluice:upload-bytes-day"')]);
    const large = await announce(visitor, null);
    const headers = { "Content-Length": String(41 * MEBIBYTE) };
    const sent = await send(large.body.upload_url, { body: aPng(41 * MEBIBYTE), headers });
    expect([sent.status, sent.body.detail]).toEqual([402, expect.stringContaining('"sluice:upload-bytes-day"')]);
    expect((await visitor.ask("DELETE", `/v1/uploads/${body.id}`)).status).toBe(204);
    const limits = await visitor.limits();
    expect(limits.find(({ name }) => name === "sluice:upload-bytes-day")?.used).toBe(60 * MEBIBYTE + 2_000);
  });

  test("have at most 10 MiB each: announced, sent without a length, in parts, and inline", async () => {
    const page = await openPage();
    const visitor = await visit(page, ADDRESS);
    const announced = await announce(visitor, 1024 * MEBIBYTE);
    expect(announced.body).toMatchObject({
      ...{ status: 413, code: "payload_too_large" },
      detail: expect.stringContaining("at most 10485760 bytes (`uploads.browser_max_bytes`)"),
      hint: expect.stringContaining("raise `uploads.browser_max_bytes` with PATCH /v1/plans/page"),
    });
    const unsized = await announce(visitor, null);
    const sent = await send(unsized.body.upload_url, {
      body: streamed(aPng(11 * MEBIBYTE)),
      duplex: "half",
    } as RequestInit);
    expect(sent.status).toBe(413);
    const parted = await announce(visitor, null);
    const part = (n: number) =>
      send(`${parted.body.upload_url}/${n}`, { body: aPng(6 * MEBIBYTE), headers: { "Content-Type": "image/png" } });
    expect([(await part(1)).status, (await part(2)).status]).toEqual([200, 413]);
    const { body } = await page.team.send<{ upload_url: string }>("POST", "/v1/uploads", {
      ...{ file_name: "cat.png", size: 11 * MEBIBYTE },
    });
    expect(body.upload_url, "a server's").toContain("/uploads/");
  });

  test("in an input are not given back with the request", async () => {
    await sandbox("PATCH", "settings", LONG_QUEUE);
    const page = await openPage();
    const visitor = await visit(page, ADDRESS);
    const { body } = await visitor.post("a cat", { input: { image_url: DATA_URI } });
    await visitor.ask("POST", `/v1/requests/${body.id}/cancel`);
    expect((await endOf(page.team, body)).status).toBe("CANCELED");
    const limits = await visitor.limits();
    expect(limits.find(({ name }) => name === "sluice:uploads-day")?.used).toBe(1);
    expect(Number(limits.find(({ name }) => name === "sluice:upload-bytes-day")?.used)).toBeGreaterThan(8_000);
  });

  test("are raised by the plan", async () => {
    const raised = [
      { name: "files", scope: "visitor", per: "upload", limit: 31, window: "1d" },
      { name: "bytes", scope: "visitor", per: "upload_byte", limit: 5_000 * MEBIBYTE, window: "1d" },
    ];
    const page = await openPage(raised, { uploads: { browser_max_bytes: 1024 * MEBIBYTE } });
    const visitor = await visit(page, ADDRESS);
    const answers = await many(31, () => announce(visitor, 100 * MEBIBYTE));
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const refused = await announce(visitor, 1_000);
    expect(refused.body.detail).toContain('"files" (31 of 31 uploads');
  });
});

describe("a model of unknown price", () => {
  const UNPRICED = "fal-ai/fast-sdxl";
  const post = (person: Person) => person.ask("POST", "/v1/requests", { model: UNPRICED, input: { prompt: "a cat" } });

  test("is refused to a page's visitors, whose money would not be bounded, and the refusal says the way out", async () => {
    const page = await openPage([], { unknown_price: "allow" });
    const refused = await post(await visit(page, ADDRESS));
    expect(refused.body).toMatchObject({
      ...{ status: 403, code: "price_unknown" },
      detail: expect.stringContaining('plan "page" has no `assumed_cost`'),
      hint: expect.stringContaining("sets `assumed_cost` with PATCH /v1/plans/page"),
    });
    const visitor = await visit(page, ADDRESS);
    expect((await visitor.ask("POST", `/fal/queue/${UNPRICED}`, { prompt: "a cat" })).status).toBe(403);
    const server = await newKey(page.team.key, { plan: "page" });
    expect((await post(new Person(server.secret))).status, "a server's key").toBe(202);
  });

  test("counts with the assumed cost until the page's money is used up", async () => {
    const page = await openPage();
    const money = { name: "page-money", scope: "key", per: "usd", limit: "1", window: "1d" };
    const plan = { limits: [money], assumed_cost: "0.40" };
    expect((await page.team.send("PUT", "/v1/plans/page", plan)).status).toBe(200);
    const posts = await many(4, async (n) => post(await visit(page, `203.0.113.${n}`)));
    const { taken, refused } = sorted(posts);
    expect([taken.length, refused.length]).toEqual([2, 2]);
    expect(taken[0]?.cost).toMatchObject({ estimated: null });
    expect(refused[0]?.body).toMatchObject({ code: "quota_exceeded", violated_policies: [{ name: "page-money" }] });
    for (const request of taken) await endOf(page.team, request);
    expect(sorted([await post(await visit(page, ADDRESS))]).refused, "nothing is given back").toHaveLength(1);
  });
});

describe("tags that a caller chooses", () => {
  test("are of the values that the plan lists, and the refusal names them", async () => {
    const page = await openPage([], { tag_values: { client: ["acme", "globex"] } });
    const visitor = await visit(page, ADDRESS);
    expect((await visitor.post("a cat", { tags: { client: "acme", other: "x" } })).status).toBe(202);
    const refused = await visitor.post("a dog", { tags: { client: "acme2" } });
    expect(refused.body).toMatchObject({
      ...{ status: 400, code: "invalid_request" },
      detail: '`tags.client` must be one of "acme", "globex": plan "page" lists its values.',
    });
    const server = new Person((await newKey(page.team.key, { plan: "page" })).secret);
    expect((await server.post("a cat", { tags: { client: "new" } })).status).toBe(400);
    const form = await call("POST", `/maton/fal-ai/${MODEL}`, {
      key: page.team.key,
      body: { prompt: "a cat" },
      headers: { "Sluice-Tags": "client=anything" },
    });
    expect(form.status, "another plan").toBe(200);
  });

  test("are so many different values a day for all visitors of a key, and a server is trusted with its own", async () => {
    const posts = { name: "posts", scope: "visitor", per: "request", limit: 10_000, window: "1m" };
    const page = await openPage([posts]);
    const visitor = await visit(page, ADDRESS);
    const answers = await many(TAG_VALUES_PER_DAY, (n) => visitor.post(`cat ${n}`, { tags: { page: `/blog/${n}` } }));
    expect(sorted(answers).taken).toHaveLength(TAG_VALUES_PER_DAY);
    const other = await visit(page, "203.0.113.8");
    const refused = await other.post("a cat", { tags: { page: "/new" } });
    expect(refused.body).toMatchObject({
      ...{ status: 402, code: "quota_exceeded" },
      detail: expect.stringContaining("`tags.page` is a new value"),
      hint: expect.stringContaining("`tag_values` of plan"),
    });
    expect((await other.post("a cat", { tags: { page: "/blog/7" } })).status, "a known value").toBe(202);
    expect((await other.post("a cat and no tag")).status).toBe(202);
    const server = new Person((await newKey(page.team.key, { plan: "page" })).secret);
    expect((await server.post("a cat", { tags: { page: "/new" } })).status).toBe(202);
  });
});
