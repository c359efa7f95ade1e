// Visitors of a public page as persons: who each is, what each sees of the others, how their addresses are counted, and what they are
// told of the page's owner.

import { describe, expect } from "vitest";
import { HOUR_MS, MINUTE_MS } from "../../../src/platform/time.ts";
import { NEW_VISITORS_PER_HOUR } from "../../../src/team/auth/issuer-admin.ts";
import { test } from "../../harness/fixtures.ts";
import { MODEL } from "../../harness/model.ts";
import { many, type Person } from "../../harness/people.ts";
import { exchange, openPage, setPagePlan, visit } from "../../harness/visitors.ts";

const ADDRESS = "203.0.113.7";
/** The app of the model, by which fal's clients name its requests. */
const APP = MODEL.split("/").slice(0, 2).join("/");
const VISITOR_DAY = { name: "visitor-day", scope: "visitor", per: "request", limit: 3, window: "1d" };
const DATA_URI = `data:image/png;base64,iVBORw0KGgoAAAANSUhEUg${"A".repeat(12_000)}`;

describe("two visitors behind one address", () => {
  test("are two persons, and neither sees, lists, reads, cancels or deletes what is the other's, on any surface", async () => {
    const page = await openPage([VISITOR_DAY], { hold_s: 0 });
    const [ada, eve] = [await visit(page, ADDRESS), await visit(page, ADDRESS)];
    expect(ada.kept.user).not.toBe(eve.kept.user);
    const { body: mine } = await ada.post("a cat");
    const uploaded = await ada.ask<{ id: string }>("POST", "/v1/uploads", { file_name: "cat.png", size: 10 });
    expect(uploaded.status).toBe(201);

    const outcome = async (who: Person, method: string, path: string, body?: unknown) => {
      const answer = await who.ask(method, path, body);
      return [method, path, answer.status];
    };
    const request = `/v1/requests/${mine.id}`;
    for (const [method, path, body] of [
      ["GET", request],
      ["GET", `${request}/timeline`],
      ["GET", `${request}/input`],
      ["GET", `${request}/deliveries`],
      ["POST", `${request}/cancel`, {}],
      ["POST", `${request}/shares`, {}],
      ["GET", `${request}/shares`],
      ["DELETE", request],
      ["GET", `/v1/uploads/${uploaded.body.id}`],
      ["DELETE", `/v1/uploads/${uploaded.body.id}`],
      ["GET", `/fal/queue/${APP}/requests/${mine.id}/status`],
      ["GET", `/fal/queue/${APP}/requests/${mine.id}`],
      ["PUT", `/fal/queue/${APP}/requests/${mine.id}/cancel`],
      ["GET", `/maton/fal-ai/${APP}/requests/${mine.id}/status`],
      ["GET", `/maton/fal-ai/${APP}/requests/${mine.id}`],
      ["PUT", `/maton/fal-ai/${APP}/requests/${mine.id}/cancel`],
    ] as const) {
      expect(await outcome(eve, method, path, body)).toEqual([method, path, 404]);
      // A pending result is fal's 400; what reads goes on for whom it belongs to.
      if (method === "GET") expect((await outcome(ada, method, path))[2], path).not.toBe(404);
    }
    for (const path of ["/v1/requests", "/v1/uploads"]) {
      expect((await eve.ask<{ data: unknown[] }>("GET", path)).body.data, path).toEqual([]);
      expect((await eve.ask("GET", `${path}?user=${encodeURIComponent(ada.kept.user)}`)).status, path).toBe(403);
      expect((await ada.ask<{ data: unknown[] }>("GET", path)).body.data, path).toHaveLength(1);
    }
    const all = await eve.ask<{ canceled: unknown[] }>("POST", "/v1/requests/cancel", { filter: {} });
    expect(all.body.canceled).toEqual([]);
    expect((await eve.ask<{ data: unknown[] }>("GET", "/v1/usage")).body.data).toEqual([]);
    expect((await eve.ask("GET", "/v1/events")).status).toBe(403);
    const stream = await eve.ask<{ code: string }>("GET", `${request}/events`);
    expect([stream.status, stream.body.code]).toEqual([404, "not_found"]);
    expect((await ada.ask("GET", request)).body.status).not.toBe("CANCELED");
  });

  test("do not get each other's request for the same words", async () => {
    const page = await openPage();
    const [ada, eve] = [await visit(page, ADDRESS), await visit(page, ADDRESS)];
    const [first, again, other] = [await ada.post("a cat"), await ada.post("a cat"), await eve.post("a cat")];
    expect(again.body.id).toBe(first.body.id);
    expect(other.body.id).not.toBe(first.body.id);
  });

  test("are the same persons at another address with what their page kept, and new ones without it", async () => {
    const page = await openPage();
    const ada = await visit(page, ADDRESS);
    const { body } = await ada.post("a cat");
    const moved = await visit(page, "2001:db8:1:2::1", ada.kept.visitor_token);
    expect((await moved.ask("GET", `/v1/requests/${body.id}`)).status).toBe(200);
    const forgetful = await visit(page, ADDRESS);
    expect((await forgetful.ask("GET", `/v1/requests/${body.id}`)).status).toBe(404);
  });
});

describe("a limit of each visitor", () => {
  test("holds ten times for all of an address, as GET /v1/me says, and the refusal names the address", async () => {
    const page = await openPage([VISITOR_DAY]);
    const first = await visit(page, ADDRESS);
    expect(await first.limits()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "visitor-day", scope: "visitor", limit: 3, count: "admitted" }),
        expect.objectContaining({ name: "visitor-day:ip", scope: "ip", limit: 30, count: "admitted" }),
      ]),
    );
    const posts = await many(11, async (n) => {
      const visitor = await visit(page, ADDRESS);
      return [await visitor.post(`cat ${n}`), await visitor.post(`dog ${n}`), await visitor.post(`fox ${n}`)];
    });
    const answers = posts.flat();
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(30);
    const refused = answers.find(({ status }) => status !== 202);
    expect(refused?.body).toMatchObject({
      status: 402,
      code: "quota_exceeded",
      detail: expect.stringContaining('"visitor-day:ip" (all at this address, 30 of 30 requests, resets '),
      user_message: expect.stringMatching(/^The people at your address have reached their limit.*tomorrow\.$/),
    });
    expect((await (await visit(page, "203.0.113.8")).post("a cat")).status, "another address").toBe(202);
  });

  test("leaves an owner's own limit of addresses alone", async () => {
    const page = await openPage([VISITOR_DAY, { ...VISITOR_DAY, name: "address-day", scope: "ip", limit: 4 }]);
    const names = (await (await visit(page, ADDRESS)).limits()).map(({ name }) => name);
    expect(names).toContain("address-day");
    expect(names).not.toContain("visitor-day:ip");
  });

  test("holds a hundred times for an IPv6 /48, whose addresses are many", async () => {
    const page = await openPage([
      { ...VISITOR_DAY, name: "address-day", scope: "ip", limit: 2 },
      { ...VISITOR_DAY, name: "visitor-day", limit: 2 },
    ]);
    const at = async (n: number) => (await visit(page, `2001:db8:1:${n.toString(16)}::1`)).post(`cat ${n}`);
    const answers = await many(21, at);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(20);
    const refused = answers.find(({ status }) => status !== 202);
    expect(refused?.body.detail).toContain(
      '"address-day:network" (all in this network, an IPv6 /48, 20 of 20 requests',
    );
    expect((await (await visit(page, "2001:db8:2:1::1")).post("a cat")).status, "another /48").toBe(202);
  });
});

describe("new visitors", () => {
  test("of an address are so many an hour; the refusal names them, and those whom the page knows go on", async ({
    clock,
  }) => {
    const page = await openPage();
    const known = await visit(page, ADDRESS);
    const others = await many(NEW_VISITORS_PER_HOUR, () => exchange(page, ADDRESS));
    expect(others.filter(({ status }) => status === 200)).toHaveLength(NEW_VISITORS_PER_HOUR - 1);
    const refused = await exchange(page, ADDRESS);
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect(refused.body.detail).toContain("Too many new visitors at this address");
    expect((await exchange(page, ADDRESS, known.kept.visitor_token)).status, "known").toBe(200);
    expect((await exchange(page, "203.0.113.8")).status, "a neighbour").toBe(200);
    await clock.pass(MINUTE_MS);
    expect((await exchange(page, ADDRESS)).status).toBe(200);
    await clock.pass(HOUR_MS);
  });
});

describe("a visitor is told", () => {
  const KEY_DAY = { name: "page-day", scope: "key", per: "request", limit: 2, window: "1d" };
  const TEAM_MONTH = { name: "team-month", scope: "team", per: "usd", limit: "77", window: "1mo" };
  const SECRETS = ["page-day", "page-money", "team-month", "tag-day", "origins-of-plan"];

  test("neither origins nor limits that it shares with all, in GET /v1/me and in headers", async () => {
    const tagDay = { name: "tag-day", scope: "tag:client", per: "request", limit: 7, window: "1d" };
    const rules = { origins: ["https://origins-of-plan.example", "https://demo.example"] };
    const page = await openPage([VISITOR_DAY, KEY_DAY, TEAM_MONTH, tagDay], rules);
    const visitor = await visit(page, ADDRESS);
    const me = await visitor.ask("GET", "/v1/me");
    const posted = await visitor.post("a cat", { tags: { client: "acme" } });
    expect([me.status, posted.status]).toEqual([200, 202]);
    for (const text of [JSON.stringify(me.body), ...[me, posted].map(({ headers }) => headers.get("RateLimit"))]) {
      expect(text).toContain("visitor-day");
      for (const secret of SECRETS) expect(text).not.toContain(secret);
    }
    expect(me.body).toMatchObject({ origins: null, plan: { origins: [] } });
  });

  test("that a limit of all is reached and when it resets, and no amounts", async () => {
    const page = await openPage([KEY_DAY]);
    for (const n of [1, 2]) await (await visit(page, ADDRESS)).post(`cat ${n}`);
    const visitor = await visit(page, ADDRESS);
    for (const refused of [
      await visitor.post("cat 3"),
      await visitor.ask("POST", `/fal/queue/${MODEL}`, { prompt: "cat 3" }),
    ]) {
      expect(refused.status).toBe(402);
      expect(refused.body).toMatchObject({
        violated_policies: [{ name: "page-day", limit: null, used: null, reset: expect.stringMatching(/Z$/) }],
      });
      expect(JSON.stringify(refused.body)).not.toMatch(/\b2 of 2\b/);
      expect(refused.headers.get("RateLimit") ?? "").not.toContain("page-day");
    }
    const owner = await page.team.send<{ limits: unknown[] }>("GET", "/v1/me");
    expect(owner.status).toBe(200);
  });

  test("while a server sees the same plan whole", async () => {
    const page = await openPage([KEY_DAY]);
    await setPagePlan(page.team, [KEY_DAY], { origins: ["https://demo.example"] });
    const { body } = await page.team.send<{ data: { name: string; origins: string[] }[] }>("GET", "/v1/plans");
    expect(body.data.find(({ name }) => name === "page")?.origins).toEqual(["https://demo.example"]);
  });
});

test("a file in a visitor's input is the visitor's", async () => {
  const page = await openPage();
  const [ada, eve] = [await visit(page, ADDRESS), await visit(page, ADDRESS)];
  const { body, status } = await ada.post("a cat", { input: { image_url: DATA_URI } });
  expect(status).toBe(202);
  expect((await ada.ask("GET", `/v1/requests/${body.id}/input`)).status).toBe(200);
  expect((await eve.ask("GET", `/v1/requests/${body.id}/input`)).status).toBe(404);
});
